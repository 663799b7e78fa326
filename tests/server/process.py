"""`graphql-api` as a process of its own."""

from __future__ import annotations

import asyncio
import os
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from tests.forks import Forked, forked


@asynccontextmanager
async def process(
    *arguments: str,
    says: str,
    module: str = "graphql_api",
    code: str | None = None,
    log: Path | None = None,
) -> AsyncIterator[str]:
    """`graphql-api` as a process of its own, until the context is left; and where it listens.

    Args:
        arguments: Its command and flags.
        says: What is before the URL in the line that it says when it has started.
        module: What runs it. Another one than the server's own is a new program, and no copy of
            one that has imported the server: it may declare a table first.
        code: What is run in the place of `module`, in a copy.
        log: The file for what it writes to stderr, if that matters.
    """
    env = {k: v for k, v in os.environ.items() if not k.startswith("GRAPHQL_API_")}
    running: Process | Forked
    with Path(os.devnull if log is None else log).open("wb") as stderr:
        if module != "graphql_api":
            running = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", module, *arguments), stdout=PIPE, stderr=stderr, env=env
            )
        elif code is not None:
            running = await forked(
                *(code, *arguments), module="tests.executed", env=env, stderr=stderr.fileno()
            )
        else:
            running = await forked(*arguments, env=env, stderr=stderr.fileno())
    try:
        assert running.stdout is not None
        line = ""
        while says not in line:
            line = (await running.stdout.readline()).decode()
            assert line, "the process has ended"
        yield line.partition(says)[2].split()[0].rstrip(";")
    finally:
        if running.returncode is None:
            running.terminate()
        await running.communicate()
