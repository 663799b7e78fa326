"""Runs one operation of any kind, for every protocol, and passes its results on.

```
          ┌─ a query, a mutation, or events of its own ──▶ Results ────────────▶ responder
 begin ───┤                                                                          ▲
          └─ events that equal subscriptions share ──────▶ SharedSubscription ─▶ broadcaster
```

A protocol only says how a result, an error and an end are written: see `responder`.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterable, Callable
from contextlib import ExitStack, aclosing
from dataclasses import dataclass
from typing import Any

from graphql import OperationType, map_source_to_response_event
from strawberry.types import ExecutionResult

from graphql_api.documents.documents import ParsedDocument
from graphql_api.documents.request import Request, is_request_error
from graphql_api.execution import result_json
from graphql_api.execution.broadcaster import Broadcaster
from graphql_api.execution.encoder import Encoder, RequestError
from graphql_api.execution.group import Member
from graphql_api.execution.operation import GraphQLEncoder, SubscriptionExecution
from graphql_api.execution.responder import Responder
from graphql_api.execution.sink import place, writable
from graphql_api.feeds.subscription import EventSource
from graphql_api.limits.answer_memory import LARGE_BYTES, Answers, Taker
from graphql_api.limits.long_answers import LongAnswer
from graphql_api.schema import APISchema, Context


@dataclass(frozen=True, slots=True)
class RequestedOperation:
    """A request, with its parsed document and the kind of its operation.

    Attributes:
        request: What the client asks for.
        document: The document of the operation.
        kind: What the operation is.
        context: What its resolvers are given.
        answer: The answer of a query, which may become long; None for other operations.
    """

    request: Request
    document: ParsedDocument
    kind: OperationType
    context: Context
    answer: LongAnswer | None = None

    def close(self) -> None:
        """Free what its answer holds: it has been sent, or is never going to be."""
        if self.answer is not None:
            self.answer.close()


class OperationRunner:
    """Runs operations on a schema.

    Args:
        schema: What to execute operations on.
        broadcaster: Serves subscriptions to feeds; its owner has entered it.
    """

    def __init__(self, schema: APISchema, broadcaster: Broadcaster) -> None:
        self._schema = schema
        self._broadcaster = broadcaster

    async def execute(self, asked: RequestedOperation) -> bytes:
        """The payload of a query or a mutation.

        Raises:
            RequestError: It was not executed.
        """
        try:
            return _payload(await self._result(asked))
        finally:
            if asked.answer is not None:
                asked.answer.is_made()

    async def _result(self, asked: RequestedOperation) -> ExecutionResult:
        """The result of a query or a mutation, which may be that it was not executed."""
        request = asked.request
        return await self._schema.execute(
            asked.document.text,
            variable_values=request.variables,
            context_value=asked.context,
            operation_name=request.operation_name,
            operation_extensions=request.extensions,
        )

    async def begin(self, asked: RequestedOperation) -> Results | SharedSubscription:
        """Begin an operation, so that its results can be sent.

        Raises:
            RequestError: The operation did not come about.
        """
        if asked.kind is not OperationType.SUBSCRIPTION:
            return Results(_single([await self.execute(asked)]))
        execution = SubscriptionExecution(
            self._schema, asked.request, asked.document, asked.context
        )
        if not execution.is_composable:
            return Results(self._own_results(asked))
        with ExitStack() as stack:
            stack.enter_context(execution.operation())
            source = await execution.subscribe()
            kept = stack.pop_all()
        if isinstance(source, EventSource):
            return self._shared(execution, source, kept)
        return Results(_results(execution, source, kept))

    def _shared(
        self, execution: SubscriptionExecution, source: EventSource[Any], operation: ExitStack
    ) -> SharedSubscription:
        """A subscription that has begun; closing `operation` ends what it holds."""
        return SharedSubscription(self._broadcaster, execution, source, operation)

    def share(self, encoder: Encoder, source: EventSource[Any], responder: Responder) -> Member:
        """Send events that a protocol encodes itself, until the member that this returns leaves.

        Args:
            encoder: Makes the payloads, once for all whose encoders are equal.
            source: The events; it is closed with the subscription.
            responder: Where to send them.
        """
        return self._broadcaster.join(encoder, source, responder)

    async def _own_results(self, asked: RequestedOperation) -> AsyncGenerator[bytes]:
        """The results that Strawberry itself makes of a subscription.

        Raises:
            RequestError: The subscription did not come about.
        """
        request = asked.request
        results = await self._schema.stream(
            asked.document.text,
            variable_values=request.variables,
            context_value=asked.context,
            operation_name=request.operation_name,
            operation_extensions=request.extensions,
        )
        async with aclosing(results):
            async for result in results:
                assert isinstance(result, ExecutionResult), "no incremental delivery"
                yield _payload(result)


class Results:
    """The results of one operation, for its client alone."""

    def __init__(self, payloads: AsyncGenerator[bytes]) -> None:
        self._payloads = payloads

    async def send(self, responder: Responder, answers: Answers) -> None:
        """Send all results as the client can receive them, and then the end.

        Args:
            responder: Where to send them.
            answers: The large answers that the server sends.

        Raises:
            OverBudgetError: One is large, and there was no place for it for too long.
        """
        budget, sink = responder.budget, responder.sink
        taker = Taker() if budget is None else budget.taker
        try:
            async with aclosing(self._payloads):
                async for payload in self._payloads:
                    size = len(payload)
                    async with place(size, sink, answers, taker):
                        await writable(sink)
                        responder.next(payload)
                        del payload  # the sink holds it until the client has taken it
                        if size > LARGE_BYTES:
                            await writable(sink)
        except RequestError as error:
            responder.fail(error.errors)
        else:
            responder.complete()


class SharedSubscription:
    """A subscription that shares its results with all equal ones."""

    def __init__(
        self,
        broadcaster: Broadcaster,
        execution: SubscriptionExecution,
        source: EventSource[Any],
        operation: ExitStack,
    ) -> None:
        self._broadcaster = broadcaster
        self._execution = execution
        self._operation = operation
        self._source = source

    def send(self, responder: Responder) -> Member:
        """Send results from now on, until the member that this returns leaves; without a task."""
        on_leave: Callable[[], None] | None = None
        if self._execution.has_hooks:
            on_leave = self._operation.close
        else:
            self._operation.close()
        broadcaster = self._broadcaster
        encoder = GraphQLEncoder(self._execution, broadcaster.traffic)
        return broadcaster.join(encoder, self._source, responder, on_leave=on_leave)

    def close(self) -> None:
        """Free everything, in the place of `send`."""
        self._source.close()
        self._operation.close()


async def _single(payloads: list[bytes]) -> AsyncGenerator[bytes]:
    """Yields the only payload of a list, and does not keep it."""
    yield payloads.pop()


async def _results(
    execution: SubscriptionExecution, source: AsyncIterable[object], operation: ExitStack
) -> AsyncGenerator[bytes]:
    """The results of a source that no other subscription has.

    Raises:
        RequestError: The source failed.
    """
    results = map_source_to_response_event(execution.executor, source)
    with operation:
        try:
            async with aclosing(results):
                async for result in results:
                    yield execution.encode(result)
        except Exception as error:
            raise execution.failed(error) from error


def _payload(result: ExecutionResult) -> bytes:
    """The payload of a result.

    Raises:
        RequestError: Nothing was executed.
    """
    if result.errors and is_request_error(result):
        raise RequestError(result.errors)
    return result_json.execution_result(result.data, result.errors, result.extensions)
