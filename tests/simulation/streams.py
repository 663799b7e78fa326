"""Clients of responses that go on, for the simulation: what a Subscriber says, said over HTTP.

A Subscriber speaks graphql-transport-ws. These connections take its messages and give it others,
but on their way all is HTTP:

```
 MULTIPART          subscribe ─▶ POST, whose response has the results     as Apollo's HttpLink
 SINGLE_CONNECTION  opened ─▶ PUT, GET; subscribe ─▶ POST                 as graphql-sse's client
```

When one of its responses is lost, a connection is lost: it forgets them all, and begins again.
"""

from __future__ import annotations

import asyncio
import json
import random
from abc import abstractmethod
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import h11

from tests.simulation.client import Connection, Message
from tests.simulation.tcp import Transport

if TYPE_CHECKING:
    from tests.simulation.subscribers import Subscriber

MULTIPART, SINGLE_CONNECTION = "multipart", "single connection"

ENDED = 1000
"""What a stream of graphql-sse ends with that is ended by its server, for whatever reason."""

_API_PORT = 8000
_SILENT_S = 40.0
"""How long a stream may be silent; it is sent something every 12 s at least."""
_ANSWER_S = 10.0
"""How long a server may take to answer at all."""
_LAST_WORDS_S = 4.0
"""How long a response may go on when its server takes no requests any more."""
_LOST, _RESTART, _FORBIDDEN = 1006, 1012, 4403
_CODES = {"SHUTTING_DOWN": _RESTART, "UNAUTHENTICATED": _FORBIDDEN}
_GONE = (404, 409)


_SHARE = 0.2
"""How many of the stories have clients that subscribe over HTTP."""


def transports_of(seed: int, clients: int) -> tuple[str, ...]:
    """How each client of a seed subscribes; empty, if all do so by WebSocket."""
    rng = random.Random(f"transports {seed}")
    if rng.random() >= _SHARE:
        return ()
    return tuple(rng.choice(("", MULTIPART, SINGLE_CONNECTION)) for _ in range(clients))


