"""Subscriptions as event streams: the asyncio shell around `sse`.

```
 EventStreams ──── all of one server
   └─ _Stream ──── one for each response: its task waits until the client has gone, or it is over
        └─ Member ─ as on a WebSocket: no task, see `broadcaster`
```

Whatever a stream holds ends with it, and before its handler returns.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from typing import NamedTuple

from graphql import GraphQLError
from starlette.types import Receive, Scope, Send

from graphql_api.auth.principal import Principal
from graphql_api.execution import result_json
from graphql_api.execution.group import Member
from graphql_api.execution.runner import Asked, Results, SharedSubscription
from graphql_api.execution.sink import (
    WRITE_BUFFER_BYTES,
    ASGISink,
    response_message,
    sink_of,
)
from graphql_api.limits.cpu_budget import ClientBudget
from graphql_api.protocols import sse
from graphql_api.protocols.backend import Backend
from graphql_api.schema.errors import internal_error
from graphql_api.settings.connections import ConnectionSettings

log = logging.getLogger(__name__)


class Exchange(NamedTuple):
    """One request and its response, as ASGI has them; the request's body has been read."""

    scope: Scope
    receive: Receive
    send: Send


_HEADERS = [
    (b"content-type", b"text/event-stream; charset=utf-8"),
    (b"cache-control", b"no-cache"),
    (b"x-accel-buffering", b"no"),  # nginx would keep events back until its buffer is full
    (b"x-content-type-options", b"nosniff"),
]


_DEFAULT = ConnectionSettings.defaults()


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamLimits:
    """Limits on event streams, and how often each is kept alive.

    Attributes:
        keep_alive_s: How often a comment is sent, that proxies do not take a stream for dead.
        retry_s: How long a browser is to wait before it comes again.
        close_timeout_s: How long to wait until the connection takes the end of a stream.
        send_timeout_s: How long a client may take nothing, on a server without sinks; on others
            the sink's own limit counts.
        write_buffer_bytes: How much may wait for a client before it is not writable, the same.
    """

    keep_alive_s: float = _DEFAULT.sse_keep_alive_s
    retry_s: float = 1.0
    close_timeout_s: float = 1.0
    send_timeout_s: float = _DEFAULT.send_timeout_s
    write_buffer_bytes: int = WRITE_BUFFER_BYTES


class EventStreams:
    """The event streams of one server.

    Args:
        backend: What stands behind them.
        limits: Of each stream.
    """

    def __init__(self, backend: Backend, limits: StreamLimits | None = None) -> None:
        self._backend = backend
        self._streams: set[_Stream] = set()
        self._empty = asyncio.Event()
        self.limits = limits or StreamLimits()
        self.is_draining = False
        """Whether no more streams are to be begun."""

    def __len__(self) -> int:
        return len(self._streams)

    async def serve(
        self, asked: Asked, principal: Principal, budget: ClientBudget, exchange: Exchange
    ) -> None:
        """Answer a request by an event stream, until that is over or the client has gone.

        When the client's token ends, so does the stream, without `complete`: clients come again,
        with their next token if they have one.

        Raises:
            RequestError: The subscription did not come about; nothing has been sent.
        """
        stream = _Stream(exchange, budget, self.limits)
        self._streams.add(stream)
        session = self._backend.authenticator.session(principal, lambda _: stream.end())
        try:
            await stream.run(await self._backend.runner.begin(asked))
        finally:
            session.release()
            self._streams.discard(stream)
            if not self._streams:
                self._empty.set()

    async def close_all(self, *, spread_s: float = 0.0) -> None:
        """Begin no more streams, and end those that are open, one after the other.

        They end without `complete`, so clients come again, with the newest cursor if they are not
        behind. All are gone after `spread_s` and the
        time in which a connection has to take the end of its stream.

        Args:
            spread_s: Over what time, that clients do not all come back at once.
        """
        self.is_draining = True
        loop = asyncio.get_running_loop()
        started_at_s = loop.time()
        streams = [*self._streams]
        for i, stream in enumerate(streams):
            due_at_s = started_at_s + spread_s * i / len(streams)
            await asyncio.sleep(max(0.0, due_at_s - loop.time()))
            stream.bookmark()
            stream.end()
        # Streams that have begun while this was waiting.
        for stream in self._streams:
            stream.end()
        if self._streams:
            self._empty.clear()
            with suppress(TimeoutError):
                async with asyncio.timeout(2 * self.limits.close_timeout_s):
                    await self._empty.wait()


