"""What some tests need beside Python.

Where it is missing such a test is skipped, with the reason; where CI=true it fails.
"""

from __future__ import annotations

import importlib
import os
import shutil
from pathlib import Path
from types import ModuleType
from typing import NoReturn

import pytest


def program(name: str) -> Path:
    """Where a program is."""
    path = shutil.which(name)
    if path is None:
        _is_missing(f"needs the program {name}")
    return Path(path)


def module(name: str) -> ModuleType:
    """A module of a package that not every machine has."""
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError:
        _is_missing(f"needs the Python module {name}")


def _is_missing(reason: str) -> NoReturn:
    if os.environ.get("CI") == "true":
        pytest.fail(reason)
    pytest.skip(reason)
