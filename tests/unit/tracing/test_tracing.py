from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import pytest
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult

from graphql_api.tracing import start
from graphql_api.tracing.tracing import SafeMessages, Tracing

SDK = logging.getLogger("opentelemetry.exporter.otlp")
CANNOT = (
    "Failed to export %s batch code: %s, reason: %s",
    "spans",
    401,
    "authorization: s3cret",
)


class StuckExporter(SpanExporter):
    """Sends nothing until it is told to end."""

    def __init__(self) -> None:
        self.ended = threading.Event()

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        self.ended.wait()
        return SpanExportResult.FAILURE

    def shutdown(self) -> None:
        self.ended.set()


@pytest.fixture
def said(caplog: pytest.LogCaptureFixture) -> Iterator[Callable[[], list[str]]]:
    """What is logged; OpenTelemetry's messages are left to the root logger again at the end."""
    yield lambda: [record.getMessage() for record in caplog.records]
    logger = logging.getLogger("opentelemetry")
    logger.handlers.clear()
    logger.propagate = True


def test_messages_of_opentelemetry_are_one_line_a_minute_without_their_values(
    said: Callable[[], list[str]],
) -> None:
    times = iter([0.0, 0.0, 1.0, 59.0, 61.0])
    messages = SafeMessages("http://c", clock=lambda: next(times))
    messages.install()
    try:
        for _ in range(4):
            SDK.error(*CANNOT)
    finally:
        messages.remove()
    line = "traces for http://c: Failed to export … batch code: 401, reason: …"
    assert said() == [line, f"{line} (and 2 more messages before)"]


@pytest.mark.parametrize(
    ("message", "arguments"),
    [
        ("Transient error %s encountered, retrying in %.2fs", (OSError("s3cret"), 1.5)),
        ("made of s3cret", ()),
        ("%d", ("s3cret",)),
        ("%(name)s", ({"name": "s3cret"},)),
    ],
)
def test_no_message_repeats_a_value(
    message: str, arguments: tuple[Any, ...], said: Callable[[], list[str]]
) -> None:
    messages = SafeMessages("http://c")
    messages.install()
    try:
        SDK.warning(message, *arguments, exc_info=ValueError("s3cret"))
    finally:
        messages.remove()
    (line,) = said()
    assert "s3cret" not in line
    assert line.endswith(" (ValueError)")


async def test_close_gives_up_a_collector_that_does_not_answer(
    said: Callable[[], list[str]],
) -> None:
    exporter = StuckExporter()
    tracing = Tracing("http://c", exporter, flush_s=0.01)
    tracing.spans.change("policy").end()
    await tracing.close()
    assert exporter.ended.is_set()
    assert said() == ["not all traces were sent within 0.01 s"]


def test_broken_variable_of_the_sdk_is_a_warning_that_names_it(
    monkeypatch: pytest.MonkeyPatch, said: Callable[[], list[str]]
) -> None:
    environ = {
        "OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:1",
        "OTEL_EXPORTER_OTLP_HEADERS": "s3cret",
        "OTEL_BSP_MAX_QUEUE_SIZE": "0",
    }
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    assert start(environ) is None
    text = "\n".join(said())
    assert "no traces are sent: ValueError; look at OTEL_BSP_MAX_QUEUE_SIZE" in text
    assert "s3cret" not in text
    assert logging.getLogger("opentelemetry").propagate
