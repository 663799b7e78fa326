"""With graphql-codegen's types TypeScript notices a member of a union that is left out."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from hashlib import sha256
from pathlib import Path

import pytest

from tests.clients.program import EXAMPLES, PACKAGE

pytestmark = [pytest.mark.usefixtures("typed_documents"), pytest.mark.timeout(300)]


def compile_in(directory: Path) -> subprocess.CompletedProcess[str]:
    """Let TypeScript check the examples in a directory, which writes nothing."""
    return subprocess.run(
        [EXAMPLES / "node_modules/.bin/tsc"],
        cwd=directory,
        capture_output=True,
        text=True,
        check=False,
        timeout=200,
    )


def without_case(source: str, member: str) -> str:
    """The source without a member's case; what it shares with the case before it stays."""
    label = f"    case '{member}':\n"
    before, after = source.split(label)
    if not before.rstrip().endswith("':"):
        after = re.sub(r"\A(?: {6}.*\n)+", "", after)
    return before + after


def test_examples_compile_under_strict() -> None:
    assert '"strict": true' in (EXAMPLES / "tsconfig.json").read_text()
    result = compile_in(EXAMPLES)
    assert (result.returncode, result.stdout) == (0, "")


@pytest.mark.parametrize("member", ["FeedState", "PolicyAdded", "PolicyUpdated", "PolicyDeleted"])
def test_switch_that_leaves_out_a_member_does_not_compile(member: str, tmp_path: Path) -> None:
    examples = tmp_path / "examples"
    shutil.copytree(EXAMPLES, examples, ignore=shutil.ignore_patterns("node_modules"))
    (examples / "node_modules").symlink_to(EXAMPLES / "node_modules")
    shutil.copy(PACKAGE / "resume.js", tmp_path)
    policies = examples / "policies.ts"
    source = without_case(policies.read_text(), member)
    policies.write_text(source)

    result = compile_in(examples)

    place = source.index("assertNever(change);") + len("assertNever(")
    line, column = source.count("\n", 0, place) + 1, place - source.rindex("\n", 0, place)
    (error,) = [line for line in result.stdout.splitlines() if not line.startswith(" ")]
    assert error.startswith(f"policies.ts({line},{column}): error TS2345: ")
    assert f'__typename: "{member}"' in error
    assert error.endswith("is not assignable to parameter of type 'never'.")


def test_persisted_documents_are_listed_by_their_sha256() -> None:
    documents = json.loads((EXAMPLES / "gql/persisted-documents.json").read_text())
    assert len(documents) == 2
    for digest, text in documents.items():
        assert digest == f"sha256:{sha256(text.encode()).hexdigest()}"
