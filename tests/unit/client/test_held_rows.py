"""The rows of a subscription by its events: whatever comes, they are those of a plain mapping."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from graphql_api.client.events import Added, Deleted, Event, State, Status, Updated
from graphql_api.client.held_rows import Change, HeldRows


def state(status: Status) -> State:
    return State({}, "c", status)


def added(key: str, value: int) -> Added:
    return Added({}, "c", "CREATED", key, {"id": key, "value": value})


def updated(key: str, value: int) -> Updated:
    return Updated({}, "c", key, {"id": key, "value": value}, {"value": 0}, ("value",))


def deleted(key: str) -> Deleted:
    return Deleted({}, "c", "DELETED", key, {"value": 0})


KEYS, VALUES = st.sampled_from("abc"), st.integers(0, 3)
EVENTS = st.lists(
    st.sampled_from(Status).map(state)
    | st.builds(added, KEYS, VALUES)
    | st.builds(updated, KEYS, VALUES)
    | st.builds(deleted, KEYS)
)
BEGIN, READY = state(Status.INITIALIZING), state(Status.READY)


def held_after(*events: Event) -> HeldRows:
    held = HeldRows()
    for event in events:
        held.apply(event)
    return held


@given(EVENTS)
def test_changes_applied_in_order_are_the_rows(events: list[Event]) -> None:
    held = HeldRows()
    replica: dict[str, object] = {}
    for event in events:
        for change in held.apply(event):
            match change.kind:
                case "added":
                    assert change.key not in replica
                    replica[change.key] = change.row
                case "updated":
                    assert replica[change.key] == change.previous != change.row
                    replica[change.key] = change.row
                case "deleted":
                    assert replica.pop(change.key) == change.row
        assert replica == held.rows


@given(EVENTS)
def test_rows_of_a_snapshot_are_those_that_came_since_it_began(events: list[Event]) -> None:
    snapshot = [event for event in events if not isinstance(event, State)]
    held = held_after(READY, added("old", 1), BEGIN, *snapshot)
    assert held.rows.keys() == {"old"}, "they stay until it is complete"
    held.apply(READY)
    assert held.rows == held_after(READY, *snapshot).rows


def test_new_snapshot_changes_what_differs_alone() -> None:
    held = held_after(BEGIN, added("a", 1), added("b", 1), added("c", 1), READY)
    for event in (BEGIN, added("b", 1), added("c", 2), added("d", 1)):
        assert held.apply(event) == []
    one, two = {"id": "c", "value": 1}, {"id": "c", "value": 2}
    assert held.apply(READY) == [
        Change("deleted", "a", {"id": "a", "value": 1}),
        Change("updated", "c", two, one),
        Change("added", "d", {"id": "d", "value": 1}),
    ]


def test_snapshot_that_broke_off_leaves_nothing() -> None:
    held = held_after(BEGIN, added("a", 1), BEGIN, added("b", 1), READY)
    assert held.rows.keys() == {"b"}
