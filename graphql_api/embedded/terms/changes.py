"""The term `changes`.

Source: src/rdb_protocol/terms/seq.cc, `changes_term_t`.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from graphql_api.embedded.changefeed import DEFAULT_QUEUE_SIZE, Changefeed, ChangefeedOptions
from graphql_api.embedded.datum import Datum, as_integer, type_name
from graphql_api.embedded.determinism import Determinism
from graphql_api.embedded.document_changefeed import (
    DocumentChangefeed,
    FollowedRange,
    UnopenedChangefeed,
    followed_document,
)
from graphql_api.embedded.environment import check_limit
from graphql_api.embedded.errors import logic_error, resource_error
from graphql_api.embedded.following import Following, Sorting
from graphql_api.embedded.ql2 import TermType
from graphql_api.embedded.term import Call, term
from graphql_api.embedded.values import DatumStream, SingleSelection, Value
from graphql_api.embedded.window_changefeed import WindowChangefeed

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


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
    """Follow a table, what becomes of its documents, the first of them, or one document."""
    squash = call.optarg("squash", _squash)
    options = ChangefeedOptions(
        include_initial=call.flag("include_initial"),
        include_states=call.flag("include_states"),
        include_types=call.flag("include_types"),
        include_offsets=call.flag("include_offsets"),
        squash=squash is not None and squash is not False,
        squash_s=0.0 if squash is None or isinstance(squash, bool) else float(squash),
        queue_size=call.optarg("changefeed_queue_size", _queue_size) or DEFAULT_QUEUE_SIZE,
    )
    value = call.value(0)
    access = call.transaction.access
    if isinstance(value, SingleSelection) and value.first_of is None:
        access.require_read(value.table)
        if options.include_offsets:
            raise logic_error("Cannot include offsets for point subs.")
        point = followed_document(value.table, value.key)
        return _feed(lambda: DocumentChangefeed(point, options, access))
    following: Following | str
    if isinstance(value, SingleSelection) and value.first_of is not None:
        following = replace(value.first_of, limit=1)
    else:
        following = call.to_stream(0, value).following
    if isinstance(following, str):
        raise logic_error(following)
    access.require_read(following.table)
    if following.limit is not None:
        _check_window(following, call.env.query.array_limit)
        window = following
        return _feed(lambda: WindowChangefeed(window, options, access))
    if options.include_offsets:
        raise logic_error("Cannot include offsets for range subs.")
    followed = FollowedRange(following)
    return _feed(lambda: DocumentChangefeed(followed, options, access))


def _check_window(following: Following, array_limit: int) -> None:
    assert following.limit is not None
    if following.limit > array_limit:
        raise resource_error(
            f"Array size limit `{array_limit}` exceeded.  (`.limit(X).changes()` is illegal if X "
            "is larger than the array size limit.)"
        )
    if following.sorting is Sorting.UNORDERED:
        raise logic_error("Cannot get changes on the first elements of an unordered stream.")


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


def _feed(make: Callable[[], Changefeed]) -> DatumStream:
    def rows() -> Iterator[Datum]:
        raise logic_error(
            "Cannot call a terminal (`reduce`, `count`, etc.) on an infinite stream (such as a "
            "changefeed)."
        )

    return DatumStream(
        rows, following="Cannot call `changes` on this stream.", source=UnopenedChangefeed(make)
    )
