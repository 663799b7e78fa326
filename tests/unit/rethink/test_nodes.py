"""The order in which nodes are tried, whatever has happened to them before."""

from __future__ import annotations

import logging

import pytest
from hypothesis import given
from hypothesis import strategies as st

from graphql_api.errors import (
    DatabaseError,
    DatabaseRefusedError,
    DatabaseStorageError,
    DatabaseUnavailableError,
    FeedLostError,
    OutcomeUnknownError,
    TableMissingError,
)
from graphql_api.rethink.driver_errors import not_connected
from graphql_api.rethink.nodes import Node, Nodes, failure_of_all, says_that_node_fails

NODES = [Node(f"h{number}", 28015, f"10.0.0.{number}", "admin") for number in range(1, 5)]
LOST = DatabaseUnavailableError("lost")

node_lists = st.lists(st.sampled_from(NODES), min_size=1, unique=True)
failures = st.lists(st.sampled_from(NODES), max_size=20)


@given(node_lists, failures)
def test_every_node_is_tried_once_and_the_one_that_failed_last_comes_last(
    nodes: list[Node], failed: list[Node]
) -> None:
    known = Nodes()
    known.order(nodes)
    for node in failed:
        known.fails(node, LOST)
    order = known.order(nodes)
    assert sorted(order, key=nodes.index) == nodes
    last_failures = {node: index for index, node in enumerate(failed)}
    assert [last_failures.get(node, -1) for node in order] == sorted(
        last_failures.get(node, -1) for node in nodes
    )


@given(node_lists, failures)
def test_nodes_that_have_not_failed_are_tried_in_the_operators_order(
    nodes: list[Node], failed: list[Node]
) -> None:
    known = Nodes()
    known.order(nodes)
    for node in failed:
        known.fails(node, LOST)
    well = [node for node in known.order(nodes) if node not in failed]
    assert well == [node for node in nodes if node not in failed]


@given(node_lists, st.data())
def test_node_that_works_stays_the_first_until_it_fails(
    nodes: list[Node], data: st.DataObject
) -> None:
    known = Nodes()
    for _ in range(5):
        first = known.order(nodes)[0]
        known.works(first)
        assert not known.is_failing(first)
        assert known.order(nodes)[0] == first
        for other in data.draw(failures):
            if other != first:
                known.fails(other, LOST)
        assert known.order(nodes)[0] == first
        known.fails(first, LOST)
        assert known.is_failing(first)
        assert known.order(nodes)[0] != first or len(nodes) == 1


@given(node_lists, st.integers(2, 4))
def test_several_readers_that_lose_one_node_move_on_by_one_node(
    nodes: list[Node], readers: int
) -> None:
    known = Nodes()
    first, *rest = known.order(nodes)
    for _ in range(readers):
        known.fails(first, LOST)
    assert known.order(nodes) == [*rest, first]


@given(st.lists(st.tuples(node_lists, failures), max_size=10))
def test_what_is_known_of_addresses_that_are_gone_is_forgotten(
    history: list[tuple[list[Node], list[Node]]],
) -> None:
    known = Nodes()
    for nodes, failed in history:
        known.order(nodes)
        assert known.number == len(nodes)
        assert known.failures.keys() == {node.address for node in nodes}
        for node in failed:
            known.fails(node, LOST)


def test_open_connections_are_counted_by_node() -> None:
    known = Nodes()
    known.count_opened(NODES[0])
    known.count_opened(NODES[0])
    known.count_opened(NODES[1])
    known.count_closed(NODES[0])
    known.count_closed(NODES[1])
    assert known.connections == {"h1:28015": 1}


def test_log_says_which_node_is_used_and_each_failure_once(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO)
    known = Nodes()
    one, other = known.order(NODES[:2])
    for _ in range(2):
        known.works(one)
    for _ in range(2):
        known.fails(one, LOST)
    known.works(other)
    assert caplog.messages == [
        "using the database at h1:28015",
        "lost; trying the other nodes",
        "using the database at h2:28015",
    ]


def test_nothing_is_logged_of_the_only_node(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    known = Nodes()
    (one,) = known.order(NODES[:1])
    known.works(one)
    known.fails(one, LOST)
    assert caplog.messages == []


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (DatabaseUnavailableError("primary replica not available"), True),
        (OutcomeUnknownError("lost"), True),
        (TableMissingError("the table policy does not exist"), True),
        (FeedLostError("the changefeed has ended"), True),
        (DatabaseRefusedError("a permission is missing"), False),
        (DatabaseStorageError("the disk is full"), False),
        (DatabaseError("a write was refused"), False),
    ],
)
def test_node_is_left_for_what_another_may_do(error: DatabaseError, expected: bool) -> None:
    assert says_that_node_fails(error) is expected


def test_same_failure_of_all_nodes_is_said_once() -> None:
    missing = TableMissingError("the table policy does not exist; `graphql-api init` creates it")
    error = failure_of_all([(node, missing) for node in NODES])
    assert type(error) is TableMissingError
    assert str(error) == str(missing)


def test_name_that_fails_at_each_of_its_addresses_is_said_once() -> None:
    nodes = [Node("db", 5, ip, "admin", is_alone=False) for ip in ("::1", "127.0.0.1")]
    assert nodes[0].address == "db:5 (::1)"
    error = failure_of_all([(node, not_connected(node, ": no server listens")) for node in nodes])
    assert str(error) == str(not_connected(Node("db", 5, "db", "admin"), ": no server listens"))


def test_different_failures_are_all_said_and_what_to_do_once() -> None:
    one, other, third, _ = NODES
    error = failure_of_all(
        [
            (one, not_connected(one, ": no server listens there")),
            (other, not_connected(other, " within 10 s")),
            (third, TableMissingError("the table t does not exist; `graphql-api init` creates it")),
        ]
    )
    assert type(error) is DatabaseUnavailableError
    assert str(error) == (
        "no connection to h1:28015: no server listens there; no connection to h2:28015 within "
        "10 s; the table t does not exist; `graphql-api init` creates it; check that RethinkDB "
        "runs, and the database URL"
    )
