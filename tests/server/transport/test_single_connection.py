"""graphql-sse's single connection mode through a real uvicorn."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest

from graphql_api.auth.principal import ANYBODY, Principal
from graphql_api.protocols.http import GraphQLHTTP
from graphql_api.protocols.http_request import RefusedError
from graphql_api.protocols.single_connection import (
    MAX_RESERVATIONS,
    MAX_RESERVATIONS_PER_CLIENT,
    RESERVED_S,
)
from tests.server.event_source import EventSource, event_source
from tests.server.transport.test_event_stream import ROWS, SILENCE, nothing_left
from tests.server.transport.toy import PATIENT, Running, serve
from tests.toy_world import Row


class Client:
    """Requests of one client, by its stream's token."""

    def __init__(self, http: httpx.AsyncClient, token: str) -> None:
        self._http = http
        self.token = token
        self._headers = {"x-graphql-event-stream-token": token}

    async def post(self, query: str, id_: object = "a", **members: Any) -> httpx.Response:
        body = {"query": query, "extensions": {"operationId": id_}} | members
        return await self._http.post("/", json=body, headers=self._headers)

    async def delete(self, id_: str) -> httpx.Response:
        return await self._http.delete("/", params={"operationId": id_}, headers=self._headers)


@asynccontextmanager
async def client(server: Running) -> AsyncIterator[Client]:
    """A client that has reserved a stream, and not opened it."""
    url = f"http://127.0.0.1:{server.port}"
    async with httpx.AsyncClient(base_url=url, trust_env=False) as http:
        response = await http.put("/")
        assert response.status_code == 201
        assert response.headers["content-type"] == "text/plain; charset=utf-8"
        yield Client(http, response.text)


@asynccontextmanager
async def opened(server: Running) -> AsyncIterator[tuple[Client, EventSource]]:
    async with client(server) as requests, stream(server, requests.token) as source:
        assert source.status == 200
        yield requests, source


def stream(server: Running, token: str) -> Any:
    return event_source(("127.0.0.1", server.port), "", path="/", token=token)


async def said(source: EventSource) -> tuple[str, Any, Any]:
    event = await source.event()
    assert event is not None
    data = json.loads(event.data)
    return event.type, data["id"], data.get("payload")


async def test_operations_send_their_results_into_one_stream() -> None:
    async with serve(GraphQLHTTP) as server:
        async with opened(server) as (requests, source):
            operations: list[tuple[str, str, list[Any]]] = [
                ("a", "{ hello }", [{"hello": "hello world"}]),
                ("ä", "subscription { count(to: 2) }", [{"count": 0}, {"count": 1}]),
                ("a", "mutation { set(value: 1) }", [{"set": 1}]),
            ]
            for id_, query, results in operations:
                assert (await requests.post(query, id_)).status_code == 202
                for result in results:
                    assert await said(source) == ("next", id_, {"data": result})
                assert await said(source) == ("complete", id_, None)
        await nothing_left(server)


async def test_equal_subscriptions_share_their_results_whatever_their_ids() -> None:
    async with serve(GraphQLHTTP) as server:
        async with opened(server) as (one, first), opened(server) as (two, second):
            assert len(server.app.streams) == 2
            for requests, id_ in ((one, "a"), (one, "b"), (two, "c")):
                assert (await requests.post(ROWS, id_)).status_code == 202
            await server.toys.wait_for(lambda: server.broadcaster.members == 3)
            assert server.broadcaster.groups == 1
            server.toys.topic.publish(Row(value=1))
            row = {"data": {"rows": {"value": 1, "text": ""}}}
            assert sorted([await said(first), await said(first)]) == [
                ("next", "a", row),
                ("next", "b", row),
            ]
            assert await said(second) == ("next", "c", row)
            assert (await one.delete("a")).status_code == 200
            assert (await one.delete("a")).status_code == 200, "it is over"
            assert server.broadcaster.members == 2
        await nothing_left(server)
        async with stream(server, one.token) as again:
            assert again.status == 404, "a token is for one stream"


