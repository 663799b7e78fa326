"""Event streams through a real uvicorn: what is in them, how they end, and what they leave."""

from __future__ import annotations

import asyncio
import logging
from contextlib import AsyncExitStack
from typing import Any

import pytest
from starlette.types import ASGIApp, Receive, Scope, Send

from graphql_api.auth.authenticator import Authenticator
from graphql_api.errors import BadCursorError
from graphql_api.limits.answer_memory import LARGE_BYTES, Answers
from graphql_api.limits.client_limits import ClientLimits
from graphql_api.protocols.http import GraphQLHTTP
from graphql_api.server.uvicorn_http import StreamingProtocol
from tests.fault.clock import LoopClock, put_forward_until, some_steps
from tests.server.event_source import EVENT_STREAM, EventSource, event_source
from tests.server.transport.toy import PATIENT, Running, serve
from tests.toy_world import Row

URQL = (
    "application/graphql-response+json, application/graphql+json, application/json, "
    "text/event-stream, multipart/mixed"
)
ROWS = "subscription { rows { value text } }"
SILENCE = "subscription { silence }"
QUICK = ClientLimits(send_timeout_s=0.1, send_buffer_bytes=4096, write_buffer_bytes=8192)
LARGE = Row(value=0, text="x" * 100_000)


def stream(server: Running, query: str, **arguments: Any) -> Any:
    return event_source(("127.0.0.1", server.port), query, path="/", **arguments)


async def nothing_left(server: Running) -> None:
    """Wait until no client is served, and nothing is left of any."""
    await server.toys.wait_for(lambda: not len(server.app.streams))
    await server.toys.wait_for(lambda: not server.toys.open)
    broadcaster = server.broadcaster
    assert broadcaster.members == broadcaster.groups == len(server.toys.topic.sources) == 0
    assert server.app._backend.authenticator.sessions == 0


@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize("accept", [EVENT_STREAM, URQL])
async def test_results_are_streamed_until_the_operation_is_over(method: str, accept: str) -> None:
    async with serve(GraphQLHTTP) as server:
        async with stream(
            server, "subscription { count(to: 3) }", method=method, accept=accept
        ) as source:
            assert source.status == 200
            assert source.headers["content-type"] == "text/event-stream; charset=utf-8"
            assert source.headers["cache-control"] == "no-cache"
            assert source.headers["x-accel-buffering"] == "no"
            for i in range(3):
                assert await source.next() == {"data": {"count": i}}
            await source.completed()
            # Only browsers know what it means, and they use GET.
            assert source.retry_ms == (1000 if method == "GET" else None)
        await nothing_left(server)


async def test_subscription_to_a_feed_is_a_member_and_leaves_with_its_client() -> None:
    async with serve(GraphQLHTTP) as server:
        async with stream(server, ROWS) as source:
            for value in range(3):
                server.toys.topic.publish(Row(value=value))
                assert await source.next() == {"data": {"rows": {"value": value, "text": ""}}}
            assert server.broadcaster.members == 1
        await nothing_left(server)


async def test_client_that_goes_frees_what_is_served_to_it_alone() -> None:
    async with serve(GraphQLHTTP) as server:
        async with stream(server, SILENCE) as source:
            await source.next()
            assert server.toys.open == 1
        await nothing_left(server)


async def test_stream_whose_large_result_finds_no_place_is_refused() -> None:
    answers = Answers(quick_bytes=1, waiting_bytes=1, wait_s=0)
    async with serve(GraphQLHTTP, answers=answers) as server:
        taken = await answers.begin(LARGE_BYTES + 1, lambda: None)
        assert taken is not None
        async with stream(server, f"subscription {{ flood(size: {LARGE_BYTES}) }}") as source:
            (error,) = (await source.next())["errors"]
            assert error["extensions"] == {"code": "RATE_LIMITED"}
            await source.completed()
        answers.end(taken)
        await nothing_left(server)


async def test_connection_serves_other_requests_before_and_after_a_stream() -> None:
    async with (
        serve(GraphQLHTTP) as server,
        stream(server, "{ hello }", accept="application/json") as source,
    ):
        assert await source.json() == {"data": {"hello": "hello world"}}
        for count in (1, 2):
            await source.request(f"subscription {{ count(to: {count}) }}", path="/")
            for i in range(count):
                assert await source.next() == {"data": {"count": i}}
            await source.completed()


