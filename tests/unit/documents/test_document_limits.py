from __future__ import annotations

from typing import Any

from graphql import (
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    InlineFragmentNode,
    OperationDefinitionNode,
    SelectionSetNode,
    get_introspection_query,
    parse,
)
from hypothesis import given
from hypothesis import strategies as st

from graphql_api.documents.document_limits import (
    LIMIT_EXCEEDED,
    DocumentLimits,
    check_cost,
    check_shape,
)
from graphql_api.schema import build_schema
from graphql_api.tables import LOGS, TABLES
from tests.for_each import for_each

SCHEMA = build_schema(TABLES, logs=LOGS)._schema
GENEROUS = 10**9


def shape_error(text: str, **limits: int) -> str | None:
    generous: dict[str, Any] = dict.fromkeys(
        ("max_document_levels", "max_document_aliases", "max_document_comparisons"), GENEROUS
    )
    made = DocumentLimits.model_construct(**generous | limits)
    error = check_shape(parse(text, no_location=True), made)
    if error is None:
        return None
    assert error.extensions == {"code": LIMIT_EXCEEDED, "limit": next(iter(limits.values()))}
    return error.message


def cost_error(text: str, *, limits: DocumentLimits, **variables: Any) -> str | None:
    """What is said of the cost of a document's only operation."""
    document = parse(text)
    (operation,) = (d for d in document.definitions if isinstance(d, OperationDefinitionNode))
    error = check_cost(SCHEMA, document, operation, variables, limits)
    return None if error is None else error.message


def cost(text: str, **variables: Any) -> int:
    """The cost of a document's only operation."""
    message = cost_error(
        text, limits=DocumentLimits.model_construct(max_operation_fields=-1), **variables
    )
    assert message is not None
    return int(message.split()[4])


WHOLE_SCHEMA = get_introspection_query(
    specified_by_url=True,
    directive_is_repeatable=True,
    schema_description=True,
    input_value_deprecation=True,
    one_of=True,
)
"""With every option; older tools ask for less, and none of today's for more."""

NOTHING = DocumentLimits(
    max_document_levels=1,
    max_document_aliases=0,
    max_document_comparisons=1,
    max_operation_fields=1,
)


@for_each("limits", [DocumentLimits(), NOTHING])
@for_each(
    "text",
    [
        WHOLE_SCHEMA,
        get_introspection_query(),
        get_introspection_query(descriptions=False, type_depth=15),
        '{ __type(name: "Policy") { fields { name type { name } } } }',
    ],
)
def test_introspection_of_tools_passes_whatever_the_limits_are(
    text: str, limits: DocumentLimits
) -> None:
    assert check_shape(parse(text), limits) is None
    assert cost_error(text, limits=limits) is None


def test_introspection_and_other_fields_do_not_use_the_budget_of_each_other() -> None:
    limits = DocumentLimits(
        max_operation_fields=4, max_document_levels=2, max_document_comparisons=10
    )
    both = WHOLE_SCHEMA.replace("__schema {", "feeds { table status } __schema {", 1)
    assert check_shape(parse(both), limits) is None
    assert cost_error(both, limits=limits) is None
    assert cost_error(both.replace("status", "status documents"), limits=limits) is not None


def test_introspection_beyond_its_budget_is_refused_and_the_error_says_what_helps() -> None:
    def asked(times: int) -> str:
        return (
            "{ " + " ".join(f"a{n}: __schema {{ types {{ name }} }}" for n in range(times)) + " }"
        )

    assert cost_error(asked(250), limits=NOTHING) == (
        "this operation could resolve 250 fields, and 1 are allowed: ask for smaller pages, or for "
        "fewer fields"
    )
    assert cost_error(asked(250), limits=DocumentLimits()) is None
    assert cost_error(asked(251), limits=DocumentLimits(max_operation_fields=10**9)) == (
        "introspection may have 500 fields, its fragments written out: send the standard "
        "introspection query in a request of its own, or use the file schema.graphql"
    )


@for_each(
    ("text", "what"),
    [
        ("{ __schema" + " { a" * 30 + " { b" + " }" * 32, "30 levels of selections"),
        ("{ __schema { ...F } } fragment F on __Schema { a { ...F } }", "30 levels of selections"),
        ("{ ...F } fragment F on Query { __schema { ...F } }", "30 levels of selections"),
        ("{ __schema { " + "name " * 300 + "} }", "20000 comparisons"),
    ],
)
def test_introspection_of_a_bad_shape_is_refused(text: str, what: str) -> None:
    error = check_shape(
        parse(text), DocumentLimits(max_document_levels=100, max_document_comparisons=10**9)
    )
    assert error is not None
    assert error.message.startswith(f"introspection may have {what}: ")


