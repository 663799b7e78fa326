"""Live pages as one property: writes, outages, joins, ticks and slow readers at random.

A cursor names a position: each page is the sorted, filtered table as it was there.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import hypothesis.strategies as st
from hypothesis import HealthCheck, settings
from hypothesis.stateful import Bundle, RuleBasedStateMachine, initialize, invariant, rule

from graphql_api.feeds import cursor as cursors
from graphql_api.feeds.cache import WatchCache
from graphql_api.feeds.events import FeedStatus
from graphql_api.feeds.history import History
from graphql_api.feeds.live_pages import LivePage, LivePages, PageRequest
from graphql_api.feeds.order import OrderBy
from graphql_api.feeds.pages import FeedPage
from tests.properties import examples
from tests.unit.feeds.toy import Below, Event, Number, Numbers, differing, half, rows_of

HeldRows = dict[str, int]

keys = st.sampled_from("abcdefgh")
numbers = st.integers(0, 3)


@dataclass(eq=False)
class Client:
    """One who sees a page, as long as it is woken when there is something to pull."""

    page: LivePage
    wanted: PageRequest
    last: FeedPage[Number] | None = None
    is_woken: bool = True


class PageMachine(RuleBasedStateMachine):
    clients = Bundle("clients")

    @initialize(rows=st.dictionaries(keys, numbers))
    def start(self, rows: HeldRows) -> None:
        table = Numbers()
        history: History[Number] = History(max_changes=1000, max_bytes=10**9)
        self.cache: WatchCache[Number, Event] = WatchCache(
            table, run=b"the run.", history=history, queue_limit=2
        )
        self.pages = LivePages(self.cache, table)
        self.database = dict(rows)
        self.tables: list[HeldRows] = []
        """The served table at each position."""
        self.alive: list[Client] = []
        self.is_connected = False

    def deliver(self, key: str, n: int | None) -> None:
        self.cache.apply(key, None if n is None else Number(key, n))
        if self.cache.position == len(self.tables):
            self.tables.append({k: v.row.n for k, v in self.cache.rows.items()})

    @rule(key=keys, n=st.none() | numbers)
    def write(self, key: str, n: int | None) -> None:
        if n is None:
            self.database.pop(key, None)
        else:
            self.database[key] = n
        if self.is_connected:
            self.deliver(key, n)

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
            self.tables.append(dict(self.database))
        else:
            for key in differing(self.cache.rows, table):
                self.deliver(key, self.database.get(key))
            self.cache.recover()

    @rule(
        target=clients,
        where=st.sampled_from([None, Below(1), Below(3)]),
        order_by=st.builds(OrderBy, st.sampled_from(["n", "half"]), st.booleans()),
        offset=st.integers(0, 3),
        limit=st.integers(0, 4),
    )
    def join(self, where: Below | None, order_by: OrderBy, offset: int, limit: int) -> Client:
        wanted = PageRequest(where, order_by, offset, limit)
        client = Client(self.pages.open(wanted, every_s=1.0), wanted)

        def wake() -> None:
            client.is_woken = True

        client.page.on_wake(wake)
        self.alive.append(client)
        return client

    @rule(client=clients)
    def leave(self, client: Client) -> None:
        client.page.close()
        if client in self.alive:
            self.alive.remove(client)

    @rule(client=clients)
    def tick(self, client: Client) -> None:
        if client in self.alive:
            client.page.release()

    @rule(client=clients)
    def pull(self, client: Client) -> None:
        client.is_woken = False
        event = client.page.pull()
        if event is None:  # the one who pulls waits for the tick, if there is one to come
            client.is_woken |= client.page.awaits_tick
        else:
            page: FeedPage[Number] = event.value
            client.last = page
            cursor = cursors.decode(page.cursor)
            assert isinstance(cursor, cursors.At)
            self.check(client, page, self.tables[cursor.point.position])

    def check(self, client: Client, page: FeedPage[Number], table: HeldRows) -> None:
        wanted = client.wanted
        rows = [Number(key, n) for key, n in table.items()]
        shown = [row for row in rows if wanted.where is None or wanted.where.matches(row)]
        name, is_descending = wanted.order_by
        value = half if name == "half" else int
        shown.sort(key=lambda row: (value(row.n) or 0, row.key), reverse=is_descending)
        shown.sort(key=lambda row: value(row.n) is None)
        assert page.total == len(shown)
        assert [*page.rows] == shown[wanted.offset : wanted.offset + wanted.limit]

    @invariant()
    def status_is_pulled_at_once(self) -> None:
        for client in self.alive:
            status = self.cache.status
            seen = None if client.last is None else client.last.status
            if status not in (FeedStatus.INITIALIZING, seen):
                assert client.page.is_due
                assert client.is_woken

    @invariant()
    def change_is_woken_for(self) -> None:
        for client in self.alive:
            if client.page.awaits_tick or client.page.is_due:
                assert client.is_woken or client.page._released is not None

    def teardown(self) -> None:
        """Whatever happened: once the database is back and ticks come, all see the table."""
        if not hasattr(self, "cache"):
            return
        self.connect()
        for client in [*self.alive]:
            client.page.release()
            self.pull(client)
            assert client.page.pull() is None
            assert client.last is not None
            assert client.last.status is FeedStatus.READY
            self.check(client, client.last, self.database)
            self.leave(client)
        assert self.cache.subscribers == self.pages.more == 0
        assert not self.cache._views


TestLivePages: Any = PageMachine.TestCase
TestLivePages.settings = settings(
    examples(200),
    stateful_step_count=30,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)
