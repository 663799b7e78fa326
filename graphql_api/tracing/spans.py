"""Spans: their names, attributes and errors, by OpenTelemetry's semantic conventions.

No span holds a value: no document, no variable, no key of a row, no text of an error. A client
chooses the name of an operation, and nothing else.

Sources: https://opentelemetry.io/docs/specs/semconv/graphql/graphql-spans/,
https://opentelemetry.io/docs/specs/semconv/database/database-spans/,
https://opentelemetry.io/docs/specs/semconv/general/recording-errors/.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Final

from graphql import get_operation_ast
from opentelemetry.context import Context
from opentelemetry.trace import (
    Link,
    NonRecordingSpan,
    Span,
    SpanContext,
    SpanKind,
    StatusCode,
    Tracer,
    get_current_span,
    set_span_in_context,
)
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator
from opentelemetry.util.types import AttributeValue

from graphql_api.documents.documents import ParsedDocument
from graphql_api.documents.request import Request
from graphql_api.execution.encoder import RequestError
from graphql_api.execution.runner import RequestedOperation

MAX_NAME_CHARS: Final = 256
"""How much is kept of the name of an operation: a client may choose one as long as its message."""

_OTHER: Final = "_OTHER"
"""What the conventions call an error that has no name."""

_PROPAGATOR: Final = TraceContextTextMapPropagator()


class Spans:
    """Makes the spans of one server.

    Args:
        tracer: Begins them.
    """

    def __init__(self, tracer: Tracer) -> None:
        self._tracer = tracer

    @contextmanager
    def operation(self, asked: RequestedOperation) -> Iterator[Span]:
        """The span of an operation, in which its database calls have theirs."""
        kind = asked.kind.value
        with self._tracer.start_as_current_span(
            kind,
            context=_context_of(asked.request.traceparent),
            kind=SpanKind.SERVER,
            attributes=operation_attributes(asked.request, asked.document),
            record_exception=False,
            set_status_on_exception=False,
        ) as span:
            try:
                yield span
            except RequestError as error:
                fail(span, error_type(error.errors))
                raise
            except Exception as error:
                fail(span, str(getattr(error, "code", type(error).__name__)))
                raise

    @contextmanager
    def query(self, operation: str, table: str | None) -> Iterator[None]:
        """The span of a database call; none outside of an operation that has one."""
        if not get_current_span().is_recording():
            yield
            return
        with self._tracer.start_as_current_span(
            operation if table is None else f"{operation} {table}",
            kind=SpanKind.CLIENT,
            attributes={
                "db.system.name": "rethinkdb",
                "db.operation.name": operation,
                **({} if table is None else {"db.collection.name": table}),
            },
            record_exception=False,
            set_status_on_exception=False,
        ) as span:
            try:
                yield
            except Exception as error:
                fail(span, type(error).__name__)
                raise

    def change(self, table: str) -> Span:
        """The span of a change of a row, from when it was applied; it has no parent."""
        return self._tracer.start_span(
            f"change {table}",
            context=Context(),
            attributes={"db.system.name": "rethinkdb", "db.collection.name": table},
        )

    def delivery(
        self,
        change: SpanContext,
        table: str,
        *,
        began_at_ns: int,
        subscription: SpanContext,
        attributes: dict[str, AttributeValue],
    ) -> None:
        """The span of a change on its way to one subscription, which ends now.

        Args:
            change: The span of the change, of which it is a child.
            table: The table of the change.
            began_at_ns: When the change was applied, in nanoseconds since 1970.
            subscription: The span of the subscription's operation, to which it links.
            attributes: Those of that operation.
        """
        self._tracer.start_span(
            f"deliver {table}",
            context=set_span_in_context(NonRecordingSpan(change), Context()),
            attributes=attributes,
            links=[Link(subscription)] if subscription.is_valid else None,
            start_time=began_at_ns,
        ).end()


def operation_attributes(request: Request, document: ParsedDocument) -> dict[str, AttributeValue]:
    """The type of an operation, and its name, if it has one."""
    node = get_operation_ast(document.node, request.operation_name)
    assert node is not None, "it has been found before"
    attributes: dict[str, AttributeValue] = {"graphql.operation.type": node.operation.value}
    if node.name is not None:
        attributes["graphql.operation.name"] = node.name.value[:MAX_NAME_CHARS]
    return attributes


def error_type(errors: Sequence[object]) -> str:
    """The code of the first of some errors, as the client sees it."""
    extensions = getattr(errors[0], "extensions", None) if errors else None
    return str((extensions or {}).get("code", _OTHER))


def fail(span: Span, kind: str) -> None:
    """Mark a span as failed, and set its attribute `error.type` to a kind of error."""
    span.set_attribute("error.type", kind)
    span.set_status(StatusCode.ERROR)


def _context_of(traceparent: str | None) -> Context:
    """The context of a client's span; an empty one, if it names none, or one that is malformed."""
    if traceparent is None:
        return Context()
    return _PROPAGATOR.extract({"traceparent": traceparent}, Context())
