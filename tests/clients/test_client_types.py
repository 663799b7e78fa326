"""The types of the client package: a row is what the document selects of it."""

from __future__ import annotations

import json
import subprocess
from hashlib import sha256

import pytest

from tests.clients.program import LISTS

pytestmark = [pytest.mark.usefixtures("typed_documents"), pytest.mark.timeout(300)]


def test_types_hold_what_the_lists_expect_under_strict() -> None:
    options = json.loads((LISTS / "tsconfig.json").read_text())["compilerOptions"]
    assert options["strict"]
    assert options["verbatimModuleSyntax"]
    assert "skipLibCheck" not in options, "it would skip the types of the client package too"
    result = subprocess.run(
        [LISTS / "node_modules/.bin/tsc"],
        cwd=LISTS,
        capture_output=True,
        text=True,
        check=False,
        timeout=200,
    )
    assert (result.returncode, result.stdout) == (0, "")


def test_persisted_documents_are_listed_by_their_sha256() -> None:
    documents = json.loads((LISTS / "src/gql/persisted-documents.json").read_text())
    assert len(documents) == 3
    for digest, text in documents.items():
        assert digest == f"sha256:{sha256(text.encode()).hexdigest()}"
