"""One HTTP response that goes on: its sink, its heartbeat and its end, whatever its format."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import NamedTuple, TypeAlias

from graphql import GraphQLError
from starlette.types import Receive, Scope, Send

from graphql_api.execution.responder import Framing
from graphql_api.execution.sink import sink_of
from graphql_api.limits.client_limits import ClientLimits


class Exchange(NamedTuple):
    """One request and its response, as ASGI has them; the request's body has been read."""

    scope: Scope
    receive: Receive
    send: Send


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamFormat:
    """The format in which results are written into a response.

    Attributes:
        content_type: That of the response.
        framing: How the results of a subscription are written.
        opening: What the response begins with, by the request's method and how long the client is
            to wait before it comes again, in seconds.
        next: Writes one result, which is not to be resumed from.
        keep_alive: What is sent now and then, and means nothing.
        complete: The operation is over, and all is well.
        cut_off: What is sent when the server ends the response before the operation is over.
    """

    content_type: bytes
    framing: Framing
    opening: Callable[[str, float], bytes]
    next: Callable[[bytes], bytes]
    keep_alive: bytes
    complete: bytes
    cut_off: Callable[[GraphQLError], bytes]


Serve: TypeAlias = Callable[[asyncio.TaskGroup], Callable[[], object]]
"""Begins to write into a response, and returns what stops that."""


class StreamResponse:
    """One response that goes on until it is ended, or its client has gone.

    Args:
        exchange: Its request.
        format: How it is written.
        limits: Of it.
    """

    def __init__(self, exchange: Exchange, format: StreamFormat, limits: ClientLimits) -> None:  # noqa: A002
        self._scope, self._receive, self._send = exchange
        self._limits = limits
        self._tasks = asyncio.TaskGroup()
        # The reader waits until then at most: for the next heartbeat, or no longer than now.
        self._deadline: asyncio.Timeout | None = None
        self.format = format
        self.is_over = False
        self.sink = sink_of(self._scope)

    def end(self) -> None:
        """Stop, and end the response; soon, without waiting."""
        self.is_over = True
        if self._deadline is not None and not self._deadline.expired():
            self._deadline.reschedule(asyncio.get_running_loop().time())

    def cut_off(self, why: GraphQLError) -> None:
        """End the response before its operation is over, so that the client comes again."""
        if not self.is_over:
            text = self.format.cut_off(why)
            if text:
                self.sink.write_text(text)
            self.end()

    async def start(self) -> None:
        """Send the head of the response."""
        headers = [
            (b"content-type", self.format.content_type),
            (b"cache-control", b"no-cache"),
            (b"x-accel-buffering", b"no"),  # nginx would keep results until its buffer is full
            (b"x-content-type-options", b"nosniff"),
        ]
        await self._send({"type": "http.response.start", "status": 200, "headers": headers})
        opening = self.format.opening(self._scope["method"], self._limits.retry_s)
        if opening:
            self.sink.write_text(opening)

    async def run(self, serve: Serve) -> None:
        """Write the response until it is over, or its client has gone; call `start` before."""
        async with self._tasks as tasks:
            stop = serve(tasks)
            try:
                has_gone = await self._listen()
            finally:
                stop()
            if not has_gone:
                await self._finish()

    async def _listen(self) -> bool:
        """Keep the stream alive until it is over (False), or the client has gone (True)."""
        try:
            while not self.is_over:
                with suppress(TimeoutError):
                    async with asyncio.timeout(self._limits.sse_keep_alive_s) as self._deadline:
                        await self._gone()
                        return True
                self._keep_alive()
        finally:
            self._deadline = None
        return False

    def _keep_alive(self) -> None:
        if self.sink.is_writable and not self.is_over:
            self.sink.write_text(self.format.keep_alive)

    async def _gone(self) -> None:
        while (await self._receive())["type"] != "http.disconnect":
            pass

    async def _finish(self) -> None:
        """End the response, if the connection takes that in time."""
        limit_s = self._limits.close_timeout_s
        try:
            async with asyncio.timeout(limit_s):
                await self._send({"type": "http.response.body", "body": b"", "more_body": False})
        except OSError:  # it takes nothing any more (TimeoutError is an OSError)
            self.sink.abort()
            with suppress(TimeoutError):
                async with asyncio.timeout(limit_s):
                    await self._gone()
