"""One simulation: the hosts, the clients, and what a story does to them."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

from tests.simulation import checks, nodes
from tests.simulation.entropy import EPOCH_S
from tests.simulation.hosts import API, TWO_NODES, Crawler, Database, Disk, key_file
from tests.simulation.inquirer import Inquirer
from tests.simulation.log_oracle import Following
from tests.simulation.log_truth import JOBS, RESPONSES, response
from tests.simulation.loop import SimulatedLoop
from tests.simulation.network import Network, Process
from tests.simulation.nodes import FIRST, SECOND
from tests.simulation.oracle import BrokenPromise, Strictness
from tests.simulation.page_oracle import ShownPage
from tests.simulation.places import place
from tests.simulation.reconnecting import ReconnectingClient
from tests.simulation.restarts import OLDER, StateFolders
from tests.simulation.starbelly_clients import StarbellyClient, Stream
from tests.simulation.starbelly_oracle import HeldList
from tests.simulation.story import MAKES_CLIENTS_SLOW, Story
from tests.simulation.subscribers import Subscriber, Wish
from tests.simulation.tables import POLICY, TABLES, SimulatedTable
from tests.simulation.truth import Truth

_HEARTBEAT_S, _DATABASE_TIMEOUT_S = 4.0, 3.0
_RESET_S = 1.0
"""How late a server learns that its connections were closed."""
_SEND_TIMEOUT_S = 4.0
_GRACE_S = 2
_CALM_S = 100.0
"""In this time everything has come to rest: reconnecting, two self-checks, a token's end."""
_PING_S = 41.0
"""How late a server may notice that a client is gone: uvicorn's ping, and the time to answer it."""
_CATCH_UP_S = 1.0
"""How long a client that reads again needs for what has gathered, up to its socket's end."""
_POLL_S = 0.25
_LOG_LINES = 400
_CANCELLATIONS = 10
"""How often what is left of killed processes is cancelled: some of it is in its clean-up."""


