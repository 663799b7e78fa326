"""`make` sets up what it needs from nothing, once."""

from __future__ import annotations

import os
import re
import subprocess
import time
from pathlib import Path

import pytest

from tests.checkout import ROOT, check_out


def make(directory: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["make", *arguments],
        cwd=directory,
        capture_output=True,
        text=True,
        check=False,
        # make tells those that it runs about itself; this one is nobody's child.
        env={key: value for key, value in os.environ.items() if not key.startswith("MAKE")},
    )


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """The files that git would give out, without an environment."""
    check_out(tmp_path)
    return tmp_path


def test_make_alone_lists_every_target() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    declared = re.search(r"^\.PHONY: (.*)$", makefile, re.MULTILINE)
    assert declared is not None
    lines = make(ROOT).stdout.splitlines()
    assert [line.split()[1] for line in lines] == declared[1].split()
    assert all(len(line.split(maxsplit=2)) == 3 for line in lines)


def test_make_names_what_is_missing(tmp_path: Path) -> None:
    result = make(ROOT, "serve", f"VENV={tmp_path / 'venv'}", "PYTHON=python-that-is-not-there")
    assert result.returncode != 0
    assert "Python 3.11 or newer is needed" in result.stderr
    assert "python-that-is-not-there" in result.stderr


@pytest.mark.long
@pytest.mark.timeout(600)
def test_make_serve_sets_up_once_and_again_after_a_change(checkout: Path) -> None:
    first = make(checkout, "serve", "ARGS=--help")
    assert first.returncode == 0, first.stderr
    assert "Installing requirements.lock" in first.stdout
    assert "usage: graphql-api serve" in first.stdout

    started = time.monotonic()
    second = make(checkout, "serve", "ARGS=--help")
    assert time.monotonic() - started < 5
    assert "Installing" not in second.stdout
    assert "usage: graphql-api serve" in second.stdout

    (checkout / "requirements.lock").touch()
    assert "Installing requirements.lock" in make(checkout, "serve", "ARGS=--help").stdout


@pytest.mark.long
@pytest.mark.timeout(600)
def test_make_test_sets_up_from_nothing(checkout: Path) -> None:
    result = make(checkout, "test", "ARGS=tests/unit/test_settings.py")
    assert result.returncode == 0, result.stdout
    assert re.search(r"\d+ passed", result.stdout)
