"""Probes and metrics: is the server alive, should it have clients, how does it do."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from typing import Any

from prometheus_client.exposition import choose_encoder
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from graphql_api.auth.authenticator import Authenticator
from graphql_api.auth.principal import ANYBODY
from graphql_api.errors import UnauthenticatedError
from graphql_api.feeds.events import FeedStatus
from graphql_api.feeds.feed import Feed
from graphql_api.headers import joined_lines
from graphql_api.metrics import MetricSources, registry
from graphql_api.scopes import Scope
from graphql_api.tables import TABLES

HEALTH, READINESS, METRICS = "/healthz", "/readyz", "/metrics"


_NEEDED_TO_READ = {table.name: table.needed_to_read for table in TABLES}


class Probes:
    """`/healthz`, `/readyz` and `/metrics`.

    Args:
        sources: Gives what the figures are read from, while the server runs.
        authenticator: Decides who may have the metrics.
        ready_stale_s: How long a feed may be stale before clients had better go elsewhere.
    """

    def __init__(
        self,
        sources: Callable[[], MetricSources],
        *,
        authenticator: Authenticator,
        ready_stale_s: float,
    ) -> None:
        self._sources = sources
        self._authenticator = authenticator
        self._ready_stale_s = ready_stale_s
        self.is_draining = False
        """Whether the server is about to end."""

    async def health(self, _: Request) -> Response:
        """200 while the event loop has its turns."""
        return PlainTextResponse("ok\n")

    async def readiness(self, request: Request) -> Response:
        """Whether to send clients here: 200, or 503 and why. Names every stale table.

        Why names hosts only for a client with a token that allows to read the table.
        """
        if self.is_draining:
            return PlainTextResponse("shutting down\n", 503)
        scopes = self._scopes(request)
        feeds = [(feed, _why(feed, scopes)) for feed in self._sources().feeds]
        reasons = [self._reason(feed, why) for feed, why in feeds]
        if text := "; ".join(filter(None, reasons)):
            return PlainTextResponse(f"{text}\n", 503)
        stale = [_staleness(feed, why) for feed, why in feeds if feed.stale_s]
        return PlainTextResponse("; ".join(["ready", *stale]) + "\n")

    def _scopes(self, request: Request) -> frozenset[Scope]:
        """The scopes of a request's token; none without a token, and where none is needed."""
        if "authorization" in request.headers:
            with suppress(UnauthenticatedError):
                principal = self._authenticator.principal(request.scope)
                if principal is not ANYBODY:
                    return principal.scopes
        return frozenset()

    async def metrics(self, request: Request) -> Response:
        """The figures for Prometheus.

        Where there is access control, they need a token. The figures of a table are left out unless
        the token's scopes allow to read the table, and those of the database's nodes unless they
        allow to read any.
        """
        try:
            principal = self._authenticator.principal(request.scope)
        except UnauthenticatedError as error:
            return PlainTextResponse(f"{error}\n", 401, {"www-authenticate": "Bearer"})
        every = self._sources()
        shown = [
            feed for feed in every.feeds if _NEEDED_TO_READ[feed.table.name] <= principal.scopes
        ]
        sources = replace(every, feeds=shown, nodes=every.nodes if shown else None)
        encode, content_type = choose_encoder(joined_lines(request.headers, "accept"))
        figures = registry(sources)
        return Response(encode(figures), headers={"content-type": content_type})

    def _reason(self, feed: Feed[Any, Any], why: str) -> str | None:
        """Why a feed is not fit for clients."""
        if feed.status is FeedStatus.INITIALIZING:
            return f"the table {feed.table.name} is not read yet{why}"
        if feed.stale_s > self._ready_stale_s:
            return _staleness(feed, why)
        return None


def _staleness(feed: Feed[Any, Any], why: str) -> str:
    return f"the table {feed.table.name} has been stale for {feed.stale_s:.0f} s{why}"


def _why(feed: Feed[Any, Any], scopes: frozenset[Scope]) -> str:
    if feed.problem is None:
        return ""
    may_read = bool(scopes) and _NEEDED_TO_READ[feed.table.name] <= scopes
    return f": {feed.problem if may_read else feed.problem.summary}"
