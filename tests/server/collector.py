"""A collector of OTLP over HTTP on a loopback port, which decodes the spans that it is sent."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest


@dataclass(frozen=True)
class SentSpan:
    """A span, with its attributes as plain values."""

    name: str
    kind: int
    trace_id: bytes
    span_id: bytes
    parent_id: bytes
    links: list[bytes]
    """The ids of the spans to which it links."""
    is_error: bool
    began_at_ns: int
    ended_at_ns: int
    attributes: dict[str, Any]


@dataclass
class Collector:
    """What has been sent to a collector.

    Attributes:
        port: Where it listens.
        status: What it answers with.
        bodies: What it was sent.
        headers: The headers of each request.
    """

    port: int
    status: int = 200
    bodies: list[bytes] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def resources(self) -> list[dict[str, Any]]:
        """The attributes of each resource."""
        return [
            _plain(spans.resource.attributes)
            for body in self.bodies
            for spans in ExportTraceServiceRequest.FromString(body).resource_spans
        ]

    @property
    def spans(self) -> list[SentSpan]:
        """All spans, in the order of their beginning."""
        found = [
            SentSpan(
                span.name,
                span.kind,
                span.trace_id,
                span.span_id,
                span.parent_span_id,
                [link.span_id for link in span.links],
                span.status.code == 2,
                span.start_time_unix_nano,
                span.end_time_unix_nano,
                _plain(span.attributes),
            )
            for body in self.bodies
            for resource in ExportTraceServiceRequest.FromString(body).resource_spans
            for scope in resource.scope_spans
            for span in scope.spans
        ]
        return sorted(found, key=lambda span: span.began_at_ns)


def _plain(attributes: Any) -> dict[str, Any]:
    return {each.key: getattr(each.value, each.value.WhichOneof("value")) for each in attributes}


@contextmanager
def collecting(status: int = 200) -> Iterator[Collector]:
    """A collector, until the context is left."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            collector.headers.append({k.lower(): v for k, v in self.headers.items()})
            collector.bodies.append(body)
            # As some do: a proxy may repeat the headers in what it says is wrong.
            said = "" if collector.status == 200 else str(collector.headers[-1])
            self.send_response(collector.status, said or None)
            self.end_headers()

        def log_message(self, format: str, *args: Any) -> None: ...  # noqa: A002

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        collector = Collector(server.server_address[1], status)
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield collector
        finally:
            server.shutdown()
            thread.join()
