"""Traces of a real server, as a collector receives them; and nothing of them when they are off."""

from __future__ import annotations

import asyncio
import os
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from graphql_api.tracing import start
from graphql_api.tracing.tracing import Tracing
from tests.patience import LONGEST_S
from tests.server.client import connected
from tests.server.collector import Collector, SentSpan, collecting
from tests.server.process import process

SERVE = ("serve", "--port", "0", "--no-graphiql", "--data", ":memory:")
MAIN = """
import sys
from graphql_api.cli import main
main(sys.argv[1:])
print(*sys.modules, sep="\\n", file=sys.stderr)
"""
"""A command that says at its end what is imported."""
HTTP_TRACE, WS_TRACE = "11" * 16, "22" * 16
SERVER, CLIENT, INTERNAL = 2, 3, 1

QUERY = 'query Names { policy(id: "kept-secret") { name } }'
MUTATION = """
    mutation Limit($domain: String!) { setRateLimit(domain: $domain, delayS: 3) { delayS } }
"""
SUBSCRIPTION = """
    subscription Limits { rateLimitChanges {
      __typename ... on FeedState { status } ... on RateLimitAdded { rateLimit { domain } }
    } }
"""
FAILING = 'mutation { deletePolicy(id: "kept-secret") }'
USED = Counter(["query", "mutation", "mutation", "subscription"])
USED.update(["change rate_limit", "deliver rate_limit"])
"""The spans of all this; those of database calls end before them."""
SECRETS = [b"secret", b"example.org", b"k3y", b"rateLimitChanges", b"delayS"]
"""Keys, values, texts of documents, headers."""


def traceparent(trace: str) -> str:
    return f"00-{trace}-{'ab' * 8}-01"


@pytest.fixture
def collector(monkeypatch: pytest.MonkeyPatch) -> Iterator[Collector]:
    with collecting() as collector:
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", collector.url)
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_HEADERS", "authorization=Bearer%20k3y")
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_TIMEOUT", str(LONGEST_S))
        monkeypatch.setenv("OTEL_SERVICE_NAME", "live")
        yield collector


async def use(url: str) -> None:
    """Send a query, a mutation, a subscription that receives its change, and one that fails."""
    async with (
        httpx.AsyncClient(base_url=url, trust_env=False) as http,
        connected(f"{url.replace('http', 'ws', 1)}/graphql") as client,
    ):
        operation = await client.subscribe(
            SUBSCRIPTION, extensions={"traceparent": traceparent(WS_TRACE)}
        )
        await operation.until_status("READY")
        response = await http.post(
            "/graphql", json={"query": QUERY}, headers={"traceparent": traceparent(HTTP_TRACE)}
        )
        assert response.json() == {"data": {"policy": None}}
        await client.execute(MUTATION, domain="secret.example.org")
        assert (await operation.change())["__typename"] == "RateLimitAdded"
        assert (await client.execute(FAILING))["errors"][0]["extensions"]["code"] == "NOT_FOUND"


def one(spans: list[SentSpan], name: str) -> SentSpan:
    (span,) = [span for span in spans if span.name == name]
    return span


async def test_collector_receives_operations_their_database_calls_and_a_change(
    collector: Collector, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = tmp_path / "log"
    monkeypatch.setenv("OTEL_BSP_SCHEDULE_DELAY", "10")
    async with process(*SERVE, says="GraphQL is at ", log=log) as url:
        await use(url.removesuffix("/graphql"))
        while USED - Counter(span.name for span in collector.spans):
            await asyncio.sleep(0)  # at its end a server sends only what it can in a moment
    spans = collector.spans
    assert {resource["service.name"] for resource in collector.resources} == {"live"}
    assert collector.headers[0]["authorization"] == "Bearer k3y"
    assert not [secret for secret in SECRETS for body in collector.bodies if secret in body]
    assert log.read_text().splitlines()[-1].endswith("stopped")
    assert "k3y" not in log.read_text()

    query = one(spans, "query")
    assert (query.kind, query.trace_id.hex(), query.parent_id.hex()) == (
        SERVER,
        HTTP_TRACE,
        "ab" * 8,
    )
    assert query.attributes == {
        "graphql.operation.type": "query",
        "graphql.operation.name": "Names",
    }
    subscription = one(spans, "subscription")
    assert subscription.trace_id.hex() == WS_TRACE
    assert subscription.attributes["graphql.operation.name"] == "Limits"

    mutation, failed = (span for span in spans if span.name == "mutation")
    assert (mutation.kind, mutation.parent_id, mutation.is_error) == (SERVER, b"", False)
    assert failed.attributes == {"graphql.operation.type": "mutation", "error.type": "NOT_FOUND"}
    assert failed.is_error
    calls = [span for span in spans if span.parent_id == mutation.span_id]
    assert [call.name for call in calls] == ["connect", "get rate_limit", "replace rate_limit"]
    assert {call.kind for call in calls} == {CLIENT}
    assert calls[1].attributes == {
        "db.system.name": "rethinkdb",
        "db.operation.name": "get",
        "db.collection.name": "rate_limit",
    }

    change, delivery = one(spans, "change rate_limit"), one(spans, "deliver rate_limit")
    assert (change.parent_id, change.kind) == (b"", INTERNAL)
    assert change.began_at_ns <= delivery.ended_at_ns
    assert (delivery.trace_id, delivery.parent_id) == (change.trace_id, change.span_id)
    assert delivery.links == [subscription.span_id]
    assert delivery.attributes == subscription.attributes


async def test_collector_that_refuses_is_one_line_without_keys(
    collector: Collector, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    defaults = Tracing.__init__.__kwdefaults__
    assert defaults is not None
    monkeypatch.setitem(defaults, "flush_s", LONGEST_S)
    collector.status = 401
    tracing = start(os.environ)
    assert tracing is not None
    for _ in range(2):
        tracing.spans.change("policy").end()
    await tracing.close()
    assert len(collector.spans) == 2
    refused = f"traces for {collector.url}: Failed to export … batch code: 401, reason: …"
    assert caplog.messages == [refused]


async def test_nothing_of_opentelemetry_is_imported_where_no_traces_are_wanted(
    tmp_path: Path,
) -> None:
    log = tmp_path / "log"
    async with process(*SERVE, says="GraphQL is at ", log=log, code=MAIN) as url:
        await use(url.removesuffix("/graphql"))
    imported = {*log.read_text().splitlines()}
    assert "graphql_api.tracing.collector" in imported
    assert not [name for name in imported if name.startswith(("opentelemetry", "requests"))]
    assert "graphql_api.tracing.tracing" not in imported
