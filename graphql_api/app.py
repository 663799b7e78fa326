"""The composition root: which database, which feeds, which routes; and who owns every task.

```
lifespan ── embedded database (with no --database) ── demo (with --demo)
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
from collections.abc import Callable, Coroutine, Mapping, Sequence
from contextlib import AsyncExitStack
from datetime import datetime
from functools import partial
from types import TracebackType
from typing import Any

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.routing import BaseRoute, Route, WebSocketRoute
from starlette.types import Receive, Scope, Send

from graphql_api import demo, sample
from graphql_api.auth.authenticator import Authenticator
from graphql_api.auth.jwt import Key, Keys, allowed_algorithms, keys_of_jwks, keys_of_key_file
from graphql_api.auth.principal import Principal, Verifier
from graphql_api.auth.signed_links import SignedLinks
from graphql_api.auth.tokens import Tokens
from graphql_api.documents.checked_documents import CheckedDocuments, check_document, default_rules
from graphql_api.documents.document_limits import DocumentLimits
from graphql_api.documents.documents import Documents
from graphql_api.documents.manifest import read_manifest
from graphql_api.documents.persisted import PersistedDocuments
from graphql_api.embedded import EmbeddedError, EmbeddedServer, load_or_create_password
from graphql_api.errors import ConfigurationError
from graphql_api.execution.broadcaster import Broadcaster
from graphql_api.execution.query_executor import QueryExecutor
from graphql_api.execution.runner import OperationRunner
from graphql_api.feeds.cursor import RUN_BYTES
from graphql_api.feeds.feed import Feed, FeedSettings
from graphql_api.feeds.feeds import Feeds
from graphql_api.feeds.outage_log import OutageLog
from graphql_api.garbage import leave_out_what_stays
from graphql_api.graphiql.routes import graphiql_routes
from graphql_api.javascript import client_routes
from graphql_api.limits.connection_limits import ConnectionLimits, ConnectionLimitsMiddleware
from graphql_api.limits.cpu_budget import CPUBudgets, charge_new_tasks
from graphql_api.limits.origin_check import OriginCheck, OriginCheckMiddleware
from graphql_api.limits.rate_limit import TokenBuckets
from graphql_api.limits.refusal_log import RefusalLog
from graphql_api.live import live_routes
from graphql_api.log_feeds.log_feeds import LogFeeds
from graphql_api.log_feeds.source import LogSource
from graphql_api.log_feeds.surroundings import LogSettings, Surroundings
from graphql_api.machine import Machine
from graphql_api.paths import without_last_slash
from graphql_api.probes import HEALTH, METRICS, READINESS, Probes
from graphql_api.protocols.backend import Backend
from graphql_api.protocols.bodies import PATH as BODY_PATH
from graphql_api.protocols.bodies import ResponseBodies
from graphql_api.protocols.cors import CrossOrigin, CrossOriginMiddleware
from graphql_api.protocols.event_stream import StreamLimits
from graphql_api.protocols.http import GraphQLHTTP
from graphql_api.protocols.websocket import GraphQLTransportWS
from graphql_api.protocols.websocket_limits import WebSocketLimits
from graphql_api.rethink.body_reader import BodyReader
from graphql_api.rethink.changefeed import ChangefeedSettings, RethinkSource
from graphql_api.rethink.connection import Timeouts
from graphql_api.rethink.init import initialise
from graphql_api.rethink.log_source import RethinkLogSource
from graphql_api.rethink.store import RethinkStore
from graphql_api.rethink.url import DatabaseURL
from graphql_api.rethink.writer import RethinkWriter
from graphql_api.schema import APISchema, Context, build_schema
from graphql_api.schema.page_table import page_table
from graphql_api.settings import Settings
from graphql_api.startup import startup_lines
from graphql_api.static_files import page_headers, redirect
from graphql_api.tables import LOGS, TABLES
from graphql_api.tables.policy_standards import standard_policies
from graphql_api.tables.response import BODIES
from graphql_api.tables.starbelly import all_tables
from graphql_api.watched_file import FileWatch, WatchedFile

log = logging.getLogger(__name__)

Announce = Callable[[Sequence[str]], None]
"""Shows the operator some lines when the server has started."""


class Application(Starlette):
    """The application as a whole, and its end."""

    def __init__(
        self,
        *,
        settings: Settings,
        services: Services,
        http: GraphQLHTTP,
        websocket: GraphQLTransportWS,
        bodies: ResponseBodies,
        probes: Probes,
        guard: OriginCheck,
        cross_origin: CrossOrigin,
        admission: ConnectionLimits,
        file_watch: FileWatch,
    ) -> None:
        self.admission = admission
        self.file_watch = file_watch
        self._services = services
        self._http = http
        self._websocket = websocket
        self._probes = probes
        routes: list[BaseRoute] = [
            Route("/graphql", http),
            WebSocketRoute("/graphql", websocket),
            Route(BODY_PATH, bodies),
            Route(HEALTH, probes.health),
            Route(READINESS, probes.readiness),
            Route(METRICS, probes.metrics),
            redirect("/", _front_page(settings), page_headers("default-src 'none'", "no-cache")),
            *client_routes(),
        ]
        if settings.graphiql:
            routes += graphiql_routes()
        if settings.live:
            routes += live_routes([page_table(table) for table in TABLES])
        super().__init__(
            routes=routes,
            middleware=[
                Middleware(ConnectionLimitsMiddleware, admission=admission),
                Middleware(OriginCheckMiddleware, guard=guard, probes=(HEALTH, READINESS)),
            ],
            lifespan=lambda _: services,
        )
        self.router.redirect_slashes = False  # every path is served with and without one
        # Outside of everything that refuses or fails: the page that asked may read all of it.
        self._readable = CrossOriginMiddleware(super().__call__, cross_origin)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve, as ASGI has it; a last slash in a path changes nothing."""
        if scope["type"] != "lifespan":
            scope["path"] = without_last_slash(scope["path"])
        await self._readable(scope, receive, send)

    async def drain(self, spread_s: float) -> None:
        """Close every socket with 1012 and end every stream, one by one within `spread_s`.

        Clients come back, to this server's successor; not all at the same moment.
        """
        self._probes.is_draining = True
        await asyncio.gather(
            self._websocket.close_all(spread_s=spread_s),
            self._http.streams.close_all(spread_s=spread_s),
        )


