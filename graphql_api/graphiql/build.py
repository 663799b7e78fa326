"""Builds GraphiQL's page with npm: `page/` into `dist/`.

    python build.py                 as `make graphiql` does it
    python build.py --beside PID    quietly, as long as this process's parent is PID

Everything happens in a temporary directory, and the result is renamed into place: a build that
fails or is interrupted leaves what was there, and several builds can run at a time.

It needs the standard library only, for it also runs where the package is built and not installed.
"""

from __future__ import annotations

import argparse
import errno
import hashlib
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from contextlib import suppress
from itertools import count
from pathlib import Path
from types import FrameType
from typing import NoReturn, TypeAlias

PAGE = Path(__file__).with_name("page")
BUILD = Path(__file__).with_name("dist")

_MADE_FROM = "sources.sha256"
"""The file of a build that says what it was made from."""
_NOT_SOURCES = shutil.ignore_patterns("node_modules", "dist")
_LOOK_S = 0.1
_IS_THERE = (errno.EEXIST, errno.ENOTEMPTY)
"""Why a directory cannot be renamed to one that is not empty; POSIX allows both."""

Run: TypeAlias = Callable[[Sequence[str], Path], None]
"""Runs a command in a directory; raises `BuildError` if it fails."""


class BuildError(Exception):
    """There is no new build; the text is the reason, in one line."""


def npm_command() -> str:
    """Where npm is, if it and Node.js are such that they can build the page.

    Raises:
        BuildError: They are missing, or too old.
    """
    npm, node = shutil.which("npm"), shutil.which("node")
    if npm is None or node is None:
        raise BuildError("npm is not installed (it comes with Node.js)")
    reported = subprocess.run([node, "--version"], capture_output=True, text=True, check=False)
    version = reported.stdout.strip()
    if not is_new_enough(version):
        raise BuildError(
            f"it needs Node.js 20.19, 22.12 or newer, as Debian 13 has it, and this is {version}"
        )
    return npm


def is_new_enough(version: str) -> bool:
    """Whether vite runs on this Node.js, such as `v20.19.2`; package.json says so to npm."""
    match = re.match(r"v(\d+)\.(\d+)\.", version)
    if match is None:
        return False
    major, minor = int(match[1]), int(match[2])
    return (major == 20 and minor >= 19) or (major, minor) >= (22, 12)


def is_current(page: Path = PAGE, build: Path = BUILD) -> bool:
    """Whether there is a build, and of these sources."""
    try:
        return (build / _MADE_FROM).read_text(encoding="ascii") == _digest(page)
    except FileNotFoundError:
        return False


def build_page(run: Run, page: Path = PAGE, build: Path = BUILD) -> None:
    """Build the page, whether or not it was built before.

    Args:
        run: Runs npm.
        page: The sources.
        build: The directory to replace by what is built.

    Raises:
        BuildError: npm is missing, too old, or fails. What was built before is still there.
    """
    npm = npm_command()
    with tempfile.TemporaryDirectory(prefix="graphiql-", ignore_cleanup_errors=True) as name:
        directory = Path(name) / "page"
        shutil.copytree(page, directory, ignore=_NOT_SOURCES)
        made_from = _digest(directory)
        run([npm, "ci"], directory)
        run([npm, "run", "build"], directory)
        (directory / "dist" / _MADE_FROM).write_text(made_from, encoding="ascii")
        _put_in_place(directory / "dist", build)


def run_aloud(command: Sequence[str], directory: Path) -> None:
    """Run a command, and show its output.

    Raises:
        BuildError: It fails.
    """
    _check(command, subprocess.run(command, cwd=directory, check=False).returncode)


def run_quietly(is_wanted: Callable[[], bool]) -> Run:
    """A function that runs commands without their output, and ends those no longer wanted.

    The commands are in a session of their own: what the terminal sends to those in front of it,
    such as an interrupt, is none of theirs.

    Args:
        is_wanted: Asked again and again while a command runs. When it says no, the command and all
            that it started are ended, and `SystemExit` is raised.
    """

    def run(command: Sequence[str], directory: Path) -> None:
        process = subprocess.Popen(
            command,
            cwd=directory,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        try:
            while process.poll() is None:
                if not is_wanted():
                    sys.exit()
                with suppress(subprocess.TimeoutExpired):
                    process.wait(_LOOK_S)
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)  # what they write is thrown away with them
                process.wait()
        _check(command, process.returncode)

    return run


def _check(command: Sequence[str], code: int) -> None:
    if code:
        words = " ".join(["npm", *command[1:]])
        raise BuildError(f"{words} has failed with exit code {code}")


def _digest(page: Path) -> str:
    """A hash of all sources: their names and contents."""
    digest = hashlib.sha256()
    for directory, folders, names in os.walk(page):
        ignored = _NOT_SOURCES(directory, folders)
        folders[:] = sorted(folder for folder in folders if folder not in ignored)
        for name in sorted(names):
            file = Path(directory, name)
            content = hashlib.sha256(file.read_bytes()).hexdigest()
            digest.update(f"{file.relative_to(page).as_posix()}\0{content}\n".encode())
    return digest.hexdigest()


def _put_in_place(new: Path, build: Path) -> None:
    """Replace a build by renaming: no reader meets a part of one."""
    staging = Path(tempfile.mkdtemp(prefix=f"{build.name}-", dir=build.parent))
    try:
        shutil.copytree(new, staging / "new")  # renaming needs the same file system
        for attempt in count():
            with suppress(FileNotFoundError):
                build.rename(staging / f"old{attempt}")
            try:
                (staging / "new").rename(build)
            except OSError as error:
                if error.errno not in _IS_THERE:
                    raise
            else:  # and no other build was put in place between the two
                break
    finally:
        shutil.rmtree(staging)


def _beside(parent: int) -> None:
    """Build while the process `parent` runs, and say in one line how it went."""

    def end(_: int, __: FrameType | None) -> NoReturn:
        sys.exit()

    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, end)
    os.nice(10)  # the server comes first
    try:
        build_page(run_quietly(lambda: os.getppid() == parent))
    except (BuildError, OSError) as error:
        instead = "is as it was before" if BUILD.exists() else "only says so"
        print(f"GraphiQL is not built: {error}. Its page {instead}; `make graphiql` shows more")
    else:
        print("GraphiQL is built, and needs no internet any more: load it again")


def main() -> int:
    """Build the page, unless it is there; the exit code is 1 if that fails."""
    parser = argparse.ArgumentParser(description="Build GraphiQL's page, if that is to be done.")
    parser.add_argument("--beside", type=int, metavar="PID", help="only while its parent is PID")
    parent = parser.parse_args().beside
    if is_current():
        return 0
    if parent is not None:
        _beside(parent)
        return 0
    try:
        build_page(run_aloud)
    except BuildError as error:
        print(f"GraphiQL is not built: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
