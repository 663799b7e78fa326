"""What some tests need beside Python.

Where it is missing such a test is skipped, with the reason; `conftest.py` lets it fail in CI.
"""

from __future__ import annotations

import importlib
import shutil
from pathlib import Path
from types import ModuleType

import pytest

from graphql_api.graphiql.build import BuildError, npm_command

PACKAGES = {
    "caddy": "caddy",
    "chromium": "chromium",
    "curl": "curl",
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
        pytest.skip(f"needs the Python module {name}")
