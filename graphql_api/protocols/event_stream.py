"""Subscriptions as responses that go on: the asyncio shell around `sse` and `multipart`.

```
 EventStreams ──── all of one server
   └─ _Stream ──── one for each response: its task waits until the client has gone, or it is over
        └─ Member ─ as on a WebSocket: no task, see `broadcaster`
```

Whatever a stream holds ends with it, and before its handler returns.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from math import ceil
from typing import Protocol

from graphql import GraphQLError

from graphql_api.auth.principal import Principal
from graphql_api.documents.request import refusal
from graphql_api.errors import OverBudgetError, UnauthenticatedError
from graphql_api.execution import result_json
from graphql_api.execution.group import Member
from graphql_api.execution.responder import Framing
from graphql_api.execution.runner import RequestedOperation, Results, SharedSubscription
from graphql_api.execution.sink import Sink
from graphql_api.limits.answer_memory import Answers
from graphql_api.limits.client_limits import ClientLimits
from graphql_api.limits.cpu_budget import ClientBudget
from graphql_api.protocols.backend import Backend
from graphql_api.protocols.http_request import RefusedError
from graphql_api.protocols.stream_response import (
    Exchange,
    StreamFormat,
    StreamResponse,
)
from graphql_api.schema.errors import internal_error

SHUTTING_DOWN = "SHUTTING_DOWN"


class Stream(Protocol):
    """A response that goes on, as its server ends it."""

    @property
    def response(self) -> StreamResponse:
        """The response that is written."""

    def bookmark(self) -> None:
        """Send each subscription that is not behind the newest cursor."""


class EventStreams:
    """The responses of one server that go on.

    Args:
        backend: What stands behind them.
        limits: Of each stream.
    """

    def __init__(self, backend: Backend, limits: ClientLimits) -> None:
        self._backend = backend
        self._streams: dict[Stream, None] = {}  # in order: a shutdown ends the oldest first
        self._empty = asyncio.Event()
        self.limits = limits
        self.is_draining = False
        """Whether this server shuts down: it begins no more streams."""

    def __len__(self) -> int:
        return len(self._streams)

    def refuse_if_draining(self) -> None:
        """Refuse a request while this server shuts down: its client can come again.

        Raises:
            RefusedError: This server is shutting down.
        """
        if self.is_draining:
            error, retry_s = shutting_down(), ceil(self.limits.retry_s)
            headers = {"retry-after": str(retry_s)}
            raise RefusedError(503, error.message, code=SHUTTING_DOWN, headers=headers)

    async def serve(
        self,
        asked: RequestedOperation,
        principal: Principal,
        budget: ClientBudget,
        exchange: Exchange,
        format: StreamFormat,  # noqa: A002
    ) -> None:
        """Answer a request by the results of its operation, until that is over.

        Raises:
            RequestError: The subscription did not come about; nothing has been sent.
        """
        stream = _Stream(
            StreamResponse(exchange, format, self.limits), budget, self._backend.answers
        )
        with self.held(stream, principal):
            await stream.run(await self._backend.runner.begin(asked))

    @contextmanager
    def held(self, stream: Stream, principal: Principal) -> Iterator[None]:
        """Count a stream, and end it with its client's token or its server.

        It ends without `complete` then: clients come again, with their next token if they have one.
        """
        self._streams[stream] = None

        def forbid(why: str) -> None:
            stream.response.cut_off(refusal(why, UnauthenticatedError.code))

        session = self._backend.authenticator.session(principal, forbid)
        try:
            yield
        finally:
            session.release()
            del self._streams[stream]
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
        why = shutting_down()
        loop = asyncio.get_running_loop()
        started_at_s = loop.time()
        streams = [*self._streams]
        for i, stream in enumerate(streams):
            due_at_s = started_at_s + spread_s * i / len(streams)
            await asyncio.sleep(max(0.0, due_at_s - loop.time()))
            if not stream.response.is_over:
                stream.bookmark()
                stream.response.cut_off(why)
        if self._streams:
            self._empty.clear()
            with suppress(TimeoutError):
                async with asyncio.timeout(2 * self.limits.close_timeout_s):
                    await self._empty.wait()


def shutting_down() -> GraphQLError:
    """Why clients are sent away."""
    return refusal("this server is shutting down", SHUTTING_DOWN)


class _Stream:
    """One response that holds the results of one operation."""

    def __init__(self, response: StreamResponse, budget: ClientBudget, answers: Answers) -> None:
        self._answers = answers
        self._member: Member | None = None
        self.response = response
        self.budget = budget

    @property
    def sink(self) -> Sink:
        """The sink that the results are written to."""
        return self.response.sink

    @property
    def framing(self) -> Framing:
        """How a result that is shared is written."""
        return self.response.format.framing

    def bookmark(self) -> None:
        """Send each subscription that is not behind the newest cursor."""
        if self._member is not None:
            self._member.bookmark()

    def next(self, payload: bytes) -> None:
        """Send one result."""
        self.sink.write_text(self.response.format.next(payload))

    def fail(self, errors: Sequence[GraphQLError]) -> None:
        """Send the client what is wrong, and end the response."""
        self.next(result_json.errors(errors))
        self.complete()

    def complete(self) -> None:
        """End the response, as the client expects."""
        self.sink.write_text(self.response.format.complete)
        self.response.end()

    async def run(self, begun: Results | SharedSubscription) -> None:
        """Send what an operation brings, until that is over or the client has gone."""
        with ExitStack() as stack:
            if isinstance(begun, SharedSubscription):
                stack.callback(begun.close)
            await self.response.start()
            stack.pop_all()

        def serve(tasks: asyncio.TaskGroup) -> Callable[[], object]:
            if isinstance(begun, SharedSubscription):
                self._member = begun.send(self)
                return self._member.leave
            return tasks.create_task(self._send_all(begun), name="event stream").cancel

        try:
            await self.response.run(serve)
        finally:
            self._member = None  # which holds this, too

    async def _send_all(self, results: Results) -> None:
        try:
            await results.send(self, self._answers)
        except OverBudgetError as error:
            self.fail([refusal(str(error), error.code)])
        except Exception as error:  # noqa: BLE001 - it is logged there
            self.fail([internal_error(error, "an event stream")])