@for_each(
    ("text", "levels"),
    [
        ("{ a }", 1),
        ("{ a { b { c } } }", 3),
        ("{ a { ... { b } } }", 3),
        ("{ a { ...F } } fragment F on T { b }", 3),
        ("{ ...F a { b { ...F } } } fragment F on T { c { d } }", 5),
        ("fragment F on T { a { b } }", 2),
    ],
)
def test_levels_are_counted_through_fragments(text: str, levels: int) -> None:
    assert shape_error(text, max_document_levels=levels) is None
    assert shape_error(text, max_document_levels=levels - 1) == (
        f"the document has more than {levels - 1} levels of selections: ask for what is deeper by "
        "an operation of its own"
    )


@for_each(
    "text",
    [
        "{ ...A } fragment A on T { ...A }",
        "{ ...A } fragment A on T { b { ...B } } fragment B on T { ...A }",
        "fragment A on T { ...B } fragment B on T { ...A }",
        "{ ...F0 } " + " ".join(f"fragment F{n} on T {{ ...F{n + 1} }}" for n in range(3000)),
    ],
)
def test_circles_and_chains_of_fragments_are_too_deep_and_no_crash(text: str) -> None:
    assert shape_error(text, max_document_levels=30) is not None


def test_aliases_count_as_often_as_their_fragment_is_spread() -> None:
    text = "{ x: a ...F ...F } fragment F on T { y: b { z: c } }"
    assert shape_error(text, max_document_aliases=5) is None
    assert shape_error(text, max_document_aliases=4) == (
        "the document has more than 4 aliases: ask for many rows by a filter such as `ids`, or "
        "send several operations"
    )


def test_fragments_that_double_again_and_again_are_counted_at_once() -> None:
    doubling = " ".join(f"fragment F{n} on T {{ ...F{n + 1} ...F{n + 1} }}" for n in range(60))
    text = f"{{ ...F0 }} {doubling} fragment F60 on T {{ x: a }}"
    assert shape_error(text, max_document_aliases=2**60) is None
    assert shape_error(text, max_document_aliases=2**60 - 1) is not None


@for_each(
    ("text", "comparisons"),
    [
        ("{ a b c }", 3),
        ("{ a a a }", 3 + 3),
        ("{ x: a x: b y: a }", 3 + 1),
        ("{ ... { a } ... { a } }", 4 + 1),
        # Each selection set alone, and below equal names together.
        ("{ a { b } a { b } }", 2 + 1 + 1 + 1 + 2 + 1),
        ("{ a { b } c { b } }", 2 + 1 + 1),
        # The fragments with each other, what they select with each other, and each alone.
        ("{ ...F ...G } fragment F on T { a } fragment G on T { a }", 2 + 1 + 2 + 1 + 1 + 1),
        ("{ ...F ...F } fragment F on T { a }", 2 + 1 + 1),
        ("{ ...F }", 1),
    ],
)
def test_comparisons_are_pairs_of_equally_named_fields_in_one_place(
    text: str, comparisons: int
) -> None:
    assert shape_error(text, max_document_comparisons=comparisons) is None
    assert shape_error(text, max_document_comparisons=comparisons - 1) == (
        f"the document selects the same fields so often that more than {comparisons - 1} "
        "comparisons would be needed: select each once"
    )


DISTINCT = " ".join(f"x{n}" for n in range(2000))


@for_each(
    "text",
    [
        "{ " + "feeds { table } " * 300 + "}",
        "{ " + "policies { items { name } } " * 200 + "}",
        "{ "
        + " ".join(f"...F{n}" for n in range(300))
        + " }"
        + " ".join(f"fragment F{n} on Query {{ x{n} }}" for n in range(300)),
        "{ " + " ".join(f"a{n} {{ ...F }}" for n in range(1000)) + " }"
        f"fragment F on T {{ {DISTINCT} }}",
    ],
)
def test_what_takes_long_to_validate_is_refused(text: str) -> None:
    assert check_shape(parse(text), DocumentLimits(max_document_aliases=GENEROUS)) is not None


def test_fragments_that_branch_again_and_again_are_compared_once() -> None:
    branching = " ".join(
        f"fragment F{n} on T {{ a {{ ...F{n + 1} }} b {{ ...F{n + 1} }} a {{ ...F{n + 1} }} }}"
        for n in range(60)
    )
    text = f"{{ ...F0 }} {branching} fragment F60 on T {{ a }}"
    assert shape_error(text, max_document_comparisons=3_000) is None


