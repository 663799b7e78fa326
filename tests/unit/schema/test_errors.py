from __future__ import annotations

import logging
from collections.abc import AsyncIterator
from datetime import datetime
from typing import Any

import pytest
import strawberry
from strawberry.schema.config import StrawberryConfig
from strawberry.types import ExecutionResult

from graphql_api.errors import BadInputError
from graphql_api.feeds.feeds import Feeds
from graphql_api.schema.context import Context
from graphql_api.schema.date_time import DATE_TIME
from graphql_api.schema.errors import CodeValidationErrors
from graphql_api.schema.schema import APISchema
from graphql_api.scopes import ALL_SCOPES
from tests.for_each import for_each
from tests.no_store import NoStore
from tests.unit.schema.harness import serve

SECRET = "the password is hunter2"


class Failures:
    """An async iterator that fails, like a feed with a bug."""

    def __init__(self, error: Exception) -> None:
        self.error = error
        self.is_closed = False

    def __aiter__(self) -> Failures:
        return self

    async def __anext__(self) -> int:
        raise self.error

    async def aclose(self) -> None:
        self.is_closed = True


def fail_inside() -> int:
    raise ValueError(SECRET)


def fail_for_client() -> int:
    raise BadInputError("limit must be smaller")


def too_large() -> int:
    return 2**40


def nothing() -> int:
    return None  # type: ignore[return-value]


def echo(time: datetime) -> datetime:
    return time


def fail_to_subscribe() -> AsyncIterator[int]:
    raise ValueError(SECRET)


def refuse_to_subscribe() -> AsyncIterator[int]:
    raise BadInputError("since what?")


def fail_later() -> AsyncIterator[int]:
    return Failures(ValueError(SECRET))


@strawberry.type
class Query:
    inside: int | None = strawberry.field(resolver=fail_inside)
    client: int | None = strawberry.field(resolver=fail_for_client)
    large: int | None = strawberry.field(resolver=too_large)
    nothing: int = strawberry.field(resolver=nothing)
    echo: datetime | None = strawberry.field(resolver=echo)


@strawberry.type
class Subscription:
    fails: AsyncIterator[int] = strawberry.subscription(resolver=fail_to_subscribe)
    refuses: AsyncIterator[int] = strawberry.subscription(resolver=refuse_to_subscribe)
    later: AsyncIterator[int] = strawberry.subscription(resolver=fail_later)


BUGGY = APISchema(
    query=Query,
    subscription=Subscription,
    extensions=[CodeValidationErrors],
    config=StrawberryConfig(scalar_map={datetime: DATE_TIME}),
)
FEEDS = Feeds((), lambda _: None)  # type: ignore[arg-type, return-value]
CONTEXT = Context(FEEDS, NoStore(), 0, ALL_SCOPES)


def only_error(result: ExecutionResult) -> tuple[str, str]:
    assert result.errors is not None
    (error,) = result.errors
    assert error.extensions is not None
    assert set(error.formatted["extensions"]) - {"requestId"} == {"code"}
    return error.extensions["code"], error.message


async def subscribe(query: str) -> tuple[str, str]:
    results = await BUGGY.subscribe(query, context_value=CONTEXT)
    return only_error(await anext(results))


@pytest.mark.parametrize("query", ["{ inside }", "{ nothing }", "{ large }"])
async def test_internal_errors_are_hidden_and_logged_whole_once(
    query: str, caplog: pytest.LogCaptureFixture
) -> None:
    result = await BUGGY.execute(query, context_value=CONTEXT)
    assert only_error(result) == ("INTERNAL_SERVER_ERROR", "Internal error")
    assert result.errors is not None
    assert result.errors[0].path == [query.strip("{ }")]
    (record,) = caplog.records
    assert record.levelno == logging.ERROR
    assert record.exc_info is not None
    assert query.strip("{ }") in record.getMessage()
    request_id = (result.errors[0].extensions or {})["requestId"]
    assert f"request {request_id}: " in record.getMessage()


async def test_traceback_of_an_internal_error_is_in_the_log(
    caplog: pytest.LogCaptureFixture,
) -> None:
    await BUGGY.execute("{ inside }", context_value=CONTEXT)
    assert SECRET in caplog.text
    assert "in fail_inside" in caplog.text