def _front_page(settings: Settings) -> str:
    """Where `/` leads; relative, for a proxy may have put all of it below a path of its own."""
    if settings.graphiql:
        return "graphiql"
    return "live" if settings.live else "graphql"


def create_app(
    settings: Settings, *, announce: Announce | None = None, machine: Machine | None = None
) -> Application:
    """The application; its lifespan owns every task and connection.

    Args:
        settings: With the port that is really listened on.
        announce: Called once with where everything is; the log, if absent.
        machine: Where time and chance come from; the machine that this runs on, if absent.

    Raises:
        ConfigurationError: A setting does not fit.
    """
    machine = machine or Machine()
    url = None
    if settings.database is not None:
        url = DatabaseURL.parse(settings.database.get_secret_value())
    limits = DocumentLimits(
        max_depth=settings.max_document_levels,
        max_aliases=settings.max_document_aliases,
        max_comparisons=settings.max_document_comparisons,
        max_cost=settings.max_operation_fields,
        max_values=settings.max_operation_values,
    )
    schema = build_schema(
        TABLES,
        logs=LOGS,
        extensions=[
            lambda: CheckedDocuments(documents, limits, introspection=settings.introspection)
        ],
        suggestions=settings.suggestions,
        execution_context_class=QueryExecutor,
    )
    documents = _documents(settings, schema, limits)
    authenticator = make_authenticator(settings, machine)
    links = SignedLinks(_link_key(settings, machine), authenticator, machine.epoch_s)
    broadcaster = Broadcaster(clock=machine.monotonic_s)
    guard = OriginCheck.of(
        bound_hosts=settings.host,
        allow_hosts=settings.allow_host,
        allow_origins=settings.allow_origin,
    )
    cross_origin = CrossOrigin(guard.origins)
    admission = ConnectionLimits(
        max_connections=settings.max_connections,
        max_per_address=settings.max_connections_per_address,
        trusted_proxies=settings.trusted_proxy,
        probes=(HEALTH, READINESS, METRICS),
        cross_origin=cross_origin.headers,
        log=RefusalLog("connection limits", clock=machine.monotonic_s),
        traffic=broadcaster.traffic,
    )
    budgets = CPUBudgets(
        per_connection=settings.max_cpu_per_connection,
        per_address=settings.max_cpu_per_address,
        burst_s=settings.cpu_burst_s,
        max_wait_s=settings.max_cpu_wait_s,
        address_key=admission.address_key,
        clock=machine.monotonic_s,
        cpu_clock=machine.cpu_s,
    )

    def context(principal: Principal) -> Context:
        return Context(
            feeds=services.feeds,
            store=services.store,
            feed_wait_s=settings.feed_wait_s,
            scopes=principal.scopes,
            max_page_rows=settings.max_page_rows,
            now=machine.now,
            links=links.of(principal),
            followed=services.logs,
        )

    rates = TokenBuckets(
        settings.max_operations_per_s, settings.operation_burst, clock=machine.monotonic_s
    )
    backend = Backend(
        runner=OperationRunner(schema, broadcaster),
        make_context=context,
        traffic=broadcaster.traffic,
        documents=documents,
        authenticator=authenticator,
        budgets=budgets,
        clock=machine.monotonic_s,
    )
    http = GraphQLHTTP(
        backend,
        stream_limits=StreamLimits(
            keep_alive_s=settings.sse_keep_alive_s, send_timeout_s=settings.send_timeout_s
        ),
        max_body_bytes=settings.max_body_bytes,
        rates=rates,
    )
    websocket = GraphQLTransportWS(
        backend,
        limits=WebSocketLimits(
            connection_init_timeout_s=settings.connection_init_timeout_s,
            max_subscriptions=settings.max_subscriptions,
            max_queries=settings.max_queries,
            max_held_chars=settings.max_message_bytes,
            max_operations_per_s=settings.max_operations_per_s,
            operation_burst=settings.operation_burst,
            send_timeout_s=settings.send_timeout_s,
        ),
    )
    file_watch = FileWatch()
    file_watch.add(authenticator.refresh)
    services = Services(
        settings,
        machine,
        url=url,
        broadcaster=broadcaster,
        websocket=websocket,
        file_watch=file_watch,
        announce=announce or _log_lines,
    )
    return Application(
        settings=settings,
        services=services,
        http=http,
        websocket=websocket,
        bodies=ResponseBodies(lambda: services.bodies, links, authenticator, rates, budgets),
        probes=Probes(
            lambda: (services.feeds, services.logs),
            broadcaster,
            websocket,
            http.streams,
            authenticator,
            ready_stale_s=settings.ready_stale_s,
        ),
        guard=guard,
        cross_origin=cross_origin,
        file_watch=file_watch,
        admission=admission,
    )


