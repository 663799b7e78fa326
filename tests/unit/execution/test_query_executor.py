"""Long lists of a query are completed in turns with other work, and come out the same."""

from __future__ import annotations

import asyncio
import gc
import json
import weakref
from collections.abc import Awaitable, Callable, Sequence
from functools import cache
from itertools import chain
from typing import Any, cast

import strawberry
from strawberry.schema.schema import StrawberryGraphQLCoreExecutionContext

from graphql_api import turns
from graphql_api.execution.query_executor import LONG_LIST, MANY_FIELDS, QueryExecutor
from graphql_api.execution.result_json import to_json
from graphql_api.limits.cpu_budget import ClientBudget
from graphql_api.limits.long_answers import LongAnswers
from graphql_api.limits.turn_queue import TurnQueue
from graphql_api.schema.context import at_any_time
from graphql_api.schema.packed_pairs import PackedPairs
from tests.for_each import for_each
from tests.unit.limits.test_refusal_log import Clock

LONG = 3 * LONG_LIST
MANY = " ".join(f"n{number}: numbers(length: {number})" for number in range(MANY_FIELDS))


@strawberry.type
class Item:
    number: int
    texts: list[str]

    @strawberry.field
    def odd(self) -> int:
        if self.number == 7:
            raise ValueError("seven")
        return 2 * self.number + 1


@strawberry.type
class Pair:
    name: str
    value: str


@strawberry.type
class Holder:
    pairs: Sequence[Pair]


def packed(length: int) -> PackedPairs[Pair]:
    pairs = ((str(number), "v") for number in range(length))
    return PackedPairs(pairs, lambda name, value: Pair(name=name, value=value))


@strawberry.type
class Page:
    items: list[Item]


@strawberry.type
class Query:
    @strawberry.field
    async def page(self, length: int) -> Page:
        texts = {i: ["a"] * (i if i % 20 == 0 else 2) for i in range(length)}  # some are long
        return Page(items=[Item(number=i, texts=texts[i]) for i in range(length)])

    @strawberry.field
    def numbers(self, length: int) -> list[int]:
        return list(range(length))

    @strawberry.field
    def failing(self) -> int | None:
        raise ValueError("it fails")

    @strawberry.field
    def missing(self) -> int:
        raise ValueError("there is none")

    @strawberry.field
    def task(self) -> strawberry.ID:
        return strawberry.ID(str(id(asyncio.current_task())))

    @strawberry.field
    def pairs(self, length: int) -> list[Pair]:
        return cast("list[Pair]", packed(length))

    @strawberry.field
    def holders(self, length: int) -> list[Holder]:
        return [Holder(pairs=packed(length)), Holder(pairs=packed(0))]


class Context:
    """Counts pauses; each lets the other tasks of the loop have a turn."""

    def __init__(self, turn_s: float = turns.TURN_S) -> None:
        self.pauses = 0
        self.answer_turns = turns.Turns(self.pause, turn_s=turn_s)
        self.begin_long: Callable[[], Awaitable[None]] = at_any_time

    async def pause(self) -> None:
        self.pauses += 1
        await asyncio.sleep(0)


@cache
def schema(executor: Any) -> strawberry.Schema:
    return strawberry.Schema(Query, execution_context_class=executor)


@for_each("length", [0, 1, LONG_LIST, LONG_LIST + 1, LONG])
@for_each(
    "selection",
    [
        "page(length: L) { items { number texts } }",
        "page(length: L) { items { odd } }",
        "numbers(length: L)",
        "pairs(length: L) { name value }",
        "holders(length: L) { pairs { name value } }",
        "a: numbers(length: L) b: page(length: L) { items { __typename n: number } }",
        f"{MANY} failing __typename page(length: L) {{ items {{ texts }} }}",
        f"missing {MANY}",
    ],
)
async def test_result_is_that_of_graphql_core(length: int, selection: str) -> None:
    query = "{ " + selection.replace("L", str(length)) + " }"
    ours = await schema(QueryExecutor).execute(query, context_value=Context())
    theirs = await schema(StrawberryGraphQLCoreExecutionContext).execute(query)
    assert json.loads(to_json(ours.data)) == theirs.data
    assert [str(error) for error in ours.errors or ()] == [
        str(error) for error in theirs.errors or ()
    ]


@for_each("number", [MANY_FIELDS, MANY_FIELDS + 1])
async def test_many_root_fields_have_a_task_each(number: int) -> None:
    query = " ".join(f"t{field}: task" for field in range(number))
    asked = await schema(QueryExecutor).execute(f"{{ {query} }}", context_value=Context())
    assert asked.data is not None
    assert len({*asked.data.values()}) == (1 if number <= MANY_FIELDS else number)


