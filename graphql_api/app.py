"""The composition root: what serves HTTP and WebSockets, and under which routes."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.routing import BaseRoute, Route, WebSocketRoute
from starlette.types import Receive, Scope, Send

from graphql_api.access import make_authenticator
from graphql_api.auth.principal import Principal
from graphql_api.auth.signed_links import SignedLinks
from graphql_api.documents.checked_documents import CheckedDocuments, check_document, default_rules
from graphql_api.documents.document_limits import DocumentLimits
from graphql_api.documents.documents import Documents
from graphql_api.documents.manifest import read_manifest
from graphql_api.documents.persisted import PersistedDocuments
from graphql_api.execution.broadcaster import Broadcaster
from graphql_api.execution.query_executor import QueryExecutor
from graphql_api.execution.runner import OperationRunner
from graphql_api.graphiql.routes import graphiql_routes
from graphql_api.javascript import client_routes
from graphql_api.lifespan import Announce, Services, log_lines
from graphql_api.limits.answer_memory import Answers
from graphql_api.limits.client_limits import ClientLimits
from graphql_api.limits.connection_limits import ConnectionLimits, ConnectionLimitsMiddleware
from graphql_api.limits.cpu_budget import CPUBudgets
from graphql_api.limits.long_answers import LongAnswers
from graphql_api.limits.origin_check import OriginCheck, OriginCheckMiddleware
from graphql_api.limits.refusal_log import RefusalLog
from graphql_api.limits.token_bucket import TokenBuckets
from graphql_api.limits.traffic import Traffic
from graphql_api.limits.turn_queue import TurnQueue
from graphql_api.live import live_routes
from graphql_api.machine import Machine
from graphql_api.metrics import MetricSources
from graphql_api.paths import without_last_slash
from graphql_api.probes import HEALTH, METRICS, READINESS, Probes
from graphql_api.protocols.backend import Backend
from graphql_api.protocols.body_download import PATH as BODY_PATH
from graphql_api.protocols.body_download import ResponseBodies
from graphql_api.protocols.cors import CrossOrigin, CrossOriginMiddleware
from graphql_api.protocols.http import GraphQLHTTP
from graphql_api.protocols.starbelly.connection import PATH as STARBELLY_PATH
from graphql_api.protocols.starbelly.connection import SUBPROTOCOL as STARBELLY_SUBPROTOCOL
from graphql_api.protocols.starbelly.connection import StarbellyConnection, Streams
from graphql_api.protocols.websocket import GraphQLTransportWS, WebSockets
from graphql_api.protocols.whole_bodies import WholeBodies
from graphql_api.rethink.url import DatabaseURL
from graphql_api.schema import APISchema, Context, build_schema
from graphql_api.schema.graphiql_tabs import changes_tab, log_tab
from graphql_api.schema.page_table import page_tables
from graphql_api.settings import Settings
from graphql_api.static_files import page_headers, redirect
from graphql_api.tables import LOGS, TABLES
from graphql_api.watched_file import FileWatch

if TYPE_CHECKING:
    from graphql_api.tracing.tracing import Tracing


class Application(Starlette):
    """The application as a whole, and its end."""

    def __init__(
        self,
        *,
        settings: Settings,
        services: Services,
        http: GraphQLHTTP,
        websocket: GraphQLTransportWS,
        starbelly: WebSockets,
        bodies: ResponseBodies,
        probes: Probes,
        guard: OriginCheck,
        cross_origin: CrossOrigin,
        admission: ConnectionLimits,
        answers: Answers,
        file_watch: FileWatch,
        traffic: Traffic,
    ) -> None:
        self.admission = admission
        self.answers = answers
        self.file_watch = file_watch
        self.traffic = traffic
        self._services = services
        self._http = http
        self._websocket = websocket
        self._starbelly = starbelly
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
        if settings.starbelly:
            routes.append(WebSocketRoute(STARBELLY_PATH, starbelly))
        if settings.graphiql:
            tabs = [*map(changes_tab, TABLES), *map(log_tab, LOGS)]
            routes += graphiql_routes(tabs, has_live=settings.live)
        if settings.live:
            routes += live_routes(page_tables(TABLES), graphiql=settings.graphiql)
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
            self._starbelly.close_all(spread_s=spread_s),
            self._http.streams.close_all(spread_s=spread_s),
        )


def _front_page(settings: Settings) -> str:
    """Where `/` leads; relative, for a proxy may have put all of it below a path of its own."""
    if settings.graphiql:
        return "graphiql"
    return "live" if settings.live else "graphql"


def create_app(
    settings: Settings,
    *,
    announce: Announce | None = None,
    machine: Machine | None = None,
    tracing: Tracing | None = None,
) -> Application:
    """The application; its lifespan owns every task and connection.

    Args:
        settings: With the port that is really listened on.
        announce: Called once with where everything is; the log, if absent.
        machine: Where time and chance come from; the machine that this runs on, if absent.
        tracing: Sends traces; none are sent, if absent. The lifespan closes it.

    Raises:
        ConfigurationError: A setting does not fit.
    """
    machine = machine or Machine()
    url = None
    if settings.database is not None:
        url = DatabaseURL.parse(settings.database.get_secret_value())
    limits = DocumentLimits.of(settings)
    client_limits = ClientLimits.of(settings)
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
    long_work = TurnQueue(machine.monotonic_s)
    broadcaster = Broadcaster(
        clock=machine.monotonic_s, cpu_clock=machine.cpu_s, long_work=long_work
    )
    guard = OriginCheck.of(
        bound_hosts=settings.host,
        allow_hosts=settings.allow_host,
        allow_origins=settings.allow_origin,
    )
    cross_origin = CrossOrigin(guard.origins)
    admission = ConnectionLimits(
        client_limits,
        trusted_proxies=settings.trusted_proxy,
        probes=(HEALTH, READINESS, METRICS),
        cross_origin=cross_origin.headers,
        log=RefusalLog("connection limits", clock=machine.monotonic_s),
        traffic=broadcaster.traffic,
    )
    budgets = CPUBudgets(
        client_limits,
        address_key=admission.address_key,
        clock=machine.monotonic_s,
        cpu_clock=machine.cpu_s,
        queue=long_work,
    )

    def context(principal: Principal) -> Context:
        return Context(
            feeds=services.feeds,
            store=services.store,
            feed_wait_s=settings.feed_wait_s,
            scopes=principal.scopes,
            database=services.database,
            max_page_rows=settings.max_page_rows,
            now=machine.now,
            links=links.of(principal),
            followed=services.logs,
        )

    rates = TokenBuckets(
        settings.max_operations_per_s, settings.operation_burst, clock=machine.monotonic_s
    )
    make_runner = OperationRunner if tracing is None else tracing.runner
    backend = Backend(
        runner=make_runner(schema, broadcaster),
        make_context=context,
        traffic=broadcaster.traffic,
        documents=documents,
        authenticator=authenticator,
        budgets=budgets,
        long_answers=LongAnswers(max_wait_s=client_limits.max_cpu_wait_s),
        clock=machine.monotonic_s,
    )
    http = GraphQLHTTP(backend, limits=client_limits, rates=rates)
    websocket = GraphQLTransportWS(backend, limits=client_limits)
    streams = Streams(WholeBodies(lambda: services.bodies, machine.now))
    starbelly = WebSockets(
        backend,
        limits=client_limits,
        subprotocol=STARBELLY_SUBPROTOCOL,
        connect=lambda accepted: StarbellyConnection(accepted, streams),
    )
    file_watch = FileWatch()
    file_watch.add(authenticator.refresh)
    services = Services(
        settings,
        machine,
        tables=TABLES,
        url=url,
        broadcaster=broadcaster,
        websockets=(websocket, starbelly),
        file_watch=file_watch,
        announce=announce or log_lines,
        tracing=tracing,
    )
    return Application(
        settings=settings,
        services=services,
        http=http,
        websocket=websocket,
        starbelly=starbelly,
        bodies=ResponseBodies(lambda: services.bodies, links, authenticator, rates, budgets),
        probes=Probes(
            lambda: MetricSources(
                feeds=tuple(services.feeds),
                nodes=services.nodes,
                logs=services.logs,
                broadcaster=broadcaster,
                websockets=(websocket, starbelly),
                http=http,
                starbelly=streams,
            ),
            authenticator=authenticator,
            ready_stale_s=settings.ready_stale_s,
        ),
        guard=guard,
        cross_origin=cross_origin,
        answers=backend.answers,
        file_watch=file_watch,
        admission=admission,
        traffic=broadcaster.traffic,
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
