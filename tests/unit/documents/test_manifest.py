"""A manifest is right as a whole, or the server does not start and says what is wrong."""

from __future__ import annotations

import json
from hashlib import sha1, sha256
from pathlib import Path
from typing import Any

import pytest

from graphql_api.app import create_app
from graphql_api.documents.manifest import read_manifest
from graphql_api.errors import ConfigurationError
from graphql_api.schema import build_schema
from graphql_api.settings import Settings, load
from graphql_api.tables import TABLES

SCHEMA = build_schema(TABLES)
QUERY = "query Policies { policies { items { id } } }"
SUBSCRIPTION = "subscription Watch { policyChanges { __typename } }"


def hashed(text: str) -> str:
    return sha256(text.encode()).hexdigest()


EXPECTED = {hashed(text): text for text in (QUERY, SUBSCRIPTION)}


def apollo(*operations: Any, version: int = 1) -> dict[str, Any]:
    return {
        "format": "apollo-persisted-query-manifest",
        "version": version,
        "operations": list(operations),
    }


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "persisted-documents.json"


@pytest.mark.parametrize(
    "content",
    [
        EXPECTED,
        {f"sha256:{id_}": text for id_, text in EXPECTED.items()},
        apollo(
            *(
                {"id": id_, "name": "N", "type": "query", "body": text}
                for id_, text in EXPECTED.items()
            )
        ),
    ],
)
def test_both_forms_are_read(file: Path, content: object) -> None:
    file.write_text(json.dumps(content))
    assert read_manifest(file, SCHEMA.validate) == EXPECTED


def test_nothing_is_fine_too(file: Path) -> None:
    for content in ({}, apollo()):
        file.write_text(json.dumps(content))
        assert read_manifest(file, SCHEMA.validate) == {}


WRONG = "query Old { policies { items { nothing } } }"


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ([], "no JSON object"),
        ("x", "no JSON object"),
        ({"a": 5}, "a is not the text"),
        ({sha1(QUERY.encode()).hexdigest(): QUERY}, "hashAlgorithm: 'sha256'"),
        ({hashed(QUERY): QUERY + " "}, f"{hashed(QUERY)}: its id is not the sha256"),
        ({hashed("{"): "{"}, f"{hashed('{')}: Syntax Error"),
        ({hashed(WRONG): WRONG}, f"{hashed(WRONG)} (Old) does not fit the schema: Cannot query"),
        (apollo(version=2), "only version 1"),
        (apollo(5), r"operations[0] has no id"),
        (apollo({"id": hashed(QUERY)}), r"operations[0] has no id or no body"),
        (apollo({"id": "x" * 1000, "body": QUERY}), f"operations[0], {'x' * 80}…: its id is not"),
    ],
)
def test_what_is_wrong_is_named(file: Path, content: object, said: str) -> None:
    file.write_text(json.dumps(content))
    with pytest.raises(ConfigurationError) as raised:
        read_manifest(file, SCHEMA.validate)
    assert said in str(raised.value)
    assert str(file) in str(raised.value)


def test_file_that_cannot_be_read_is_named(file: Path) -> None:
    with pytest.raises(ConfigurationError, match="No such file"):
        read_manifest(file, SCHEMA.validate)
    file.write_bytes(b"\xff")
    with pytest.raises(ConfigurationError, match="no JSON"):
        read_manifest(file, SCHEMA.validate)


def test_server_does_not_start_with_a_wrong_manifest(file: Path) -> None:
    file.write_text(json.dumps({hashed(WRONG): WRONG}))
    with pytest.raises(ConfigurationError, match="Old"):
        create_app(load(Settings, {"persisted_documents": str(file)}))


def test_only_persisted_documents_need_some() -> None:
    with pytest.raises(ConfigurationError, match=r"needs --persisted-documents FILE"):
        load(Settings, {"only_persisted_documents": True})
