from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests import needs
from tests.for_each import for_each

ROOT = Path(__file__).parents[2]

TESTS = """
import pytest
from tests import needs

@pytest.fixture
def missing():
    needs.program("nowhere_to_be_found")

def test_needs_a_program(missing): ...

def test_needs_a_module(): needs.module("nowhere_to_be_found")

@pytest.mark.optional
def test_is_optional(): pytest.skip("it does not exist")

@pytest.mark.xfail
def test_is_known_to_fail(): assert False
"""


def test_what_is_there_is_given() -> None:
    assert needs.program("sh").is_absolute()
    assert needs.module("sys") is sys


@for_each("find", [needs.program, needs.module])
def test_what_is_missing_skips_the_test(find: Callable[[str], object]) -> None:
    with pytest.raises(pytest.skip.Exception, match="nowhere_to_be_found"):
        find("nowhere_to_be_found")


def test_reason_names_the_package(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda *_, **__: None)
    with pytest.raises(pytest.skip.Exception, match=r"java, .* default-jdk-headless"):
        needs.program("java")


def test_what_is_skipped_is_said_with_the_package_to_install(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(shutil, "which", lambda *_, **__: None)
    with pytest.raises(pytest.skip.Exception) as skipped:
        needs.program("nginx")
    reason = f"Skipped: {skipped.value}"
    assert needs.skipped_in_words([reason, reason, "Skipped: there is no /dev/full"]) == [
        (
            "2 tests were skipped: needs the program nginx, of Debian's package nginx; "
            "install it to run them."
        ),
        "1 test was skipped: there is no /dev/full.",
    ]


def test_ci_installs_every_program() -> None:
    script = (ROOT / ".ci/run").read_text(encoding="utf-8")
    check = r"^command -v (\S+) >/dev/null \|\| missing\+=\((\S+)\)$"
    installed = re.findall(check, script, re.MULTILINE)
    assert needs.PACKAGES.items() <= dict(installed).items()


@pytest.mark.parametrize(
    ("ci", "summary"),
    [("", "3 skipped, 1 xfailed"), ("true", "1 failed, 1 skipped, 1 xfailed, 1 error")],
)
def test_what_is_skipped_fails_in_ci_unless_it_is_optional(
    tmp_path: Path, ci: str, summary: str
) -> None:
    (tmp_path / "test_it.py").write_text(TESTS)
    alone = {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "PYTHONPATH": str(ROOT)}
    result = subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "tests.needs", "-W", "ignore", "test_it.py"],
        cwd=tmp_path,
        env=os.environ | alone | {"CI": ci},
        capture_output=True,
        text=True,
        check=False,
    )
    assert f"= {summary} in " in result.stdout, result.stdout
    said = "1 test was skipped: needs the program nowhere_to_be_found."
    assert (said in result.stdout) is (ci == "")
