"""Changes that have spans, and their deliveries to some subscriptions: exemplars, never all.

```
 feed ──each change──▶ ChangeTraces ──one a second and table──▶ span `change jobs`
                            ▲                                        │ its point
                            │                                        ▼
 source ──pull──▶ Exemplar: 3 subscriptions of a field ──▶ child span `deliver jobs`
```

Other changes cost one look at the clock, and other subscriptions nothing at all: the source of an
exemplar has a shell around it, and no other does.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable
from functools import partial
from typing import Any, Final, NamedTuple

from graphql import FieldNode, get_operation_ast
from opentelemetry.trace import Span, SpanContext
from opentelemetry.util.types import AttributeValue

from graphql_api.documents.documents import ParsedDocument
from graphql_api.documents.request import Request
from graphql_api.feeds.derived import DerivedSource
from graphql_api.feeds.events import Point
from graphql_api.feeds.feed import Feed
from graphql_api.feeds.subscription import EventSource, Subscription
from graphql_api.feeds.view import Event, ViewChange
from graphql_api.tracing.spans import Spans, operation_attributes

INTERVAL_S: Final = 1.0
"""Of each table one change in so many seconds is offered to the sampler."""
MAX_EXEMPLARS: Final = 3
"""How many subscriptions of each root field have spans of their deliveries at a time."""
MAX_REMEMBERED: Final = 64
"""Of how many changes deliveries are noticed: a slow client may be sent one much later."""


class TracedChange(NamedTuple):
    """A change that has a span.

    Attributes:
        table: Its table.
        span: Its span.
        at_ns: When it was applied, in nanoseconds since 1970.
    """

    table: str
    span: SpanContext
    at_ns: int


class ChangeTraces:
    """The changes of one server that have spans.

    Args:
        spans: Makes the spans.
        clock: Returns the time, in seconds, for intervals.
    """

    def __init__(self, spans: Spans, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._spans = spans
        self._clock = clock
        self._next_s: dict[str, float] = {}
        self._traced: dict[Point, TracedChange] = {}  # the oldest first
        self._open: list[Span] = []
        self._has_open = asyncio.Event()
        self._exemplars: Counter[str] = Counter()

    def follow(self, feeds: Iterable[Feed[Any, Any]]) -> None:
        """Look at each change of some feeds from now on."""
        for feed in feeds:
            feed.listen(partial(self._saw_change, feed))

    async def run(self, fan_out: Callable[[], Awaitable[None]]) -> None:
        """End the spans of changes until cancelled.

        Args:
            fan_out: Returns when each subscription has been served that had something to send; it
                does not wait for long for those in the queue of long work.
        """
        while True:
            await self._has_open.wait()
            self._has_open.clear()
            spans, self._open = self._open, []
            try:
                await fan_out()
            finally:
                for span in spans:
                    span.end()

    def exemplar(
        self,
        request: Request,
        document: ParsedDocument,
        source: EventSource[Any],
        span: SpanContext,
    ) -> Exemplar | None:
        """The source of a subscription whose deliveries have spans; None, if they have none.

        Args:
            request: What the subscription asks for.
            document: Its document.
            source: Its events.
            span: The span of its operation.
        """
        field = _root_field(request, document)
        is_wanted = isinstance(source, Subscription) and span.trace_flags.sampled
        if not is_wanted or self._exemplars[field] >= MAX_EXEMPLARS:
            return None
        self._exemplars[field] += 1
        return Exemplar(self, field, source, span, operation_attributes(request, document))

    def release(self, exemplar: Exemplar) -> None:
        """Let another subscription take the place of an exemplar that has been closed."""
        self._exemplars[exemplar.field] -= 1

    def traced(self, event: Event[Any] | None) -> TracedChange | None:
        """The change that an event is, if that has a span: the last one, if several have merged."""
        return self._traced.get(event.point) if isinstance(event, ViewChange) else None

    def record_delivery(self, change: TracedChange, exemplar: Exemplar) -> None:
        """Make the span of a change that is about to be written to an exemplar's client."""
        self._spans.delivery(
            change.span,
            change.table,
            began_at_ns=change.at_ns,
            subscription=exemplar.span,
            attributes=exemplar.attributes,
        )

    def _saw_change(self, feed: Feed[Any, Any]) -> None:
        table, now_s = feed.table.name, self._clock()
        if now_s < self._next_s.get(table, now_s):
            return
        self._next_s[table] = now_s + INTERVAL_S
        span = self._spans.change(table)
        if not span.is_recording():
            return
        point = feed.cache.history.head_point
        self._traced[point] = TracedChange(table, span.get_span_context(), time.time_ns())
        if len(self._traced) > MAX_REMEMBERED:
            del self._traced[next(iter(self._traced))]
        self._open.append(span)
        self._has_open.set()


class Exemplar(DerivedSource):
    """The source of a subscription whose deliveries have spans; apart from that like any other.

    Args:
        changes: Says which changes have spans.
        field: The root field of the subscription.
        source: Where the events come from.
        span: That of the subscription's operation.
        attributes: Those of the spans of its deliveries.
    """

    def __init__(
        self,
        changes: ChangeTraces,
        field: str,
        source: EventSource[Any],
        span: SpanContext,
        attributes: dict[str, AttributeValue],
    ) -> None:
        super().__init__(source)
        self._changes = changes
        self._pulled: TracedChange | None = None
        self._is_closed = False
        self.is_whole, self.counts_due = source.is_whole, source.counts_due
        self.field = field
        self.span = span
        self.attributes = attributes

    def pull(self) -> Event[Any] | None:
        """The next event; called once the payload of the one before is there."""
        event = self._source.pull()
        self._pulled = self._changes.traced(event)
        return event

    def note_payload(self) -> None:
        """Note that the payload of the event that was pulled last is about to be written."""
        if self._pulled is not None:
            self._changes.record_delivery(self._pulled, self)
            self._pulled = None

    def bookmark(self) -> None:
        """Send the newest cursor; does nothing where cursors do not age."""
        self._source.bookmark()

    def close(self) -> None:
        """Free everything. Nothing happens the second time."""
        super().close()
        if not self._is_closed:
            self._is_closed = True
            self._changes.release(self)


def _root_field(request: Request, document: ParsedDocument) -> str:
    """The field that a subscription selects; empty, if it stands in a fragment."""
    node = get_operation_ast(document.node, request.operation_name)
    field = None if node is None else node.selection_set.selections[0]
    return field.name.value if isinstance(field, FieldNode) else ""
