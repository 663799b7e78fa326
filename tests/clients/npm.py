"""What the tests need of npm, installed when it is first needed."""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

import pytest

from tests import needs


def install(directory: Path) -> None:
    """Run `npm ci` in a directory, unless what its package-lock.json names is there already.

    That includes packages of this repository, as they are now.

    It is safe to call from several processes at once. Without npm the test is skipped.
    """
    needs.npm()
    digest = _digest(directory / "package-lock.json")
    stamp = directory / "node_modules" / ".installed"
    with locked(directory):
        if stamp.exists() and stamp.read_text() == digest:
            return
        result = subprocess.run(
            ["npm", "ci"], cwd=directory, capture_output=True, text=True, timeout=280, check=False
        )
        if result.returncode:
            pytest.fail(f"npm ci failed in {directory.name}:\n{result.stderr}")
        stamp.write_text(digest)


def run(directory: Path, program: str, *arguments: str) -> None:
    """Run a program of an installed package in the package's directory."""
    result = subprocess.run(
        [directory / "node_modules/.bin" / program, *arguments],
        cwd=directory,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    if result.returncode:
        pytest.fail(f"{program} failed:\n{result.stdout}{result.stderr}")


def run_once(directory: Path, program: str) -> None:
    """Run a program that writes files into its package, for all processes of this test run."""
    test_run = os.environ.get("PYTEST_XDIST_TESTRUNUID") or uuid4().hex
    stamp = directory / "node_modules" / f".{program}"
    with locked(directory):
        if not stamp.exists() or stamp.read_text() != test_run:
            run(directory, program)
            stamp.write_text(test_run)


def _digest(lock: Path) -> str:
    """What is installed by a lock: its text, and the packages of this repository that it names."""
    digest = hashlib.sha256(lock.read_bytes())
    for package in json.loads(lock.read_bytes())["packages"].values():
        if package.get("resolved", "").startswith("file:"):
            folder = lock.parent / package["resolved"].removeprefix("file:")
            for file in sorted(folder.iterdir()):
                digest.update(f"\0{file.name}\0".encode() + file.read_bytes())
    return digest.hexdigest()


@contextmanager
def locked(directory: Path) -> Iterator[None]:
    """Let one process at a time be in the body, for a directory."""
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)
