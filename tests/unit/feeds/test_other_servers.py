"""Cursors of other servers: clients hop between servers that see one table in different orders.

Each server sees the changes of one document in their order, and those of others in any. A client
that was not sent INITIALIZING holds what it held, so every event must go on from that.
"""

from __future__ import annotations

import os
from collections import deque
from dataclasses import dataclass, field
from typing import Any

import hypothesis.strategies as st
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis.stateful import Bundle, RuleBasedStateMachine, initialize, rule

from graphql_api.feeds import cursor as cursors
from graphql_api.feeds import neighbours
from graphql_api.feeds.cache import WatchCache
from graphql_api.feeds.content import ContentHash
from graphql_api.feeds.events import FeedStatus, Point, Version
from graphql_api.feeds.history import History
from graphql_api.feeds.neighbours import MAX_LOOKUPS, NeighbourSearch
from graphql_api.feeds.packing import Packer
from graphql_api.feeds.subscriber import Subscriber
from tests.properties import examples
from tests.unit.feeds.toy import (
    HASH,
    Added,
    Below,
    Deleted,
    Event,
    Number,
    Numbers,
    PackedNumbers,
    State,
    Updated,
    rows_of,
)

KEYS = "abcdef"
Held = dict[str, int]
Write = tuple[str, int | None]

keys = st.sampled_from(KEYS)
numbers = st.integers(0, 2)
filters = st.sampled_from([None, None, Below(1), Below(2)])


class Server:
    """One server's feed of the table."""

    def __init__(self, rows: Held, *, run: int, max_changes: int = 100) -> None:
        self.rows = dict(rows)
        self.late: dict[str, deque[int | None]] = {key: deque() for key in KEYS}
        """What has been written, and has not come here yet, by key."""
        self.cache = WatchCache(
            Numbers(),
            run=run.to_bytes(8, "big"),
            history=History[Number](max_changes=max_changes, max_bytes=10**9),
            queue_limit=2,
        )
        self.cache.take(rows_of({key: Number(key, n) for key, n in rows.items()}))
        self.cache.begin()

    def deliver(self, key: str) -> None:
        if self.late[key]:
            n = self.late[key].popleft()
            self.rows.pop(key, None)
            if n is not None:
                self.rows[key] = n
            self.cache.apply(key, None if n is None else Number(key, n))

    def subscribe(self, where: Below | None, since: str | None) -> Subscriber[Number, Event]:
        return self.cache.subscribe(where, since=since, wake=lambda: None)


def digest_of(rows: Held, content_hash: ContentHash = HASH) -> int:
    """The digest of a table."""
    digest = content_hash.empty
    packer = Packer(PackedNumbers())
    for key, n in rows.items():
        digest ^= content_hash.row(key, Version(Number(key, n), packer).content)
    return digest


@dataclass
class Client:
    where: Below | None
    server: Server
    subscriber: Subscriber[Number, Event]
    holds: Held | None = None
    seen: list[tuple[str, Held | None]] = field(default_factory=list)
    """Its cursors so far, and what it held then."""
    snapshots: int = 0
    was_ready: bool = False
    """Whether its last cursor is of no snapshot that was not complete."""

    def shown(self, rows: Held) -> Held:
        return {k: n for k, n in rows.items() if self.where is None or n < self.where.limit}

    def read(self) -> bool:
        event = self.subscriber.pull()
        if event is None:
            return False
        self.receive(event.value)
        return True

    def read_unchecked(self) -> bool:
        """The same, where digests are those of another table."""
        event = self.subscriber.pull()
        if event is not None:
            self.take(event.value)
        return event is not None

    def receive(self, event: Event) -> None:
        self.take(event)
        cursor = cursors.decode(event.cursor)
        if self.where is None and isinstance(cursor, cursors.At):
            assert self.holds is not None
            assert cursor.point.digest == digest_of(self.holds), "a cursor names what is held"

    def take(self, event: Event) -> None:
        match event:
            case State(FeedStatus.INITIALIZING):
                self.holds = {}
                self.snapshots += 1
            case Added(_, row):
                assert self.holds is not None
                assert row.key not in self.holds, "added twice"
                self.holds[row.key] = row.n
            case Updated(previous, row):
                assert self.holds is not None
                assert self.holds[row.key] == previous.n, "previous is what was held"
                self.holds[row.key] = row.n
            case Deleted(_, key, previous):
                assert self.holds is not None
                assert self.holds.pop(key) == previous.n, "previous is what was held"
        self.was_ready = not isinstance(cursors.decode(event.cursor), cursors.Incomplete)
        self.seen.append((event.cursor, None if self.holds is None else dict(self.holds)))


