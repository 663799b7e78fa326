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
from pathlib import Path

import pytest

from tests.clients import npm
from tests.patience import LONGEST_S

EXAMPLES = Path(__file__).parents[2] / "examples"
PAGES = ["react-apollo", "react-urql", "react-tanstack-db", "plain"]
WAIT_S = LONGEST_S

_NOT_COUNTED = re.compile(r"\s*(?://.*|/\*.*\*/)?$")


def own_lines(example: str) -> int:
    """How many lines somebody writes for the list, without blanks, comments and what is made."""
    folder = EXAMPLES / example
    files = [*folder.glob("src/*.ts*"), *folder.glob("codegen.ts")]
    lines = [line for file in files for line in file.read_text(encoding="utf-8").splitlines()]
    return sum(not _NOT_COUNTED.fullmatch(line) for line in lines)


def build(example: str) -> None:
    """Build a page for production, by its own command."""
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
    """The address of a page, by Vite: from its sources, or from its build.

    Args:
        example: The page.
        server: The address of the server to which Vite leads `/graphql`.
        port: The port to listen on.
        is_built: Whether the page is that of `build`.
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
