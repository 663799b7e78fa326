"""Multipart responses through a real uvicorn: what is in them, and how they end."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest

from graphql_api.auth.authenticator import Authenticator
from graphql_api.protocols.http import GraphQLHTTP
from tests.server.client import WAIT_S
from tests.server.transport.test_event_stream import ROWS, nothing_left
from tests.server.transport.toy import PATIENT, Running, serve
from tests.toy_world import Row

MULTIPART = 'multipart/mixed; boundary="graphql"; subscriptionSpec="1.0"'
APOLLO = f"{MULTIPART}, application/graphql-response+json, application/json;q=0.9"
END = b"\r\n--graphql"


class Parts:
    """One response, part by part: what the body holds between its boundaries."""

    def __init__(self, response: httpx.Response) -> None:
        self.response = response
        self._bytes = response.aiter_bytes()
        self._buffer = b"\r\n"

    async def next(self) -> Any:
        """The JSON of the next part; None, behind the closing boundary.

        Raises:
            EOFError: The response has ended without it.
        """
        part = await self._until_boundary()
        if part == b"":  # the preamble
            part = await self._until_boundary()
        if part is None:
            return None
        head, _, body = part.partition(b"\r\n\r\n")
        assert head == b"\r\ncontent-type: application/json"
        return json.loads(body)

    async def _until_boundary(self) -> bytes | None:
        async with asyncio.timeout(WAIT_S):
            while END not in self._buffer and self._buffer != b"--\r\n":
                piece = await anext(self._bytes, None)
                if piece is None:
                    raise EOFError(self._buffer)
                self._buffer += piece
        part, boundary, self._buffer = self._buffer.partition(END)
        return part if boundary else None


@asynccontextmanager
async def parts(server: Running, query: str, accept: str = APOLLO) -> AsyncIterator[Parts]:
    async with (
        httpx.AsyncClient(
            base_url=f"http://127.0.0.1:{server.port}", trust_env=False, timeout=WAIT_S
        ) as http,
        http.stream("POST", "/", json={"query": query}, headers={"accept": accept}) as response,
    ):
        yield Parts(response)


async def test_results_are_parts_until_the_operation_is_over() -> None:
    async with serve(GraphQLHTTP) as server:
        async with parts(server, "subscription { count(to: 3) }") as response:
            content_type = response.response.headers["content-type"]
            assert content_type == 'multipart/mixed;boundary="graphql";subscriptionSpec="1.0"'
            for i in range(3):
                assert await response.next() == {"payload": {"data": {"count": i}}}
            assert await response.next() is None
        await nothing_left(server)


async def test_subscription_to_a_feed_shares_its_results_with_event_streams() -> None:
    async with serve(GraphQLHTTP) as server:
        async with (
            parts(server, ROWS) as one,
            parts(server, ROWS) as two,
            parts(server, ROWS, "text/event-stream"),
        ):
            await server.toys.wait_for(lambda: server.broadcaster.members == 3)
            assert server.broadcaster.groups == 1
            server.toys.topic.publish(Row(value=1))
            for response in (one, two):
                assert await response.next() == {
                    "payload": {"data": {"rows": {"value": 1, "text": ""}}}
                }
        await nothing_left(server)


async def test_heartbeat_is_an_empty_object() -> None:
    quick = PATIENT.model_copy(update={"sse_keep_alive_s": 0.01})
    async with (
        serve(GraphQLHTTP, limits=quick) as server,
        parts(server, ROWS) as response,
    ):
        for _ in range(3):
            assert await response.next() == {}


async def test_stream_that_the_server_ends_says_why_and_is_not_complete() -> None:
    access = Authenticator()
    async with serve(GraphQLHTTP, authenticator=access) as server:
        async with parts(server, ROWS) as one, parts(server, ROWS) as two:
            await server.toys.wait_for(lambda: server.broadcaster.members == 2)
            session, _ = access._sessions
            session.end("the token has expired")
            await server.app.streams.close_all()
            codes = []
            for response in (one, two):
                end = await response.next()
                assert end["payload"] is None
                codes += [error["extensions"]["code"] for error in end["errors"]]
                with pytest.raises(EOFError):
                    await response.next()
        assert codes == ["UNAUTHENTICATED", "SHUTTING_DOWN"]
        await nothing_left(server)


async def test_what_cannot_begin_is_answered_by_json_if_that_is_acceptable() -> None:
    async with (
        serve(GraphQLHTTP) as server,
        parts(server, "subscription { nothing }") as json_,
        parts(server, "subscription { nothing }", MULTIPART) as multipart,
        parts(server, "{ hello }") as query,
    ):
        assert json_.response.status_code == 400
        await json_.response.aread()
        errors = json_.response.json()["errors"]
        assert errors[0]["extensions"]["code"] == "GRAPHQL_VALIDATION_FAILED"
        assert await multipart.next() == {"payload": {"errors": errors}}
        assert await multipart.next() is None
        await query.response.aread()
        assert query.response.json() == {"data": {"hello": "hello world"}}
