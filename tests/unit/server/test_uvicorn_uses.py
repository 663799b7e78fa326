"""docs/architecture.md lists every use of uvicorn's internals, and nothing else."""

from __future__ import annotations

import ast
import asyncio
import inspect
import re
import textwrap
from collections.abc import Iterator

import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from tests.documents import ROOT

PAGE = ROOT / "docs" / "architecture.md"
PACKAGE = ROOT / "graphql_api"
FOLDER = PACKAGE / "server"
BASES = {
    "HttpToolsProtocol": HttpToolsProtocol,
    "RequestResponseCycle": RequestResponseCycle,
    "uvicorn.Server": uvicorn.Server,
}
ROW = re.compile(r"\| `(\w+)` \| `([\w.]+)` \| ((?:`\w+` ?)+)\| (.+) \|")

Use = tuple[str, str, str]
"""A module, a module or a class of uvicorn, and a name in it."""


def listed() -> Iterator[Use]:
    section = PAGE.read_text(encoding="utf-8").split("## What is used of uvicorn's internals\n")[1]
    for row in section.split("\n## ")[0].splitlines():
        if not row.startswith("| `"):
            continue
        match = ROW.fullmatch(row)
        assert match is not None, row
        yield from ((match[1], match[2], name) for name in re.findall(r"\w+", match[3]))


def own_attributes(node: ast.AST) -> set[str]:
    """Attributes of `self`, and methods."""
    found = set()
    for inner in ast.walk(node):
        if isinstance(inner, ast.Attribute) and ast.unparse(inner.value) == "self":
            found.add(inner.attr)
        elif isinstance(inner, ast.FunctionDef | ast.AsyncFunctionDef):
            found.add(inner.name)
    return found - {*dir(asyncio.Protocol), "__init__"}


def used() -> Iterator[Use]:
    for path in FOLDER.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("uvicorn."):
                place = (node.module or "").removeprefix("uvicorn.")
                yield from ((path.stem, place, alias.name) for alias in node.names)
            elif isinstance(node, ast.ClassDef):
                for base in node.bases:
                    theirs = BASES.get(ast.unparse(base))
                    if theirs is None:
                        continue
                    source = ast.parse(textwrap.dedent(inspect.getsource(theirs)))
                    for name in own_attributes(node) & own_attributes(source):
                        yield path.stem, theirs.__name__, name


def test_every_use_of_uvicorns_internals_is_listed_once() -> None:
    rows = [*listed()]
    assert len(rows) == len(set(rows))
    assert set(rows) == set(used())


def test_one_folder_knows_uvicorn() -> None:
    importing = re.compile(r"^\s*(?:from|import) uvicorn\b", re.MULTILINE)
    modules = [path for path in PACKAGE.rglob("*.py") if importing.search(path.read_text("utf-8"))]
    assert {path.parent for path in modules} == {FOLDER}
