"""/metrics, /readyz and the log, over real sockets: what the operator on call sees."""

from __future__ import annotations

import asyncio
import logging

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families
from websockets.asyncio.client import connect
from websockets.typing import Subprotocol

from graphql_api.rethink.url import DatabaseURL
from tests.server.client import WAIT_S, Client, connected
from tests.server.database import Writer
from tests.server.results import FOLLOW, crawling, received, sequences, to_the_end
from tests.server.running import Running, running, settings_for, until_ready

CHANGES = "subscription { policyChanges { __typename ... on FeedState { status } } }"


async def scrape(server: Running) -> dict[str, float]:
    """Every sample: `name{label="value",…}` and its value."""
    async with httpx.AsyncClient(trust_env=False) as http:
        answer = await http.get(f"{server.http}/metrics")
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/plain; version=")
    return {
        sample.name + (str(sorted(sample.labels.items())) if sample.labels else ""): sample.value
        for family in text_string_to_metric_families(answer.text)
        for sample in family.samples
    }


def of(samples: dict[str, float], name: str, **labels: str) -> float:
    return samples[f"graphql_api_{name}" + (str(sorted(labels.items())) if labels else "")]


async def until(server: Running, number: float, name: str, **labels: str) -> None:
    """Wait until a sample has this value."""
    async with asyncio.timeout(WAIT_S):
        while True:
            try:
                if of(await scrape(server), name, **labels) == number:
                    return
            except KeyError:
                pass  # nothing of the kind has been counted yet


async def test_equal_subscriptions_are_seen_to_share(server: Running, writer: Writer) -> None:
    async with connected(server.ws) as one, connected(server.ws) as two:
        operations = [await client.subscribe(CHANGES) for client in (one, two)]
        for operation in operations:
            await operation.until_status("READY")
        before = await scrape(server)
        await writer.insert("policy", {"id": "p", "name": "new"})
        for operation in operations:
            assert (await operation.change())["__typename"] == "PolicyAdded"
        after = await scrape(server)

        def grown(name: str, **labels: str) -> float:
            return of(after, name, **labels) - of(before, name, **labels)

        assert of(after, "sockets") == 2
        assert of(after, "operations") == 2
        assert of(after, "groups") == 1
        assert of(after, "feed_subscriptions", table="policy") == 2
        assert of(after, "feed_documents", table="policy") == 3
        assert of(after, "feed_status", table="policy", status="ready") == 1
        assert of(after, "feed_status", table="policy", status="stale") == 0
        assert grown("feed_changes_total", table="policy") == 1
        assert grown("executions_total") == 1
        assert grown("shared_results_total") == 1
        assert grown("messages_sent_total") == 2
        assert grown("written_bytes_total") > grown("sent_bytes_total") > 2 * len("PolicyAdded")
        assert grown("lag_seconds_count") >= 1
        assert grown("execution_seconds_total") > 0
        assert grown("encoding_seconds_total") > 0


async def test_ends_of_sockets_are_counted_by_code(server: Running) -> None:
    async with connected(server.ws):
        pass
    async with connect(
        server.ws, subprotocols=[Subprotocol("graphql-transport-ws")], proxy=None
    ) as socket:
        await socket.send("[]")
        await socket.wait_closed()
    await until(server, 1, "closes_total", code="1000")
    await until(server, 1, "closes_total", code="4400")
    await until(server, 0, "sockets")


async def test_no_client_makes_up_a_label(server: Running) -> None:
    for code in (3000, 4321, 4999):
        async with connected(server.ws) as client:
            await client.socket.close(code)
    await until(server, 3, "closes_total", code="other")
    assert not [sample for sample in await scrape(server) if "4321" in sample]