@for_each(
    ("text", "variables", "expected"),
    [
        ("{ feeds { table status } }", {}, 3),
        ("{ policies { total } }", {}, 101),
        ("{ policies(limit: 3) { items { id name } } }", {}, 10),
        ("query($n: Int!) { policies(limit: $n) { items { id } } }", {"n": 5}, 11),
        ("query($n: Int!) { policies(limit: $n) { items { id } } }", {"n": 5.0}, 11),
        ("query($n: Int! = 4) { policies(limit: $n) { items { id } } }", {}, 9),
        ("query($n: Int) { policies(limit: $n) { items { id } } }", {}, 201),
        ("{ policies(limit: 99999999999999999999999) { total } }", {}, 10**19 * 10),
        ("{ a: policies(limit: 3) { total } b: policies(limit: 3) { total } }", {}, 8),
        ("{ ...Q ...Q } fragment Q on Query { policies(limit: 3) { total } }", {}, 8),
        ("{ policies(limit: 3) { items { ... on Policy { id } } } }", {}, 7),
        ("{ policies(limit: -3) { total } }", {}, 1),
        ('{ jobResponses(jobId: "j", first: 3) { items { url bodyUrl } } }', {}, 10),
        ('query($n: Int!) { jobResponses(jobId: "j", first: $n) { hasMore } }', {"n": 5}, 6),
        ('{ jobResponses(jobId: "j") { hasMore } }', {}, 101),
        ("subscription { policyChanges { ... on FeedState { status } } }", {}, 2),
        ("{ __schema { types { name } } }", {}, 1),
    ],
)
def test_a_page_costs_as_much_as_it_may_hold(
    text: str, variables: dict[str, Any], expected: int
) -> None:
    assert cost(text, **variables) == expected or (expected > 10**18 and cost(text) > 10**18)


def test_the_error_says_how_much_it_was_and_what_to_do() -> None:
    document = parse("{ policies(limit: 1000) { items { id } } }")
    operation = document.definitions[0]
    assert isinstance(operation, OperationDefinitionNode)
    error = check_cost(SCHEMA, document, operation, {}, DocumentLimits(max_operation_fields=2000))
    assert error is not None
    assert error.message == (
        "this operation could resolve 2001 fields, and 2000 are allowed: ask for smaller pages, "
        "or for fewer fields"
    )
    assert (
        check_cost(SCHEMA, document, operation, {}, DocumentLimits(max_operation_fields=2001))
        is None
    )


def test_an_event_may_cost_less_than_a_query_since_it_is_executed_in_one_go() -> None:
    fields = "schedule { jobs(limit: 1000) { id name tags startedAt itemCount } }"
    event = f"subscription {{ scheduleChanges {{ ... on ScheduleAdded {{ {fields} }} }} }}"
    few, many = DocumentLimits(max_event_fields=5002), DocumentLimits(max_event_fields=5003)
    assert cost_error(event, limits=many) is None
    error = cost_error(event, limits=few)
    assert error is not None
    assert "for each event, could resolve 5003 fields, and 5002 are allowed" in error
    query = f"{{ schedules(limit: 1) {{ items {{ {fields.removeprefix('schedule {')} }} }}"
    assert cost_error(query, limits=few) is None


# The oracle: the document with each fragment written out.

NAMES = st.sampled_from("abc")


def selections(depth: int) -> st.SearchStrategy[str]:
    field = st.builds(
        lambda alias, name: f"{alias}{name}", st.sampled_from(["", "x: ", "y: "]), NAMES
    )
    spread = st.sampled_from(["...F0", "...F1", "...F2"])
    if depth == 0:
        return st.lists(st.one_of(field, spread), min_size=1, max_size=2).map(" ".join)
    inner = selections(depth - 1)
    nested = st.builds(lambda head, body: f"{head} {{ {body} }}", field, inner)
    inline = inner.map(lambda body: f"... {{ {body} }}")
    return st.lists(st.one_of(field, spread, nested, inline), min_size=1, max_size=3).map(" ".join)


@given(st.lists(selections(2), min_size=4, max_size=4))
def test_counts_are_those_of_the_document_with_its_fragments_written_out(
    bodies: list[str],
) -> None:
    # Without circles: a fragment spreads only those behind it, and the last one none.
    for n in range(3):
        for other in range(n + 1):
            bodies[n] = bodies[n].replace(f"...F{other}", "a")
    fragments = " ".join(f"fragment F{n} on T {{ {bodies[n]} }}" for n in range(3))
    text = f"{fragments} {{ {bodies[3]} }}"
    by_name = {
        d.name.value: d.selection_set
        for d in parse(text).definitions
        if isinstance(d, FragmentDefinitionNode)
    }

    def count(node: SelectionSetNode) -> tuple[int, int]:
        levels = aliases = 0
        for selection in node.selections:
            inner: SelectionSetNode | None = None
            if isinstance(selection, FragmentSpreadNode):
                inner = by_name[selection.name.value]
            elif isinstance(selection, FieldNode | InlineFragmentNode):
                inner = selection.selection_set
            if isinstance(selection, FieldNode) and selection.alias is not None:
                aliases += 1
            if inner is not None:
                below = count(inner)
                levels, aliases = max(levels, below[0]), aliases + below[1]
        return levels + 1, aliases

    shapes = [count(d.selection_set) for d in parse(text).definitions]  # type: ignore[attr-defined]
    levels, aliases = (max(column) for column in zip(*shapes, strict=True))
    assert shape_error(text, max_document_levels=levels) is None
    assert shape_error(text, max_document_levels=levels - 1) is not None
    assert shape_error(text, max_document_aliases=aliases) is None
    assert aliases == 0 or shape_error(text, max_document_aliases=aliases - 1) is not None
