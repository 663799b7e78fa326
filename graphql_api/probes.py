"""What those ask for who watch the server: is it alive, should it have clients, how does it do."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

from prometheus_client.exposition import choose_encoder
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from graphql_api.auth.authenticator import Authenticator
from graphql_api.errors import UnauthenticatedError
from graphql_api.execution.broadcaster import Broadcaster
from graphql_api.feeds.events import FeedStatus
from graphql_api.feeds.feed import Feed
from graphql_api.feeds.feeds import Feeds
from graphql_api.headers import joined_lines
from graphql_api.log_feeds.log_feeds import LogFeeds
from graphql_api.metrics import registry
from graphql_api.protocols.event_stream import EventStreams
from graphql_api.protocols.websocket import GraphQLTransportWS
from graphql_api.tables import TABLES

GetFeeds: TypeAlias = Callable[[], tuple[Feeds, LogFeeds]]
"""Gives a server's feeds and logs, while it runs."""

HEALTH, READINESS, METRICS = "/healthz", "/readyz", "/metrics"


_NEEDED_TO_READ = {table.name: table.needed_to_read for table in TABLES}


class Probes:
    """`/healthz`, `/readyz` and `/metrics`.

    Args:
        feeds: Gives the server's feeds and logs, while it runs.
        broadcaster: The server's.
        websocket: The server's.
        streams: The server's.
        authenticator: Decides who may have the metrics.
        ready_stale_s: How long a feed may be stale before clients had better go elsewhere.
    """

    def __init__(
        self,
        feeds: GetFeeds,
        broadcaster: Broadcaster,
        websocket: GraphQLTransportWS,
        streams: EventStreams,
        authenticator: Authenticator,
        *,
        ready_stale_s: float,
    ) -> None:
        self._feeds = feeds
        self._authenticator = authenticator
        self._ready_stale_s = ready_stale_s
        self._broadcaster = broadcaster
        self._websocket = websocket
        self._streams = streams
        self.is_draining = False
        """Whether the server is about to end."""

    async def health(self, _: Request) -> Response:
        """200 while the event loop has its turns."""
        return PlainTextResponse("ok\n")

    async def readiness(self, _: Request) -> Response:
        """Whether to send clients here: 200, or 503 and why. Names every stale table."""
        feeds = self._feeds()[0]
        reasons = ["shutting down"] if self.is_draining else [*map(self._reason, feeds)]
        if text := "; ".join(filter(None, reasons)):
            return PlainTextResponse(f"{text}\n", 503)
        stale = [_staleness(feed) for feed in feeds if feed.stale_s]
        return PlainTextResponse("; ".join(["ready", *stale]) + "\n")

    async def metrics(self, request: Request) -> Response:
        """The figures for Prometheus.

        Where there is access control, they need a token. The figures of a table are left out unless
        the token's scopes allow to read the table.
        """
        try:
            principal = self._authenticator.principal(request.scope)
        except UnauthenticatedError as error:
            return PlainTextResponse(f"{error}\n", 401, {"www-authenticate": "Bearer"})
        feeds, logs = self._feeds()
        shown = [feed for feed in feeds if _NEEDED_TO_READ[feed.table.name] <= principal.scopes]
        encode, content_type = choose_encoder(joined_lines(request.headers, "accept"))
        figures = registry(shown, logs, self._broadcaster, self._websocket, self._streams)
        return Response(encode(figures), headers={"content-type": content_type})

    def _reason(self, feed: Feed[Any, Any]) -> str | None:
        """Why a feed is not fit for clients."""
        if feed.status is FeedStatus.INITIALIZING:
            return f"the table {feed.table.name} is not read yet{_why(feed)}"
        if feed.stale_s > self._ready_stale_s:
            return _staleness(feed)
        return None


def _staleness(feed: Feed[Any, Any]) -> str:
    return f"the table {feed.table.name} has been stale for {feed.stale_s:.0f} s{_why(feed)}"


def _why(feed: Feed[Any, Any]) -> str:
    return "" if feed.problem is None else f": {feed.problem.summary}"