async def test_answers_over_http_are_counted_by_status(server: Running) -> None:
    async with httpx.AsyncClient(base_url=server.http, trust_env=False) as http:
        await http.post("/graphql", json={"query": "{ __typename }"})
        await http.post("/graphql", json={"query": "{ __typename }"})
        await http.post("/graphql", content=b"[")
        await http.get("/graphql", params={"query": "mutation { __typename }"})
        stream = http.stream(
            "GET",
            "/graphql",
            params={"query": CHANGES},
            headers={"accept": "text/event-stream"},
        )
        async with stream:
            samples = await scrape(server)
            assert of(samples, "event_streams") == 1
            assert of(samples, "feed_subscriptions", table="policy") == 1
            for code, number in {"200": 3, "405": 1, "415": 1}.items():
                assert of(samples, "responses_total", code=code) == number


async def test_each_end_of_a_socket_is_one_line_with_its_reason(
    server: Running, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    async with connected(server.ws, {"authorization": "Bearer s3cret"}) as client:
        await client.socket.close(1000, "done here")
    await until(server, 1, "closes_total", code="1000")
    lines = [record for record in caplog.records if "ended after" in record.getMessage()]
    (record,) = lines
    assert record.getMessage().endswith(": 1000 'done here'")
    assert vars(record)["code"] == 1000
    assert "s3cret" not in caplog.text


async def test_lost_sockets_are_distinguished_from_closed_ones(
    server: Running, client: Client, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    client.socket.transport.abort()
    await until(server, 1, "closes_total", code="1006")
    assert any("1006 'the connection was lost'" in r.getMessage() for r in caplog.records)


async def test_readyz_says_how_long_a_table_has_been_stale(
    starbelly: DatabaseURL, writer: Writer
) -> None:
    settings = settings_for(starbelly, ready_stale_s=0.0)
    async with running(settings) as server, connected(server.ws) as client:
        operation = await client.subscribe(CHANGES)
        await operation.until_status("READY")
        await until_ready(server)
        async with httpx.AsyncClient(base_url=server.http, trust_env=False) as http:
            assert (await http.get("/readyz")).text == "ready\n"
            await writer.run(writer.r.db(starbelly.database).table_drop("policy"))
            await operation.until_status("STALE")
            answer = await http.get("/readyz")
            assert answer.status_code == 503
            assert "has been stale for" in answer.text
            assert (await http.get("/healthz")).status_code == 200
        samples = await scrape(server)
        assert of(samples, "feed_status", table="policy", status="stale") == 1
        assert of(samples, "feed_outages_total", table="policy") == 1
        assert of(samples, "feed_stale_seconds", table="policy") > 0


async def test_readyz_names_a_stale_table_before_it_sends_clients_elsewhere(
    starbelly: DatabaseURL, writer: Writer
) -> None:
    async with running(settings_for(starbelly)) as server, connected(server.ws) as client:
        operation = await client.subscribe(CHANGES)
        await operation.until_status("READY")
        await until_ready(server)
        await writer.run(writer.r.db(starbelly.database).table_drop("policy"))
        await operation.until_status("STALE")
        async with httpx.AsyncClient(base_url=server.http, trust_env=False) as http:
            answer = await http.get("/readyz")
        assert answer.status_code == 200
        assert answer.text.startswith("ready; the table policy has been stale for ")


async def test_followed_logs_are_counted(starbelly: DatabaseURL, server: Running) -> None:
    async with crawling(starbelly) as crawler, connected(server.ws) as client:
        await crawler.respond(1, 2, 3)
        before = await scrape(server)
        assert (of(before, "logs"), of(before, "log_subscriptions")) == (0, 0)
        one, two = [await client.subscribe(FOLLOW, jobId="j1") for _ in range(2)]
        for operation in (one, two):
            assert sequences(await received(operation, 3)) == [1, 2, 3]
        during = await scrape(server)
        assert (of(during, "logs"), of(during, "log_subscriptions")) == (1, 2)
        assert of(during, "log_rows_sent_total") - of(before, "log_rows_sent_total") == 6
        assert of(during, "log_row_bytes") > 0
        await crawler.set(run_state="completed", item_count=3)
        for operation in (one, two):
            assert await to_the_end(operation) == []
        await until(server, 0, "log_subscriptions")
        await until(server, 0, "logs")
        await until(server, 0, "log_row_bytes")