class TwoServers(RuleBasedStateMachine):
    clients = Bundle("clients")

    @initialize(rows=st.dictionaries(keys, numbers), max_changes=st.sampled_from([4, 100]))
    def start(self, rows: Held, max_changes: int) -> None:
        self.max_changes = max_changes
        self.runs = 2
        self.table = dict(rows)
        self.servers = [Server(rows, run=run, max_changes=max_changes) for run in (1, 2)]
        self.alive: list[Client] = []

    @rule(key=keys, n=st.none() | numbers)
    def write(self, key: str, n: int | None) -> None:
        self.table.pop(key, None)
        if n is not None:
            self.table[key] = n
        for server in self.servers:
            server.late[key].append(n)

    @rule(which=st.integers(0, 1), order=st.lists(keys, max_size=8))
    def deliver(self, which: int, order: list[str]) -> None:
        for key in order:
            self.servers[which].deliver(key)

    @rule(target=clients, which=st.integers(0, 1), where=filters)
    def join(self, which: int, where: Below | None) -> Client:
        server = self.servers[which]
        client = Client(where, server, server.subscribe(where, None))
        self.alive.append(client)
        return client

    @rule(client=clients, events=st.integers(1, 9))
    def read(self, client: Client, events: int) -> None:
        for _ in range(events):
            client.read()

    @rule(client=clients, which=st.integers(0, 1), back=st.integers(0, 3))
    def hop(self, client: Client, which: int, back: int) -> None:
        """Go on at a server, by the last cursor or one a little older."""
        if not client.seen:
            return
        del client.seen[max(1, len(client.seen) - back) :]
        since, held = client.seen[-1]
        client.server.cache.unsubscribe(client.subscriber)
        client.server = self.servers[which]
        client.holds = None if held is None else dict(held)
        client.subscriber = client.server.subscribe(client.where, since)

    @rule(which=st.integers(0, 1))
    def replace(self, which: int) -> None:
        """A server is replaced by a new one, which has read the table."""
        self.runs += 1
        old, new = (
            self.servers[which],
            Server(self.table, run=self.runs, max_changes=self.max_changes),
        )
        self.servers[which] = new
        for client in self.alive:
            if client.server is old:
                client.server = new
                since, held = client.seen[-1] if client.seen else (None, None)
                client.holds = None if held is None else dict(held)
                client.subscriber = new.subscribe(client.where, since)

    def teardown(self) -> None:
        if not hasattr(self, "servers"):
            return
        for server in self.servers:
            for key in KEYS:
                while server.late[key]:
                    server.deliver(key)
            assert server.rows == self.table
        for client in self.alive:
            while client.read():
                pass
            assert client.holds == client.shown(self.table)


TestTwoServers = TwoServers.TestCase
TestTwoServers.settings = settings(
    examples(int(os.environ.get("FEED_EXAMPLES", "200"))),
    stateful_step_count=40,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)


def shuffled(writes: list[Write], random: st.DataObject, zone: int) -> list[Write]:
    """The same writes in another order, those of a key in theirs, none later than `zone` places."""
    waiting, order = list(enumerate(writes)), []
    while waiting:
        first = waiting[0][0]
        choices = [
            at
            for at, (number, (key, _)) in enumerate(waiting)
            if number < first + zone and key not in {other for _, (other, _) in waiting[:at]}
        ]
        order.append(waiting.pop(random.draw(st.sampled_from(choices)))[1])
    return order


def feed_of(writes: list[Write], run: int) -> Server:
    server = Server({}, run=run)
    for key, n in writes:
        server.late[key].append(n)
    for key, _ in writes:
        server.deliver(key)
    return server