class World:
    """A story as it happens.

    Args:
        loop: The simulated one.
        story: What is to happen.
        directory: Where the key for tokens is kept.
    """

    def __init__(self, loop: SimulatedLoop, story: Story, directory: Path) -> None:
        self.loop = loop
        self.story = story
        self.setting = story.setting
        self.tables = [TABLES[name] for name in story.setting.tables]
        self.rng = random.Random(f"world {story.setting.seed}")
        self.network = Network(
            loop,
            self.rng,
            latency_s=self.setting.latency_s,
            client_latency_s=self.setting.client_latency_s,
            fragment=0.3 if "fragments" in self.setting.troubles else 0.0,
        )
        self.network.clients = {f"c{number}" for number in range(self._client_count)}
        self.network.receive_buffer_bytes = self.setting.buffer_bytes
        self.inquirer = Inquirer(self)
        self.newest: dict[bytes, int] = {}
        """By the run of a feed, the newest of its places that somebody knows."""
        self.unwritten: list[tuple[str, str, str]] = []
        """Domains, addresses and errors of the mutations that have written nothing."""
        self.truth = Truth(loop.time, self.setting.job_window_s)
        self.disk = Disk(self.truth, self.setting.tables)
        self.apis: dict[str, API] = {}
        self.database: Database | None = None
        self.database_process: Process | None = None
        self.subscribers: list[Subscriber] = []
        self.starbelly_clients: list[StarbellyClient] = []
        self.strictness = Strictness(
            sees_every_change=self.setting.clients_are_never_slow,
            feed_was_never_lost=self.setting.feeds_are_never_lost,
        )
        self.leaped_at_s: dict[str, float] = {}
        self.is_calm = self.is_over = False
        self.log: list[str] = []
        self.failure: str | None = None
        self._failed: asyncio.Future[None] = loop.create_future()
        self._key_file = key_file(directory) if self.setting.has_tokens else None
        self._state = StateFolders(directory / "state") if self.setting.keeps_state else None
        self._kept: dict[str, dict[str, frozenset[API]]] = {}
        """By host and table, the runs of which the next one has all that was kept."""
        self._crawler = Crawler(self._writable)
        self._job_writes = asyncio.Lock()
        """What an outage delays is written in its order: a job that has ended goes on no more."""
        self._crawler_process = Process(self.network, "crawler")
        self._writing: asyncio.Task[Any] | None = None
        self._ended: set[str] = set()
        """Jobs that are ended or deleted, and are not changed any more."""
        self._later: dict[asyncio.Task[Any], None] = {}

    # What clients and checks ask.

    @property
    def clients(self) -> list[ReconnectingClient]:
        """All clients, by their numbers."""
        return [*self.subscribers, *self.starbelly_clients]

    @property
    def _client_count(self) -> int:
        return self.setting.clients + self.setting.starbelly

    @property
    def has_two_servers(self) -> bool:
        return len(self.setting.hosts) > 1

    @property
    def _writable(self) -> str:
        """The node of the database by which the crawler writes: one that stays."""
        return SECOND if self.setting.has_two_nodes else FIRST

    def wall_s(self, host: str) -> float:
        """The time of day on a host."""
        api = self.apis.get(host)
        return EPOCH_S + self.loop.time() + (0.0 if api is None else api.skew_s)

    def is_stopping_behind_a_cut(self, process: Process | None) -> bool:
        """Whether a server is stopping, and the link of one of its clients is cut."""
        passes = self.network.passes
        return any(
            api.process is process and api.is_stopping and each.api is api
            for api in self.apis.values()
            for each in self.clients
            if not (passes(each.name, api.host) and passes(api.host, each.name))
        )

    def strictness_for(self, table: SimulatedTable) -> Strictness:
        """What is ruled out for a table; where the database merges changes, less is."""
        if table.is_paced:
            return Strictness(sees_every_change=False, feed_was_never_lost=False)
        return self.strictness

    @property
    def pace_tolerance_s(self) -> float | None:
        """How much a client's messages may come nearer to each other on their way.

        None, where a message waits for a client that is slow, or may be cut in pieces.
        """
        setting = self.setting
        if setting.troubles & {*MAKES_CLIENTS_SLOW, "fragments", "one-way cuts"}:
            return None
        least_s, most_s = setting.client_latency_s
        return most_s - least_s + 0.002

    @property
    def events(self) -> int:
        """How many events the clients were sent."""
        wishes = (wish for each in self.subscribers for wish in each.wishes.values())
        others = [
            each.follows.events + each.views.events + each.late_events for each in self.subscribers
        ]
        others += [each.events for each in self.starbelly_clients]
        return sum(wish.events for wish in wishes) + sum(others)

    def most_keys(self, table: str) -> int:
        """How many rows a table may have had."""
        return max(len(TABLES[table].keys), len([*self.truth[table].keys]))

    def history_reaches(self, table: str) -> bool:
        """Whether a server must still know every change that it has seen."""
        truth = self.truth[table]
        return truth.serial + self.most_keys(table) <= self.setting.history_max_changes

    def note_cursor(self, cursor: str) -> None:
        """Remember how far a feed has come, as somebody was sent it."""
        if (at := place(cursor)) is not None:
            self.newest[at.run] = max(at.position, self.newest.get(at.run, 0))

    def note(self, line: str) -> None:
        """Remember what happened, to be read when something fails."""
        self.log.append(f"{self.loop.time():8.3f} s  {line}")
        if len(self.log) > _LOG_LINES:
            del self.log[: _LOG_LINES // 2]

    def fail(self, why: str) -> None:
        """A promise is broken; the first one counts."""
        if self.failure is None:
            self.failure = why
            self.note(f"BROKEN: {why}")
            if not self._failed.done():
                self._failed.set_result(None)

    # The course of things.

    async def run(self) -> None:
        """Let the story happen, and then let everything come to rest.

        Raises:
            BrokenPromise: The contract was broken.
        """
        await self._start_database()
        for host in self.setting.hosts:
            self._start_server(host)
        for number in range(self._client_count):
            host = self.setting.hosts[number % len(self.setting.hosts)]
            rng = random.Random(f"client {number} {self.setting.seed}")
            if number < self.setting.clients:
                transport = self.setting.transports[number] if self.setting.transports else ""
                client = Subscriber(self, f"c{number}", host, rng, transport=transport)
                self.subscribers.append(client)
            else:
                self.starbelly_clients.append(StarbellyClient(self, f"c{number}", host, rng))
        course = asyncio.ensure_future(self._course())
        await asyncio.wait({course, self._failed}, return_when=asyncio.FIRST_COMPLETED)
        if self.failure is not None:
            course.cancel()
            raise BrokenPromise(self.failure)
        course.result()
        self._raise_failures()

    def _raise_failures(self) -> None:
        if self.failure is not None:
            raise BrokenPromise(self.failure)
        if self.loop.failures:
            raise BrokenPromise(f"an unexpected error: {self.loop.failures[0]}")

    async def _course(self) -> None:
        watch = checks.Watch(self)
        watch.start()
        for action in self.story.actions:
            await asyncio.sleep(action.at_s - self.loop.time())
            self.note(f"--- {action.in_words()}")
            getattr(self, f"_do_{action.kind}")(**action.details)
            self._raise_failures()
        while self._later:
            await asyncio.wait([*self._later])
        await self._rest()
        self.is_calm = True
        await checks.at_rest(self)
        await self._end()
        watch.stop()

    async def _rest(self) -> None:
        """Wait until every client holds what it should; some links are slow, so events may come."""
        events, give_up_s = -1, 0.0
        while (difference := self.difference()) is not None:
            if events != self.events:
                events, give_up_s = self.events, self.loop.time() + _CALM_S
            if self.loop.time() > give_up_s:
                raise BrokenPromise(f"clause 3: {_CALM_S:g} s after the last event, {difference}")
            await asyncio.sleep(_POLL_S)
        self.note("all is calm")

    def difference(self) -> str | None:
        """What is not as it should be when all is calm."""
        if self._writing is not None and not self._writing.done():
            return "a write has not ended"
        for client in self.clients:
            difference = client.difference()
            if difference is not None:
                return difference
        return None

    async def _end(self) -> None:
        """Stop the servers, which send everybody away in time and leave nothing behind."""
        for api in self.apis.values():
            await checks.shutdown(self, api, grace_s=_GRACE_S)
        self.is_over = True

    async def free(self) -> None:
        """End whatever still runs."""
        self.is_over = True
        for _ in range(_CANCELLATIONS):
            tasks = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
            if not tasks:
                break
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks, timeout=20)
        else:
            raise AssertionError(f"these tasks do not end: {tasks}")
        for process in self.network.processes:
            for transport in [*process.transports]:
                transport.vanish(is_closed_by_kernel=False)
        self.disk.close()

    def _afterwards(self, seconds: float, undo: Callable[[], Any]) -> None:
        """Undo something later; the story does not end before."""

        async def wait() -> None:
            await asyncio.sleep(seconds)
            undone = undo()
            if undone is not None:
                await undone

        self.in_background(wait())

    def in_background(self, work: Coroutine[Any, Any, None], process: Any = None) -> None:
        if process is None:
            task = asyncio.ensure_future(self._guarded(work))
        else:
            task = process.spawn(self._guarded(work), "background")
        self._later[task] = None
        task.add_done_callback(lambda done: self._later.pop(done, None))

    async def _guarded(self, work: Coroutine[Any, Any, None]) -> None:
        try:
            await work
        except BrokenPromise as error:
            self.fail(str(error))

    # The hosts.

    async def _start_database(self) -> None:
        if self.setting.has_two_nodes and self.disk.catalog is None:
            _, second = await self._start_node(SECOND)
            self.disk.catalog = second.catalog
        self.database_process, self.database = await self._start_node(FIRST)

    async def _start_node(self, host: str, *, has_tables: bool = True) -> tuple[Process, Database]:
        process = Process(self.network, host)
        started: asyncio.Future[Database] = self.loop.create_future()

        async def serve() -> None:
            async with Database(self.disk, host, has_tables=has_tables) as database:
                if has_tables:
                    database.make_tables(self.setting.tables)
                    if self.setting.jobs:
                        database.make_tables((JOBS, RESPONSES))
                started.set_result(database)
                await asyncio.Event().wait()

        process.spawn(serve(), "database")
        return process, await started

    def _start_server(self, host: str) -> None:
        options: dict[str, Any] = {
            "database_timeout_s": _DATABASE_TIMEOUT_S,
            "database_heartbeat_s": _HEARTBEAT_S,
            "database_queue_size": self.setting.database_queue_size,
            "history_max_changes": self.setting.history_max_changes,
            "reconnect_max_s": 2.0,
            "self_check_s": self.setting.self_check_s,
            "job_window": self.setting.job_window_s / 86_400,
            "response_lag_s": self.setting.response_lag_s,
            "send_buffer_bytes": self.setting.buffer_bytes,
            "send_timeout_s": _SEND_TIMEOUT_S,
            "shutdown_grace_s": _GRACE_S,
        }
        if self._key_file is not None:
            options["jwt_key"] = self._key_file
        if self.setting.has_two_nodes:
            options["database"] = TWO_NODES
        if self._state is not None:
            options["state"] = self._state.of(host)
        self.apis[host] = API(
            self.network,
            host,
            rng=self.rng,
            options=options,
            write_buffer_bytes=self.setting.buffer_bytes,
            goes_on_from=self._kept.get(host, {}),
        )

    def _keep_state(self, api: API, *, power: bool, part: float = 0.7) -> None:
        """A run has ended: its successor starts with what it has written."""
        if (state := self._state) is None:
            return
        tables = state.end(api.host)
        before = api.goes_on_from
        self._kept[api.host] = {
            table: before.get(table, frozenset()) | {api} for table in tables if not power
        }
        if power:
            state.damage(api.host, part)

    def _of(self, host: str) -> list[ReconnectingClient]:
        return [each for each in self.clients if each.server_host == host]

    # What the actions do. Their arguments are those of `story`.

    def _do_write(self, table: str, writes: list[Any]) -> None:
        self._do_burst(table, [writes])

    def _do_burst(self, table: str, writes: list[list[Any]]) -> None:
        before = self._writing

        async def write() -> None:
            if before is not None:
                await asyncio.wait({before})
            for some in writes:
                await self._crawler.write(table, some)

        self._writing = self._crawler_process.spawn(write(), "crawler")

    def _do_subscribe(
        self, client: int, name: str, table: str, where: dict[str, Any], **options: Any
    ) -> None:
        self.subscribers[client].subscribe(name, TABLES[table], where, **options)

    def _do_look(
        self,
        *,
        client: int,
        name: str,
        table: str,
        every_ms: int,
        with_policy: bool,
        **wanted: Any,
    ) -> None:
        shown = ShownPage(
            self.truth[table],
            strictness=self.strictness_for(TABLES[table]),
            policies=self.truth[POLICY.name] if with_policy else None,
            **wanted,
        )
        self.subscribers[client].views.begin(name, TABLES[table], shown, every_ms)

    def _do_stop_looking(self, client: int, which: int) -> None:
        self.subscribers[client].views.end(which)

    def _do_watch_from_look(self, client: int, which: int, name: str) -> None:
        checks.watch_from_view(self.subscribers[client], which, name)

    def _do_unsubscribe(self, client: int, which: int) -> None:
        wish = self._wish(client, which)
        if wish is not None:
            self.subscribers[client].unsubscribe(wish.id)

    def _do_go_back(self, client: int, which: int, part: float, of: str) -> None:
        wish = self._wish(client, which)
        if wish is not None:
            self.subscribers[client].go_back(wish.id, part, of)

    def _wish(self, client: int, which: int) -> Wish | None:
        wishes = [*self.subscribers[client].wishes.values()]
        return wishes[which % len(wishes)] if wishes else None

    def _do_page(self, client: int, table: str, where: dict[str, Any], name: str) -> None:
        subscriber = self.subscribers[client]
        self.in_background(
            checks.page_and_watch(self, subscriber, TABLES[table], where, name), subscriber.process
        )

    def _do_other_filter(self, client: int, which: int, place: int) -> None:
        wish = self._wish(client, which)
        if wish is not None:
            self.subscribers[client].use_elsewhere(wish, place)

    def _do_bad_cursor(self, client: int, place: float) -> None:
        subscriber = self.subscribers[client]
        self.in_background(checks.bad_cursor(subscriber, place), subscriber.process)

    def _do_mutate(self, client: int, domain: str, url: str | None) -> None:
        subscriber = self.subscribers[client]
        self.in_background(checks.mutate(self, subscriber, domain, url), subscriber.process)

    def _do_cut(self, hosts: list[str], ways: str, for_s: float) -> None:
        source, target = hosts
        links = [(source, target)] if ways == "one" else [(source, target), (target, source)]
        for link in links:
            self.network.cut(*link)
        for subscriber in self.clients:
            if subscriber.name in hosts and subscriber.server_host in hosts:
                subscriber.excuse(for_s + _PING_S)

        def heal() -> None:
            for link in links:
                self.network.heal(*link)

        self._afterwards(for_s, heal)
        if "db" in hosts:
            self._expect_stale([host for host in hosts if host != "db"], for_s)

    def _expect_stale(self, hosts: list[str], for_s: float, *, says_so: bool = False) -> None:
        """Look at the statuses during an outage, once it must have been noticed.

        Args:
            hosts: The servers.
            for_s: How long the outage lasts.
            says_so: Whether the database's machine closes its connections.
        """
        looks = nodes.moves if self.setting.has_two_nodes else checks.stale
        for host in hosts:
            is_said = says_so and self.network.passes("db", host)
            notice_s = _RESET_S if is_said else 2 * _HEARTBEAT_S
            self.in_background(looks(self, host, for_s, notice_s=notice_s))

    def _do_crash_database(self, how: str, for_s: float) -> None:
        process = self.database_process
        if process is None or not process.is_alive:
            return
        process.kill(power=how == "without power")

        async def restart() -> None:
            self.network.power_up("db")
            await self._start_database()

        self._afterwards(for_s, restart)
        self._expect_stale([*self.setting.hosts], for_s, says_so=how == "killed")

    def _do_serve_no_tables(self, for_s: float) -> None:
        process = self.database_process
        if process is None or not process.is_alive:
            return
        process.kill(power=False)

        async def serve_none() -> None:
            empty, _ = await self._start_node(FIRST, has_tables=False)
            await asyncio.sleep(for_s)
            empty.kill(power=False)
            await self._start_database()

        self.in_background(serve_none())
        self._expect_stale([*self.setting.hosts], for_s, says_so=True)

    def _do_restart_server(
        self, host: str, how: str, for_s: float, state: str, part: float
    ) -> None:
        def put_back() -> None:
            if state == OLDER and self._state is not None:
                self._state.put_back(host, part)
                self._kept[host] = {}

        if how == "stopped":
            self._do_stop_server(host, for_s, put_back)
        else:
            self._do_crash_server(host, how, for_s, put_back, part)

    def _do_crash_server(
        self,
        host: str,
        how: str,
        for_s: float,
        put_back: Callable[[], None] = lambda: None,
        part: float = 0.7,
    ) -> None:
        api = self.apis[host]
        if not api.is_up:
            return
        power = how == "without power"
        api.process.kill(power=power)
        self._keep_state(api, power=power, part=part)
        for subscriber in self._of(host):
            subscriber.excuse(for_s + _PING_S)

        def restart() -> None:
            self.network.power_up(host)
            put_back()
            self._start_server(host)

        self._afterwards(for_s, restart)

    def _do_stop_server(
        self, host: str, for_s: float, put_back: Callable[[], None] = lambda: None
    ) -> None:
        api = self.apis[host]
        if not api.is_up or not api.has_started:
            return

        async def stop_and_start() -> None:
            await checks.shutdown(self, api, grace_s=_GRACE_S)
            self._keep_state(api, power=False)
            await asyncio.sleep(for_s)
            put_back()
            self._start_server(host)

        self.in_background(stop_and_start())

    def _do_crash_client(self, client: int, how: str, for_s: float) -> None:
        subscriber = self.clients[client]
        if not subscriber.process.is_alive:
            return
        subscriber.crash(power=how == "without power")

        def restart() -> None:
            self.network.power_up(subscriber.name)
            subscriber.restart()

        self._afterwards(for_s, restart)

    def _do_leave(self, client: int, politely: bool) -> None:
        self.clients[client].leave(politely=politely)

    def _do_hop(self, client: int) -> None:
        subscriber = self.clients[client]
        if not subscriber.is_acknowledged:
            return  # it is on its way to a server, and would not know to which
        hosts = self.setting.hosts
        subscriber.server_host = hosts[1 - hosts.index(subscriber.server_host)]
        subscriber.leave(politely=not subscriber.is_stalled)

    def _do_stall(self, client: int, for_s: float) -> None:
        subscriber = self.clients[client]
        if for_s > 0.9 * _SEND_TIMEOUT_S or not subscriber.is_acknowledged:
            subscriber.excuse(for_s + 1.0)  # what comes before the acknowledgement has a limit, too
        subscriber.slow_until_s = max(
            subscriber.slow_until_s, self.loop.time() + for_s + _CATCH_UP_S
        )
        subscriber.stall()
        self._afterwards(for_s, subscriber.read_on)

    def _do_read_slowly(self, client: int, every_s: float, for_s: float) -> None:
        subscriber = self.clients[client]

        async def read() -> None:
            until_s = self.loop.time() + for_s
            subscriber.slow_until_s = max(subscriber.slow_until_s, until_s + _CATCH_UP_S)
            while self.loop.time() < until_s:
                subscriber.stall()
                await asyncio.sleep(every_s)
                subscriber.read_on()
                await asyncio.sleep(0)

        self.in_background(read())

    # Jobs and their responses.

    def _do_crawl(self, job: str, rows: list[tuple[float, int, str]]) -> None:
        crawler = Crawler(self._writable)

        async def write() -> None:
            began_s = self.loop.time()
            for after_s, sequence, kind in sorted(rows):
                await asyncio.sleep(max(0.0, began_s + after_s - self.loop.time()))
                await crawler.write(RESPONSES, [(sequence, response(job, sequence, kind))])
            await crawler.close()

        self._crawling(write())

    def _do_set_job(self, job: str, state: str, more: int) -> None:
        if job in self._ended:
            return
        if state not in ("running", "paused"):
            self._ended.add(job)
        count = len(self.truth.logs[job].rows) + more
        document = {"id": job, "run_state": state, "item_count": count}

        async def write() -> None:
            async with self._job_writes:
                await self._crawler.write(JOBS, [(job, document)])

        self._crawling(write())

    def _do_delete_job(self, job: str) -> None:
        self._ended.add(job)

        async def delete() -> None:
            async with self._job_writes:
                if rows := self.truth.logs[job].rows:
                    await self._crawler.write(RESPONSES, [(sequence, None) for sequence in rows])
                await self._crawler.write(JOBS, [(job, None)])

        self._crawling(delete())

    def _crawling(self, work: Coroutine[Any, Any, None]) -> None:
        self.in_background(work, self._crawler_process)

    def _do_follow(
        self, client: int, name: str, job: str, kinds: tuple[str, ...] | None, by_init: bool
    ) -> None:
        holding = self._following(job, kinds)
        self.subscribers[client].follows.begin(name, holding, by_init=by_init)

    def _following(self, job: str, kinds: tuple[str, ...] | None) -> Following:
        is_steady = self.setting.feeds_are_never_lost and self.setting.clients_are_never_slow
        truth, bound_s = self.truth.logs, self.setting.response_lag_s
        return Following(job, truth[job], kinds, truth.clock, bound_s, is_steady)

    # Clients of Starbelly's protocol: their numbers come after those of the others.

    def _starbelly(self, client: int) -> StarbellyClient:
        return self.starbelly_clients[client - self.setting.clients]

    def _do_starbelly_list(self, client: int, name: str, table: str, min_interval: float) -> None:
        held = HeldList(self.truth[table], self.strictness_for(TABLES[table]))
        self._starbelly(client).subscribe(Stream(name, held, min_interval))

    def _do_starbelly_sync(self, client: int, name: str, job: str) -> None:
        self._starbelly(client).subscribe(Stream(name, self._following(job, None)))

    def _do_starbelly_end(self, client: int, which: int) -> None:
        self._starbelly(client).unsubscribe(which)

    def _do_starbelly_again(self, client: int, which: int, part: float) -> None:
        self._starbelly(client).go_back(which, part)

    def _do_unfollow(self, client: int, which: int) -> None:
        self.subscribers[client].follows.end(which)

    def _do_go_back_following(self, client: int, which: int, part: float) -> None:
        self.subscribers[client].follows.go_back(which, part)

    def _do_drop(self, table: str, for_s: float) -> None:
        assert self.database is not None
        assert self.database_process is not None
        if not self.database_process.is_alive or not self.database.has_table(table):
            return
        self.database.drop_table(table)

        def make_again() -> None:
            assert self.database is not None
            if not self.database.has_table(table):
                self.database.make_table(table)

        self._afterwards(for_s, make_again)

    def _do_lose_change(self, table: str) -> None:
        self.disk.losing.add(table)

    def _do_leap(self, host: str, by_s: float) -> None:
        self.apis[host].skew_s += by_s
        self.leaped_at_s[host] = self.loop.time()
        for client in self.clients:
            if client.server_host == host:
                client.leap()
