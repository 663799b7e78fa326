"""The build of GraphiQL's page, with a stand-in for npm: what it replaces, leaves and ends."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Protocol

import pytest

from graphql_api.graphiql import build as module
from graphql_api.graphiql.build import (
    BuildError,
    build_page,
    is_current,
    is_new_enough,
    run_aloud,
    run_quietly,
)
from tests.for_each import for_each

SOURCES = Path(module.__file__).with_name("page")

WORKING = 'if [ "$1" = run ]; then mkdir dist && cp index.html dist; fi'
FAILING = 'if [ "$1" = run ]; then mkdir dist && cp index.html dist && exit 3; fi'
HANGING = 'sleep 1000 & echo "$$ $!" > "$PIDS.new" && mv "$PIDS.new" "$PIDS"; wait'


class InstallNpm(Protocol):
    """Makes shell scripts the only npm and node there are."""

    def __call__(self, script: str, node: str = ...) -> None: ...


@pytest.fixture
def npm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> InstallNpm:
    programs = tmp_path / "bin"
    programs.mkdir()
    monkeypatch.setenv("PATH", str(programs), prepend=os.pathsep)
    monkeypatch.setenv("PIDS", str(tmp_path / "pids"))

    def install(script: str, node: str = "v20.19.0") -> None:
        for name, text in {"npm": script, "node": f"echo {node}"}.items():
            (programs / name).write_text(f"#!/bin/sh\n{text}\n")
            (programs / name).chmod(0o755)

    return install


@pytest.fixture
def package(tmp_path: Path) -> Path:
    """A copy of build.py, with a page of its own beside it."""
    directory = tmp_path / "graphiql"
    (directory / "page" / "tabs").mkdir(parents=True)
    (directory / "page" / "index.html").write_text("first")
    (directory / "page" / "tabs" / "1.graphql").write_text("{ a }")
    shutil.copy(module.__file__, directory)
    return directory


def names(directory: Path) -> set[str]:
    return {path.name for path in directory.iterdir()}


def test_it_is_built_again_only_after_a_change_of_its_sources(
    package: Path, npm: InstallNpm
) -> None:
    page, build = package / "page", package / "dist"
    npm(WORKING)
    assert not is_current(page, build)
    build_page(run_aloud, page, build)
    assert is_current(page, build)
    assert (build / "index.html").read_text() == "first"

    (page / "node_modules").mkdir()
    (page / "node_modules" / "package.json").write_text("{}")
    assert is_current(page, build), "what npm installs is no source"

    (page / "tabs" / "1.graphql").rename(page / "tabs" / "2.graphql")
    assert not is_current(page, build)
    (page / "index.html").write_text("second")
    build_page(run_aloud, page, build)
    assert is_current(page, build)
    assert (build / "index.html").read_text() == "second"
    assert names(package) == {"build.py", "dist", "page"}


def test_a_build_that_fails_leaves_the_one_before(package: Path, npm: InstallNpm) -> None:
    page, build = package / "page", package / "dist"
    npm(WORKING)
    build_page(run_aloud, page, build)
    npm(FAILING)
    (page / "index.html").write_text("second")
    with pytest.raises(BuildError, match=r"^npm run build has failed with exit code 3$"):
        build_page(run_quietly(lambda: True), page, build)
    assert (build / "index.html").read_text() == "first"
    assert not is_current(page, build)
    assert names(package) == {"build.py", "dist", "page"}


def test_builds_at_the_same_time_leave_one_whole(package: Path, npm: InstallNpm) -> None:
    page, build = package / "page", package / "dist"
    npm(WORKING)
    with ThreadPoolExecutor() as threads:
        builds = [threads.submit(build_page, run_aloud, page, build) for _ in range(20)]
    for one in builds:
        one.result()
    assert is_current(page, build)
    assert names(build) == {"index.html", "sources.sha256"}
    assert names(package) == {"build.py", "dist", "page"}


def test_a_build_that_others_overtake_takes_their_place(
    package: Path, npm: InstallNpm, monkeypatch: pytest.MonkeyPatch
) -> None:
    page, build = package / "page", package / "dist"
    npm(WORKING)
    rename, overtakings = Path.rename, iter(range(3))

    def rename_late(path: Path, target: Path) -> Path:
        """Another build is put in place just before, and taken away again just after."""
        if target != build or next(overtakings, None) is None:
            return rename(path, target)
        (build / "of another").mkdir(parents=True)
        try:
            return rename(path, target)
        finally:
            shutil.rmtree(build)

    monkeypatch.setattr(Path, "rename", rename_late)
    build_page(run_aloud, page, build)
    assert is_current(page, build)
    assert names(build) == {"index.html", "sources.sha256"}
    assert names(package) == {"build.py", "dist", "page"}


def test_without_npm_it_says_so(package: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(package))
    with pytest.raises(BuildError, match="npm is not installed"):
        build_page(run_aloud, package / "page", package / "dist")


def test_too_old_a_node_is_said_before_anything_is_installed(
    package: Path, npm: InstallNpm
) -> None:
    npm("exit 1", node="v18.20.4")
    with pytest.raises(BuildError, match=r"^it needs Node\.js 20\.19.* and this is v18\.20\.4$"):
        build_page(run_aloud, package / "page", package / "dist")


@for_each(
    ("version", "is_enough"),
    [
        ("v18.20.4", False),
        ("v20.18.3", False),
        ("v20.19.0", True),
        ("v21.7.3", False),
        ("v22.11.0", False),
        ("v22.12.0", True),
        ("v24.0.0", True),
        ("", False),
    ],
)
def test_node_is_new_enough_as_vite_has_it(version: str, is_enough: bool) -> None:
    assert is_new_enough(version) is is_enough
    for file in "package.json", "package-lock.json":
        assert '"node": "^20.19.0 || >=22.12.0"' in (SOURCES / file).read_text(encoding="utf-8")


def test_nothing_runs_on_when_it_is_not_wanted_any_more(
    package: Path, npm: InstallNpm, tmp_path: Path
) -> None:
    npm(HANGING)
    pids = tmp_path / "pids"
    with pytest.raises(SystemExit):
        build_page(run_quietly(lambda: not pids.exists()), package / "page", package / "dist")
    assert_gone(pids)
    assert names(package) == {"build.py", "page"}


def beside(package: Path, server: str) -> subprocess.Popen[str]:
    """What `make serve` starts: a build beside a server, which takes the shell's place."""
    script = f'"{sys.executable}" "{package}/build.py" --beside $$ & exec {server}'
    return subprocess.Popen(
        ["/bin/sh", "-c", script], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )


