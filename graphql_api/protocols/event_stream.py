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
from collections.abc import AsyncGenerator, AsyncIterable, Callable, Sequence
from contextlib import ExitStack, aclosing, suppress
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple, TypeAlias

from graphql import GraphQLError, map_source_to_response_event
from starlette.types import Receive, Scope, Send
from strawberry.types import ExecutionResult

from graphql_api.auth.authenticator import Access
from graphql_api.auth.principal import Principal
from graphql_api.documents.documents import Document
from graphql_api.documents.request import Request
from graphql_api.execution import result_json
from graphql_api.execution.broadcaster import FanOut
from graphql_api.execution.group import GroupKey, group_key
from graphql_api.execution.member import SharedSource
from graphql_api.execution.operation import RequestError, SubscriptionExecution
from graphql_api.execution.sink import (
    WRITE_BUFFER_BYTES,
    ASGIOutlet,
    outlet_of,
    response_message,
    writable,
)
from graphql_api.limits.cpu_budget import ClientBudget
from graphql_api.protocols import sse
from graphql_api.schema import APISchema, Context
from graphql_api.schema.errors import internal_error

log = logging.getLogger(__name__)

Stop: TypeAlias = Callable[[], object]
"""Ends what has been begun, at once."""


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


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamLimits:
    """How event streams are kept alive, and ended.

    Attributes:
        keep_alive_s: How often a comment is sent, that proxies do not take a stream for dead.
        retry_s: How long a browser is to wait before it comes again.
        close_timeout_s: How long to wait until the connection takes the end of a stream.
        send_timeout_s: How long a client may take nothing, on a server without outlets; on others
            the outlet's own limit counts.
        write_buffer_bytes: How much may wait for a client before it is not writable, the same.
    """

    keep_alive_s: float = 12.0
    retry_s: float = 1.0
    close_timeout_s: float = 1.0
    send_timeout_s: float = 10.0
    write_buffer_bytes: int = WRITE_BUFFER_BYTES


