"""Services that live as long as the application, and the owner of every task.

```
lifespan ── traces (if OpenTelemetry is configured)
         ├─ embedded database (with no --database) ── demo (with --demo)
         ├─ the folder in which feeds are kept (with --state)
         ├─ broadcaster, which serves all subscriptions
         ├─ WebSockets, with the tasks of their operations
         ├─ feeds, one per table
         ├─ file watch: looks at the files of tokens, keys and certificates
         └─ store, for mutations
```
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine, Sequence
from contextlib import AsyncExitStack
from functools import partial
from types import TracebackType
from typing import TYPE_CHECKING, Any

from graphql_api import demo, sample
from graphql_api.embedded import EmbeddedError, EmbeddedServer, load_or_create_password
from graphql_api.errors import ConfigurationError
from graphql_api.execution.broadcaster import Broadcaster
from graphql_api.feeds.cursor import RUN_BYTES
from graphql_api.feeds.feed import Feed
from graphql_api.feeds.feed_settings import FeedSettings
from graphql_api.feeds.feeds import Feeds
from graphql_api.feeds.outage_log import OutageLog
from graphql_api.garbage import leave_out_what_stays
from graphql_api.limits.cpu_budget import charge_new_tasks
from graphql_api.log_feeds.log_feeds import LogFeeds
from graphql_api.log_feeds.source import LogSource
from graphql_api.log_feeds.surroundings import LogSettings, Surroundings
from graphql_api.machine import Machine
from graphql_api.protocols.websocket import WebSockets
from graphql_api.rethink.body_reader import BodyReader
from graphql_api.rethink.changefeed import ChangefeedSettings, RethinkSource
from graphql_api.rethink.database_connection import Timeouts
from graphql_api.rethink.init import initialise
from graphql_api.rethink.log_source import RethinkLogSource
from graphql_api.rethink.nodes import Nodes
from graphql_api.rethink.store import RethinkStore
from graphql_api.rethink.url import DatabaseURL
from graphql_api.rethink.writer import RethinkWriter
from graphql_api.schema import TableDeclaration
from graphql_api.settings import Settings
from graphql_api.startup import startup_lines
from graphql_api.state.folder import StateFolder, open_folder
from graphql_api.tables.response import BODIES
from graphql_api.tables.starbelly import all_tables
from graphql_api.watched_file import FileWatch

if TYPE_CHECKING:
    from graphql_api.tracing.tracing import Tracing

log = logging.getLogger(__name__)

Announce = Callable[[Sequence[str]], None]
"""Shows the operator some lines when the server has started."""


def log_lines(lines: Sequence[str]) -> None:
    """Announce in the log."""
    for line in lines:
        log.info("%s", line)


class Services:
    """The parts that live as long as the application: the embedded database, the feeds, the demo.

    An async context manager, entered once. Whatever way it is left, everything ends in the reverse
    order of its beginning.

    Attributes:
        nodes: What is known of the database's nodes.
    """

    def __init__(
        self,
        settings: Settings,
        machine: Machine,
        *,
        tables: Sequence[TableDeclaration[Any]],
        url: DatabaseURL | None,
        broadcaster: Broadcaster,
        websockets: Sequence[WebSockets],
        file_watch: FileWatch,
        announce: Announce,
        tracing: Tracing | None = None,
    ) -> None:
        self._settings = settings
        self._machine = machine
        self._tables = tables
        self._url = url
        self._broadcaster = broadcaster
        self._websockets = websockets
        self._file_watch = file_watch
        self._announce = announce
        self._tracing = tracing
        self.nodes = Nodes()
        self._stack = AsyncExitStack()
        self._feeds: Feeds | None = None
        self._store: RethinkStore | None = None
        self._logs: LogFeeds | None = None
        self._bodies: BodyReader | None = None

    @property
    def feeds(self) -> Feeds:
        """The feeds, while the application runs."""
        assert self._feeds is not None, "the lifespan has begun"
        return self._feeds

    @property
    def database(self) -> str:
        """How people call the database: its URL without the password, if it has one."""
        return "embedded" if self._url is None else str(self._url)

    @property
    def store(self) -> RethinkStore:
        """Where mutations write, while the application runs."""
        assert self._store is not None, "the lifespan has begun"
        return self._store

    @property
    def logs(self) -> LogFeeds:
        """The insert-only tables, while the application runs."""
        assert self._logs is not None, "the lifespan has begun"
        return self._logs

    @property
    def bodies(self) -> BodyReader:
        """The stored bodies of responses, while the application runs."""
        assert self._bodies is not None, "the lifespan has begun"
        return self._bodies

    async def __aenter__(self) -> None:
        charge_new_tasks(asyncio.get_running_loop())
        async with AsyncExitStack() as stack:
            tracing = self._tracing
            if tracing is not None:
                stack.push_async_callback(tracing.close)
            url = self._url or await self._start_embedded(stack)
            folder = self._settings.state_folder
            state = None if folder is None else stack.enter_context(open_folder(folder))
            self._feeds = self._make_feeds(url, state)
            observe = None if tracing is None else tracing.spans.query
            store = RethinkStore(url, timeouts=self._timeouts, nodes=self.nodes, observe=observe)
            self._store = await stack.enter_async_context(store)
            source = RethinkLogSource(url, self._changefeeds, nodes=self.nodes, observe=observe)
            self._logs = self._make_logs(await stack.enter_async_context(source))
            self._bodies = BodyReader(source, BODIES)
            await stack.enter_async_context(self._broadcaster)
            for websockets in self._websockets:
                await stack.enter_async_context(websockets)
            tasks = await stack.enter_async_context(asyncio.TaskGroup())
            if tracing is not None:
                tracing.changes.follow(self._feeds)
                fan_out = self._broadcaster.scheduler.round
                self._spawn(stack, tasks, tracing.changes.run(fan_out), "traces of changes")
            self._spawn(stack, tasks, self._feeds.run(), "feeds")
            await self._feeds.restored.wait()
            self._spawn(stack, tasks, self._logs.run(), "logs")
            self._spawn(stack, tasks, self._file_watch.run(), "file watch")
            if self._settings.demo:
                self._spawn(stack, tasks, _run_demo(url, self._machine), "demo")
            self._announce(
                startup_lines(
                    self._settings,
                    database=str(url),
                    embedded=self._url is None,
                    collector=None if tracing is None else tracing.collector,
                )
            )
            self._stack = stack.pop_all()

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> bool:
        return await self._stack.__aexit__(kind, error, traceback) or False

    @property
    def _timeouts(self) -> Timeouts:
        seconds = self._settings.database_timeout_s
        return Timeouts(connect_s=seconds, query_s=seconds)

    @property
    def _changefeeds(self) -> ChangefeedSettings:
        return ChangefeedSettings.of(self._settings, timeouts=self._timeouts)

    def _make_logs(self, source: LogSource) -> LogFeeds:
        machine = self._machine
        return LogFeeds(
            Surroundings(
                source=source,
                settings=LogSettings.of(self._settings),
                outages=OutageLog(),
                clock=machine.monotonic_s,
                epoch_s=machine.epoch_s,
                rng=machine.rng,
                pause=self._broadcaster.scheduler.long_work.take,
            )
        )

    def _make_feeds(self, url: DatabaseURL, state: StateFolder | None = None) -> Feeds:
        settings = self._settings
        source = RethinkSource(url, self._changefeeds, nodes=self.nodes)
        feed_settings = FeedSettings.of(settings)
        outages = OutageLog()
        pause = self._broadcaster.scheduler.round
        machine = self._machine
        return Feeds(
            [table.set_by(settings) for table in self._tables],
            lambda table: Feed(
                table,
                source,
                feed_settings,
                outages=outages,
                pause=pause,
                on_rows=leave_out_what_stays,
                clock=machine.now,
                turn_clock=machine.monotonic_s,
                rng=machine.rng,
                keeper=None if state is None else state.keeper(table.name, url.database),
                run=machine.random_bytes(RUN_BYTES),
            ),
        )

    @staticmethod
    def _spawn(
        stack: AsyncExitStack,
        tasks: asyncio.TaskGroup,
        work: Coroutine[Any, Any, Any],
        name: str,
    ) -> None:
        stack.callback(tasks.create_task(work, name=name).cancel)

    async def _start_embedded(self, stack: AsyncExitStack) -> DatabaseURL:
        """Start the embedded database, with sample data in a new one."""
        settings = self._settings
        try:
            password = load_or_create_password(settings.password_file)
            server = await stack.enter_async_context(
                EmbeddedServer(settings.data_file, password=password)
            )
        except EmbeddedError as error:
            raise ConfigurationError(str(error)) from error
        except OSError as error:
            raise ConfigurationError(f"the embedded database does not start: {error}") from error
        url = DatabaseURL(server.host, server.port, "starbelly", password=password)
        contents = partial(sample.contents, now=self._machine.now())
        await initialise(url, all_tables(self._tables), contents=contents)
        return url


async def _run_demo(url: DatabaseURL, machine: Machine) -> None:
    await demo.run(RethinkWriter(url), rng=machine.rng, now=machine.now)
