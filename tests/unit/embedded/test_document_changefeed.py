"""The pure changefeed against a model: a reader that applies its rows holds the table."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from graphql_api.embedded.batching import ReplyBatch
from graphql_api.embedded.changefeed import Changefeed, ChangefeedOptions
from graphql_api.embedded.document_changefeed import (
    DocumentChangefeed,
    FollowedDocument,
    FollowedRange,
    Pipeline,
    Slice,
)
from graphql_api.embedded.errors import ReqlError
from graphql_api.embedded.following import Following, Sorting
from graphql_api.embedded.stored_table import StoredTable
from graphql_api.embedded.window_changefeed import WindowChangefeed
from tests.for_each import for_each


def make_table() -> StoredTable:
    return StoredTable("0", "test", "t")


def everything(table: StoredTable) -> FollowedRange:
    return FollowedRange(Following(table, lambda _: 1))


def commit(table: StoredTable, *writes: tuple[str, dict[str, Any] | None]) -> None:
    for key, new in writes:
        old = table.documents.pop(key, None)
        if new is not None:
            table.documents[key] = new
        for feed in table.changefeeds:
            feed.on_change(key, old, new)
    for feed in list(table.changefeeds):
        feed.on_commit()


def read(feed: Changefeed, max_rows: int = 1000) -> list[Any]:
    rows: list[Any] = []
    batch = ReplyBatch(max_rows, 10**6)

    def sink(row: Any) -> None:
        rows.append(row)
        batch.add(row)

    feed.next_batch(batch, sink)
    assert len(rows) <= max_rows
    return rows


steps = st.lists(
    st.one_of(
        st.tuples(st.just("write"), st.sampled_from("abcd"), st.integers(0, 3)),
        st.tuples(st.just("read"), st.integers(1, 4), st.just(0)),
    ),
    max_size=40,
)


@given(
    before=st.lists(st.tuples(st.sampled_from("abcd"), st.integers(0, 3)), max_size=6),
    steps=steps,
    squash=st.booleans(),
)
def test_rows_applied_in_order_give_the_table(before: Any, steps: Any, squash: bool) -> None:
    table = make_table()
    for key, n in before:
        commit(table, (key, {"id": key, "n": n} if n else None))
    feed = DocumentChangefeed(
        everything(table),
        ChangefeedOptions(
            include_initial=True, include_states=True, include_types=True, squash=squash
        ),
    )
    feed.open()
    held: dict[str, Any] = {}
    states: list[str] = []

    def apply(rows: list[Any]) -> None:
        for row in rows:
            if row["type"] == "state":
                states.append(row["state"])
                continue
            key = (row["new_val"] or row["old_val"])["id"]
            if row["type"] == "initial":
                assert states == ["initializing"]
                assert key not in held
            else:
                assert held.get(key) == row["old_val"] != row["new_val"]
            if row["new_val"] is None:
                del held[key]
            else:
                held[key] = row["new_val"]

    for kind, first, n in steps:
        if kind == "write":
            commit(table, (first, {"id": first, "n": n} if n else None))
        else:
            apply(read(feed, first))
    while feed.has_data:
        apply(read(feed))
    assert held == {document["id"]: document for document in table.documents.values()}
    assert states == ["initializing", "ready"]


def test_nothing_is_sent_for_a_write_that_changes_nothing() -> None:
    table = make_table()
    feed = DocumentChangefeed(everything(table), ChangefeedOptions())
    feed.open()
    document: dict[str, Any] = {"id": "a", "n": 0}
    commit(table, ("a", document))
    assert len(read(feed)) == 1
    commit(table, ("a", {"n": -0.0, "id": "a"}))
    assert not feed.has_data


def test_true_is_not_one() -> None:
    table = make_table()
    feed = DocumentChangefeed(everything(table), ChangefeedOptions())
    feed.open()
    commit(table, ("a", {"id": "a", "n": 1}), ("a", {"id": "a", "n": True}))
    assert len(read(feed)) == 2


def test_squash_keeps_the_first_old_and_the_last_new_value() -> None:
    table = make_table()
    commit(table, ("a", {"id": "a", "n": 0}))
    feed = DocumentChangefeed(everything(table), ChangefeedOptions(squash=True))
    feed.open()
    commit(table, ("a", {"id": "a", "n": 1}), ("b", {"id": "b"}), ("a", {"id": "a", "n": 2}))
    commit(table, ("b", None))
    assert read(feed) == [{"new_val": {"id": "a", "n": 2}, "old_val": {"id": "a", "n": 0}}]
    assert not feed.has_data


def test_overflow_drops_the_whole_queue_and_says_how_much_it_was() -> None:
    table = make_table()
    feed = DocumentChangefeed(
        everything(table), ChangefeedOptions(queue_size=3, include_types=True)
    )
    feed.open()
    commit(table, *((str(number), {"id": str(number)}) for number in range(9)))
    assert read(feed) == [{"error": "Changefeed cache over array size limit, skipped 8 elements."}]
    assert read(feed) == [{"new_val": {"id": "8"}, "old_val": None, "type": "add"}]


@for_each("squash", [False, True])
def test_overflow_of_a_window_is_bounded_and_leaves_the_window_right(*, squash: bool) -> None:
    table = make_table()
    commit(table, ("a", {"id": "a"}), ("b", {"id": "b"}))
    first_two = Following(table, lambda _: 1, sorting=Sorting.ASCENDING, limit=2)
    options = ChangefeedOptions(queue_size=3, squash=squash, include_initial=True)
    feed = WindowChangefeed(first_two, options)
    feed.open()
    for number in range(100):
        commit(table, ("0", {"id": "0", "n": number}))
    initial = [{"new_val": {"id": "a"}}, {"new_val": {"id": "b"}}]
    *rows, error = read(feed)
    assert rows == initial
    assert error == {"error": "Changefeed cache over array size limit, skipped 100 elements."}
    commit(table, ("0", None))
    assert read(feed) == [{"old_val": {"id": "0", "n": 99}, "new_val": {"id": "b"}}]


def test_waiter_is_called_once_per_commit() -> None:
    table = make_table()
    feed = DocumentChangefeed(everything(table), ChangefeedOptions())
    calls: list[int] = []
    feed.open()
    feed.on_data = lambda: calls.append(len(read(feed)))
    commit(table, *((str(number), {"id": str(number)}) for number in range(5)))
    assert calls == [5]


def test_point_feed_tells_of_its_document_only() -> None:
    table = make_table()
    options = ChangefeedOptions(include_initial=True, include_states=True)
    feed = DocumentChangefeed(FollowedDocument(table, "Sa"), options)
    feed.open()
    commit(table, ("Sb", {"id": "b"}))
    assert read(feed) == [{"state": "initializing"}, {"new_val": None}, {"state": "ready"}]
    commit(table, ("Sb", None), ("Sa", {"id": "a"}))
    assert read(feed) == [{"new_val": {"id": "a"}, "old_val": None}]


def test_point_feed_reads_its_initial_value_when_it_sends_it() -> None:
    table = make_table()
    feed = DocumentChangefeed(
        FollowedDocument(table, "Sa"), ChangefeedOptions(include_initial=True)
    )
    feed.open()
    commit(table, ("Sa", {"id": "a"}), ("Sa", None))
    assert read(feed) == [{"new_val": None}]
    assert not feed.has_data


def test_aborted_feed_gives_the_error_and_tells_nothing_more() -> None:
    table = make_table()
    feed = DocumentChangefeed(everything(table), ChangefeedOptions())
    feed.open()
    commit(table, ("a", {"id": "a"}))
    feed.abort()
    with pytest.raises(ReqlError, match=r"Changefeed aborted \(unavailable\)"):
        read(feed)


def test_closed_feed_receives_nothing() -> None:
    table = make_table()
    feed = DocumentChangefeed(everything(table), ChangefeedOptions())
    feed.open()
    feed.close()
    feed.close()
    commit(table, ("a", {"id": "a"}))
    assert not feed.has_data
    assert not table.changefeeds


def test_pipeline_counts_rows_over_batches() -> None:
    pipeline = Pipeline((lambda row: [row, row], Slice(1, 4)))
    assert [pipeline.push(number) for number in range(3)] == [[0], [1, 1], []]
    assert pipeline.exhausted
