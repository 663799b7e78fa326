"""The executor for many events gives what graphql-core gives, and does not grow with the events."""

from __future__ import annotations

import inspect
from collections.abc import AsyncIterator
from enum import Enum
from typing import Annotated, Any

import strawberry
from graphql import DocumentNode, Executor, parse, validate
from hypothesis import given
from hypothesis import strategies as st
from strawberry.schema.schema import StrawberryGraphQLCoreExecutionContext

from graphql_api.documents.documents import ParsedDocument
from graphql_api.execution.event_executor import EventExecutor


@strawberry.enum
class Colour(Enum):
    RED = "red"
    BLUE = "blue"


@strawberry.type
class Leaf:
    text: str
    number: int | None
    real: float | None
    flag: bool | None
    colour: Colour | None
    id: strawberry.ID


@strawberry.interface
class Named:
    name: str


@strawberry.type
class Thing(Named):
    size: int


@strawberry.type
class Tree:
    leaf: Leaf
    perhaps: Leaf | None
    leaves: list[Leaf]
    texts: list[str] | None
    grid: list[list[int | None]]
    thing: Thing | None
    named: Named | None

    @strawberry.field
    def computed(self, add: str = "") -> str:
        return f"{self.leaf.text}{add}"

    @strawberry.field
    async def awaited(self) -> str:
        return self.leaf.text

    @strawberry.field
    def child(self) -> Leaf | None:
        return self.perhaps

    @strawberry.field
    def broken(self) -> str | None:
        raise RuntimeError(str(self.leaf.text))


@strawberry.type
class Bush:
    leaf: Leaf
    texts: list[str]


Plant = Annotated[Tree | Bush, strawberry.union("Plant")]


@strawberry.type
class Query:
    nothing: int = 0


@strawberry.type
class Subscription:
    @strawberry.subscription
    async def plants(self, a: int = 0) -> AsyncIterator[Plant]:
        yield Bush(leaf=None, texts=[])  # type: ignore[arg-type]


SCHEMA = strawberry.Schema(query=Query, subscription=Subscription, types=[Thing])

LEAF = "{ text number real flag colour id }"
SELECTIONS = [
    "__typename ... on Tree { leaf { text } }",
    f"... on Tree {{ leaf {LEAF} perhaps {LEAF} leaves {LEAF} texts grid }}",
    "... on Tree { a: leaf { b: text, __typename } c: texts } ... on Bush { d: texts }",
    "... on Tree { computed leaf { text } x: computed(add: $t) texts }",
    "... on Tree { texts awaited grid } __typename",
    "... on Tree { awaited x: awaited leaf { id } broken }",
    "... on Tree { broken perhaps { number } child { number colour } }",
    "... on Tree { thing { name size } named { name } texts }",
    "...F ... on Bush { leaf @skip(if: $s) { text } texts @include(if: $s) }",
    f"... on Tree {{ leaves {LEAF} }} ... on Tree {{ leaves {{ t: text }} }} ...F",
]
FRAGMENT = "fragment F on Tree { perhaps @include(if: $s) { id } grid @skip(if: $s) }"

ODD: st.SearchStrategy[Any] = st.sampled_from(
    [None, 1, -1.5, True, "x", [], {}, ValueError("odd"), 2**40, object]
)
TEXTS = st.text(max_size=3)
LEAVES = st.builds(
    Leaf,
    text=TEXTS | ODD,
    number=st.integers(-5, 5) | ODD,
    real=st.floats(-1, 1) | ODD,
    flag=st.booleans() | ODD,
    colour=st.sampled_from(Colour) | ODD,
    id=TEXTS | ODD,
)
LEAF_VALUES = st.none() | LEAVES | LEAVES | LEAVES | ODD
PLANTS = st.builds(
    Tree,
    leaf=LEAVES | LEAF_VALUES,
    perhaps=LEAF_VALUES,
    leaves=st.lists(LEAVES, max_size=3) | st.tuples(LEAVES) | st.lists(LEAF_VALUES) | ODD,
    texts=st.lists(TEXTS, max_size=3) | st.lists(TEXTS | ODD, max_size=3) | st.none() | ODD,
    grid=st.lists(st.lists(st.none() | st.integers(0, 9), max_size=2), max_size=2) | ODD,
    thing=st.none() | st.builds(Thing, name=TEXTS, size=st.integers(0, 9)) | LEAVES,
    named=st.none() | st.builds(Thing, name=TEXTS, size=st.integers(0, 9)) | ODD,
) | st.builds(Bush, leaf=LEAF_VALUES, texts=st.lists(TEXTS, max_size=2) | ODD)