def _documents(settings: Settings, schema: APISchema, limits: DocumentLimits) -> Documents:
    file = settings.persisted_documents
    manifest = read_manifest(file, schema.validate) if file else {}
    rules = default_rules(introspection=settings.introspection)
    core = schema._schema  # noqa: SLF001 - there is no other way to it
    return Documents(
        max_tokens=settings.max_document_tokens,
        persisted=PersistedDocuments(manifest, only=settings.only_persisted_documents),
        check=lambda document: check_document(document, core, limits, rules),
    )


def _link_key(settings: Settings, machine: Machine) -> bytes:
    if settings.link_key is None:
        return machine.random_bytes(32)
    return settings.link_key.get_secret_value().encode()


def make_authenticator(settings: Settings, machine: Machine | None = None) -> Authenticator:
    """The authenticator, which decides which clients are served.

    Raises:
        ConfigurationError: A file of tokens or keys cannot be read, or is broken or too weak.
    """
    verifiers: list[WatchedFile[Verifier]] = []
    if settings.tokens is not None:
        verifiers.append(WatchedFile(settings.tokens, Tokens.parse, name="token file"))
    allowed = allowed_algorithms(settings.jwt_algorithm)

    def checked_by(read: Callable[..., Sequence[Key]]) -> Callable[[bytes], Verifier]:
        return lambda data: Keys(
            read(data, allowed=allowed),
            audience=settings.jwt_audience,
            issuer=settings.jwt_issuer,
            leeway_s=settings.jwt_leeway_s,
        )

    if settings.jwt_key is not None:
        parse = checked_by(keys_of_key_file)
        verifiers.append(WatchedFile(settings.jwt_key, parse, name="JWT key file"))
    if settings.jwt_jwks is not None:
        parse = checked_by(keys_of_jwks)
        verifiers.append(WatchedFile(settings.jwt_jwks, parse, name="JWKS file"))
    machine = machine or Machine()
    refusals = RefusalLog(clock=machine.monotonic_s)
    return Authenticator(verifiers, clock=machine.epoch_s, refusals=refusals)


