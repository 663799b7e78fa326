"""What the README says is true: its lines are those of the tested files, its tests exist."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
BEGIN, END = "The README shows what begins here", "The README shows what ends here"


def defined_tests() -> set[str]:
    """The names of all tests."""
    return {
        name
        for path in (ROOT / "tests").rglob("test_*.py")
        for name in re.findall(r"^(?:async )?def (test_\w+)", path.read_text("utf-8"), re.MULTILINE)
    }


def test_each_line_of_what_can_go_wrong_is_backed_by_a_test() -> None:
    section = README.split("## What can go wrong")[1].split("\n## ")[0]
    rows = [line for line in section.splitlines() if line.startswith("| ")][1:]
    assert len(rows) > 15
    tests = defined_tests()
    for row in rows:
        (name,) = re.findall(r"`(test_\w+)` \|$", row)
        assert name in tests, row


def test_lines_for_resuming_are_those_that_are_tested() -> None:
    source = (ROOT / "tests/clients/resume.js").read_text(encoding="utf-8")
    shown = source.split(f"// {BEGIN}\n")[1].split(f"// {END}")[0].strip()
    assert f"```js\n{shown}\n```" in README


@pytest.mark.parametrize(
    "path", sorted(set(re.findall(r"`((?:tests|graphql_api)/[\w/.]+)`", README)))
)
def test_files_that_it_names_exist(path: str) -> None:
    assert (ROOT / path).exists()
