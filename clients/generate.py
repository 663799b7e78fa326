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
    GraphQLSchema,
    GraphQLType,
    GraphQLUnionType,
    build_schema,
)

ROOT = Path(__file__).parents[1]
SCHEMA = ROOT / "schema.graphql"
PACKAGE = ROOT / "clients" / "javascript"

MADE = "// Made from schema.graphql by `make schema`; do not edit.\n"

GRAPHCACHE_TYPES = """import type { CacheExchangeOpts } from '@urql/exchange-graphcache';

/**
 * Options for Graphcache's cacheExchange: the schema, by which it knows the members of unions, and
 * the types that have no key.
 */
export const graphcache: Required<Pick<CacheExchangeOpts, 'keys' | 'schema'>>;
"""

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
        "graphcache.js": (
            f"{MADE}const embedded = () => null;\n\nexport const graphcache = {{\n"
            f"  keys: {{\n{_keys(schema)}  }},\n"
            f"  schema: {_js(graphcache_schema(schema), 1)},\n}};\n"
        ),
        "graphcache.d.ts": MADE + GRAPHCACHE_TYPES,
    }


def possible_types(schema: GraphQLSchema) -> dict[str, list[str]]:
    """The members of each union and interface."""
    return {
        type_.name: sorted(member.name for member in schema.get_possible_types(type_))
        for type_ in _types(schema)
        if isinstance(type_, GraphQLUnionType | GraphQLInterfaceType)
    }


def without_key(schema: GraphQLSchema) -> list[str]:
    """The types of objects without an `id`, which a cache keeps in what they are in."""
    roots = {schema.query_type, schema.mutation_type, schema.subscription_type}
    return [
        type_.name
        for type_ in _types(schema)
        if isinstance(type_, GraphQLObjectType) and type_ not in roots and "id" not in type_.fields
    ]


def graphcache_schema(schema: GraphQLSchema) -> dict[str, Any]:
    """The parts of the schema's introspection that Graphcache reads."""
    roots = {
        "queryType": schema.query_type,
        "mutationType": schema.mutation_type,
        "subscriptionType": schema.subscription_type,
    }
    types: list[dict[str, Any]] = []
    for type_ in _types(schema):
        if isinstance(type_, GraphQLUnionType):
            members = [{"kind": "OBJECT", "name": member.name} for member in type_.types]
            types.append({"kind": "UNION", "name": type_.name, "possibleTypes": members})
        elif isinstance(type_, GraphQLObjectType):
            fields = [
                {"name": name, "type": _reference(field.type), "args": []}
                for name, field in type_.fields.items()
            ]
            object_ = {"kind": "OBJECT", "name": type_.name, "fields": fields, "interfaces": []}
            types.append(object_)
    names = {name: {"name": root.name} if root else None for name, root in roots.items()}
    return {"__schema": {**names, "types": types}}


def _reference(type_: GraphQLType) -> dict[str, Any]:
    if isinstance(type_, GraphQLNonNull):
        return {"kind": "NON_NULL", "ofType": _reference(type_.of_type)}
    if isinstance(type_, GraphQLList):
        return {"kind": "LIST", "ofType": _reference(type_.of_type)}
    assert isinstance(type_, GraphQLNamedType)
    if isinstance(type_, GraphQLObjectType):
        return {"kind": "OBJECT", "name": type_.name}
    if isinstance(type_, GraphQLUnionType):
        return {"kind": "UNION", "name": type_.name}
    return {"kind": "SCALAR", "name": "Any"}  # which one it is makes no difference to a cache


def _types(schema: GraphQLSchema) -> Iterator[GraphQLNamedType]:
    for name in sorted(schema.type_map):
        if not name.startswith("__"):
            yield schema.type_map[name]


def _keys(schema: GraphQLSchema) -> str:
    return "".join(f"    {name}: embedded,\n" for name in without_key(schema))


def _js(value: Any, depth: int = 0) -> str:
    """A value as JavaScript: a line for each member of the first levels."""
    inner, outer = "  " * (depth + 1), "  " * depth
    match value:
        case dict() if depth < 3 and "kind" not in value:
            lines = (f"{inner}{key}: {_js(member, depth + 1)},\n" for key, member in value.items())
            return f"{{\n{''.join(lines)}{outer}}}"
        case list() if value and isinstance(value[0], dict):
            lines = (f"{inner}{json.dumps(member)},\n" for member in value)
            return f"[\n{''.join(lines)}{outer}]"
        case _:
            return json.dumps(value)


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