class EventStreams:
    """All event streams of one server.

    Args:
        schema: What to execute subscriptions on.
        fan_out: What serves subscriptions to feeds; its owner has entered it.
        access: Decides how long a client is served.
        limits: Of each stream.
    """

    def __init__(
        self,
        schema: APISchema,
        fan_out: FanOut,
        access: Access,
        *,
        limits: StreamLimits | None = None,
    ) -> None:
        self._streams: set[_Stream] = set()
        self._empty = asyncio.Event()
        self.schema = schema
        self.fan_out = fan_out
        self.access = access
        self.limits = limits or StreamLimits()
        self.is_draining = False
        """Whether no more streams are to be begun."""

    def __len__(self) -> int:
        return len(self._streams)

    async def serve(
        self,
        request: Request,
        document: Document,
        context: Context,
        principal: Principal,
        exchange: Exchange,
        *,
        budget: ClientBudget | None = None,
    ) -> None:
        """Answer a request by an event stream, until that is over or the client has gone.

        When the client's token ends, so does the stream, without `complete`: clients come again,
        with their next token if they have one.

        Raises:
            RequestError: The subscription did not come about; nothing has been sent.
        """
        stream = _Stream(self, request, document, context, exchange, budget=budget)
        self._streams.add(stream)
        hold = self.access.hold(principal, lambda _: stream.end())
        try:
            await stream.run()
        finally:
            hold.release()
            self._streams.discard(stream)
            if not self._streams:
                self._empty.set()

    async def close_all(self, *, spread_s: float = 0.0) -> None:
        """Begin no more streams, and end those that are open, one after the other.

        They end without `complete`, so clients come again. All are gone after `spread_s` and the
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
            stream.end()
        # Whoever has been let in while this was waiting.
        for stream in self._streams:
            stream.end()
        if self._streams:
            self._empty.clear()
            with suppress(TimeoutError):
                async with asyncio.timeout(2 * self.limits.close_timeout_s):
                    await self._empty.wait()


class _Stream:
    """One response that is an event stream."""

    def __init__(
        self,
        streams: EventStreams,
        request: Request,
        document: Document,
        context: Context,
        exchange: Exchange,
        *,
        budget: ClientBudget | None,
    ) -> None:
        self._streams = streams
        self._budget = budget
        self._request = request
        self._document = document
        self._context = context
        self._scope, self._receive, self._send = exchange
        self._limits = streams.limits
        self._outlet = outlet_of(
            self._scope,
            self._send,
            response_message,
            write_buffer_bytes=self._limits.write_buffer_bytes,
            send_timeout_s=self._limits.send_timeout_s,
        )
        self._tasks = asyncio.TaskGroup()
        # The reader waits until then at most: for the next comment, or no longer than now.
        self._deadline: asyncio.Timeout | None = None
        self._is_over = False

    async def run(self) -> None:
        """Serve the subscription until it is over, or the client has gone.

        Raises:
            RequestError: It did not come about.
        """
        execution = SubscriptionExecution(
            self._streams.schema, self._request, self._document, self._context
        )
        if not execution.is_composable:
            await self._respond(partial(self._follow, self._execute()))
            return
        with ExitStack() as stack:
            stack.enter_context(execution.operation())
            source = await execution.subscribe()
            if isinstance(source, SharedSource):
                key = group_key(self._request, self._document, self._context)
                unserved = stack.enter_context(ExitStack())
                unserved.callback(source.close)
                await self._respond(partial(self._join, key, execution, source, stack, unserved))
            else:
                await self._respond(partial(self._follow, _results(execution, source)))

    def end(self) -> None:
        """Stop, and end the response; soon, without waiting."""
        self._is_over = True
        if self._deadline is not None and not self._deadline.expired():
            self._deadline.reschedule(asyncio.get_running_loop().time())

    # What is sent.

    def _join(
        self,
        key: GroupKey,
        execution: SubscriptionExecution,
        source: SharedSource,
        operation: ExitStack,
        unserved: ExitStack,
    ) -> Stop:
        """Serve the subscription with all others that are equal."""
        unserved.pop_all()
        member = self._streams.fan_out.join(
            key,
            execution,
            source,
            self._outlet,
            framing=sse.NEXT,
            on_failure=lambda error: self._fail(error.errors),
            on_leave=operation.pop_all().close if execution.has_hooks else None,
            budget=self._budget,
        )
        return member.leave

    def _follow(self, results: AsyncGenerator[bytes]) -> Stop:
        """Serve the subscription alone."""
        return self._tasks.create_task(self._send_all(results), name="event stream").cancel

    async def _send_all(self, results: AsyncGenerator[bytes]) -> None:
        try:
            async with aclosing(results):
                async for payload in results:
                    await writable(self._outlet)
                    self._outlet.write_text(sse.next_event(payload))
        except RequestError as error:
            self._fail(error.errors)
        except Exception as error:  # noqa: BLE001 - it is logged there
            self._fail([internal_error(error, "an event stream")])
        else:
            self._complete()

    async def _execute(self) -> AsyncGenerator[bytes]:
        """What Strawberry itself makes of the subscription."""
        results = await self._streams.schema.stream(
            self._document.text,
            variable_values=self._request.variables,
            context_value=self._context,
            operation_name=self._request.operation_name,
            operation_extensions=self._request.extensions,
        )
        async with aclosing(results):
            async for result in results:
                assert isinstance(result, ExecutionResult), "no incremental delivery"
                yield result_json.execution_result(result.data, result.errors, result.extensions)

    def _fail(self, errors: Sequence[GraphQLError]) -> None:
        self._outlet.write_text(sse.next_event(result_json.errors(errors)))
        self._complete()

    def _complete(self) -> None:
        self._outlet.write_text(sse.COMPLETE)
        self.end()

    # The response.

    async def _respond(self, begin: Callable[[], Stop]) -> None:
        """Send what `begin` begins, until that is over or the client has gone."""
        await self._send({"type": "http.response.start", "status": 200, "headers": _HEADERS})
        if self._scope["method"] == "GET":  # a browser; older clients of graphql-sse fail at it
            self._outlet.write_text(sse.retry(self._limits.retry_s))
        async with self._tasks:
            writer = None
            if isinstance(self._outlet, ASGIOutlet):
                write = self._write(self._outlet)
                writer = self._tasks.create_task(write, name="event stream writer")
            stop = begin()
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
        if self._outlet.is_writable and not self._is_over:
            self._outlet.write_text(sse.KEEP_ALIVE)

    async def _gone(self) -> None:
        while (await self._receive())["type"] != "http.disconnect":
            pass

    async def _finish(self) -> None:
        """End the response, if the connection takes that in time."""
        limit_s = self._limits.close_timeout_s
        try:
            async with asyncio.timeout(limit_s):
                await self._outlet.flush()
                await self._send({"type": "http.response.body", "body": b"", "more_body": False})
        except OSError:  # it takes nothing any more (TimeoutError is an OSError)
            self._outlet.abort()
            with suppress(TimeoutError):
                async with asyncio.timeout(limit_s):
                    await self._gone()

    async def _write(self, outlet: ASGIOutlet) -> None:
        try:
            await outlet.run()
        except OSError:
            pass  # the client has gone, or takes nothing
        except Exception:
            log.exception("an event stream ends, since its server does not send")
        self.end()


async def _results(
    execution: SubscriptionExecution, source: AsyncIterable[object]
) -> AsyncGenerator[bytes]:
    """What comes of each event of a source that nobody else has.

    Raises:
        RequestError: The source failed.
    """
    results = map_source_to_response_event(execution.executor, source)
    try:
        async with aclosing(results):
            async for result in results:
                yield execution.encode(result)
    except Exception as error:
        raise execution.failed(error) from error
