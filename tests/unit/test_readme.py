"""What the README says is true: its lines are those of the tested files, its tests exist."""

from __future__ import annotations

import re
from pathlib import Path
from textwrap import dedent

import pytest
from graphql import build_schema, parse, validate

from graphql_api.settings import Settings, load

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


def marked_regions() -> list[str]:
    """What the client examples mark as shown in the README."""
    sources = [
        path.read_text("utf-8")
        for pattern in ("*.js", "*.py", "examples/*.ts", "examples/*.tsx")
        for path in sorted((ROOT / "tests/clients").glob(pattern))
    ]
    return [
        dedent(region).strip()
        for source in sources
        for region in re.findall(rf"{BEGIN}\n(.*?)\n[^\n]*{END}", source, re.DOTALL)
    ]


def blocks(*languages: str) -> list[str]:
    """The README's blocks of code in these languages."""
    fence = rf"^```(?:{'|'.join(languages)})\n(.*?)\n```$"
    return re.findall(fence, README, re.DOTALL | re.MULTILINE)


def test_code_for_frontends_is_that_of_the_examples_that_are_tested() -> None:
    shown = blocks("js", "jsx", "ts", "tsx", "py", "python")
    assert sorted(shown) == sorted(marked_regions())


def test_time_out_that_it_advises_is_longer_than_a_stream_is_silent() -> None:
    (silent_s,) = re.findall(r"a stream silent for (\d+) s", README)
    assert float(silent_s) == load(Settings, {}).sse_keep_alive_s
    (read_s,) = re.findall(r"httpx\.Timeout\(\d+, read=(\d+)\)", README)
    assert float(read_s) > 2 * float(silent_s)


@pytest.mark.parametrize("block", blocks("graphql"))
def test_graphql_is_valid(block: str) -> None:
    schema = build_schema((ROOT / "schema.graphql").read_text("utf-8"))
    assert validate(schema, parse(block)) == []


@pytest.mark.parametrize(
    "path", sorted(set(re.findall(r"`((?:tests|graphql_api)/[\w/.]+)`", README)))
)
def test_files_that_it_names_exist(path: str) -> None:
    assert (ROOT / path).exists()
