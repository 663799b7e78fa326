"""The shape of the package: which place may import which, no circle, and no long module."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from functools import cache
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

from tests.for_each import for_each

PACKAGE = "graphql_api"
ROOT = Path(__file__).parents[2] / PACKAGE

MAY_IMPORT = {
    "errors": set(),
    "environment": set(),
    "settings": {"environment", "errors", "masking"},
    "store": {"errors", "feeds"},
    "feeds": {"cancellation", "errors", "settings", "turns"},
    "state": {"errors", "feeds", "files"},
    "log_feeds": {"cancellation", "settings", "errors", "feeds", "store", "turns"},
    "rethink": {
        *("cancellation", "settings", "feeds", "log_feeds"),
        *("store", "errors", "files", "turns"),
    },
    "schema": {"settings", "feeds", "log_feeds", "store", "errors", "masking", "scopes", "turns"},
    "tables": {"schema", "feeds", "log_feeds", "store", "errors", "masking", "scopes"},
    "auth": {"documents", "errors", "files", "headers", "limits", "scopes", "watched_file"},
    "limits": {"settings", "errors", "headers", "masking", "paths", "turns"},
    "documents": {"settings", "errors", "files", "limits", "schema"},
    "execution": {"documents", "errors", "feeds", "limits", "schema", "turns"},
    "protocols": {
        "settings",
        "auth",
        "documents",
        *("errors", "execution", "feeds", "headers", "limits", "schema", "scopes", "server"),
        *("store", "tables", "turns"),
    },
    "server": {
        *("errors", "execution", "garbage", "headers", "limits", "listeners", "masking"),
        *("settings", "tls", "watched_file"),
    },
    "cancellation": set(),
    "paths": set(),
    "scopes": set(),
    "turns": set(),
    "garbage": set(),
    "listeners": set(),
    "tls": {"errors", "files", "masking", "watched_file"},
    "watched_file": {"errors", "files"},
    "embedded": {"files", "listeners", "masking"},
    "files": set(),
    "headers": set(),
    "graphiql": {"files", "static_files"},
    "javascript": {"static_files"},
    "live": {"static_files"},
    "tracing": {"documents", "errors", "execution", "feeds", "limits", "schema"},
    "masking": set(),
    "static_files": {"headers"},
    "client": {"errors", "schema", "tables"},
    "watch": {"client", "errors", "exit_codes", "schema", "tables"},
    "exit_codes": set(),
}
"""Each place, and the places it may import beside itself."""

COMPOSITION = {
    "__main__",
    "access",
    "app",
    "argument_parser",
    "cli",
    "command_line",
    "commands",
    "demo",
    "demo_crawl",
    "effective_settings",
    "lifespan",
    "logs",
    "machine",
    "metrics",
    "probes",
    "sample",
    "startup",
}
"""What puts the places together; it may import everything, and nothing else may import it."""

MAX_LINES = 400
"""How long a module may be: a longer one has several concepts."""

ONE_USER = {"rethinkdb": "rethink", "opentelemetry": "tracing"}
"""Packages that one place imports, and no other."""

Imports = Mapping[str, set[str]]
"""Modules, and the dotted names that each imports: `a.b` for `import a.b`, `a.b.c` for
`from a.b import c`, whether or not `c` is a module."""


def statements(block: ast.AST) -> Iterator[ast.AST]:
    """The statements in a block, and in those; their expressions, which are most, have none."""
    for part in ("body", "orelse", "handlers", "finalbody", "cases"):
        for statement in getattr(block, part, ()):
            yield statement
            yield from statements(statement)


def imported_names(source: str) -> set[str]:
    """What is imported, in functions and for type checkers too."""
    names: set[str] = set()
    for node in statements(ast.parse(source)):
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "relative import"
            names.update(f"{node.module}.{alias.name}" for alias in node.names)
    return names


@cache
def all_imports() -> Imports:
    return {
        module_name(path): imported_names(path.read_text(encoding="utf-8"))
        for path in ROOT.rglob("*.py")
    }


def module_name(path: Path) -> str:
    parts = path.relative_to(ROOT.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def place(name: str) -> str | None:
    """The place of a dotted name; None outside the package, and for the package itself."""
    parts = name.split(".")
    return parts[1] if parts[0] == PACKAGE and len(parts) > 1 else None


def violations(imports: Imports) -> list[str]:
    found = []
    for module, names in sorted(imports.items()):
        here = place(module)
        for name in sorted(names):
            there = place(name)
            if ONE_USER.get(name.split(".")[0], here) != here:
                found.append(f"{module} imports {name}")
            if there not in {None, here} and here not in COMPOSITION:
                allowed = MAY_IMPORT[here] if here else set()
                if there not in allowed:
                    found.append(f"{module} imports {name}")
    return found


def cycle(imports: Imports) -> list[str] | None:
    """A circle of modules that import each other, if there is one; imports for types count."""

    def target(name: str) -> str | None:
        if name in imports:
            return name
        parent = name.rpartition(".")[0]
        return parent if parent in imports else None

    graph = {
        module: {target(name) for name in names} - {None, module}
        for module, names in imports.items()
    }
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        circle: list[str] = error.args[1]
        return circle
    return None


def test_every_place_is_in_the_table() -> None:
    places = {place(module) for module in all_imports()} - {None}
    assert places <= MAY_IMPORT.keys() | COMPOSITION


def test_imports_go_in_one_direction() -> None:
    assert violations(all_imports()) == []


def test_imports_have_no_circle() -> None:
    assert cycle(all_imports()) is None


def test_no_module_is_too_long() -> None:
    lengths = {
        module_name(path): len(path.read_text(encoding="utf-8").splitlines())
        for path in ROOT.rglob("*.py")
    }
    assert {module for module, lines in lengths.items() if lines > MAX_LINES} == set()


@for_each(
    ("module", "source"),
    [
        ("graphql_api.feeds.feed", "from graphql_api.schema import context"),
        ("graphql_api.feeds.feed", "from graphql_api import schema"),
        (
            "graphql_api.embedded.server",
            "def f():\n    from graphql_api.errors import DatabaseError",
        ),
        ("graphql_api.tables.policy", "import rethinkdb.ast"),
        ("graphql_api.app", "from rethinkdb import r"),
        ("graphql_api.feeds.feed", "from opentelemetry import trace"),
        ("graphql_api.feeds.feed", "from graphql_api.tracing import changes"),
        ("graphql_api.limits.token_bucket", "from graphql_api.cli import main"),
        ("graphql_api", "import graphql_api.app"),
    ],
)
def test_forbidden_import_is_found(module: str, source: str) -> None:
    assert violations({module: imported_names(source)}) != []


@for_each(
    ("module", "source"),
    [
        ("graphql_api.rethink.source", "from rethinkdb import RethinkDB"),
        ("graphql_api.rethink.source", "from graphql_api.feeds.source import Source"),
        ("graphql_api.tables.policy", "from graphql_api.schema.enums import Match"),
        ("graphql_api.cli", "from graphql_api.app import create_app"),
    ],
)
def test_allowed_import_is_none_to_complain_of(module: str, source: str) -> None:
    assert violations({module: imported_names(source)}) == []


def test_circle_is_found_across_packages() -> None:
    imports = {
        "graphql_api.a": {"graphql_api.b.thing"},
        "graphql_api.b": {"graphql_api.b.c.other"},
        "graphql_api.b.c": {"graphql_api.a"},
    }
    assert cycle(imports) is not None
    assert cycle(imports | {"graphql_api.b.c": {"os.path"}}) is None


def test_starbelly_is_a_thin_adapter() -> None:
    """Apart from generated code it has at most 500 lines."""
    modules = (ROOT / "protocols" / "starbelly").glob("*.py")
    texts = [path.read_text(encoding="utf-8") for path in modules if path.stem != "starbelly_pb2"]
    assert 0 < sum(len(text.splitlines()) for text in texts) <= 500