def text_of(selection: str) -> str:
    text = f"subscription ($t: String, $s: Boolean!) {{ plants {{ {selection} }} }}"
    return text + (FRAGMENT if "...F" in selection else "")


def build(cls: type[Executor[Any]], selection: str, variables: dict[str, Any]) -> Any:
    return build_of(parse(text_of(selection)), cls, variables)


def build_of(document: DocumentNode, cls: type[Executor[Any]], variables: dict[str, Any]) -> Any:
    return cls.build(
        SCHEMA._schema, document, None, None, variables, None, operation_extensions=None
    )


def sharing(document: ParsedDocument, variables: dict[str, Any]) -> EventExecutor:
    """An executor as a subscription makes it."""
    executor: EventExecutor = build_of(document.node, EventExecutor, variables)
    if document.plans is not None:
        executor.share_plans(document.plans)
    return executor


async def result_of(executor: Any, event: object) -> tuple[Any, list[Any]]:
    result = executor.build_per_event_executor(event).execute_operation(False)
    if inspect.isawaitable(result):
        result = await result
    errors = [error.formatted for error in result.errors or ()]
    return result.data, sorted(errors, key=str)


def test_selections_are_valid() -> None:
    for selection in SELECTIONS:
        errors = validate(SCHEMA._schema, parse(text_of(selection)))
        assert [error for error in errors if "never used" not in error.message] == []


@given(
    selection=st.sampled_from(SELECTIONS),
    events=st.lists(PLANTS, min_size=1, max_size=4),
    skip=st.booleans(),
)
async def test_results_are_those_of_graphql_core(
    selection: str, events: list[object], skip: bool
) -> None:
    """Also those of executors that share their plans, as two of one document do."""
    text = text_of(selection)
    document = ParsedDocument(text, parse(text))
    pairs = []
    for variables in {"t": "t", "s": skip}, {"t": "u", "s": not skip}:
        theirs = build(StrawberryGraphQLCoreExecutionContext, selection, variables)
        pairs.append((sharing(document, variables), theirs))
    for event in events:
        for ours, theirs in pairs:
            assert await result_of(ours, event) == await result_of(theirs, event)


async def test_plans_are_made_once_for_all_executors_of_a_document_and_go_with_the_last() -> None:
    text = text_of("... on Bush { texts leaf { text } }")
    document = ParsedDocument(text, parse(text))
    executors = [sharing(document, {"t": str(number), "s": False}) for number in range(3)]
    leaf = Leaf(text="t", number=1, real=None, flag=None, colour=None, id=strawberry.ID("i"))
    event = Bush(leaf=leaf, texts=["x"])
    for executor in executors:
        await result_of(executor, event)
    (plans,) = {id(executor._plans): executor._plans for executor in executors}.values()
    assert len(plans.by_fields) == 2, "of the root and of the bush"
    assert document.plans is not None
    assert len(document.plans) == 1
    del plans, executor, executors
    assert len(document.plans) == 0


async def test_fields_come_in_the_order_of_the_selection() -> None:
    leaf = Leaf(text="t", number=1, real=None, flag=None, colour=None, id=strawberry.ID("i"))
    tree = Tree(leaf=leaf, perhaps=None, leaves=[], texts=["x"], grid=[], thing=None, named=None)
    for selection in SELECTIONS:
        variables = {"t": "t", "s": True}
        results = [
            await result_of(build(cls, selection, variables), tree)
            for cls in (EventExecutor, StrawberryGraphQLCoreExecutionContext)
        ]
        assert repr(results[0]) == repr(results[1])


async def test_executor_does_not_grow_with_the_events() -> None:
    leaf = Leaf(text="t", number=1, real=None, flag=None, colour=None, id=strawberry.ID("i"))
    for selection in SELECTIONS:
        executor = build(EventExecutor, selection, {"t": "t", "s": True})
        sizes = set()
        for i in range(10):
            tree = Tree(
                leaf=leaf,
                perhaps=leaf,
                leaves=[leaf],
                texts=[str(i)],
                grid=[[i]],
                thing=None,
                named=Thing(name="n", size=1),
            )
            await result_of(executor, tree)
            sizes.add((len(executor._plans.sub_fields), len(executor._plans.by_fields)))
        assert len(sizes) == 1