class Services:
    """What lives as long as the application: the embedded database, the feeds, the demo.

    An async context manager, entered once. Whatever way it is left, everything ends in the reverse
    order of its beginning.
    """

    def __init__(
        self,
        settings: Settings,
        machine: Machine,
        *,
        url: DatabaseURL | None,
        broadcaster: Broadcaster,
        websocket: GraphQLTransportWS,
        file_watch: FileWatch,
        announce: Announce,
    ) -> None:
        self._settings = settings
        self._machine = machine
        self._url = url
        self._broadcaster = broadcaster
        self._websocket = websocket
        self._file_watch = file_watch
        self._announce = announce
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
            url = self._url or await self._start_embedded(stack)
            self._feeds = self._make_feeds(url)
            store = RethinkStore(url, timeouts=self._timeouts)
            self._store = await stack.enter_async_context(store)
            source = RethinkLogSource(url, self._changefeeds)
            self._logs = self._make_logs(await stack.enter_async_context(source))
            self._bodies = BodyReader(source, BODIES)
            await stack.enter_async_context(self._broadcaster)
            await stack.enter_async_context(self._websocket)
            tasks = await stack.enter_async_context(asyncio.TaskGroup())
            self._spawn(stack, tasks, self._feeds.run(), "feeds")
            self._spawn(stack, tasks, self._logs.run(), "logs")
            self._spawn(stack, tasks, self._file_watch.run(), "file watch")
            if self._settings.demo:
                self._spawn(stack, tasks, _run_demo(url, self._machine), "demo")
            embedded = self._url is None
            self._announce(startup_lines(self._settings, database=str(url), embedded=embedded))
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
        settings = self._settings
        return ChangefeedSettings(
            timeouts=self._timeouts,
            ready_timeout_s=settings.database_ready_timeout_s,
            heartbeat_s=settings.database_heartbeat_s,
            queue_size=settings.database_queue_size,
        )

    def _make_logs(self, source: LogSource) -> LogFeeds:
        settings, machine = self._settings, self._machine
        return LogFeeds(
            Surroundings(
                source=source,
                settings=LogSettings(
                    bound_s=settings.response_lag_s,
                    backoff_first_s=settings.reconnect_first_s,
                    backoff_max_s=settings.reconnect_max_s,
                ),
                outages=OutageLog(),
                clock=machine.monotonic_s,
                epoch_s=machine.epoch_s,
                rng=machine.rng,
            )
        )

    def _make_feeds(self, url: DatabaseURL) -> Feeds:
        settings = self._settings
        source = RethinkSource(url, self._changefeeds)
        limits = FeedSettings(
            history_max_changes=settings.history_max_changes,
            history_max_bytes=settings.history_max_bytes,
            backoff_first_s=settings.reconnect_first_s,
            backoff_max_s=settings.reconnect_max_s,
            self_check_s=settings.self_check_s,
        )
        outages = OutageLog()
        pause = self._broadcaster.scheduler.round
        machine = self._machine
        return Feeds(
            [table.set_by(settings) for table in TABLES],
            lambda table: Feed(
                table,
                source,
                limits,
                outages=outages,
                pause=pause,
                on_rows=leave_out_what_stays,
                clock=machine.now,
                turn_clock=machine.monotonic_s,
                rng=machine.rng,
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
        await initialise(
            url, all_tables(TABLES), contents=partial(_samples, now=self._machine.now())
        )
        return url


def _samples(policy_ids: Mapping[str, str], *, now: datetime) -> dict[str, list[sample.Document]]:
    schedules = sample.schedules(
        broad_crawl=policy_ids["Broad Crawl"],
        deep_crawl=policy_ids["Deep Crawl"],
        now=now,
    )
    policy = {"id": policy_ids["Broad Crawl"], **standard_policies(now)[0]}
    jobs = sample.jobs(policy=policy, now=now)
    responses, bodies = sample.responses(jobs)
    return {
        "job": jobs,
        "response": responses,
        "response_body": bodies,
        "schedule": schedules,
        "domain_login": sample.domain_logins(),
        "captcha_solver": sample.captcha_solvers(now=now),
        "rate_limit": sample.rate_limits(),
    }


async def _run_demo(url: DatabaseURL, machine: Machine) -> None:
    await demo.run(RethinkWriter(url), rng=machine.rng, now=machine.now)


def _log_lines(lines: Sequence[str]) -> None:
    for line in lines:
        log.info("%s", line)
