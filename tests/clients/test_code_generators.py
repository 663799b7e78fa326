"""Apollo's code generator for Swift, as npm has it, and the compiler that fed Apollo Android's."""

from __future__ import annotations

import json
import subprocess
from typing import Any

import pytest
from graphql import build_schema

from tests.clients import npm
from tests.clients.program import PACKAGE
from tests.documents import ROOT
from tests.every_field import operations

pytestmark = [pytest.mark.long, pytest.mark.timeout(600)]

CODEGEN = PACKAGE / "codegen"
SCHEMA = (ROOT / "schema.graphql").read_text(encoding="utf-8")


def compiled(document: str) -> dict[str, Any]:
    npm.install(CODEGEN)
    result = subprocess.run(
        ["node", "compile.cjs"],
        cwd=CODEGEN,
        input=json.dumps({"schema": SCHEMA, "document": document}),
        capture_output=True,
        text=True,
        check=True,
        timeout=200,
    )
    made: dict[str, Any] = json.loads(result.stdout)
    return made


def test_everything_that_can_be_asked_for_becomes_code() -> None:
    texts = [*operations(build_schema(SCHEMA))]
    made = compiled("\n".join(texts))
    assert made["errors"] == []
    assert len(made["operations"]) == len(texts)
    for kind in ("Query", "Mutation", "Subscription"):
        assert made["swift"].count(f": GraphQL{kind} {{") > 3


def test_document_that_its_rules_refuse_is_refused() -> None:
    (error,) = compiled("{ server { version } }")["errors"]
    assert error.startswith("Apollo does not support anonymous operations")
