"""Documents that ask for everything: one operation for each root field of a schema."""

from __future__ import annotations

from collections.abc import Iterator

from graphql import (
    GraphQLField,
    GraphQLObjectType,
    GraphQLOutputType,
    GraphQLSchema,
    GraphQLUnionType,
    get_named_type,
    is_leaf_type,
    is_required_argument,
)

_DEPTH = 4


def operations(schema: GraphQLSchema) -> Iterator[str]:
    """The text of each: named, with all arguments as variables, and all fields to some depth."""
    kinds = {
        "query": schema.query_type,
        "mutation": schema.mutation_type,
        "subscription": schema.subscription_type,
    }
    for kind, root in kinds.items():
        for name, field in (root.fields if root else {}).items():
            declared = ", ".join(f"${each}: {arg.type}" for each, arg in field.args.items())
            given = ", ".join(f"{each}: ${each}" for each in field.args)
            title = f"{name[0].upper()}{name[1:]}{kind.title()}"
            selection = _selection(field.type, _DEPTH)
            yield (
                f"{kind} {title}{f'({declared})' if declared else ''} "
                f"{{ {name}{f'({given})' if given else ''}{selection} }}"
            )


def _selection(type_: GraphQLOutputType, depth: int) -> str:
    """All fields of a type that need no argument; none of a leaf, or of what lies too deep."""
    named = get_named_type(type_)
    if is_leaf_type(named):
        return ""
    if isinstance(named, GraphQLUnionType):
        members = " ".join(f"... on {each.name}{_selection(each, depth)}" for each in named.types)
        return f" {{ __typename {members} }}"
    assert isinstance(named, GraphQLObjectType)
    fields = " ".join(
        f"{name}{_selection(field.type, depth - 1)}"
        for name, field in named.fields.items()
        if _is_asked(field, depth)
    )
    return f" {{ {fields or '__typename'} }}"


def _is_asked(field: GraphQLField, depth: int) -> bool:
    is_shallow = depth > 1 or is_leaf_type(get_named_type(field.type))
    return is_shallow and not any(map(is_required_argument, field.args.values()))
