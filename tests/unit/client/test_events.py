from __future__ import annotations

from typing import Any

import pytest

from graphql_api.client.events import (
    Added,
    Deleted,
    Problem,
    State,
    Status,
    UnexpectedEventError,
    Updated,
    parse_event,
    parse_problem,
)
from graphql_api.watch.tables import TABLES
from tests.for_each import for_each

POLICIES = TABLES["policies"]
ADDED = {
    "__typename": "PolicyAdded",
    "cause": "INITIAL",
    "policy": {"id": "a", "name": "A"},
    "cursor": "c",
}


def test_every_member_of_the_union_is_an_event() -> None:
    row: dict[str, Any] = {"id": "a", "name": "A"}
    old = {"name": "B"}
    updated = {
        "__typename": "PolicyUpdated",
        "policy": row,
        "previous": old,
        "changedFields": ["name"],
        "cursor": "c",
    }
    deleted = {
        "__typename": "PolicyDeleted",
        "cause": "DELETED",
        "policyId": "a",
        "previous": old,
        "cursor": "c",
    }
    state = {"__typename": "FeedState", "status": "STALE", "cursor": "c"}
    assert [
        parse_event(POLICIES, {"policyChanges": served})
        for served in (ADDED, updated, deleted, state)
    ] == [
        Added(ADDED, "c", "INITIAL", "a", row),
        Updated(updated, "c", "a", row, old, ("name",)),
        Deleted(deleted, "c", "DELETED", "a", old),
        State(state, "c", Status.STALE),
    ]


@for_each(
    "change",
    [
        {"__typename": "PolicyMoved"},
        {"__typename": 5},
        {"cursor": None},
        {"policy": None},
        {"policy": []},
        {"policy": {}},
        {"policy": {"id": 5}},
        {"cause": 5},
    ],
)
def test_what_is_no_event_is_an_error(change: dict[str, Any]) -> None:
    with pytest.raises(UnexpectedEventError):
        parse_event(POLICIES, {"policyChanges": ADDED | change})


@for_each("data", [None, 5, [], {}, {"policyChanges": None}, {"other": ADDED}])
def test_data_without_an_event_is_an_error(data: object) -> None:
    with pytest.raises(UnexpectedEventError):
        parse_event(POLICIES, data)


@for_each(
    ("data", "expected"),
    [
        ({"feeds": [{"table": "job", "problem": "y"}, {"table": "policy", "problem": "x"}]}, "x"),
        ({"feeds": [{"table": "policy", "problem": None}]}, None),
        ({"feeds": [5, {}]}, None),
        ({"feeds": None}, None),
        (None, None),
    ],
)
def test_problem_is_that_of_the_table(data: object, expected: str | None) -> None:
    assert parse_problem(POLICIES, data) == (None if expected is None else Problem(expected))