async def test_what_is_wrong_is_refused_and_the_stream_goes_on() -> None:
    limits = PATIENT.model_copy(update={"max_subscriptions": 1})
    async with (
        serve(GraphQLHTTP, limits=limits) as server,
        opened(server) as (requests, source),
        client(server) as unopened,
    ):
        assert (await requests.post(SILENCE, "a")).status_code == 202
        assert await said(source) == ("next", "a", {"data": {"silence": 0}})
        for status, response in [
            (409, await requests.post("{ hello }", "a")),
            (400, await requests.post("{ hello }", None)),
            (400, await requests.post("{ hello }", "")),
            (400, await requests.post("{ hello }", "x" * 1025)),
            (400, await requests.post("{ hello", "b", extensions={})),
            (409, await unopened.post("{ hello }")),
            (404, await Client(unopened._http, "another").post("{ hello }")),
            (404, await Client(unopened._http, "").delete("a")),
            (409, await unopened.delete("a")),
        ]:
            assert response.status_code == status
        for token, status in ((requests.token, 409), ("another", 404)):
            async with stream(server, token) as refused:
                assert refused.status == status
        # What is found later is a result of its operation.
        assert (await requests.post(SILENCE, "b")).status_code == 202
        kind, id_, payload = await said(source)
        assert (kind, id_) == ("next", "b")
        (error,) = payload["errors"]
        assert error["extensions"] == {"code": "TOO_MANY_OPERATIONS"}
        assert error["message"].startswith("this event stream has 1 subscriptions already")
        assert await said(source) == ("complete", "b", None)
        assert server.toys.open == 1


async def test_reservation_is_of_use_to_its_own_access_token_only() -> None:
    async with serve(GraphQLHTTP) as server:
        connections = server.app.single_connections
        other = connections.reserve(Principal("another", ANYBODY.scopes))
        async with stream(server, other) as source:
            assert source.status == 404
        async with opened(server) as (requests, _):
            connections._open[requests.token].principal = Principal("another", ANYBODY.scopes)
            assert (await requests.post("{ hello }")).status_code == 404
            assert (await requests.delete("a")).status_code == 404


async def test_reservations_are_counted_and_expire() -> None:
    now_s = 0.0
    async with serve(GraphQLHTTP, clock=lambda: now_s) as server, client(server) as requests:
        connections = server.app.single_connections
        for _ in range(MAX_RESERVATIONS - 1):
            connections.reserve(ANYBODY)
        response = await requests._http.put("/")
        assert (response.status_code, response.headers["retry-after"]) == (503, "5")
        now_s = RESERVED_S - 1
        assert connections.reservations == MAX_RESERVATIONS
        now_s = RESERVED_S
        assert connections.reservations == 0
        async with stream(server, requests.token) as source:
            assert source.status == 404
        assert (await requests._http.put("/")).status_code == 201


async def test_clients_of_one_address_leave_reservations_for_others() -> None:
    async with serve(GraphQLHTTP) as server:
        reserve = server.app.single_connections.reserve
        for _ in range(MAX_RESERVATIONS_PER_CLIENT):
            reserve(ANYBODY, "greedy")
        with pytest.raises(RefusedError, match="open their streams first") as refused:
            reserve(ANYBODY, "greedy")
        assert refused.value.status == 429
        for _ in range(MAX_RESERVATIONS - MAX_RESERVATIONS_PER_CLIENT):
            reserve(ANYBODY, None)


async def test_shutdown_ends_the_stream_without_complete() -> None:
    async with serve(GraphQLHTTP) as server:
        async with opened(server) as (requests, source), client(server) as reserved:
            assert (await requests.post(SILENCE)).status_code == 202
            await said(source)
            await server.app.streams.close_all()
            assert await source.event() is None
            assert (await requests.post("{ hello }")).status_code == 404
            response = await requests._http.put("/")
            assert (response.status_code, response.headers["retry-after"]) == (503, "1")
            async with stream(server, reserved.token) as late:
                assert late.status == 503, "it would be cut off at the end"
                (error,) = json.loads(await late.body())["errors"]
                assert error["extensions"] == {"code": "SHUTTING_DOWN"}
        await nothing_left(server)