def test_beside_a_server_it_says_once_that_it_is_built(package: Path, npm: InstallNpm) -> None:
    npm(f"echo much; echo much >&2; {WORKING}")
    for expected in [r"GraphiQL is built.*\n", ""]:
        with beside(package, "sleep 1000") as server:
            assert server.stdout is not None
            try:
                said = server.stdout.readline() if expected else ""
            finally:
                server.kill()
            said += server.stdout.read()
        assert re.fullmatch(expected, said)
    assert is_current(package / "page", package / "dist")


@pytest.mark.parametrize(
    ("node", "reason"),
    [
        ("v20.19.0", "npm run build has failed with exit code 3"),
        ("v18.20.4", "it needs Node.js 20.19"),
    ],
)
def test_beside_a_server_a_failure_is_one_line(
    package: Path, npm: InstallNpm, node: str, reason: str
) -> None:
    npm(f"echo much; echo much >&2; {FAILING}", node=node)
    with beside(package, "sleep 1000") as server:
        assert server.stdout is not None
        try:
            said = server.stdout.readline()
        finally:
            server.kill()
        said += server.stdout.read()
    assert said.count("\n") == 1
    assert reason in said
    assert "Its page only says so" in said
    assert "make graphiql" in said


def test_it_ends_with_the_server_however_that_ends(
    package: Path, npm: InstallNpm, tmp_path: Path
) -> None:
    npm(HANGING)
    pids = tmp_path / "pids"
    with beside(package, "sleep 1000") as server:
        wait_until(pids.exists)
        server.kill()
        assert server.stdout is not None
        assert server.stdout.read() == ""  # the end of it, so no process is left that could write
    assert_gone(pids)
    assert names(package) == {"build.py", "page"}


def assert_gone(pids: Path) -> None:
    for pid in map(int, pids.read_text().split()):
        wait_until(lambda pid=pid: not is_running(pid))  # type: ignore[misc]


def is_running(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"


def wait_until(holds: Callable[[], bool]) -> None:
    while not holds():
        time.sleep(0.01)