@examples(60)
@given(st.lists(st.tuples(keys, st.integers(0, 9)), max_size=40), st.data())
def test_a_little_out_of_order_is_always_found(writes: list[Write], data: st.DataObject) -> None:
    here = feed_of(writes, 1)
    there = feed_of(shuffled(writes, data, 4), 2)
    history = there.cache.history
    for position in range(history.tail, history.head + 1):
        digest = history.point(position).digest
        if here.cache.history.find(digest) is None:
            assert NeighbourSearch(here.cache.history).find(digest) is not None


@examples(60)
@given(st.lists(st.tuples(keys, st.none() | numbers), max_size=30), st.data())
def test_what_is_found_has_the_digest_and_is_a_prefix_for_each_document(
    writes: list[Write], data: st.DataObject
) -> None:
    history = feed_of(writes, 1).cache.history
    chosen = data.draw(st.sets(st.integers(1, max(1, history.head))))
    digest = history.tail_point.digest
    for position in chosen:
        if position <= history.head:
            digest ^= history.point(position).digest ^ history.point(position - 1).digest
    found = NeighbourSearch(history).find(digest)
    if found is None:
        return
    got = history.point(found.start).digest
    for position in found.ahead:
        got ^= history.point(position).digest ^ history.point(position - 1).digest
        earlier = range(found.start + 1, position)
        key = history[position].key
        assert all(other in found.ahead for other in earlier if history[other].key == key)
    assert got == digest


def test_back_and_forth_is_not_taken_for_forth() -> None:
    server = feed_of([("a", 1), ("a", 2), ("b", 1), ("a", 1)], 1)
    without_b = digest_of({"a": 2})
    assert server.cache.history.find(without_b) == 2
    there = feed_of([("b", 1), ("a", 1), ("a", 2), ("a", 1)], 2)
    client = Client(None, there, there.subscribe(None, _cursor(without_b)), holds={"a": 2})
    while client.read():
        pass
    assert client.snapshots == 0
    assert client.holds == {"a": 1, "b": 1}


def _cursor(digest: int) -> str:
    place = Point(7, digest)
    return cursors.encode(cursors.At(b"another.", bytes(8), place))


def test_a_made_up_cursor_costs_no_more_than_it_may(monkeypatch: pytest.MonkeyPatch) -> None:
    server = Server({}, run=1, max_changes=10_000)
    for n in range(3000):
        server.cache.apply(str(n), Number(str(n), n))
    lookups = 0
    make = neighbours._half

    def half(*arguments: Any) -> Any:
        nonlocal lookups
        made = make(*arguments)
        lookups += len(made.choices)
        return made

    monkeypatch.setattr(neighbours, "_half", half)
    search = NeighbourSearch(server.cache.history)
    assert search.find(12345) is None
    assert MAX_LOOKUPS // 2 < lookups <= MAX_LOOKUPS + 4 * 2**neighbours.HALF
    lookups = 0
    assert search.find(12345) is None
    assert lookups < 1000, "what was not found is looked for in later changes only"


@examples(60)
@given(st.lists(st.tuples(keys, st.integers(0, 9)), max_size=40), st.data())
def test_what_was_not_found_is_found_once_its_changes_are_here(
    writes: list[Write], data: st.DataObject
) -> None:
    there = feed_of(writes, 2).cache.history
    here = Server({}, run=1)
    search = NeighbourSearch(here.cache.history)
    sought = there.point(data.draw(st.integers(0, there.head))).digest
    for key, n in shuffled(writes, data, 3):
        here.late[key].append(n)
        here.deliver(key)
        search.find(sought)
    if here.cache.history.find(sought) is None:
        assert search.find(sought) is not None


def test_tables_with_other_names_have_nothing_in_common() -> None:
    hashes = [
        ContentHash(*names)
        for names in [("db", "1", "v"), ("db", "2", "v"), ("db", "1", "w"), ("db", "1v")]
    ]
    for rows in ({}, {"a": 1}):
        assert len({digest_of(rows, each) for each in hashes}) == len(hashes)
