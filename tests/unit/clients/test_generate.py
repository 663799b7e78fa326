"""What the client package has of the schema: unions, types without a key, and fields."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from graphql import GraphQLObjectType, GraphQLUnionType, build_schema, get_named_type

from clients import generate
from clients.generate import PACKAGE, SCHEMA, files, graphcache_types, possible_types
from tests import needs
from tests.for_each import for_each

SERVED = build_schema(SCHEMA.read_text(encoding="utf-8"))
CHANGES = [
    type_
    for name, type_ in SERVED.type_map.items()
    if isinstance(type_, GraphQLUnionType) and name.endswith("Change")
]
TOY = build_schema("""
    type Query { things(name: String): [Thing!]! feed: Feed }
    type Mutation { set: Thing }
    type Subscription { thingChanges: ThingChange! }
    union ThingChange = ThingAdded | Feed
    type ThingAdded { thing: Thing! cursor: String! }
    type Thing { id: ID! sizes: [Int] }
    type Feed { status: String! }
    input ThingFilter { name: String }
""")


def test_files_of_the_package_are_those_of_the_schema() -> None:
    for name, text in files(SCHEMA.read_text(encoding="utf-8")).items():
        assert (PACKAGE / name).read_text(encoding="utf-8") == text, "run `make schema`"


def test_unions_name_their_members() -> None:
    assert possible_types(TOY) == {"ThingChange": ["Feed", "ThingAdded"]}


def test_fields_of_each_object_say_what_may_be_null() -> None:
    types = graphcache_types(TOY)
    assert types["Query"] == "things!]! feed"
    assert types["Thing"] == "id! sizes]"
    assert types["Feed"] == "status!"


def test_graphcache_is_given_the_schema_and_the_types_without_a_key() -> None:
    needs.npm()
    program = f"""
        import {{ graphcache }} from '{(PACKAGE / "graphcache.js").as_uri()}';
        console.log(JSON.stringify([Object.keys(graphcache.keys), graphcache.schema.__schema]));
    """
    command = ["node", "--input-type=module", "--eval", program]
    result = subprocess.run(command, capture_output=True, text=True, check=True)
    keys, schema = json.loads(result.stdout)
    types = {type_["name"]: type_ for type_ in schema["types"]}
    objects = {
        name: type_
        for name, type_ in SERVED.type_map.items()
        if isinstance(type_, GraphQLObjectType) and not name.startswith("__")
    }
    roots = {"Query", "Mutation", "Subscription"}
    assert {*keys} == {n for n, type_ in objects.items() if "id" not in type_.fields} - roots
    assert {*types} == objects.keys() | possible_types(SERVED).keys()
    for name, type_ in objects.items():
        fields = {field["name"]: field["type"] for field in types[name]["fields"]}
        assert fields.keys() == type_.fields.keys()
        for field, made in fields.items():
            assert wrapped(made) == re.sub(r"\w+", "", str(type_.fields[field].type))


def wrapped(made: dict[str, Any]) -> str:
    """How a type of an introspection is wrapped, as the schema's language writes it."""
    match made["kind"]:
        case "NON_NULL":
            return f"{wrapped(made['ofType'])}!"
        case "LIST":
            return f"[{wrapped(made['ofType'])}]"
        case _:
            return ""


def test_check_fails_for_a_schema_with_another_union(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copytree(PACKAGE.parent, tmp_path / "clients")
    schema = SCHEMA.read_text(encoding="utf-8")
    monkeypatch.setattr(generate, "SCHEMA", tmp_path / "schema.graphql")
    monkeypatch.setattr(generate, "PACKAGE", tmp_path / "clients/javascript")
    monkeypatch.setattr(sys, "argv", ["generate.py", "--check"])
    generate.SCHEMA.write_text(schema, encoding="utf-8")
    assert generate.main() == 0
    generate.SCHEMA.write_text(f"{schema}\nunion Both = Policy | Schedule\n", encoding="utf-8")
    assert generate.main() == 1
    assert capsys.readouterr().err == (
        "Out of date: schema.graphql, possible-types.js. Run `make schema`.\n"
    )


@for_each("union", CHANGES)
def test_reducer_knows_every_event_by_its_shape(union: GraphQLUnionType) -> None:
    """What `changeOf` in `reducer.js` relies on, which knows no table."""
    kinds = {member.name.removeprefix(union.name.removesuffix("Change")) for member in union.types}
    assert kinds == {"Added", "Updated", "Deleted", "FeedState"}
    for member in union.types:
        fields = {name: get_named_type(field.type) for name, field in member.fields.items()}
        rows = [
            name
            for name, type_ in fields.items()
            if isinstance(type_, GraphQLObjectType) and "id" in type_.fields
        ]
        texts = {name for name, type_ in fields.items() if type_.name in {"ID", "String"}}
        if member.name == "FeedState":
            assert "status" in fields
            continue
        assert "status" not in fields
        if member.name.endswith("Deleted"):
            assert rows == []
            assert len(texts - {"cursor"}) == 1, "its key"
        else:
            assert len(rows) == 1
