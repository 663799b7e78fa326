"""Makes the parts of the client package that follow from `schema.graphql`.

python clients/generate.py            write them
python clients/generate.py --check    say whether they are as they should be
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from graphql import (
    GraphQLInterfaceType,
    GraphQLList,
    GraphQLNamedType,
    GraphQLNonNull,
    GraphQLObjectType,
    GraphQLScalarType,
    GraphQLSchema,
    GraphQLType,
    GraphQLUnionType,
    build_schema,
    is_specified_scalar_type,
)

ROOT = Path(__file__).parents[1]
SCHEMA = ROOT / "schema.graphql"
PACKAGE = ROOT / "clients" / "javascript"

MADE = "// Made from schema.graphql by `make schema`; do not edit.\n"

TYPESCRIPT = {"DateTime": "string", "SequenceNumber": "number"}
"""What TypeScript calls the values of each scalar, as they are in JSON."""

POSSIBLE_TYPES_TYPES = """/** The members of each union, as Apollo's InMemoryCache takes them. */
export const possibleTypes: Record<string, string[]>;
"""


def files(text: str) -> Mapping[str, str]:
    """What is made of a schema, by the names of the files."""
    schema = build_schema(text)
    return {
        "schema.graphql": text,
        "possible-types.js": f"{MADE}export const possibleTypes = {_js(possible_types(schema))};\n",
        "possible-types.d.ts": MADE + POSSIBLE_TYPES_TYPES,
        "graphcache-types.js": f"{MADE}export const types = {_js(graphcache_types(schema))};\n",
        "scalars.js": f"{MADE}export const scalars = {_js(scalars(schema))};\n",
    }


def possible_types(schema: GraphQLSchema) -> dict[str, list[str]]:
    """The members of each union and interface."""
    return {
        type_.name: sorted(member.name for member in schema.get_possible_types(type_))
        for type_ in _types(schema)
        if isinstance(type_, GraphQLUnionType | GraphQLInterfaceType)
    }


def scalars(schema: GraphQLSchema) -> dict[str, str]:
    """The types of TypeScript of the scalars that GraphQL does not have.

    Raises:
        KeyError: A scalar is not in `TYPESCRIPT`.
    """
    return {
        type_.name: TYPESCRIPT[type_.name]
        for type_ in _types(schema)
        if isinstance(type_, GraphQLScalarType) and not is_specified_scalar_type(type_)
    }


def graphcache_types(schema: GraphQLSchema) -> dict[str, str]:
    """The fields of each object, as `graphcache.js` reads them: `id! name tags!]`.

    After a field's name comes how its value is wrapped, from within: `!` is non-null, `]` a list.
    """
    return {
        type_.name: " ".join(
            f"{name}{_wrapped(field.type)}" for name, field in type_.fields.items()
        )
        for type_ in _types(schema)
        if isinstance(type_, GraphQLObjectType)
    }


def _wrapped(type_: GraphQLType) -> str:
    if isinstance(type_, GraphQLNonNull):
        return f"{_wrapped(type_.of_type)}!"
    if isinstance(type_, GraphQLList):
        return f"{_wrapped(type_.of_type)}]"
    return ""


def _types(schema: GraphQLSchema) -> Iterator[GraphQLNamedType]:
    for name in sorted(schema.type_map):
        if not name.startswith("__"):
            yield schema.type_map[name]


def _js(members: Mapping[str, Any]) -> str:
    """An object as JavaScript, a line for each member."""
    lines = (f"  {name}: {json.dumps(member)},\n" for name, member in members.items())
    return f"{{\n{''.join(lines)}}}"


def main() -> int:
    """Write the files, or with `--check` compare them; the exit code is 1 if they differ."""
    made = files(SCHEMA.read_text(encoding="utf-8"))
    paths = {PACKAGE / name: text for name, text in made.items()}
    if sys.argv[1:] == ["--check"]:
        old = [
            path.name
            for path, text in paths.items()
            if not path.exists() or path.read_text(encoding="utf-8") != text
        ]
        if old:
            sys.stderr.write(f"Out of date: {', '.join(old)}. Run `make schema`.\n")
        return bool(old)
    for path, text in paths.items():
        path.write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
