"""A subscription that goes on over as many connections as it takes: asyncio around `protocol`."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Mapping
from dataclasses import dataclass
from random import Random
from typing import Any

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import WebSocketException
from websockets.typing import Subprotocol

from graphql_api.client.endpoint import Endpoint
from graphql_api.client.events import (
    PROBLEMS,
    Connected,
    Disconnected,
    Event,
    FeedProblem,
    Happening,
    State,
    Status,
    parse_event,
    parse_problem,
)
from graphql_api.client.failures import LostError, SubscriptionError, explain, refused_subprotocol
from graphql_api.client.protocol import (
    SUBPROTOCOL,
    ClientProtocol,
    OperationError,
    QueryResult,
    Result,
    SendText,
)
from graphql_api.client.table import FollowedTable
from graphql_api.errors import GraphQLAPIError

_ANSWER_TIMEOUT_S = 10.0
"""How long the server may take for the handshake, and then for the first result."""

_HEARTBEAT_S = 10.0
"""How often a ping is sent, and how long its pong may take."""

_CLOSE_TIMEOUT_S = 1.0

_ASK_AFTER_S, _ASK_AGAIN_S = 0.5, 2.0
"""How long a table may not be ready until the server is asked why, and then asked again."""

_DELAY_FIRST_S, _DELAY_MAX_S = 0.2, 10.0


@dataclass(frozen=True, slots=True)
class TableSubscription:
    """A table, and which of its rows are followed."""

    table: FollowedTable
    where: Mapping[str, Any] | None


async def follow(
    endpoint: Endpoint,
    subscription: TableSubscription,
    *,
    token: str | None = None,
    rng: Random,
) -> AsyncGenerator[Happening, None]:
    """Everything that happens to a subscription, without end; close it to end it.

    Each connection begins with Connected and is resumed by the last event's cursor; each failure,
    of a connection or of an attempt to make one, is a Disconnected. While the server cannot follow
    the table, each new reason for that is a FeedProblem.

    Args:
        endpoint: Where the server is.
        subscription: What to follow.
        token: A bearer token for the server.
        rng: Where chance comes from.

    Raises:
        SubscriptionError: It cannot go on, and would not if it were tried again.
    """
    since: str | None = None
    failures = 0
    while True:
        try:
            socket = await _connect(endpoint)
            try:
                if socket.subprotocol != SUBPROTOCOL:
                    raise refused_subprotocol(endpoint)
                variables = {"where": subscription.where, "since": since}
                protocol = ClientProtocol(subscription.table.document, variables, token)
                await socket.send(protocol.begin())
                conversation = _Conversation(socket, protocol, subscription.table)
                async with asyncio.timeout(_ANSWER_TIMEOUT_S):
                    happening = await conversation.next()
                yield Connected()
                while True:
                    if not isinstance(happening, FeedProblem):
                        since = happening.cursor
                    yield happening
                    if isinstance(happening, State) and happening.has_all_rows:
                        failures = 0  # not before, or one that always fails then is worn out
                    happening = await conversation.next()
            finally:
                await socket.close()  # `async with` closes by 1011 if the caller has ended it
        except SubscriptionError:
            raise
        except OperationError as error:
            if error.code != "BAD_CURSOR" or since is None:
                lost = _lost(error, endpoint, token)
            else:
                since, lost = None, LostError("the server does not know its own cursor")
        except (OSError, WebSocketException, GraphQLAPIError) as error:
            lost = _lost(error, endpoint, token)
        failures += 1
        yield Disconnected(str(lost))
        await asyncio.sleep(_delay_s(failures, rng))


def _delay_s(failures: int, rng: Random) -> float:
    """How long to wait after so many failures in a row: exponential back-off with jitter."""
    longest = min(_DELAY_MAX_S, _DELAY_FIRST_S * 2.0 ** min(failures - 1, 30))
    return longest * rng.uniform(0.5, 1.0)


def _lost(error: Exception, endpoint: Endpoint, token: str | None) -> LostError:
    """Why the connection is lost.

    Raises:
        SubscriptionError: It will not come back.
    """
    explained = explain(error, endpoint, has_token=token is not None)
    if isinstance(explained, SubscriptionError):
        raise explained from error
    return explained


def _connect(endpoint: Endpoint) -> connect:
    return connect(
        endpoint.url,
        subprotocols=[Subprotocol(SUBPROTOCOL)],
        open_timeout=_ANSWER_TIMEOUT_S,
        ping_interval=_HEARTBEAT_S,
        ping_timeout=_HEARTBEAT_S,
        close_timeout=_CLOSE_TIMEOUT_S,
        max_size=None,  # a row may be as long as it likes
        proxy=None if endpoint.is_loopback else True,
    )


class _Conversation:
    """One connection's exchange with a server. It is asked why, while a table is not ready."""

    def __init__(
        self, socket: ClientConnection, protocol: ClientProtocol, table: FollowedTable
    ) -> None:
        self._socket = socket
        self._protocol = protocol
        self._table = table
        self._is_ready = True
        self._ask_at: float | None = None
        """When to ask next, by the loop's clock; None while it is not due, or an answer is."""
        self._problem: FeedProblem | None = None

    async def next(self) -> Event | FeedProblem:
        """The next event of the subscription, or the next other reason why there is none."""
        while True:
            try:
                async with asyncio.timeout_at(self._ask_at):
                    text = await self._socket.recv()  # no message is lost if it is cancelled
            except TimeoutError:
                self._ask_at = None
                await self._socket.send(self._protocol.ask(PROBLEMS))
                continue
            match self._protocol.receive(text):
                case SendText(reply):
                    await self._socket.send(reply)
                case Result(data):
                    event = parse_event(self._table, data)
                    if isinstance(event, State):
                        self._take_status(event.status)
                    return event
                case QueryResult(data):
                    problem = parse_problem(self._table, data)
                    if not self._is_ready:
                        self._ask_in(_ASK_AGAIN_S)
                        if problem not in (None, self._problem):
                            self._problem = problem
                            return problem

    def _take_status(self, status: Status) -> None:
        was_ready, self._is_ready = self._is_ready, status is Status.READY
        if self._is_ready:
            self._ask_at = self._problem = None
        elif was_ready:
            self._ask_in(_ASK_AFTER_S)

    def _ask_in(self, seconds: float) -> None:
        self._ask_at = asyncio.get_running_loop().time() + seconds
