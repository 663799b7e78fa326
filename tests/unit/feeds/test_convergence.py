"""The feed contract as one property: writes, outages, joins, resumes and slow readers at random.

The oracle is stronger than convergence. A cursor names a position; after each event, what the
client holds must be the table *as it was at that position*, and in the middle of a merged batch
the table at its end for the keys that were sent, and at its beginning for those that were not.

`FEED_EXAMPLES=10000 pytest --thorough` tries so many examples instead of 200.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field

import hypothesis.strategies as st
from hypothesis import HealthCheck, settings
from hypothesis.stateful import Bundle, RuleBasedStateMachine, initialize, invariant, rule

from graphql_api.feeds import cursor as cursors
from graphql_api.feeds.cache import WatchCache
from graphql_api.feeds.events import ChangeCause, FeedStatus
from graphql_api.feeds.history import History
from graphql_api.feeds.stages import Scan
from graphql_api.feeds.subscriber import Subscriber
from graphql_api.feeds.view import EVERYTHING
from tests.properties import examples
from tests.unit.feeds.toy import (
    Added,
    Below,
    Deleted,
    Event,
    Number,
    Numbers,
    State,
    Updated,
    differing,
    rows_of,
)

KEYS = "abcdefgh"
QUEUE_LIMIT = 2

HeldRows = dict[str, int]


@dataclass
class Client:
    """What a client makes of the events that it gets, and a note of every cursor on the way."""

    where: Below | None
    subscriber: Subscriber[Number, Event]
    gets_rows: bool
    """Whether it asked for the rows that are there, or resumes."""
    holds: HeldRows | None
    """The rows it has; None while it does not claim to know."""
    resumable: list[tuple[str, HeldRows]] = field(default_factory=list)
    statuses: list[FeedStatus] = field(default_factory=list)
    is_woken: bool = True


keys = st.sampled_from(KEYS)
numbers = st.integers(0, 3)
filters = st.sampled_from([None, Below(1), Below(2), Below(3)])


class FeedMachine(RuleBasedStateMachine):
    clients = Bundle("clients")

    @initialize(max_changes=st.sampled_from([1, 3, 8, 100]), rows=st.dictionaries(keys, numbers))
    def start(self, max_changes: int, rows: HeldRows) -> None:
        self.history: History[Number] = History(max_changes=max_changes, max_bytes=10**9)
        self.cache = WatchCache(
            Numbers(), run=b"the run.", history=self.history, queue_limit=QUEUE_LIMIT
        )
        self.database = dict(rows)
        self.is_connected = False
        self.tables: list[HeldRows] = []
        """The served table at each position."""
        self.log: dict[int, tuple[str, int | None, bool]] = {}
        """The change that led to each position: the key, what it is now, and whether its document
        is, or was, outside of the window."""
        self.outside: set[str] = set()
        self.alive: list[Client] = []

    def join(
        self,
        where: Below | None,
        *,
        include_initial: bool = True,
        since: str | None = None,
        in_batches: bool = False,
    ) -> Client:
        client: Client

        def wake() -> None:
            client.is_woken = True

        subscriber = self.cache.subscribe(
            where,
            include_initial=include_initial,
            since=since,
            in_batches=in_batches,
            wake=wake,
        )
        client = Client(where, subscriber, include_initial, None)
        self.alive.append(client)
        return client

    def note_positions(self) -> None:
        """Note what the table was at the positions that the last action passed."""
        while self.cache.status is not FeedStatus.INITIALIZING and (
            len(self.tables) <= self.cache.position
        ):
            at = len(self.tables)
            if at == 0:
                assert self.cache.position == 0
                self.tables.append({k: v.row.n for k, v in self.cache.rows.items()})
                continue
            key, after, _ = self.log[at]
            table = dict(self.tables[-1])
            table.pop(key, None)
            if after is not None:
                table[key] = after
            self.tables.append(table)

    @invariant()
    def the_kept_order_is_that_of_the_table(self) -> None:
        rows = [version.row for version in self.cache.rows.values()]
        part = self.cache.part(Numbers.order_by, offset=1, limit=3)
        in_order = sorted(rows, key=lambda row: (row.n, row.key))
        assert [version.row for version in part] == in_order[1:4]
        assert list(self.cache.keys()) == sorted(self.cache.rows)
        for n in range(4):
            group = [version.row for version in self.cache.group("n", str(n), limit=2)]
            assert group == [row for row in in_order if row.n == n and n][:2]

    # Writes and outages.

    def deliver(self, key: str, n: int | None, *, stays: bool = False) -> None:
        self.log[self.cache.position + 1] = (key, n, stays)
        self.cache.apply(key, None if n is None else Number(key, n), stays=stays)
        self.note_positions()

    @rule(key=keys, n=st.none() | numbers)
    def write(self, key: str, n: int | None) -> None:
        if n is None:
            self.database.pop(key, None)
        else:
            self.database[key] = n
        stays = key in self.outside and n is not None
        self.outside.discard(key)
        if self.is_connected:
            self.deliver(key, n, stays=stays)

    @rule(key=keys)
    def leave_window(self, key: str) -> None:
        if self.is_connected and key in self.cache.rows:
            del self.database[key]
            self.outside.add(key)
            self.deliver(key, None, stays=True)

    @rule()
    def lose(self) -> None:
        self.is_connected = False
        self.cache.lose()

    @rule()
    def connect(self) -> None:
        if self.is_connected:
            return
        self.is_connected = True
        table = {key: Number(key, n) for key, n in self.database.items()}
        if self.cache.status is FeedStatus.INITIALIZING:
            self.cache.take(rows_of(table))
            self.cache.begin()
            self.note_positions()
        else:
            for key in differing(self.cache.rows, table):
                self.deliver(key, self.database.get(key))
            self.cache.recover()
        assert self.tables[-1] == self.database

    # Clients.

    @rule(target=clients, where=filters, include_initial=st.booleans(), in_batches=st.booleans())
    def subscribe(self, where: Below | None, include_initial: bool, in_batches: bool) -> Client:
        return self.join(where, include_initial=include_initial, in_batches=in_batches)

    @rule(
        target=clients,
        old=clients,
        which=st.floats(0, 1),
        other=st.none() | filters,
        in_batches=st.booleans(),
    )
    def resume(self, old: Client, which: float, other: Below | None, in_batches: bool) -> Client:
        if not old.resumable:
            return old
        cursor, holds = old.resumable[round(which * (len(old.resumable) - 1))]
        where = other if other is not None else old.where
        client = self.join(where, since=cursor, in_batches=in_batches)
        client.holds = dict(holds)
        return client

    @rule(client=clients)
    def leave(self, client: Client) -> None:
        self.cache.unsubscribe(client.subscriber)
        if client in self.alive:
            self.alive.remove(client)

    @rule(client=clients)
    def release(self, client: Client) -> None:
        if client in self.alive:
            client.subscriber.release()
            client.is_woken = True

    @rule(client=clients, events=st.integers(1, 5))
    def read(self, client: Client, events: int) -> None:
        if client in self.alive:
            for _ in range(events):
                self.pull(client)

    @rule(client=clients)
    def take_bundle(self, client: Client) -> None:
        bundle = client.subscriber.bundle() if client in self.alive else None
        if bundle is not None:
            client.subscriber.take(bundle)
            for event in bundle.events:
                self.receive(client, event.value)

    def pull(self, client: Client) -> bool:
        client.is_woken = False
        bundle = client.subscriber.bundle()
        event = client.subscriber.pull()
        assert not bundle or not bundle.events or bundle.events[0] is event
        if event is None:
            return False
        client.is_woken = True
        self.receive(client, event.value)
        return True

    def receive(self, client: Client, event: Event) -> None:
        cursor = cursors.decode(event.cursor)
        match event:
            case State(status):
                self.receive_status(client, status, cursor)
            case Added(ChangeCause.INITIAL, row):
                assert isinstance(cursor, cursors.Incomplete)
                assert client.holds is not None
                assert row.key not in client.holds, "an initial row came twice"
                client.holds[row.key] = row.n
            case Added(cause, row):
                assert client.holds is not None
                assert row.key not in client.holds, "added twice"
                client.holds[row.key] = row.n
                assert cause is self.last_crossing(client.where, row.key, cursor)
            case Updated(previous, row):
                assert client.holds is not None
                assert client.holds[row.key] == previous.n, "previous is what was held"
                assert row.n != previous.n, "a change of nothing"
                client.holds[row.key] = row.n
            case Deleted(cause, key, previous):
                assert client.holds is not None
                assert client.holds.pop(key) == previous.n, "previous is what was held"
                assert cause is self.last_crossing(client.where, key, cursor)
        self.check(client, cursor)
        if client.holds is not None:
            client.resumable.append((event.cursor, dict(client.holds)))

    def receive_status(self, client: Client, status: FeedStatus, cursor: cursors.Cursor) -> None:
        client.statuses.append(status)
        if status is FeedStatus.INITIALIZING:
            assert isinstance(cursor, cursors.Incomplete)
            client.holds = {}
            return
        assert isinstance(cursor, cursors.At)
        is_first = client.statuses[:-1] in ([], [FeedStatus.INITIALIZING])
        if is_first and not client.gets_rows:
            # Without initial rows, the first status says from where the client holds the table.
            client.holds = self.shown(client.where, cursor.point.position)

    def shown(self, where: Below | None, position: int) -> HeldRows:
        table = self.tables[position]
        return {k: n for k, n in table.items() if where is None or n < where.limit}

    def check(self, client: Client, cursor: cursors.Cursor) -> None:
        """What the client holds is the table at the position that its cursor names."""
        match cursor:
            case cursors.At(_, digest, (position, _)):
                assert digest == (client.where or EVERYTHING).digest
                assert client.holds == self.shown(client.where, position)
            case cursors.Within(_, _, (after, _), (until, _), key):
                old, new = self.shown(client.where, after), self.shown(client.where, until)
                expected = {k: n for k, n in new.items() if k <= key}
                expected |= {k: n for k, n in old.items() if k > key}
                assert client.holds == expected

    def last_crossing(
        self, where: Below | None, key: str, cursor: cursors.Cursor
    ) -> ChangeCause | None:
        """Why the row last entered or left the filter, up to the position of a cursor."""
        assert not isinstance(cursor, cursors.Incomplete)
        until = cursor.point.position if isinstance(cursor, cursors.At) else cursor.until.position
        for position in range(until, 0, -1):
            before, after = self.tables[position - 1].get(key), self.tables[position].get(key)
            was = key in self.shown(where, position - 1)
            is_ = key in self.shown(where, position)
            if was == is_:
                continue
            stays = self.log[position][2]
            if is_:
                created = before is None and not stays
                return ChangeCause.CREATED if created else ChangeCause.ENTERED_FILTER
            deleted = after is None and not stays
            return ChangeCause.DELETED if deleted else ChangeCause.LEFT_FILTER
        return None

    # What always holds.

    @invariant()
    def memory_is_bounded_by_the_table(self) -> None:
        for client in self.alive:
            subscriber = client.subscriber
            assert len(subscriber._queue) <= QUEUE_LIMIT
            assert len(subscriber._pending or ()) <= len(KEYS)
            assert len(subscriber._batch or ()) <= len(KEYS)
            assert len(subscriber._statuses) <= 3
            if isinstance(subscriber._stage, Scan):
                assert len(subscriber._stage.before) <= len(subscriber._stage.keys)

    @invariant()
    def who_sleeps_has_nothing_to_read(self) -> None:
        for client in self.alive:
            if not client.is_woken:
                subscriber = client.subscriber
                assert not subscriber.is_due or subscriber.pull() is None
                assert not subscriber.awaits_tick or not subscriber._statuses

    def teardown(self) -> None:
        """Whatever happened: once the database is back and clients read on, all hold the table."""
        if not hasattr(self, "cache"):
            return
        self.connect()
        for client in list(self.alive):
            while self.pull(client) or client.subscriber.awaits_tick:
                client.subscriber.release()
            assert client.holds == self.shown(client.where, self.cache.position)
            assert client.statuses[-1] is FeedStatus.READY
            self.leave(client)
        assert self.cache.subscribers == 0
        assert not self.cache._views


TestFeedConverges = FeedMachine.TestCase
TestFeedConverges.settings = settings(
    examples(int(os.environ.get("FEED_EXAMPLES", "200"))),
    stateful_step_count=40,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)
