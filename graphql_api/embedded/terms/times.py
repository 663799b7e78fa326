"""Terms on TIME.

Source: src/rdb_protocol/terms/time.cc.
"""

from __future__ import annotations

from graphql_api.embedded.datum import Document, as_string, pseudo_type, truncated_print
from graphql_api.embedded.determinism import Determinism
from graphql_api.embedded.errors import logic_error
from graphql_api.embedded.pseudo_types import time
from graphql_api.embedded.ql2 import TermType
from graphql_api.embedded.term import Call, term
from graphql_api.embedded.times import parse_iso8601, to_iso8601
from graphql_api.embedded.values import Value


def _time(call: Call) -> Document:
    value = call.datum(0)
    if isinstance(value, dict) and pseudo_type(value) == "TIME":
        return value
    raise call.at(0, logic_error(f"Not a TIME pseudotype: `{truncated_print(value)}`."))


@term(TermType.NOW, 0, 0, determinism=Determinism.CONSTANT_NOW)
def now(call: Call) -> Value:
    """Return when the query started."""
    return call.env.query.now


@term(TermType.ISO8601, 1, 1, "default_timezone")
def iso8601(call: Call) -> Value:
    """Return the TIME that an ISO 8601 string names."""
    default_timezone = call.optarg("default_timezone", as_string) or ""
    return call.blame(0, parse_iso8601, call.string(0), default_timezone)


@term(TermType.TO_ISO8601, 1, 1)
def to_iso8601_(call: Call) -> Value:
    """Return the ISO 8601 string of a TIME."""
    return to_iso8601(_time(call))


@term(TermType.EPOCH_TIME, 1, 1)
def epoch_time(call: Call) -> Value:
    """Return the TIME that is some seconds after 1970 began, in UTC."""
    return time(call.number(0))


@term(TermType.TO_EPOCH_TIME, 1, 1)
def to_epoch_time(call: Call) -> Value:
    """Return the seconds of a TIME since 1970 began."""
    return _time(call)["epoch_time"]
