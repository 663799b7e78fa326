"""`graphql-api` as a process of its own."""

from __future__ import annotations

import asyncio
import os
import sys
from asyncio.subprocess import DEVNULL, PIPE
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager


@asynccontextmanager
async def process(*arguments: str, says: str, module: str = "graphql_api") -> AsyncIterator[str]:
    """`graphql-api` as a process of its own, until the context is left; and where it listens.

    Args:
        arguments: Its command and flags.
        says: What is before the URL in the line that it says when it has started.
        module: What runs it.
    """
    running = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", module, *arguments),
        stdout=PIPE,
        stderr=DEVNULL,
        env={name: os.environ[name] for name in os.environ if not name.startswith("GRAPHQL_API_")},
    )
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