class Exchange(asyncio.Protocol):
    """A request on a connection of its own, and its response as it comes.

    Args:
        request: Method and target.
        headers: Besides those that every request has.
        body: The request's.
        on_data: Called with each part of the response's body.
        on_end: Called once, when nothing more comes.

    Attributes:
        status: The response's; 0 until its head has come.
        is_complete: Whether the response has come to its end.
    """

    def __init__(
        self,
        request: tuple[str, str],
        headers: Mapping[str, str],
        body: bytes,
        on_data: Callable[[Exchange, bytes], None],
        on_end: Callable[[Exchange], None],
    ) -> None:
        self._http = h11.Connection(h11.CLIENT)
        length = {"Content-Length": str(len(body))} if body else {}
        method, target = request
        self._request = h11.Request(
            method=method,
            target=target,
            headers=[*{"Host": "localhost", **length, **headers}.items()],
        )
        self._body = body
        self._on_data = on_data
        self._on_end = on_end
        self._transport: Transport | None = None
        self.status = 0
        self.media_type = ""
        self.content = bytearray()
        self.is_complete = self.is_over = self.is_paused = False
        self.heard_s = asyncio.get_running_loop().time()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Send the request."""
        assert isinstance(transport, Transport)
        self._transport = transport
        if self.is_over:
            transport.abort()
            return
        if self.is_paused:
            transport.pause_reading()
        for event in (self._request, h11.Data(self._body), h11.EndOfMessage()):
            transport.write(self._http.send(event) or b"")

    def data_received(self, data: bytes) -> None:
        """Read what has come of the response."""
        self.heard_s = asyncio.get_running_loop().time()
        self._http.receive_data(data)
        while not self.is_over:
            event = self._http.next_event()
            if isinstance(event, h11.Response):
                self.status = event.status_code
                types = [value for name, value in event.headers if name == b"content-type"]
                self.media_type = types[0].decode().partition(";")[0] if types else ""
            elif isinstance(event, h11.Data):
                self._on_data(self, bytes(event.data))
            elif isinstance(event, h11.EndOfMessage):
                self.is_complete = True
                self._finish()
            else:
                return

    def eof_received(self) -> bool:
        """Let the connection end."""
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        """Nothing more comes."""
        if not self.is_over:
            self.is_over = True
            self._on_end(self)

    def _finish(self) -> None:
        self.is_over = True
        if self._transport is not None:
            self._transport.close()
        self._on_end(self)

    def abort(self) -> None:
        """Drop the connection, without calling anything."""
        self.is_over = True
        if self._transport is not None:
            self._transport.abort()

    def pause_reading(self) -> None:
        """Read nothing more."""
        self.is_paused = True
        if self._transport is not None:
            self._transport.pause_reading()

    def resume_reading(self) -> None:
        """Read again."""
        self.is_paused = False
        if self._transport is not None:
            self._transport.resume_reading()


class StreamingConnection(Connection):
    """What a Subscriber takes for a socket.

    Args:
        subscriber: The client, whose methods are called as by a socket.
        on_message: Called with each message.
        on_end: Called once, with a close code.
    """

    def __init__(
        self,
        subscriber: Subscriber,
        on_message: Callable[[Message], None],
        on_end: Callable[[int], None],
    ) -> None:
        self._subscriber = subscriber
        self._loop = subscriber.world.loop
        self._on_message = on_message
        self._on_end = on_end
        self._exchanges: dict[Exchange, None] = {}
        self._streams: dict[str, Exchange] = {}
        self._headers: dict[str, str] = {}
        self._since: dict[str, str] = {}
        self._failed: set[str] = set()
        self._is_over = self._is_paused = False

    async def open(self) -> None:
        """Wait until the server answers.

        Raises:
            OSError: It does not.
        """
        answered: asyncio.Future[None] = self._loop.create_future()
        probe = Exchange(("GET", "/healthz"), {}, b"", _keep, lambda _: answered.set_result(None))
        network, host = self._subscriber.world.network, self._subscriber.server_host
        await network.connect(lambda: probe, host, _API_PORT)
        try:
            async with asyncio.timeout(_ANSWER_S):
                await answered
        finally:
            probe.abort()
        if not probe.is_complete:
            raise OSError(104, "the connection was lost")

    # What the client calls.

    def send(self, message: Message) -> None:
        """Do over HTTP what a message asks for."""
        if self._is_over:
            return
        match message["type"]:
            case "connection_init":
                payload = message["payload"]
                if "authorization" in payload:
                    self._headers["Authorization"] = payload["authorization"]
                self._since = dict(payload.get("since", {}))
                self._begin()
            case "ping":
                now_s = self._loop.time()
                is_heard = all(now_s - each.heard_s <= _SILENT_S for each in self._exchanges)
                if is_heard and self._subscriber.is_acknowledged:
                    self._on_message({"type": "pong"})
            case "subscribe":
                self._subscribe(message["id"], message["payload"])
            case "complete":
                self._stop(message["id"])

    def abort(self) -> None:
        """Drop everything."""
        self._lose(_LOST)

    def leave(self, *, politely: bool) -> None:
        """Go away."""
        self._lose(_LOST)

    def pause_reading(self) -> None:
        """Read nothing more."""
        self._is_paused = True
        for exchange in self._exchanges:
            exchange.pause_reading()

    def resume_reading(self) -> None:
        """Read again."""
        self._is_paused = False
        for exchange in [*self._exchanges]:
            exchange.resume_reading()

    @property
    def is_established(self) -> bool:
        """Whether a server that stops has something to end."""
        return bool(self._streams) and all(
            each in self._streams.values() and each.status == 200 for each in self._exchanges
        )

    # What each kind does in its own way.

    @abstractmethod
    def _begin(self) -> None:
        """The client has said who it is: be acknowledged."""

    @abstractmethod
    def _subscribe(self, id_: str, payload: Message) -> None:
        """Begin an operation."""

    @abstractmethod
    def _stop(self, id_: str) -> None:
        """End one."""

    # Exchanges.

    def _ask(
        self,
        method: str,
        target: str,
        on_end: Callable[[Exchange], None],
        on_data: Callable[[Exchange, bytes], None] | None = None,
        *,
        payload: Message | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Exchange:
        body = b"" if payload is None else json.dumps(payload).encode()
        of_body = {"Content-Type": "application/json"} if body else {}

        def ended(exchange: Exchange) -> None:
            self._exchanges.pop(exchange, None)
            if not self._is_over:
                on_end(exchange)

        exchange = Exchange(
            (method, target),
            {**self._headers, **of_body, **(headers or {})},
            body,
            on_data or _keep,
            ended,
        )
        exchange.is_paused = self._is_paused
        self._exchanges[exchange] = None
        self._subscriber.process.spawn(self._connect(exchange), self._subscriber.name)
        return exchange

    async def _connect(self, exchange: Exchange) -> None:
        world, host = self._subscriber.world, self._subscriber.server_host
        try:
            await world.network.connect(lambda: exchange, host, _API_PORT)
        except OSError:
            exchange.connection_lost(None)
        else:
            if self._subscriber.api is not world.apis.get(host):
                self._lose(_LOST)  # the responses of the run before are lost, silently perhaps

    def _lose(self, code: int) -> None:
        if not self._is_over:
            self._is_over = True
            for exchange in [*self._exchanges]:
                exchange.abort()
            self._exchanges.clear()
            self._on_end(code)

    def _give(self, id_: str, result: Message) -> None:
        """Pass a result on, or what ends everything."""
        errors = result.get("errors") or []
        codes = {error.get("extensions", {}).get("code") for error in errors}
        for code, close_code in _CODES.items():
            if code in codes:
                self._lose(close_code)
                return
        if "data" in result:
            self._on_message({"type": "next", "id": id_, "payload": result})
        else:
            self._failed.add(id_)
            self._on_message({"type": "error", "id": id_, "payload": errors})

    def _complete(self, id_: str) -> None:
        """Say that an operation is over, unless it is known to have failed."""
        if id_ in self._failed:
            self._failed.discard(id_)
        else:
            self._on_message({"type": "complete", "id": id_})

    def _lose_soon(self) -> None:
        """A request found no server: what goes on will end, for a reason of its own."""
        self._loop.call_later(_LAST_WORDS_S, self._lose, _LOST)

    def _take_refusal(self, exchange: Exchange) -> None:
        """A response that is none of an operation."""
        if exchange.is_complete and exchange.media_type == "application/json":
            self._give("", json.loads(exchange.content))
        if not self._is_over:
            self._lose(_LOST)


class MultipartConnection(StreamingConnection):
    """Each operation is a request, whose response has its results."""

    _OPENING, _HEAD, _LAST = b"--graphql", b"\r\ncontent-type: application/json\r\n\r\n", b"--"

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self._ids: dict[Exchange, str] = {}

    def _begin(self) -> None:
        self._on_message({"type": "connection_ack"})

    def _subscribe(self, id_: str, payload: Message) -> None:
        since = self._since.pop(id_, None)
        headers = {"Accept": "multipart/mixed;subscriptionSpec=1.0, application/json"}
        if since is not None:
            headers["Last-Event-ID"] = since
        exchange = self._ask(
            "POST", "/graphql", self._ended, self._take, payload=payload, headers=headers
        )
        self._ids[exchange] = id_
        if payload["query"].startswith("subscription"):
            self._streams[id_] = exchange

    def _stop(self, id_: str) -> None:
        exchange = self._streams.pop(id_, None)
        if exchange is not None:
            self._exchanges.pop(exchange, None)
            self._ids.pop(exchange, None)
            exchange.abort()

    def _take(self, exchange: Exchange, data: bytes) -> None:
        exchange.content += data
        if exchange.media_type != "multipart/mixed":
            return
        boundary = b"\r\n" + self._OPENING
        while not exchange.is_over and not self._is_over:
            # The first boundary has no line before it; what follows one is the next part.
            part, found, rest = bytes(exchange.content).partition(boundary)
            if not found:
                break
            exchange.content = bytearray(rest)
            self._take_part(exchange, part.removeprefix(self._OPENING))

    def _take_part(self, exchange: Exchange, part: bytes) -> None:
        assert part.startswith(self._HEAD), part
        member = json.loads(part.removeprefix(self._HEAD))
        if not member:
            return  # a heartbeat
        result = member["payload"]
        if result is None:  # the server ends it
            self._give("", {"errors": member["errors"]})
        else:
            self._give(self._ids[exchange], result)

    def _ended(self, exchange: Exchange) -> None:
        id_ = self._ids.pop(exchange)
        is_stream = self._streams.get(id_) is exchange
        if is_stream:
            del self._streams[id_]
        is_answered = exchange.is_complete
        if (
            is_answered
            and exchange.media_type == "application/json"
            and exchange.status in (200, 400)
        ):
            self._give(id_, json.loads(exchange.content))
        elif is_answered and exchange.content.startswith(self._LAST):
            self._complete(id_)
        elif is_answered and exchange.status != 200:
            self._take_refusal(exchange)
        elif is_stream and not exchange.status:
            self._lose_soon()
        elif is_stream:
            self._lose(_LOST)
        else:
            self._on_message({"type": "lost", "id": id_})


class SingleConnection(StreamingConnection):
    """All operations have one event stream, which is reserved first."""

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self._begun: dict[Exchange, str] = {}
        self._unwanted: set[str] = set()

    def _begin(self) -> None:
        self._ask("PUT", "/graphql", self._reserved)

    def _reserved(self, exchange: Exchange) -> None:
        if exchange.status != 201 or not exchange.is_complete:
            self._take_refusal(exchange)
            return
        self._headers["X-GraphQL-Event-Stream-Token"] = exchange.content.decode()
        accept = {"Accept": "text/event-stream"}
        self._streams[""] = self._ask("GET", "/graphql", self._ended, self._take, headers=accept)

    def _subscribe(self, id_: str, payload: Message) -> None:
        since = self._since.pop(id_, None)
        if since is not None:
            payload = {**payload, "variables": {**payload["variables"], "since": since}}
        payload = {**payload, "extensions": {"operationId": id_}}
        exchange = self._ask("POST", "/graphql", self._accepted, payload=payload)
        self._begun[exchange] = id_

    def _accepted(self, exchange: Exchange) -> None:
        id_ = self._begun.pop(exchange)
        if exchange.status == 202:
            if id_ in self._unwanted:
                self._unwanted.discard(id_)
                self._stop(id_)
            return
        api = self._subscriber.api
        is_stopping = api is None or api.is_stopping or not api.process.is_alive
        # uvicorn's answer to what was not done at the end of the grace period
        is_given_up = is_stopping and exchange.content == b"Internal Server Error"
        if exchange.is_complete and exchange.status not in _GONE and not is_given_up:
            self._give(id_, json.loads(exchange.content))
        else:
            self._lose_soon()

    def _stop(self, id_: str) -> None:
        if id_ in self._begun.values():
            self._unwanted.add(id_)  # the requests could overtake each other
        else:
            self._ask("DELETE", f"/graphql?operationId={quote(id_)}", _ignore_end)

    def _take(self, exchange: Exchange, data: bytes) -> None:
        if exchange.status != 200:
            exchange.content += data
            return
        if not self._subscriber.is_acknowledged:
            self._on_message({"type": "connection_ack"})
        exchange.content += data
        while not self._is_over:
            event, found, rest = bytes(exchange.content).partition(b"\n\n")
            if not found:
                break
            exchange.content = bytearray(rest)
            self._take_event(event.decode())

    def _take_event(self, event: str) -> None:
        fields = dict(line.split(": ", 1) for line in event.split("\n") if ": " in line)
        if "data" not in fields:
            return
        data = json.loads(fields["data"])
        if fields["event"] == "complete":
            self._complete(data["id"])
        else:
            self._give(data["id"], data["payload"])

    def _ended(self, exchange: Exchange) -> None:
        del self._streams[""]
        if exchange.status not in (0, 200):
            self._take_refusal(exchange)
        else:
            self._lose(ENDED if exchange.is_complete else _LOST)


CONNECTIONS: Mapping[str, type[StreamingConnection]] = {
    MULTIPART: MultipartConnection,
    SINGLE_CONNECTION: SingleConnection,
}
"""By the name of the transport."""


def _keep(exchange: Exchange, data: bytes) -> None:
    exchange.content += data


def _ignore_end(_: Exchange) -> None:
    pass
