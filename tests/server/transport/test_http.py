"""GraphQL over HTTP through a real uvicorn: status codes, media types, and no 500."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from starlette.types import Message

from graphql_api.documents.request import Request
from graphql_api.limits.cpu_budget import CPUBudgets
from graphql_api.protocols.http import LONG_BODY_BYTES, GraphQLHTTP
from graphql_api.protocols.http_request import (
    MediaType,
    accepted,
    accepted_stream,
    read_post,
)
from tests.for_each import for_each
from tests.server.transport.toy import PATIENT, serve

JSON = "application/json"
GRAPHQL = "application/graphql-response+json"


@pytest.fixture
async def http() -> AsyncIterator[httpx.AsyncClient]:
    async with (
        serve(GraphQLHTTP, limits=PATIENT.model_copy(update={"max_body_bytes": 10_000})) as running,
        httpx.AsyncClient(base_url=f"http://127.0.0.1:{running.port}", trust_env=False) as client,
    ):
        yield client


async def post(http: httpx.AsyncClient, body: Any, accept: str = "*/*") -> httpx.Response:
    return await http.post("/", json=body, headers={"accept": accept})


@for_each(
    ("accept", "expected"),
    [
        (None, MediaType.JSON),
        ("", MediaType.JSON),
        ("*/*", MediaType.JSON),
        ("application/*", MediaType.JSON),
        (JSON, MediaType.JSON),
        (GRAPHQL, MediaType.GRAPHQL),
        ("Application/GraphQL-Response+JSON; charset=utf-8", MediaType.GRAPHQL),
        (f"{GRAPHQL},{JSON};q=0.9", MediaType.GRAPHQL),
        (f"{GRAPHQL};q=0.8, {JSON};q=0.9", MediaType.JSON),
        (f"{JSON}, {GRAPHQL}", MediaType.JSON),
        (f"text/html, {GRAPHQL};q=0.1", MediaType.GRAPHQL),
        (f"{GRAPHQL}, application/graphql+json, {JSON}, text/event-stream", MediaType.GRAPHQL),
        ("text/html,application/xhtml+xml,*/*;q=0.8", MediaType.JSON),
        (f"{GRAPHQL};q=0, {JSON}", MediaType.JSON),
        (f"{JSON};q=no", None),
        ("text/event-stream", None),
        ("text/html;q=1,;q=", None),
    ],
)
def test_media_type_is_the_one_that_the_client_likes_best(
    accept: str | None, expected: MediaType | None
) -> None:
    assert accepted(accept) is expected


@for_each(
    ("accept", "expected"),
    [
        (None, False),
        ("*/*", False),
        ("text/*", False),
        (JSON, False),
        ("text/event-stream", True),
        ("Text/Event-Stream;charset=utf-8", True),
        (f"{GRAPHQL}, {JSON}, text/event-stream, multipart/mixed", True),
        ("text/event-stream;q=0", False),
        ("text/event-stream;q=0.1, */*", True),
    ],
)
def test_event_stream_is_for_those_who_name_it(accept: str | None, expected: bool) -> None:
    assert (accepted_stream(accept) is MediaType.EVENT_STREAM) is expected


@for_each(
    ("accept", "expected"),
    [
        (f"multipart/mixed;boundary=graphql;subscriptionSpec=1.0,{GRAPHQL},{JSON};q=0.9", True),
        ('multipart/mixed; boundary="graphql"; subscriptionSpec="1.0"', True),
        ("multipart/mixed;subscriptionSpec=1.0;q=0", False),
        ("multipart/mixed", False),
        ("multipart/mixed;deferSpec=20220824", False),
        ("text/event-stream, multipart/mixed;subscriptionSpec=1.0", False),
        ("text/event-stream;q=0.5, multipart/mixed;subscriptionSpec=1.0", True),
    ],
)
def test_multipart_is_for_those_who_name_its_specification(accept: str, expected: bool) -> None:
    assert (accepted_stream(accept) is MediaType.MULTIPART) is expected


@pytest.mark.parametrize("accept", [JSON, GRAPHQL])
async def test_query_and_mutation_are_answered(http: httpx.AsyncClient, accept: str) -> None:
    body = {
        "query": "query Q { hello } mutation M($v: Int!) { set(value: $v) }",
        "operationName": "M",
        "variables": {"v": 7},
        "extensions": {},
    }
    response = await post(http, body, accept)
    assert response.status_code == 200
    assert response.headers["content-type"] == f"{accept}; charset=utf-8"
    assert response.json() == {"data": {"set": 7}}


async def test_query_may_come_by_get(http: httpx.AsyncClient) -> None:
    query = "query ($n: String!) { hello(name: $n) }"
    params = {"query": query, "variables": '{"n":"ä"}', "extensions": "", "operationName": ""}
    response = await http.get("/", params=params)
    assert response.json() == {"data": {"hello": "hello ä"}}


DEEP_URL = f"/?query={{hello}}&variables={'[' * 100}{']' * 100}"


async def test_malformed_url_is_a_bad_request(http: httpx.AsyncClient) -> None:
    for url in ("/", "/?query=%FF", "/?query={hello}&variables={", DEEP_URL, "/?query=a%"):
        response = await http.get(url, headers={"accept": GRAPHQL})
        assert response.status_code == 400, url
        assert "data" not in response.json(), url


async def test_malformed_body_is_a_bad_request(http: httpx.AsyncClient) -> None:
    for body in (
        b"",
        b"{",
        b"null",
        b"5",
        b'"x"',
        b"[]",
        b'[{"query":"{hello}"}]',
        b"\xff",
        b'{"query":"\xff"}',
        b"[" * 9000,
        b'{"query":"{hello}","variables":{"a":' + b"[" * 250 + b"]" * 250 + b"}}",
        b"{}",
        b'{"query":null}',
        b'{"query":5}',
        b'{"query":"{hello}","variables":[]}',
        b'{"query":"{hello}","variables":"{}"}',
        b'{"query":"{hello}","operationName":5}',
        b'{"query":"{hello}","extensions":false}',
    ):
        response = await http.post("/", content=body, headers={"content-type": JSON})
        assert response.status_code == 400, body
        (error,) = response.json()["errors"]
        assert error["extensions"] == {"code": "BAD_REQUEST"}, body


async def test_request_that_is_no_graphql_is_refused(http: httpx.AsyncClient) -> None:
    body = json.dumps({"query": "{ hello }"}).encode()
    types = [None, "text/plain", "application/graphql", f"{JSON}; charset=latin-1"]
    for content_type in types:
        headers = [] if content_type is None else [("content-type", content_type)]
        assert (await http.post("/", content=body, headers=headers)).status_code == 415
    twice = [("content-type", JSON), ("content-type", JSON)]
    assert (await http.post("/", content=body, headers=twice)).status_code == 415
    for codings, status in (["gzip"], 415), (["identity", "gzip"], 415), (["Identity", ""], 200):
        encoded = [("content-type", JSON), *(("content-encoding", coding) for coding in codings)]
        assert (await http.post("/", content=body, headers=encoded)).status_code == status
    assert (await http.patch("/", json={})).headers["allow"] == "GET, POST, PUT, DELETE"
    assert (await post(http, {"query": "{ hello }"}, "text/html")).status_code == 406
    assert (await post(http, {"query": " " * 10_000})).status_code == 413

    async def chunks() -> AsyncIterator[bytes]:
        for _ in range(11):
            yield b" " * 1000

    response = await http.post("/", content=chunks(), headers={"content-type": JSON})
    assert response.status_code == 413


async def test_mistake_in_a_request_has_the_status_of_its_media_type(
    http: httpx.AsyncClient,
) -> None:
    mistakes: list[tuple[Any, str]] = [
        ({"query": "{"}, "GRAPHQL_PARSE_FAILED"),
        ({"query": ""}, "GRAPHQL_PARSE_FAILED"),
        ({"query": "{ nothing }"}, "GRAPHQL_VALIDATION_FAILED"),
        ({"query": "{ hello }", "operationName": "X"}, "OPERATION_RESOLUTION_FAILURE"),
        ({"query": "query A { hello } query B { hello }"}, "OPERATION_RESOLUTION_FAILURE"),
        (
            {"query": "query ($n: String!) { hello(name: $n) }", "variables": {"n": 1}},
            "BAD_USER_INPUT",
        ),
    ]
    for body, code in mistakes:
        for accept, status in ((JSON, 200), (GRAPHQL, 400)):
            response = await post(http, body, accept)
            assert response.status_code == status, body
            assert response.headers["content-type"].startswith(accept)
            answer = response.json()
            assert "data" not in answer
            assert [error["extensions"]["code"] for error in answer["errors"]] == [code], body


async def test_mutation_needs_post(http: httpx.AsyncClient) -> None:
    response = await http.get("/", params={"query": "mutation { set(value: 1) }"})
    assert response.status_code == 405
    assert response.headers["allow"] == "POST"


async def test_subscription_needs_a_stream(http: httpx.AsyncClient) -> None:
    for accept in ("*/*", JSON, f"{GRAPHQL}, {JSON}"):
        response = await post(http, {"query": "subscription { count }"}, accept)
        assert response.status_code == 406
        (error,) = response.json()["errors"]
        assert "graphql-transport-ws" in error["message"]
        assert "text/event-stream" in error["message"]


async def test_error_of_a_resolver_is_masked(
    http: httpx.AsyncClient, caplog: pytest.LogCaptureFixture
) -> None:
    for query, data in (("{ secret }", None), ("{ perhaps }", {"perhaps": None})):
        response = await post(http, {"query": query}, GRAPHQL)
        assert response.status_code == 200
        assert response.json()["data"] == data
        extensions = response.json()["errors"][0]["extensions"]
        assert extensions["code"] == "INTERNAL_SERVER_ERROR"
        assert f"request {extensions['requestId']}: " in caplog.text
        assert "a secret" not in response.text
    assert [record.levelno for record in caplog.records if record.exc_info] == [logging.ERROR] * 2


@pytest.mark.parametrize(("padding", "turns"), [(0, 1), (LONG_BODY_BYTES, 4)])
async def test_long_bodies_that_arrive_together_are_read_in_turns(
    padding: int, turns: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    body = json.dumps({"query": "{ hello }", "padding": "x" * padding}).encode()
    have_arrived = asyncio.Event()
    waiting = iterations = 0
    now_s = 0.0
    read_at: set[int] = set()

    def count() -> None:
        nonlocal iterations
        iterations += 1
        asyncio.get_running_loop().call_soon(count)

    def slowly(body: bytes) -> Request:
        nonlocal now_s
        now_s += 1.0
        read_at.add(iterations)
        return read_post(body)

    async def receive() -> Message:
        nonlocal waiting
        waiting += 1
        await have_arrived.wait()
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(message: Message) -> None:
        assert message.get("status", 200) == 200

    monkeypatch.setattr("graphql_api.protocols.http.read_post", slowly)
    headers = [(b"content-type", b"application/json")]
    scope = {"type": "http", "method": "POST", "path": "/", "headers": headers}
    async with serve(GraphQLHTTP, budgets=CPUBudgets(clock=lambda: now_s)) as running:
        async with asyncio.TaskGroup() as tasks:
            for number in range(4):
                client = {"client": ("192.0.2.1", number)}
                tasks.create_task(running.app(scope | client, receive, send))
            await running.toys.wait_for(lambda: waiting == 4)
            count()
            have_arrived.set()
        assert len(read_at) == turns