@pytest.mark.parametrize("query", ["subscription { fails }", "subscription { later }"])
async def test_internal_errors_of_subscriptions_are_hidden_and_logged_once(
    query: str, caplog: pytest.LogCaptureFixture
) -> None:
    assert await subscribe(query) == ("INTERNAL_SERVER_ERROR", "Internal error")
    assert len(caplog.records) == 1
    assert SECRET in caplog.text


async def test_errors_for_the_client_keep_their_text_and_are_not_logged(
    caplog: pytest.LogCaptureFixture,
) -> None:
    result = await BUGGY.execute("{ client }", context_value=CONTEXT)
    assert only_error(result) == ("BAD_USER_INPUT", "limit must be smaller")
    assert await subscribe("subscription { refuses }") == ("BAD_USER_INPUT", "since what?")
    assert caplog.records == []


@pytest.mark.parametrize(
    ("query", "variables", "code", "text"),
    [
        ("{", {}, "GRAPHQL_PARSE_FAILED", "Syntax Error"),
        ("{ unknown }", {}, "GRAPHQL_VALIDATION_FAILED", "Cannot query field"),
        ("{ policies(limit: 1.5) { total } }", {}, "GRAPHQL_VALIDATION_FAILED", "Int cannot"),
        ("query ($n: Int!) { policies(limit: $n) { total } }", {}, "BAD_USER_INPUT", "$n"),
        (
            "query ($n: Int) { policies(limit: $n) { total } }",
            {"n": None},
            "BAD_USER_INPUT",
            "limit",
        ),
        ("query ($n: Int!) { policies(limit: $n) { total } }", {"n": "x"}, "BAD_USER_INPUT", "$n"),
        (
            "query ($n: Int!) { policies(limit: $n) { total } }",
            {"n": 2**31},
            "BAD_USER_INPUT",
            "$n",
        ),
        (
            "query ($w: PolicyFilter) { policies(where: $w) { total } }",
            {"w": {"nameContains": 5}},
            "BAD_USER_INPUT",
            "nameContains",
        ),
        (
            "query ($w: PolicyFilter) { policies(where: $w) { total } }",
            {"w": {"unknown": 5}},
            "BAD_USER_INPUT",
            "unknown",
        ),
    ],
)
async def test_mistakes_in_a_request_are_reported_with_their_code(
    query: str, variables: dict[str, Any], code: str, text: str, caplog: pytest.LogCaptureFixture
) -> None:
    async with serve({"policy": []}) as server:
        actual, message = only_error(await server.execute(query, **variables))
    assert actual == code
    assert text in message
    assert caplog.records == []


async def test_mistakes_in_a_subscription_are_reported_with_their_code() -> None:
    async with serve({"policy": []}) as server:
        for arguments, code in [
            ('(since: "altered")', "BAD_CURSOR"),
            ('(since: "")', "BAD_CURSOR"),
            ("(since: 5)", "GRAPHQL_VALIDATION_FAILED"),
        ]:
            query = f"subscription {{ policyChanges{arguments} {{ __typename }} }}"
            async with server.subscribe(query) as results:
                actual, _ = only_error(await anext(results))
                assert actual == code
        assert server.feed("policy").subscribers == 0


@for_each("value", ["yesterday", 5, [], "2026-01-01T00:00:00", "0001-01-01T00:00+23:59"])
async def test_wrong_time_is_refused_without_a_word_of_python(value: object) -> None:
    result = await BUGGY.execute(
        "query ($t: DateTime!) { echo(time: $t) }", {"t": value}, context_value=CONTEXT
    )
    code, message = only_error(result)
    assert code == "BAD_USER_INPUT"
    assert "RFC 3339" in message
    assert "isoformat" not in message


async def test_times_are_served_in_utc_with_milliseconds() -> None:
    result = await BUGGY.execute(
        '{ echo(time: "2026-01-01T01:00:00.0019+02:00") }', context_value=CONTEXT
    )
    assert result.data == {"echo": "2025-12-31T23:00:00.001Z"}


async def test_unknown_operation_name_is_reported_over_a_stream() -> None:
    async with serve({"policy": []}) as server:
        results = await server.schema.stream(
            "query A { feeds { table } }", operation_name="B", context_value=server.context
        )
        result = await anext(results)
        assert isinstance(result, ExecutionResult)
        code, message = only_error(result)
        assert code == "OPERATION_RESOLUTION_FAILURE"
        assert "B" in message
        await results.aclose()
