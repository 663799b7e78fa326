"""The folders in `examples/` that are pages: their lines, their builds, and how they are served."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import subprocess
from asyncio.subprocess import PIPE, STDOUT
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest

from tests.clients import npm
from tests.patience import LONGEST_S

EXAMPLES = Path(__file__).parents[2] / "examples"
WAIT_S = LONGEST_S

_NOT_COUNTED = re.compile(r"\s*(?://.*|/\*.*\*/)?$")


@dataclass(frozen=True, slots=True)
class Page:
    """A page of an example, which shows the names of the policies.

    Attributes:
        example: The folder.
        file: The page within it.
        most_lines: How many lines of code it may take.
        most_rows: How many rows it shows at most.
    """

    example: str
    file: str
    most_lines: int
    most_rows: int = 1_000_000

    def __str__(self) -> str:
        return f"{self.example}/{self.file}"

    @property
    def script(self) -> Path:
        """The program that the page loads."""
        folder = EXAMPLES / self.example
        names: list[str] = re.findall(r'src="/(src/.*)"', (folder / self.file).read_text("utf-8"))
        (name,) = names
        return folder / name

    def own_lines(self) -> int:
        """How many lines somebody writes for it, without blanks, comments and what is made."""
        files = [self.script]
        imported = {*re.findall(r"from '(\..*)'", self.script.read_text("utf-8"))}
        if "./gql" in imported:  # made by graphql-codegen
            files.append(EXAMPLES / self.example / "codegen.ts")
        assert imported <= {"./gql"}, "a file that is not counted"
        lines = [line for file in files for line in file.read_text("utf-8").splitlines()]
        return sum(not _NOT_COUNTED.fullmatch(line) for line in lines)


LISTS = [
    Page("react-apollo", "index.html", most_lines=25),
    Page("react-urql", "index.html", most_lines=25),
    Page("react-tanstack-db", "index.html", most_lines=20),
    Page("plain", "index.html", most_lines=25),
]
LIVE_PAGES = [
    Page(example, "live-page.html", most_lines=15, most_rows=100)
    for example in ("react-apollo", "react-urql", "plain")
]
PAGES = LISTS + LIVE_PAGES


@cache
def build(example: str) -> None:
    """Build an example for production, by its own command: once, for all of its pages."""
    folder = EXAMPLES / example
    npm.install(folder)
    result = subprocess.run(
        ["npm", "run", "build"], cwd=folder, capture_output=True, text=True, check=False
    )
    if result.returncode:
        pytest.fail(f"{example} does not build:\n{result.stdout}{result.stderr}")


@asynccontextmanager
async def serving(
    example: str, server: str, port: int, *, is_built: bool = False
) -> AsyncIterator[str]:
    """The address of an example, by Vite: from its sources, or from its build.

    Args:
        example: The folder.
        server: The address of the server to which Vite leads `/graphql`.
        port: The port to listen on.
        is_built: Whether the pages are those of `build`.
    """
    folder = EXAMPLES / example
    npm.install(folder)
    command = ("npx", "vite", "preview") if is_built else ("npm", "start", "--")
    process = await asyncio.create_subprocess_exec(
        *(*command, "--host", "127.0.0.1", "--port", str(port), "--strictPort"),
        cwd=folder,
        env={**os.environ, "GRAPHQL_API": server, "NO_COLOR": "1"},
        stdout=PIPE,
        stderr=STDOUT,
        start_new_session=True,
    )
    try:
        assert process.stdout is not None
        said = b""
        async with asyncio.timeout(WAIT_S):
            while b"http://127.0.0.1" not in said:
                line = await process.stdout.readline()
                assert line, said.decode()
                said += line
        yield f"http://localhost:{port}"  # as the README of each example opens it
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        await process.communicate()
