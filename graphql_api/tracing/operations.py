"""Operations that have spans."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import replace
from typing import Any

from graphql import GraphQLError, OperationType
from opentelemetry.trace import get_current_span
from strawberry.types import ExecutionResult

from graphql_api.execution.broadcaster import Broadcaster
from graphql_api.execution.group import Member
from graphql_api.execution.operation import SubscriptionExecution
from graphql_api.execution.responder import Framing, Responder
from graphql_api.execution.runner import (
    OperationRunner,
    RequestedOperation,
    Results,
    SharedSubscription,
)
from graphql_api.execution.sink import Sink
from graphql_api.feeds.subscription import EventSource
from graphql_api.limits.cpu_budget import ClientBudget
from graphql_api.schema import APISchema
from graphql_api.tracing.changes import ChangeTraces, Exemplar
from graphql_api.tracing.spans import Spans, error_type, fail


class TracedRunner(OperationRunner):
    """Runs operations as `OperationRunner` does, each in a span.

    The span of a subscription ends when it has begun: it may go on for days. What it is sent has
    spans of its own, for some changes.

    Args:
        schema: What to execute operations on.
        broadcaster: Serves subscriptions.
        spans: Makes the spans.
        changes: Which changes have some.
    """

    def __init__(
        self, schema: APISchema, broadcaster: Broadcaster, spans: Spans, changes: ChangeTraces
    ) -> None:
        super().__init__(schema, broadcaster)
        self._spans = spans
        self._changes = changes

    async def _result(self, asked: RequestedOperation) -> ExecutionResult:
        with self._spans.operation(asked) as span:
            result = await super()._result(asked)
            if result.errors:
                fail(span, error_type(result.errors))
            return result

    async def begin(self, asked: RequestedOperation) -> Results | SharedSubscription:
        """Begin an operation, so that its results can be sent."""
        if asked.kind is not OperationType.SUBSCRIPTION:
            return await super().begin(asked)
        with self._spans.operation(asked):
            return await super().begin(asked)

    def _shared(
        self, execution: SubscriptionExecution, source: EventSource[Any], operation: ExitStack
    ) -> SharedSubscription:
        span = get_current_span().get_span_context()
        exemplar = self._changes.exemplar(execution.request, execution.document, source, span)
        if exemplar is None:
            return super()._shared(execution, source, operation)
        return _TracedSubscription(self._broadcaster, execution, exemplar, operation)


class _TracedSubscription(SharedSubscription):
    """A subscription whose deliveries have spans."""

    def __init__(
        self,
        broadcaster: Broadcaster,
        execution: SubscriptionExecution,
        exemplar: Exemplar,
        operation: ExitStack,
    ) -> None:
        super().__init__(broadcaster, execution, exemplar, operation)
        self._exemplar = exemplar

    def send(self, responder: Responder) -> Member:
        return super().send(_NotingResponder(responder, self._exemplar))


class _NotingResponder:
    """Writes as another responder does, and notes each event whose payload is to be written."""

    def __init__(self, responder: Responder, exemplar: Exemplar) -> None:
        self._responder = responder
        identify = responder.framing.identify

        def note(event: object, payload: bytes) -> bytes:
            exemplar.note_payload()
            return payload if identify is None else identify(event, payload)

        self.framing: Framing = replace(responder.framing, identify=note)

    @property
    def sink(self) -> Sink:
        return self._responder.sink

    @property
    def budget(self) -> ClientBudget | None:
        return self._responder.budget

    def next(self, payload: bytes) -> None:
        self._responder.next(payload)

    def fail(self, errors: Sequence[GraphQLError]) -> None:
        self._responder.fail(errors)

    def complete(self) -> None:
        self._responder.complete()
