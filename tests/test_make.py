"""`make` sets up what it needs from nothing, once."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from tests.checkout import ROOT, check_out

# make tells those that it runs about itself, and with what it was called; these belong to none
# children.
ENVIRONMENT = {
    key: value
    for key, value in os.environ.items()
    if not key.startswith("MAKE") and key not in {"ARGS", "MFLAGS", "VENV"}
}


def make(directory: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["make", *arguments],
        cwd=directory,
        capture_output=True,
        text=True,
        check=False,
        env=ENVIRONMENT,
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


def program(path: Path, script: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)


def test_make_serve_builds_graphiql_beside_a_server_that_does_not_wait(
    checkout: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    directory = tmp_path_factory.mktemp("made")
    ready = directory / "ready"
    program(
        directory / "bin/npm",
        f"""[ "$1" = ci ] && until [ -e {ready} ]; do sleep 0.05; done
            [ "$1" = run ] && mkdir dist && echo built >dist/index.html
            exit 0""",
    )
    program(directory / "bin/node", "echo v20.19.0")
    venv = directory / "venv"  # what is set up already, with this Python
    program(venv / "bin/pip", "exit 1")
    program(venv / "bin/python", f'exec {sys.executable} "$@"')
    program(venv / "bin/graphql-api", f'exec {sys.executable} -m graphql_api "$@"')
    (venv / ".run").touch()
    with subprocess.Popen(
        ["make", "serve", "ARGS=--port 0 --data :memory:", f"VENV={venv}"],
        cwd=checkout,
        env=ENVIRONMENT
        | {"PATH": f"{directory / 'bin'}:{os.environ['PATH']}", "PYTHONPATH": str(checkout)},
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as making:
        assert making.stdout is not None
        try:
            url = re.search(r"http://\S+/graphiql", making.stdout.readline())
            assert url is not None
            page = httpx.get(url[0], trust_env=False).text
            assert "GraphiQL is not built yet" in page
            ready.touch()
            while "GraphiQL is built" not in (line := making.stdout.readline()):
                assert line
            assert httpx.get(url[0], trust_env=False).text == "built\n"
        finally:
            os.killpg(making.pid, signal.SIGINT)  # what Ctrl-C does
        making.stdout.read()  # until no process is left that could write


@pytest.mark.long
@pytest.mark.timeout(600)
def test_make_serve_sets_up_once_and_again_after_a_change(checkout: Path) -> None:
    first = make(checkout, "serve", "ARGS=--help")
    assert first.returncode == 0, first.stderr
    assert "Installing requirements.lock" in first.stdout
    assert "usage: graphql-api serve" in first.stdout

    second = make(checkout, "serve", "ARGS=--help")
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
