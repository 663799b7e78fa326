"""How tests are chosen and collected; their fixtures are in `fixtures.py`."""

from __future__ import annotations

import gc
from collections.abc import Generator
from pathlib import Path

import pytest

gc.disable()  # Imports leave hardly any, and a search for it looks at all that they have made.

from tests.needs import pytest_runtest_makereport, pytest_terminal_summary

__all__ = ["pytest_runtest_makereport", "pytest_terminal_summary"]

LONG_FOLDERS = {"attacks", "benchmarks", "browser", "examples", "fuzz", "rolling", "soak"}
LONG_FIXTURES = {"http_packages", "packages", "page_origin", "typed_documents"}
"""Fixtures that install packages of npm."""


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--database",
        metavar="URL",
        help="run against this RethinkDB, rethinkdb://[user[:password]@]host[:port]/any, in "
        "databases that are made and dropped again; without it, against the embedded one",
    )
    parser.addoption(
        "--delayed",
        action="store_true",
        help="run the tests of a database, whose answers come up to 0.2 s late",
    )
    parser.addoption(
        "--thorough",
        action="store_true",
        help="try properties with all their examples, and with other ones each time",
    )


def pytest_configure(config: pytest.Config) -> None:
    """Load the fixtures, unless other processes run the tests."""
    if config.getoption("dist", "no") == "no" or hasattr(config, "workerinput"):
        config.pluginmanager.import_plugin("tests.fixtures")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    for item in items:
        if item.path.parent.name in LONG_FOLDERS or LONG_FIXTURES.intersection(
            getattr(item, "fixturenames", ())
        ):
            item.add_marker(pytest.mark.long)
    if config.getoption("--delayed"):
        kept = [item for item in items if "database" in getattr(item, "fixturenames", ())]
        config.hook.pytest_deselected(items=[item for item in items if item not in set(kept)])
        items[:] = kept
    if config.getoption("--database") is None:
        return
    skip = pytest.mark.skip(reason="needs what only the embedded server can do")
    for item in items:
        if item.get_closest_marker("embedded_only"):
            item.add_marker(skip)
            item.add_marker(pytest.mark.optional)


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """What would be left out in the end need not be imported."""
    is_left_out = config.option.markexpr == "not long" and collection_path.name in LONG_FOLDERS
    return is_left_out or None


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """Begin to search for garbage once all modules are imported."""
    try:
        return (yield)
    finally:
        gc.enable()
