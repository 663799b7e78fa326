"""What the client package has of the schema: unions, types without a key, and fields."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from graphql import GraphQLObjectType, GraphQLUnionType, build_schema, get_named_type

from clients.generate import PACKAGE, SCHEMA, files, graphcache_schema, possible_types, without_key

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


def test_objects_without_an_id_have_no_key() -> None:
    assert without_key(TOY) == ["Feed", "ThingAdded"]


def test_graphcache_is_given_each_field_with_what_may_be_null() -> None:
    schema = graphcache_schema(TOY)["__schema"]
    types = {type_["name"]: type_ for type_ in schema["types"]}
    assert types.keys() == {
        *("Query", "Mutation", "Subscription", "ThingChange", "ThingAdded", "Thing", "Feed")
    }
    id_, sizes = types["Thing"]["fields"]
    assert id_["type"] == {"kind": "NON_NULL", "ofType": {"kind": "SCALAR", "name": "Any"}}
    assert sizes["type"] == {"kind": "LIST", "ofType": {"kind": "SCALAR", "name": "Any"}}
    (change,) = types["Subscription"]["fields"]
    assert change["type"]["ofType"] == {"kind": "UNION", "name": "ThingChange"}
    assert schema["mutationType"] == {"name": "Mutation"}


def test_check_fails_for_a_schema_with_another_union(tmp_path: Path) -> None:
    shutil.copytree(PACKAGE.parent, tmp_path / "clients")
    schema = SCHEMA.read_text(encoding="utf-8")
    command = [sys.executable, str(tmp_path / "clients/generate.py"), "--check"]
    (tmp_path / "schema.graphql").write_text(schema, encoding="utf-8")
    assert subprocess.run(command, check=False).returncode == 0
    (tmp_path / "schema.graphql").write_text(f"{schema}\nunion Both = Policy | Schedule\n")
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert result.returncode == 1
    assert result.stderr == (
        "Out of date: schema.graphql, possible-types.js, graphcache.js. Run `make schema`.\n"
    )


@pytest.mark.parametrize("union", CHANGES, ids=str)
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
