"""A subscription taken apart runs Strawberry's extensions as Strawberry does."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack
from typing import Any

import pytest
import strawberry
from graphql import ASTValidationRule, GraphQLError
from strawberry.extensions import AddValidationRules, SchemaExtension

from graphql_api.documents.documents import Documents
from graphql_api.documents.request import Request
from graphql_api.documents.validation import validate
from graphql_api.errors import BadCursorError
from graphql_api.execution.encoder import RequestError
from graphql_api.execution.operation import SubscriptionExecution
from graphql_api.schema import APISchema, Context
from graphql_api.schema.context import Info
from graphql_api.schema.errors import CodeValidationErrors
from tests.for_each import for_each
from tests.toy_world import Topic, context

COUNT = "subscription { count }"

calls: list[str] = []


class Recorder(SchemaExtension):
    """Writes down what it is asked, and adds to the results."""

    def on_operation(self) -> Iterator[None]:
        calls.append("operation begins")
        yield
        calls.append("operation ends")

    def on_parse(self) -> Iterator[None]:
        yield
        calls.append(f"parsed {self.execution_context.operation_name}")

    def on_validate(self) -> Iterator[None]:
        yield
        calls.append(f"validated {self.execution_context.pre_execution_errors or []}")

    def on_execute(self) -> Iterator[None]:
        yield
        calls.append("executed")

    def resolve(self, _next: Any, root: Any, info: Any, *args: Any, **kwargs: Any) -> Any:
        calls.append(f"resolve {info.field_name}")
        return _next(root, info, *args, **kwargs)

    def get_results(self) -> dict[str, Any]:
        return {"recorded": True}


class Waits(SchemaExtension):
    async def on_operation(self) -> AsyncIterator[None]:
        yield


class WaitsForResults(SchemaExtension):
    async def get_results(self) -> dict[str, Any]:
        return {}


class StandsAroundEachResult(SchemaExtension):
    def on_stream_result(self, result: Any) -> Iterator[None]:
        yield


@strawberry.type
class Query:
    nothing: int = 0


@strawberry.type
class Subscription:
    @strawberry.subscription
    async def count(self, info: Info, to: int = 2) -> AsyncIterator[int]:
        calls.append("resolver")
        for i in range(to):
            yield i

    @strawberry.subscription
    async def awaited(self) -> AsyncIterator[int]:
        await asyncio.sleep(0)
        yield 1

    @strawberry.subscription
    def refused(self) -> AsyncIterator[int]:
        raise BadCursorError("no")

    @strawberry.subscription
    def no_stream(self) -> AsyncIterator[int]:
        return 5  # type: ignore[return-value]


def schema(*extensions: Any) -> APISchema:
    return APISchema(
        query=Query, subscription=Subscription, extensions=[CodeValidationErrors, *extensions]
    )


def execution(
    query: str = COUNT,
    on: APISchema | None = None,
    documents: Documents | None = None,
    **variables: Any,
) -> SubscriptionExecution:
    request = Request(query, variables=variables)
    document, _ = request.operation(Documents() if documents is None else documents)
    return SubscriptionExecution(on or schema(), request, document, context(Topic()))


@pytest.fixture(autouse=True)
def no_calls() -> None:
    calls.clear()


async def refusal(execution: SubscriptionExecution) -> tuple[str, Any]:
    with pytest.raises(RequestError) as caught, execution.operation():
        await execution.subscribe()
    (error,) = caught.value.errors
    assert error.extensions is not None
    return error.message, error.extensions["code"]


async def test_extensions_run_once_for_each_subscriber() -> None:
    ours = execution(on=schema(Recorder))
    with ExitStack() as stack:
        stack.enter_context(ours.operation())
        source = await ours.subscribe()
        payloads = [ours.encode(ours.execute(event)) async for event in source]  # type: ignore[arg-type]
    assert payloads == [
        b'{"data":{"count":%d},"extensions":{"recorded":true}}' % i for i in range(2)
    ]
    composed = calls.copy()
    calls.clear()
    results = await schema(Recorder).subscribe(COUNT, context_value=context(Topic()))
    assert [result.extensions async for result in results] == [{"recorded": True}] * 2
    assert composed == calls


@for_each(
    ("extension", "composable", "hooks"),
    [
        (CodeValidationErrors, True, False),
        (Recorder, True, True),
        (Waits, False, True),
        (WaitsForResults, False, False),
        (StandsAroundEachResult, False, False),
    ],
)
def test_extensions_that_cannot_be_composed_are_known(
    extension: Any, composable: bool, hooks: bool
) -> None:
    ours = execution(on=schema(extension))
    assert ours.is_composable is composable
    assert ours.has_hooks is hooks


async def test_source_may_take_its_time() -> None:
    source = await execution("subscription { awaited }").subscribe()
    assert [event async for event in source] == [1]


@for_each(
    ("query", "code"),
    [
        ("subscription { nothing }", "GRAPHQL_VALIDATION_FAILED"),
        ("subscription ($to: Int!) { count(to: $to) }", "BAD_USER_INPUT"),
        ("subscription { refused }", "BAD_CURSOR"),
        ("subscription { noStream }", "INTERNAL_SERVER_ERROR"),
    ],
)
async def test_failure_has_a_code(query: str, code: str) -> None:
    assert (await refusal(execution(query)))[1] == code


async def test_document_is_validated_once(monkeypatch: pytest.MonkeyPatch) -> None:
    validated: list[Any] = []

    def counted(*args: Any) -> list[GraphQLError]:
        validated.append(args)
        return validate(*args)

    monkeypatch.setattr("graphql_api.execution.operation.validate", counted)
    documents = Documents()
    for _ in range(3):
        await execution(documents=documents).subscribe()
    assert len(validated) == 1
    for _ in range(2):
        assert (await refusal(execution("subscription { x }", documents=documents)))[1]
    assert len(validated) == 2


class Forbid(ASTValidationRule):
    """Finds fault with everything."""

    def enter_field(self, *_: Any) -> None:
        self.report_error(GraphQLError("forbidden"))


async def test_rules_that_an_extension_adds_count_although_the_document_is_known() -> None:
    documents = Documents()
    await execution(documents=documents).subscribe()
    strict = schema(lambda: AddValidationRules([Forbid]))
    message, code = await refusal(execution(on=strict, documents=documents))
    assert (message, code) == ("forbidden", "GRAPHQL_VALIDATION_FAILED")
    await execution(documents=documents).subscribe()


async def test_context_of_one_event_is_its_own() -> None:
    ours = execution()
    await ours.subscribe()
    other: Context = context(Topic(), frozenset())
    executor = ours.executor
    ours.execute(1, other)
    assert executor.context_value is ours.context
