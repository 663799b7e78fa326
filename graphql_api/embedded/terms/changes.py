"""The term `changes`.

Source: src/rdb_protocol/terms/seq.cc, `changes_term_t`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from graphql_api.embedded.changefeed import (
    DEFAULT_QUEUE_SIZE,
    FeedOptions,
    FeedSource,
    RangeView,
    point_view,
)
from graphql_api.embedded.datum import Datum, as_integer, type_name
from graphql_api.embedded.environment import check_limit
from graphql_api.embedded.errors import logic_error
from graphql_api.embedded.ql2 import TermType
from graphql_api.embedded.term import Call, Determinism, term
from graphql_api.embedded.values import SingleSelection, Stream, Value

if TYPE_CHECKING:
    from collections.abc import Iterator


@term(
    TermType.CHANGES,
    1,
    1,
    "squash",
    "changefeed_queue_size",
    "include_initial",
    "include_offsets",
    "include_states",
    "include_types",
    determinism=Determinism.NO,
)
def changes(call: Call) -> Value:
    """Follow a table, a transformation of its documents, or one document."""
    squash = call.optarg("squash", _squash)
    options = FeedOptions(
        include_initial=call.flag("include_initial"),
        include_states=call.flag("include_states"),
        include_types=call.flag("include_types"),
        squash=squash is not None and squash is not False,
        squash_s=0.0 if squash is None or isinstance(squash, bool) else float(squash),
        queue_size=call.optarg("changefeed_queue_size", _queue_size) or DEFAULT_QUEUE_SIZE,
    )
    include_offsets = call.flag("include_offsets")
    value = call.value(0)
    if isinstance(value, SingleSelection):
        if value.is_extreme:
            raise logic_error("Cannot call `changes` on an eager stream.")
        if include_offsets:
            raise logic_error("Cannot include offsets for point subs.")
        return _feed(FeedSource(point_view(value.table, value.key), options))
    stream = call.to_stream(0, value)
    if isinstance(stream.following, str):
        raise logic_error(stream.following)
    if include_offsets:
        raise logic_error("Cannot include offsets for range subs.")
    return _feed(FeedSource(RangeView(stream.following), options))


def _squash(value: Datum) -> bool | int | float:
    if isinstance(value, bool):
        return value
    if isinstance(value, (int, float)):
        if value < 0:
            raise logic_error("Expected BOOL or a positive NUMBER but found a negative NUMBER.")
        return value
    raise logic_error(f"Expected BOOL or NUMBER but found {type_name(value)}.")


def _queue_size(value: Datum) -> int:
    return check_limit("changefeed queue size", as_integer(value))


def _feed(source: FeedSource) -> Stream:
    def rows() -> Iterator[Datum]:
        raise logic_error(
            "Cannot call a terminal (`reduce`, `count`, etc.) on an infinite stream (such as a "
            "changefeed)."
        )

    return Stream(rows, following="Cannot call `changes` on this stream.", source=source)