@pytest.mark.parametrize("accept", [URQL, f"{EVENT_STREAM}, */*;q=0.1"])
async def test_query_is_answered_by_json_if_that_is_acceptable_too(accept: str) -> None:
    async with (
        serve(GraphQLHTTP) as server,
        stream(server, "{ hello }", method="POST", accept=accept) as source,
    ):
        assert "json" in source.headers["content-type"]
        assert await source.json() == {"data": {"hello": "hello world"}}


async def test_query_is_answered_by_a_stream_if_nothing_else_is_acceptable() -> None:
    async with serve(GraphQLHTTP) as server:
        for query, method in (("{ hello }", "GET"), ("mutation { set(value: 1) }", "POST")):
            async with stream(server, query, method=method) as source:
                assert source.status == 200
                assert "data" in await source.next()
                await source.completed()
        async with stream(server, "mutation { set(value: 1) }") as source:
            assert source.status == 405


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("subscription { nothing }", "GRAPHQL_VALIDATION_FAILED"),
        ("subscription {", "GRAPHQL_PARSE_FAILED"),
        ("subscription ($a: Int!) { count(to: $a) }", "BAD_USER_INPUT"),
        ("subscription { refused }", "BAD_CURSOR"),
        ("subscription { fails }", "INTERNAL_SERVER_ERROR"),
    ],
)
async def test_subscription_that_does_not_come_about_is_no_stream(query: str, code: str) -> None:
    accept = f"application/graphql-response+json, {EVENT_STREAM}"
    async with (
        serve(GraphQLHTTP) as server,
        stream(server, query, method="POST", accept=accept) as source,
    ):
        assert source.status == 400
        assert source.headers["content-type"].startswith("application/graphql-response+json")
        answer = await source.json()
        assert "data" not in answer
        assert [error["extensions"]["code"] for error in answer["errors"]] == [code]


@pytest.mark.parametrize("query", ["subscription { nothing }", "{", "subscription { refused }"])
async def test_who_accepts_nothing_else_is_answered_in_a_stream(query: str) -> None:
    async with serve(GraphQLHTTP) as server, stream(server, query) as source:
        assert source.status == 200
        result = await source.next()
        assert "data" not in result
        assert result["errors"]
        await source.completed()


