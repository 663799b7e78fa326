"""Manifests: files in which a client's build lists its documents.

Two forms are read:

- graphql-codegen's client preset, with `persistedDocuments: { hashAlgorithm: 'sha256' }`, writes
  `persisted-documents.json`: `{"<sha256>": "<text>", …}`.
- Apollo's `generate-persisted-query-manifest` writes `{"format": "apollo-persisted-query-manifest",
  "version": 1, "operations": [{"id": "<sha256>", "name": …, "type": …, "body": "<text>"}, …]}`.

A sha256 may have the prefix `sha256:`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, TypeAlias

import orjson
from graphql import DocumentNode, GraphQLError, GraphQLSyntaxError, OperationDefinitionNode

from graphql_api.documents.documents import Documents
from graphql_api.documents.persisted import SHA256_PREFIX, document_id
from graphql_api.errors import ConfigurationError
from graphql_api.files import UnreadableFileError, read_file, shown_path

Validate: TypeAlias = Callable[[DocumentNode], Sequence[GraphQLError]]
"""Returns what is wrong with a document."""

_MAX_BYTES = 64 * 1024 * 1024

_APOLLO_FORMAT = "apollo-persisted-query-manifest"


def read_manifest(file: Path, validate: Validate) -> dict[str, str]:
    """The texts that a file lists, by their sha256; each has it, and fits the schema.

    Args:
        file: The file.
        validate: Checks a document against the schema.

    Raises:
        ConfigurationError: The file cannot be read, or something in it is wrong; the text names the
            entry.
    """
    try:
        content = orjson.loads(read_file(file, max_bytes=_MAX_BYTES).data)
    except UnreadableFileError as error:
        raise ConfigurationError(
            f"cannot read the persisted documents of {shown_path(file)}: {error}"
        ) from error
    except orjson.JSONDecodeError as error:
        raise ConfigurationError(
            f"the persisted documents of {shown_path(file)}: no JSON: {error}"
        ) from error
    texts: dict[str, str] = {}
    try:
        for name, id_, text in _entries(content):
            texts[_checked(name, id_, text, validate)] = text
    except _EntryError as error:
        raise ConfigurationError(
            f"the persisted documents of {shown_path(file)}: {error}"
        ) from error
    return texts


class _EntryError(Exception):
    """Something in a manifest is wrong."""


def _entries(content: Any) -> Iterator[tuple[str, str, str]]:
    """Each entry: what the file calls it, its id, and its text."""
    if not isinstance(content, dict):
        raise _EntryError("neither graphql-codegen nor Apollo has written this: no JSON object")
    if content.get("format") == _APOLLO_FORMAT:
        if content.get("version") != 1 or not isinstance(content.get("operations"), list):
            raise _EntryError("of Apollo's format only version 1 is known")
        for number, operation in enumerate(content["operations"]):
            match operation:
                case {"id": str(id_), "body": str(text)}:
                    yield f"operations[{number}], {_shortened(id_)}", id_, text
                case _:
                    raise _EntryError(f"operations[{number}] has no id or no body")
    else:
        for id_, text in content.items():
            if not isinstance(text, str):
                raise _EntryError(f"{_shortened(id_)} is not the text of a document")
            yield _shortened(id_), id_, text


def _checked(name: str, id_: str, text: str, validate: Validate) -> str:
    """The id of an entry, without prefix."""
    bare = id_.removeprefix(SHA256_PREFIX)
    if bare != document_id(text):
        raise _EntryError(
            f"{name}: its id is not the sha256 of its text (graphql-codegen needs "
            "persistedDocuments: { hashAlgorithm: 'sha256' })"
        )
    try:
        document = Documents().parse(text).node
    except GraphQLSyntaxError as error:
        raise _EntryError(f"{name}: {error.message}") from error
    errors = validate(document)
    if errors:
        operations = [
            definition.name.value
            for definition in document.definitions
            if isinstance(definition, OperationDefinitionNode) and definition.name
        ]
        of = f" ({', '.join(operations)})" if operations else ""
        raise _EntryError(f"{name}{of} does not fit the schema: {errors[0].message}")
    return bare


def _shortened(id_: str) -> str:
    return id_ if len(id_) <= 80 else f"{id_[:80]}…"
