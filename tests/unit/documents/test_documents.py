"""Parsed documents are remembered within bounds."""

from __future__ import annotations

import asyncio
import gc
import threading
import weakref

import pytest
from graphql import GraphQLError, GraphQLSyntaxError

from graphql_api.documents.documents import LONG_TEXT, Documents, ParsedDocument
from graphql_api.limits.cpu_budget import ClientBudget
from tests.for_each import for_each
from tests.unit.limits.test_cpu_budget import World


def text(name: str) -> str:
    return f"{{ {name:_<6} }}"  # ten characters


def test_document_is_parsed_once() -> None:
    documents = Documents()
    assert documents.parse("{ a }") is documents.parse("{ a }")


def test_texts_that_were_used_longest_ago_are_forgotten() -> None:
    documents = Documents(max_chars=100)
    first = documents.parse(text("a0"))
    second = documents.parse(text("a1"))
    for i in range(2, 10):
        documents.parse(text(f"a{i}"))
    assert documents.parse(text("a0")) is first
    documents.parse(text("b"))
    assert len(documents) == 10
    assert documents.parse(text("a0")) is first
    assert documents.parse(text("a1")) is not second


def test_long_document_pushes_out_nothing() -> None:
    documents = Documents(max_chars=100)
    documents.parse(text("a"))
    documents.parse("{ a b c d e f }")
    assert len(documents) == 1


@for_each("wrong", ["", "{", "{ a b c d }", "{ a " * 1000, "{ a(b: " + "[" * 10_000])
def test_wrong_document_is_not_remembered(wrong: str) -> None:
    documents = Documents(max_tokens=5)
    with pytest.raises(GraphQLSyntaxError):
        documents.parse(wrong)
    assert len(documents) == 0


SUBSCRIPTION = "subscription ($s: String, $i: Boolean, $w: F) {{ {} }}"


@for_each(
    ("selection", "expected"),
    [
        ("x(since: $s, includeInitial: $i, where: $w)", {"s", "i"}),
        ("x(since: $s, where: {a: $w})", {"s"}),
        ("x(since: $s) { y(since: $s) }", set()),
        ("x(since: $s, where: $s)", set()),
        ("x(since: $s) { y @include(if: $i) }", {"s"}),
        ("x(includeInitial: $i) @include(if: $i)", set()),
        ("x(since: [$s])", set()),
        ("... on Subscription { x(since: $s) }", set()),
        ("...F } fragment F on Subscription { x(since: $s)", set()),
        ("x(since: $s) { ...F } } fragment F on X { y(a: $s)", set()),
        ("x", set()),
    ],
)
def test_variables_that_only_say_where_events_begin(selection: str, expected: set[str]) -> None:
    document = Documents().parse(SUBSCRIPTION.format(selection))
    assert document.delivery_variables == expected


class FakeBudget(ClientBudget):
    """Counts what is spent, and how often there is a pause or a turn, and never waits."""

    def __init__(self) -> None:
        self.spent_s = 0.0
        self.pauses = 0
        self.turns_taken = 0

    def spend(self, seconds: float) -> None:
        self.spent_s += seconds

    async def pause(self) -> None:
        self.pauses += 1

    async def turn(self) -> None:
        self.turns_taken += 1


LONG = f"{{ {' '.join(f'a{number}' for number in range(LONG_TEXT))} }}"


async def test_long_document_is_parsed_and_checked_in_another_thread() -> None:
    threads: list[int] = []

    def check(document: ParsedDocument) -> list[GraphQLError]:
        threads.append(threading.get_ident())
        document.errors = [GraphQLError("wrong")]
        return document.errors

    documents = Documents(check=check)
    budget = FakeBudget()
    assert await documents.prepare("{ short }", None, budget) is None
    assert (threads, budget.pauses, budget.spent_s) == ([], 0, 0)
    prepared = await documents.prepare(LONG, None, budget)
    assert prepared is not None
    assert threads != [threading.get_ident()]
    assert budget.pauses == 1
    assert budget.spent_s > 0
    assert documents.find(LONG, None) is prepared
    assert await documents.prepare(LONG, None, budget) is None
    assert len(threads) == 1


async def test_document_that_is_too_long_to_remember_is_parsed_once_for_its_operation() -> None:
    documents = Documents(max_chars=100)
    prepared = await documents.prepare(LONG, None, FakeBudget())
    assert len(documents) == 0
    is_the_same = documents.parse(LONG) is prepared
    assert is_the_same
    forgotten = weakref.ref(prepared)
    del prepared
    await asyncio.sleep(0)  # the loop's callback that had it is over
    gc.collect()
    assert forgotten() is None


async def test_event_loop_goes_on_while_a_document_is_checked() -> None:
    went_on = threading.Event()

    def check(_: ParsedDocument) -> list[GraphQLError]:
        assert went_on.wait(60)
        return []

    preparing = asyncio.create_task(Documents(check=check).prepare(LONG, None, FakeBudget()))
    await asyncio.sleep(0)
    asyncio.get_running_loop().call_soon(went_on.set)
    assert await preparing is not None


async def test_syntax_error_of_a_long_document_costs_its_client() -> None:
    budget = FakeBudget()
    with pytest.raises(GraphQLSyntaxError):
        await Documents().prepare(LONG + "}", None, budget)
    assert budget.spent_s > 0


async def test_many_who_send_the_same_long_document_wait_for_one_check() -> None:
    checked: list[str] = []

    def check(document: ParsedDocument) -> list[GraphQLError]:
        checked.append(document.text)
        return []

    documents = Documents(check=check)
    text = "{ __typename }" + " " * (LONG_TEXT + 1)
    budget = World().client("a")
    found = await asyncio.gather(*(documents.prepare(text, None, budget) for _ in range(100)))
    assert len(checked) == 1
    assert len({id(document) for document in found if document is not None}) == 1


async def test_all_who_waited_for_a_check_go_on_in_turns() -> None:
    documents = Documents()
    budgets = [FakeBudget() for _ in range(10)]
    found = await asyncio.gather(*(documents.prepare(LONG, None, budget) for budget in budgets))
    assert None not in found, "all of them have waited"
    assert [budget.turns_taken for budget in budgets] == [1] * 10