async def test_source_that_fails_is_an_error_in_the_stream(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async with serve(GraphQLHTTP) as server:
        async with stream(server, "subscription { breaks }") as source:
            assert await source.next() == {"data": {"breaks": 1}}
            (error,) = (await source.next())["errors"]
            assert error["extensions"]["code"] == "INTERNAL_SERVER_ERROR"
            await source.completed()
        async with stream(server, ROWS) as source:
            server.toys.topic.sources[0].failure = BadCursorError("no")
            server.toys.topic.publish(Row(value=1))
            (error,) = (await source.next())["errors"]
            assert error["extensions"] == {"code": "BAD_CURSOR"}
            await source.completed()
        await nothing_left(server)
    assert "a secret" not in str(error)
    assert [record.levelno for record in caplog.records if record.exc_info] == [logging.ERROR]


async def test_last_event_id_wins_over_since() -> None:
    query = 'subscription { resumed(since: "first") }'
    async with serve(GraphQLHTTP) as server:
        for last_event_id, expected in ((None, "first"), ("", "first"), ("last", "last")):
            async with stream(server, query, last_event_id=last_event_id) as source:
                assert await source.next() == {"data": {"resumed": f"from {expected}"}}


async def test_silent_stream_is_kept_alive_by_comments() -> None:
    limits = PATIENT.model_copy(update={"sse_keep_alive_s": 0.02})
    async with (
        serve(GraphQLHTTP, limits=limits) as server,
        stream(server, ROWS) as source,
    ):
        reading = asyncio.create_task(source.next())
        await server.toys.wait_for(lambda: source.comments >= 3)
        server.toys.topic.publish(Row(value=1))
        assert await reading == {"data": {"rows": {"value": 1, "text": ""}}}


@pytest.mark.parametrize("query", ["subscription { flood(size: 10000) }", ROWS])
async def test_client_that_takes_nothing_is_given_up_and_everything_freed(
    query: str, caplog: pytest.LogCaptureFixture
) -> None:
    quick = {"http": StreamingProtocol.with_limits(QUICK)}
    async with (
        serve(GraphQLHTTP, uvicorn_options=quick) as server,
        stream(server, query, receive_buffer_bytes=4096) as source,
    ):
        source._writer.transport.pause_reading()
        if query is ROWS:
            for _ in range(100):
                server.toys.topic.publish(LARGE)
        await server.toys.wait_for(lambda: not len(server.app.streams))
        await nothing_left(server)
    assert [record for record in caplog.records if record.levelno >= logging.ERROR] == []


async def test_internal_error_is_reported_and_logged(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with serve(GraphQLHTTP) as server:
        monkeypatch.setattr("graphql_api.protocols.event_stream._Stream.next", None)
        monkeypatch.setattr(
            "graphql_api.protocols.event_stream._Stream.fail", lambda self, _: self.complete()
        )
        async with stream(server, "subscription { count }") as source:
            await source.completed()
    assert [record.levelno for record in caplog.records if record.exc_info] == [logging.ERROR]


async def test_end_of_a_token_ends_the_stream_without_complete() -> None:
    access = Authenticator()
    async with serve(GraphQLHTTP, authenticator=access) as server:
        async with stream(server, ROWS) as source:
            server.toys.topic.publish(Row(value=1))
            await source.next()
            (session,) = access._sessions
            session.end("the token has expired")
            assert await source.event() is None
        await nothing_left(server)


# The end of the server


async def test_streams_are_ended_one_after_the_other_over_the_time_that_there_is() -> None:
    async with (
        serve(GraphQLHTTP) as server,
        AsyncExitStack() as stack,
    ):
        sources = [await stack.enter_async_context(stream(server, ROWS)) for _ in range(4)]
        server.toys.topic.publish(Row(value=1))
        for source in sources:
            await source.next()
        clock = LoopClock(asyncio.get_running_loop())
        ended: list[object] = []

        async def watch(source: EventSource) -> None:
            ended.append(await source.event())

        async def once_ended(number: int) -> list[object]:
            await server.toys.wait_for(lambda: len(ended) >= number)
            await some_steps()
            return ended

        async with asyncio.TaskGroup() as tasks:
            for source in sources:
                tasks.create_task(watch(source))
            tasks.create_task(server.app.streams.close_all(spread_s=4000))
            for number in range(1, 5):
                assert await once_ended(number) == [None] * number
                clock.forward(1000)
        await nothing_left(server)


async def test_browser_is_asked_to_come_again_and_others_get_503() -> None:
    async with serve(GraphQLHTTP) as server:
        await server.app.streams.close_all()
        async with stream(server, ROWS) as source:
            assert source.status == 200
            assert source.headers["content-type"].startswith(EVENT_STREAM)
            assert await source.body() == b"retry: 1000\n\n"
        async with stream(server, ROWS, method="POST") as source:
            assert source.status == 503
            assert source.headers["retry-after"] == "1"
        async with stream(server, "{ hello }") as source:
            assert await source.next() == {"data": {"hello": "hello world"}}


async def test_client_that_takes_nothing_holds_up_no_shutdown(
    caplog: pytest.LogCaptureFixture,
) -> None:
    patient = ClientLimits(send_timeout_s=60, send_buffer_bytes=4096, write_buffer_bytes=8192)
    options = {"http": StreamingProtocol.with_limits(patient)}
    clock = LoopClock(asyncio.get_running_loop())
    async with (
        serve(GraphQLHTTP, uvicorn_options=options) as server,
        stream(server, ROWS, receive_buffer_bytes=4096) as source,
    ):
        source._writer.transport.pause_reading()
        for _ in range(100):
            server.toys.topic.publish(LARGE)
            await server.broadcaster.scheduler.round()
        await put_forward_until(clock, asyncio.ensure_future(server.app.streams.close_all()))
        await nothing_left(server)
    assert [record for record in caplog.records if record.levelno >= logging.ERROR] == []


async def test_source_is_closed_if_the_response_cannot_begin(
    caplog: pytest.LogCaptureFixture,
) -> None:
    def broken(app: ASGIApp) -> ASGIApp:
        async def wrapped(scope: Scope, receive: Receive, _: Send) -> None:
            async def send(message: Any) -> None:
                raise OSError("gone")

            await app(scope, receive, send)

        return wrapped

    async with serve(GraphQLHTTP, wrap=broken) as server:
        async with stream(server, ROWS) as source:
            assert source.status == 500
        await nothing_left(server)