class _Stream:
    """One response that is an event stream; writes the results of its operation as events."""

    framing = sse.NEXT

    def __init__(self, exchange: Exchange, budget: ClientBudget, limits: StreamLimits) -> None:
        self._scope, self._receive, self._send = exchange
        self._limits = limits
        self._tasks = asyncio.TaskGroup()
        # The reader waits until then at most: for the next comment, or no longer than now.
        self._deadline: asyncio.Timeout | None = None
        self._is_over = False
        self._member: Member | None = None
        self.budget = budget
        self.sink = sink_of(
            self._scope,
            self._send,
            response_message,
            write_buffer_bytes=limits.write_buffer_bytes,
            send_timeout_s=limits.send_timeout_s,
        )

    def bookmark(self) -> None:
        """Send the newest cursor, if the client is not behind."""
        if self._member is not None and not self._is_over:
            self._member.bookmark()

    def end(self) -> None:
        """Stop, and end the response; soon, without waiting."""
        self._is_over = True
        if self._deadline is not None and not self._deadline.expired():
            self._deadline.reschedule(asyncio.get_running_loop().time())

    # What is sent.

    def next(self, payload: bytes) -> None:
        """Send one result."""
        self.sink.write_text(sse.next_event(payload))

    def fail(self, errors: Sequence[GraphQLError]) -> None:
        """Send the client what is wrong, and end the response."""
        self.next(result_json.errors(errors))
        self.complete()

    def complete(self) -> None:
        """End the response, as the client expects."""
        self.sink.write_text(sse.COMPLETE)
        self.end()

    async def _send_all(self, results: Results) -> None:
        try:
            await results.send(self)
        except Exception as error:  # noqa: BLE001 - it is logged there
            self.fail([internal_error(error, "an event stream")])

    # The response.

    async def run(self, begun: Results | SharedSubscription) -> None:
        """Send what an operation brings, until that is over or the client has gone."""
        with ExitStack() as stack:
            if isinstance(begun, SharedSubscription):
                stack.callback(begun.close)
            await self._send({"type": "http.response.start", "status": 200, "headers": _HEADERS})
            stack.pop_all()
        if self._scope["method"] == "GET":  # a browser; older clients of graphql-sse fail at it
            self.sink.write_text(sse.retry(self._limits.retry_s))
        async with self._tasks:
            writer = None
            if isinstance(self.sink, ASGISink):
                write = self._write(self.sink)
                writer = self._tasks.create_task(write, name="event stream writer")
            if isinstance(begun, SharedSubscription):
                self._member = begun.send(self)
                stop: Callable[[], object] = self._member.leave
            else:
                stop = self._tasks.create_task(self._send_all(begun), name="event stream").cancel
            try:
                has_gone = await self._listen()
            finally:
                stop()
            if not has_gone:
                await self._finish()
            if writer is not None:
                writer.cancel()

    async def _listen(self) -> bool:
        """Keep the stream alive until it is over (False), or the client has gone (True)."""
        try:
            while not self._is_over:
                with suppress(TimeoutError):
                    async with asyncio.timeout(self._limits.keep_alive_s) as self._deadline:
                        await self._gone()
                        return True
                self._keep_alive()
        finally:
            self._deadline = None
        return False

    def _keep_alive(self) -> None:
        if self.sink.is_writable and not self._is_over:
            self.sink.write_text(sse.KEEP_ALIVE)

    async def _gone(self) -> None:
        while (await self._receive())["type"] != "http.disconnect":
            pass

    async def _finish(self) -> None:
        """End the response, if the connection takes that in time."""
        limit_s = self._limits.close_timeout_s
        try:
            async with asyncio.timeout(limit_s):
                await self.sink.flush()
                await self._send({"type": "http.response.body", "body": b"", "more_body": False})
        except OSError:  # it takes nothing any more (TimeoutError is an OSError)
            self.sink.abort()
            with suppress(TimeoutError):
                async with asyncio.timeout(limit_s):
                    await self._gone()

    async def _write(self, sink: ASGISink) -> None:
        try:
            await sink.run()
        except OSError:
            pass  # the client has gone, or takes nothing
        except Exception:
            log.exception("an event stream ends, since its server does not send")
        self.end()
