"""What Apollo's code generators for Kotlin and Swift demand of a schema, beyond the specification.

They are not on npm; `tests/clients/test_code_generators.py` runs what is. Their rules, by the names
that they have there:

- Apollo iOS: validationRules.ts, SwiftKeywords and SelectionSetValidationContext of
  github.com/apollographql/apollo-ios-codegen;
- Apollo Kotlin: checkApolloReservedEnumValueNames, checkApolloTargetNameClashes and
  checkCapitalizedFields of github.com/apollographql/apollo-kotlin.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path

from graphql import (
    GraphQLEnumType,
    GraphQLInputObjectType,
    GraphQLInterfaceType,
    GraphQLObjectType,
    GraphQLSchema,
    build_schema,
    get_named_type,
    get_nullable_type,
    is_leaf_type,
    is_list_type,
    parse,
    specified_rules,
    validate,
)

from tests.every_field import operations
from tests.for_each import for_each

SCHEMA = build_schema((Path(__file__).parents[3] / "schema.graphql").read_text(encoding="utf-8"))
SWIFT_FIELDS = {"__data", "fragments"}
SWIFT_PARAMETERS = {"self", "_"}


def faults(schema: GraphQLSchema) -> Iterator[str]:
    """What a generator would refuse, or make into two things of one name."""
    own = [each for each in schema.type_map.values() if not each.name.startswith("__")]
    yield from _twice("types", (each.name for each in own))
    for type_ in own:
        if isinstance(type_, GraphQLEnumType):
            yield from _twice(
                f"values of {type_.name}", (name.replace("_", "") for name in type_.values)
            )
        elif isinstance(type_, GraphQLInputObjectType):
            yield from _twice(f"members of {type_.name}", type_.fields)
        elif isinstance(type_, GraphQLObjectType | GraphQLInterfaceType):
            yield from _faults_of_fields(type_, is_root=type_ is schema.query_type)


def _faults_of_fields(
    type_: GraphQLObjectType | GraphQLInterfaceType, *, is_root: bool
) -> Iterator[str]:
    made = []
    for name, field in type_.fields.items():
        if name[0].lower() + name[1:] in SWIFT_FIELDS:
            yield f"{type_.name}.{name}: Swift has that already"
        for argument in SWIFT_PARAMETERS & {*field.args}:
            yield f"{type_.name}.{name}({argument}): Swift has that already"
        if not is_leaf_type(get_named_type(field.type)):
            if name[0].isupper():
                yield f"{type_.name}.{name}: Kotlin's type of it has the same name"
            is_list = is_list_type(get_nullable_type(field.type))
            made.append(_singular(name) if is_list else name)
    if not is_root:  # its fields are seldom asked for together, and aliases help
        yield from _twice(f"Swift's types for fields of {type_.name}", made)


def _singular(name: str) -> str:
    return f"{name[:-3]}y" if name.endswith("ies") else name.removesuffix("s")


def _twice(what: str, names: Iterable[str]) -> Iterator[str]:
    counted = Counter(name.lower() for name in names)
    yield from (f"{what}: {name} twice" for name, count in counted.items() if count > 1)


def test_schema_has_no_name_that_generated_code_cannot_have() -> None:
    assert [*faults(SCHEMA)] == []


@for_each(
    ("added", "fault"),
    [
        ("type A { fragments: Int }", "A.fragments: Swift has that already"),
        ("type A { a(self: Int): Int }", "A.a(self): Swift has that already"),
        ("type A { B: A }", "A.B: Kotlin's type of it has the same name"),
        ("type A { jobs: [A] job: A }", "Swift's types for fields of A: job twice"),
        ("type A { policies: [A]! policy: A }", "Swift's types for fields of A: policy twice"),
        ("enum A { ON_E ONE }", "values of A: one twice"),
        ("type Ab { a: Int } type aB { a: Int }", "types: ab twice"),
        ("input A { a: Int A: Int }", "members of A: a twice"),
    ],
)
def test_names_that_generated_code_cannot_have_are_found(added: str, fault: str) -> None:
    assert [*faults(build_schema(f"type Query {{ a: Int }} {added}"))] == [fault]


def test_everything_can_be_asked_for_in_one_document() -> None:
    """So fields of one name in the members of a union have one shape, of which a model is made."""
    texts = [*operations(SCHEMA)]
    assert len(texts) > 40
    document = parse("\n".join(texts))
    assert validate(SCHEMA, document, specified_rules) == []
