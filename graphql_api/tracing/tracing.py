"""OpenTelemetry's SDK, set up for this server, and its end.

It sends spans from a thread of its own. What it says of its troubles goes through
`SafeMessages`: its messages hold headers, and the answers of collectors.
"""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from importlib.metadata import version
from typing import Final

from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import (
    SERVICE_NAME,
    SERVICE_VERSION,
    OTELResourceDetector,
    Resource,
)
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter

from graphql_api.execution.broadcaster import Broadcaster
from graphql_api.schema import APISchema
from graphql_api.tracing.changes import ChangeTraces
from graphql_api.tracing.operations import TracedRunner
from graphql_api.tracing.spans import Spans

log = logging.getLogger(__name__)

FLUSH_S: Final = 3.0
"""How long a shutdown waits until the last spans have been sent."""

_INTERVAL_S: Final = 60.0
"""How long to wait between two lines of OpenTelemetry's messages."""

_NAME: Final = "graphql-api"
_SDK_LOGGER: Final = "opentelemetry"


class Tracing:
    """Sends the traces of one server.

    Args:
        collector: How people call the place where they are sent.
        exporter: Sends them; OTLP over HTTP as the environment says, if absent.
        flush_s: How long `close` waits until the last ones have been sent.

    Attributes:
        collector: As given.
        spans: Makes the spans; `spans.query` surrounds the calls of the database.
        changes: The changes that have spans.
    """

    def __init__(
        self, collector: str, exporter: SpanExporter | None = None, *, flush_s: float = FLUSH_S
    ) -> None:
        self.collector = collector
        self._flush_s = flush_s
        # First: what it reads of the environment may be wrong, and it says so with the values.
        self._messages = SafeMessages(collector)
        self._messages.install()
        try:
            self._exporter = OTLPSpanExporter() if exporter is None else exporter
            processor = BatchSpanProcessor(self._exporter)
            self._provider = TracerProvider(resource=_resource(), shutdown_on_exit=False)
        except BaseException:
            self._messages.remove()
            raise
        self._provider.add_span_processor(processor)
        self.spans = Spans(self._provider.get_tracer(_NAME, version(_NAME)))
        self.changes = ChangeTraces(self.spans)

    def runner(self, schema: APISchema, broadcaster: Broadcaster) -> TracedRunner:
        """The runner that runs each operation in a span."""
        return TracedRunner(schema, broadcaster, self.spans, self.changes)

    async def close(self) -> None:
        """Send what is left, for `flush_s` at most."""
        loop = asyncio.get_running_loop()
        ended = asyncio.Event()

        def end() -> None:
            try:
                self._provider.shutdown()
            except Exception as error:  # noqa: BLE001 - its text may hold what must not be logged
                log.warning("the last traces could not be sent: %s", type(error).__name__)
            with suppress(RuntimeError):  # it took too long, and the loop is closed
                loop.call_soon_threadsafe(ended.set)

        # Not in the loop's executor, whose threads the end of the process waits for.
        threading.Thread(target=end, name="last traces", daemon=True).start()
        try:
            async with asyncio.timeout(self._flush_s):
                await ended.wait()
        except TimeoutError:
            log.warning("not all traces were sent within %g s", self._flush_s)
            self._messages.mute()  # and not removed: its thread may fail later
            self._exporter.shutdown()  # it may be waiting for its next try
        else:
            self._messages.remove()


def _resource() -> Resource:
    """The environment's description of this server, completed by its name and version."""
    said = OTELResourceDetector().detect().attributes
    own = {SERVICE_NAME: _NAME, SERVICE_VERSION: version(_NAME)}
    return Resource.create({name: own[name] for name in own if name not in said})


class SafeMessages(logging.Handler):
    """Repeats what OpenTelemetry logs, without its values, and one line in a while of it.

    A message has a text, which is OpenTelemetry's own, and values: a URL, a header, a collector's
    answer. Of these only numbers are repeated, and the classes of exceptions.

    Args:
        collector: How people call the place where traces are sent.
        clock: Returns the time, in seconds.
    """

    def __init__(
        self,
        collector: str,
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        super().__init__(logging.WARNING)
        self._collector = collector
        self._clock = clock
        self._next_s = clock()
        self._dropped = 0
        self._is_muted = False

    def install(self) -> None:
        """Log OpenTelemetry's messages from now on, and not by the root logger."""
        logger = logging.getLogger(_SDK_LOGGER)
        logger.addHandler(self)
        logger.propagate = False

    def remove(self) -> None:
        """Log OpenTelemetry's messages by the root logger again."""
        logger = logging.getLogger(_SDK_LOGGER)
        logger.removeHandler(self)
        logger.propagate = True

    def mute(self) -> None:
        """Log nothing more."""
        self._is_muted = True

    def emit(self, record: logging.LogRecord) -> None:
        """Repeat a message, if the last one is long enough ago."""
        now_s = self._clock()
        if self._is_muted:
            return
        if now_s < self._next_s:
            self._dropped += 1
            return
        more = f" (and {self._dropped} more messages before)" if self._dropped else ""
        self._next_s, self._dropped = now_s + _INTERVAL_S, 0
        log.warning("traces for %s: %s%s", self._collector, safe_text(record), more)


def safe_text(record: logging.LogRecord) -> str:
    """The text of a message of OpenTelemetry's, with no value that may hold a secret."""
    text = f"{record.name} reports a problem in line {record.lineno}"
    if isinstance(record.args, tuple) and record.args:
        # A text without values may have been made of some, and is not repeated.
        with suppress(TypeError, ValueError):
            text = str(record.msg) % tuple(map(_safe_value, record.args))
    if record.exc_info and record.exc_info[0] is not None:
        text = f"{text} ({record.exc_info[0].__name__})"
    return text


def _safe_value(value: object) -> object:
    if isinstance(value, int | float):
        return value
    return type(value).__name__ if isinstance(value, BaseException) else "\u2026"
