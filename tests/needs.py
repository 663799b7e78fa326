"""What some tests need beside Python.

Where it is missing such a test is skipped, with the reason. The hooks at the end, which
`conftest.py` passes on to pytest, let it fail in CI, and say at the end of a run what was skipped.
"""

from __future__ import annotations

import importlib
import os
import shutil
from collections import Counter
from collections.abc import Generator, Iterable
from pathlib import Path
from types import ModuleType

import pytest

from graphql_api.graphiql.build import BuildError, npm_command

PACKAGES = {
    "caddy": "caddy",
    "chromium": "chromium",
    "curl": "curl",
    "firefox-esr": "firefox-esr",
    "java": "default-jdk-headless",
    "nginx": "nginx",
    "node": "nodejs",
    "npm": "npm",
    "openssl": "openssl",
}
"""Debian's package of each program that tests need; `.ci/run` installs them."""


def program(name: str) -> Path:
    """Where a program is; those for administrators are not in everybody's PATH."""
    path = shutil.which(name) or shutil.which(name, path="/usr/sbin")
    if path is None:
        package = f", of Debian's package {PACKAGES[name]}" if name in PACKAGES else ""
        pytest.skip(f"needs the program {name}{package}")
    return Path(path)


def npm() -> Path:
    """Where npm is, beside a Node.js that is new enough for the packages of the tests."""
    program("node")
    path = program("npm")
    try:
        npm_command()
    except BuildError as error:
        pytest.skip(str(error))
    return path


def module(name: str) -> ModuleType:
    """A module of a package that not every machine has."""
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError:
        pytest.skip(f"needs the Python module {name}, of PyPI's package {name}")


def skipped_in_words(reasons: Iterable[str]) -> list[str]:
    """What was skipped and how to run it: one line for each reason, the most frequent first.

    Args:
        reasons: One for each test that was skipped, as pytest has it.
    """
    lines = []
    for reason, count in Counter(reasons).most_common():
        tests, them = ("1 test was", "it") if count == 1 else (f"{count} tests were", "them")
        remedy = f"; install it to run {them}" if " package " in reason else ""
        lines.append(f"{tests} skipped: {reason.removeprefix('Skipped: ')}{remedy}.")
    return lines


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item,
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Where CI=true nothing is skipped for something missing: it has to be installed there."""
    report = yield
    is_skipped = report.skipped and not hasattr(report, "wasxfail")
    if is_skipped and os.environ.get("CI") == "true" and not item.get_closest_marker("optional"):
        report.outcome = "failed"
        report.longrepr = f"skipped, where CI=true: {report.longreprtext}"
    return report


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say at the end what was skipped, and which package to install to run it."""
    reports = terminalreporter.stats.get("skipped", [])
    reasons = [report.longrepr[2] for report in reports if isinstance(report.longrepr, tuple)]
    if reasons:
        terminalreporter.section("what was skipped")
        for line in skipped_in_words(reasons):
            terminalreporter.line(line)
