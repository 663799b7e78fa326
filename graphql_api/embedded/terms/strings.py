"""Terms on strings.

Source: src/rdb_protocol/terms/string.cc.
"""

from __future__ import annotations

import re

from graphql_api.embedded.datum import (
    Datum,
)
from graphql_api.embedded.errors import (
    logic_error,
)
from graphql_api.embedded.ql2 import TermType
from graphql_api.embedded.term import Call, term
from graphql_api.embedded.values import (
    Value,
)


@term(TermType.MATCH, 2, 2)
def match(call: Call) -> Value:
    """Search a string for a regular expression; null if it is not found."""
    text, pattern = call.string(0), call.string(1)
    try:
        found = re.search(pattern, text)
    except re.error as error:
        portion = pattern if error.pos is None else pattern[error.pos :]
        raise logic_error(
            f"Error in regexp `{pattern}` (portion `{portion}`): {error.msg}"
        ) from None
    if found is None:
        return None

    def group(at: int) -> Datum:
        if found[at] is None:
            return None
        start, end = (len(text[:offset].encode()) for offset in found.span(at))
        return {"str": found[at], "start": start, "end": end}

    whole = group(0)
    assert isinstance(whole, dict)
    return {**whole, "groups": [group(at) for at in range(1, len(found.groups()) + 1)]}
