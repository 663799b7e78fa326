"""Results of operations as JSON: the same bytes for every protocol."""

from __future__ import annotations

import json
from collections.abc import Sequence
from math import isfinite

import orjson
from graphql import GraphQLError

from graphql_api.documents.request import Members


def execution_result(
    data: object, errors: Sequence[GraphQLError] | None, extensions: Members | None
) -> bytes:
    """The result of an operation as JSON, the same over every protocol."""
    result: dict[str, object] = {"data": data}
    if errors:
        result["errors"] = [error.formatted for error in errors]
    if extensions:
        result["extensions"] = extensions
    return to_json(result)


def errors(errors: Sequence[GraphQLError]) -> bytes:
    """The result of an operation that was not executed."""
    return to_json({"errors": [error.formatted for error in errors]})


def to_json(value: object, *, sort_keys: bool = False) -> bytes:
    """A value as JSON.

    Args:
        value: The value; an `orjson.Fragment` in it is JSON already.
        sort_keys: Whether the members of objects are sorted by their names.

    Raises:
        TypeError: It holds something for which JSON has no form.
    """
    try:
        return orjson.dumps(value, option=orjson.OPT_SORT_KEYS if sort_keys else None)
    except TypeError:
        # Half of a surrogate pair in a text of the database or of a client, or an integer of more
        # than 64 bits from a scalar: JSON can say both.
        return json.dumps(
            _finite(value), allow_nan=False, separators=(",", ":"), sort_keys=sort_keys
        ).encode()


def _finite(value: object) -> object:
    """A value in which null stands for numbers that JSON does not have, as orjson writes them."""
    match value:
        case dict():
            return {name: _finite(inner) for name, inner in value.items()}
        case list() | tuple():
            return [_finite(inner) for inner in value]
        case orjson.Fragment():
            return json.loads(orjson.dumps(value))
        case float() if not isfinite(value):
            return None
        case _:
            return value
