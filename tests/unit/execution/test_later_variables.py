"""Variables of many values are coerced in turns, and to what graphql-core makes of them."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from datetime import date
from enum import Enum
from typing import Any

import pytest
import strawberry
from strawberry.schema.schema import StrawberryGraphQLCoreExecutionContext

from graphql_api.documents.documents import Documents
from graphql_api.documents.request import Request
from graphql_api.execution import later_variables
from graphql_api.execution.encoder import RequestError
from graphql_api.execution.later_variables import MANY_VALUES
from graphql_api.execution.operation import SubscriptionExecution
from graphql_api.execution.query_executor import QueryExecutor
from graphql_api.execution.result_json import to_json
from graphql_api.schema import APISchema
from graphql_api.schema.context import Info
from graphql_api.scopes import ALL_SCOPES, Scope
from graphql_api.turns import Turns
from tests.for_each import for_each
from tests.toy_world import Topic, context


@strawberry.enum
class Colour(Enum):
    RED = "red"
    BLUE = "blue"


@strawberry.input
class Part:
    name: str
    colour: Colour = Colour.RED
    made: date | None = None
    of: list[Part] = strawberry.field(default_factory=list)


@strawberry.input
class Whole:
    parts: list[Part]
    numbers: list[list[int | None]] | None = strawberry.UNSET
    weight: float | None = None


@strawberry.type
class Query:
    @strawberry.field
    def said(self, whole: Whole | None = None, ids: list[strawberry.ID] | None = None) -> str:
        return f"{whole} {ids}"


@strawberry.type
class Mutation:
    @strawberry.mutation
    async def say(self, whole: Whole) -> str:
        await asyncio.sleep(0)
        return f"{whole}"


@strawberry.type
class Subscription:
    @strawberry.subscription
    async def saying(self, info: Info, ids: list[strawberry.ID]) -> AsyncIterator[str]:
        yield f"{ids} {len(info.variable_values)}"


def schema(executor: Any) -> APISchema:
    return APISchema(
        query=Query,
        mutation=Mutation,
        subscription=Subscription,
        execution_context_class=executor,
    )


OURS, THEIRS = schema(QueryExecutor), schema(StrawberryGraphQLCoreExecutionContext)


@dataclass
class Context:
    """Counts the pauses of turns that end with each step, and the calls beside the loop."""

    scopes: frozenset[Scope] = ALL_SCOPES
    pauses: int = 0
    apart_calls: int = 0
    turns: Turns = field(init=False)

    def __post_init__(self) -> None:
        self.turns = Turns(self._pause, max_steps=1)

    async def _pause(self) -> None:
        self.pauses += 1

    async def apart(self, work: Callable[[], Any], /) -> Any:
        self.apart_calls += 1
        return work()


QUERY = "query ($whole: Whole, $ids: [ID!]) { said(whole: $whole, ids: $ids) }"
DEFAULTS = (
    'query ($whole: Whole! = {parts: [{name: "d"}]}, $n: [ID!]) { said(whole: $whole, ids: $n) }'
)
MUTATION = "mutation ($whole: Whole!) { say(whole: $whole) }"
PART = {"name": "p", "colour": "BLUE", "made": "2026-11-30", "of": [{"name": "q"}]}
CASES: list[tuple[str, dict[str, Any]]] = [
    (QUERY, {"ids": ["a", "b", 1]}),
    (QUERY, {"ids": []}),
    (QUERY, {"ids": "a"}),
    (QUERY, {"ids": None}),
    (QUERY, {"ids": ["a", None]}),
    (QUERY, {"ids": [["a"]]}),
    (QUERY, {"ids": [1.5, {}, "b"] * 30}),
    (QUERY, {"unknown": ["a"]}),
    (QUERY, {"whole": {"parts": [PART, PART], "numbers": [[1, None], 2, None], "weight": 1}}),
    (QUERY, {"whole": {"parts": PART}}),
    (QUERY, {"whole": {"parts": [PART], "other": 1}}),
    (QUERY, {"whole": {"parts": [{"colour": "RED"}]}}),
    (QUERY, {"whole": {"parts": [{"name": "p", "colour": "red"}]}}),
    (QUERY, {"whole": {"parts": [{"name": "p", "of": [{"name": 5}]}]}, "ids": [{}]}),
    (QUERY, {"whole": {}}),
    (QUERY, {"whole": [PART]}),
    (DEFAULTS, {"n": ["a"]}),
    (DEFAULTS, {"whole": None, "n": ["a"]}),
    (MUTATION, {"whole": {"parts": [PART] * 3}}),
    (MUTATION, {"unknown": ["a"]}),
    (MUTATION, {"whole": {"parts": [{**PART, "made": "never"}]}}),
]


@pytest.fixture
def few_are_many(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(later_variables, "MANY_VALUES", -1)


@pytest.mark.usefixtures("few_are_many")
@for_each(("query", "variables"), CASES)
async def test_result_is_that_of_graphql_core(query: str, variables: dict[str, Any]) -> None:
    ours = await OURS.execute(query, variables, context_value=Context())
    theirs = await THEIRS.execute(query, variables, context_value=Context())
    assert json.loads(to_json(ours.data)) == theirs.data
    assert [str(error) for error in ours.errors or ()] == [
        str(error) for error in theirs.errors or ()
    ]
    assert [error.path for error in ours.errors or ()] == [
        error.path for error in theirs.errors or ()
    ]


@for_each(
    ("variables", "steps"),
    [
        ({"ids": ["a"] * (MANY_VALUES - 1)}, 0),
        ({"ids": ["a"] * MANY_VALUES}, MANY_VALUES),
        ({"whole": {"parts": [{"name": "p"}] * MANY_VALUES}}, MANY_VALUES),
        ({"whole": {"parts": [], "numbers": [[1] * 100] * (MANY_VALUES // 100)}}, MANY_VALUES),
    ],
)
async def test_others_have_turns_while_many_values_are_coerced(
    variables: dict[str, Any], steps: int
) -> None:
    asking = Context()
    answer = await OURS.execute(QUERY, variables, context_value=asking)
    assert answer.errors is None
    assert steps <= asking.pauses <= steps * 1.1


async def test_errors_are_looked_for_beside_the_loop() -> None:
    asking = Context()
    variables = {"ids": [*["a"] * MANY_VALUES, {}]}
    answer = await OURS.execute(QUERY, variables, context_value=asking)
    assert [error.path for error in answer.errors or ()] == [None]
    assert asking.apart_calls == 1


def subscription(ids: list[Any]) -> SubscriptionExecution:
    request = Request("subscription ($ids: [ID!]!) { saying(ids: $ids) }", variables={"ids": ids})
    document, _ = request.operation(Documents())
    return SubscriptionExecution(OURS, request, document, context(Topic()))


async def test_subscription_has_its_variables() -> None:
    ids = [str(number) for number in range(MANY_VALUES)]
    source = await subscription(ids).subscribe()
    assert [event async for event in source] == [f"{ids} 1"]


async def test_subscription_with_wrong_variables_is_refused() -> None:
    with pytest.raises(RequestError) as refused:
        await subscription([*["a"] * MANY_VALUES, {}]).subscribe()
    assert f"at [{MANY_VALUES}]" in refused.value.errors[0].message