async def test_client_pauses_before_each_of_many_root_fields() -> None:
    context = Context()
    query = " ".join(f"f{field}: numbers(length: 1)" for field in range(MANY_FIELDS + 1))
    await schema(QueryExecutor).execute(f"{{ {query} }}", context_value=context)
    assert context.pauses == MANY_FIELDS + 1


@for_each(
    ("selection", "is_long"),
    [
        (f"numbers(length: {LONG_LIST})", False),
        (f"numbers(length: {LONG_LIST + 1})", True),
        (" ".join(f"f{field}: task" for field in range(MANY_FIELDS)), False),
        (" ".join(f"f{field}: task" for field in range(MANY_FIELDS + 1)), True),
        ("__schema { queryType { name } }", False),
        ("__schema { types { name } }", True),
    ],
)
async def test_only_an_answer_that_may_become_long_waits_before_it(
    selection: str, is_long: bool
) -> None:
    begins = 0

    async def begin() -> None:
        nonlocal begins
        begins += 1

    context = Context()
    context.begin_long = begin
    result = await schema(QueryExecutor).execute(f"{{ {selection} }}", context_value=context)
    assert not result.errors
    assert bool(begins) is is_long


async def test_others_have_turns_while_a_long_list_is_completed() -> None:
    context = Context(turn_s=0.0)  # every item takes longer than that
    query = f"{{ page(length: {LONG}) {{ items {{ number }} }} }}"
    await schema(QueryExecutor).execute(query, context_value=context)
    assert context.pauses == LONG
    context = Context()
    query = f"{{ page(length: {LONG_LIST}) {{ items {{ number }} }} }}"
    await schema(QueryExecutor).execute(query, context_value=context)
    assert context.pauses == 0, "a short list is done before a turn is over"


async def test_turn_ends_when_its_time_is_over() -> None:
    clock = Clock()
    taken: list[list[int]] = [[]]

    async def pause() -> None:
        taken.append([])

    async for item in turns.in_turns(range(10), turns.Turns(pause, clock=clock)):
        taken[-1].append(item)
        clock.now_s += turns.TURN_S / 4
    assert [len(turn) for turn in taken] == [4, 4, 2]
    assert [*chain(*taken)] == [*range(10)]


async def test_executor_is_freed_without_a_search_for_cycles() -> None:
    made: list[weakref.ref[QueryExecutor]] = []

    class Watched(QueryExecutor):
        def __init__(self, *args: Any, **kwargs: Any) -> None:
            super().__init__(*args, **kwargs)
            made.append(weakref.ref(self))

    gc.disable()
    try:
        query = "{ page(length: 3) { items { number } } }"
        asked = await schema(Watched).execute(query, context_value=Context())
        left = [executor() for executor in made]
    finally:
        gc.enable()
    assert json.loads(to_json(asked.data)) == {
        "page": {"items": [{"number": number} for number in range(3)]}
    }
    assert left == [None]


async def test_rows_that_are_complete_are_nothing_for_the_search_for_garbage() -> None:
    tracked: list[int] = []

    class Counting(Context):
        async def pause(self) -> None:
            await super().pause()
            if self.pauses in (LONG_LIST, LONG - 1):
                tracked.append(len(gc.get_objects()))

    query = f"{{ page(length: {LONG}) {{ items {{ number }} }} }}"
    asked = await schema(QueryExecutor).execute(query, context_value=Counting(turn_s=0.0))
    assert tracked[1] - tracked[0] < LONG_LIST / 4
    assert asked.data is not None
    assert not gc.is_tracked(asked.data["page"])


async def test_field_that_goes_on_after_its_answer_keeps_no_place() -> None:
    """graphql-core completes the others in the background if a variable of one must not be null."""
    answers = LongAnswers(places=1)
    budget = ClientBudget(max_wait_s=10.0, queue=TurnQueue())
    answer = answers.of(budget)
    context = Context()
    context.answer_turns, context.begin_long = turns.Turns(answer._pause, turn_s=0), answer.begin
    query = """query($length: Int = 5) {
        page(length: 300) { items { number } }
        numbers(length: $length)
    }"""
    result = await schema(QueryExecutor).execute(query, {"length": None}, context_value=context)
    assert result.data is None
    answer.close()
    while len(asyncio.all_tasks()) > 1:
        await asyncio.sleep(0)
    await answers.made.take(None)
    assert not budget.long_answer.locked()
