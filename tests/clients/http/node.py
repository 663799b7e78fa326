"""Programs of this directory, which node runs."""

from __future__ import annotations

import asyncio
from asyncio.subprocess import PIPE
from pathlib import Path

PACKAGE = Path(__file__).parent


async def run(program: str, *arguments: str, limit_s: float = 200) -> str:
    """What a program says on stdout, until it ends without error."""
    process = await asyncio.create_subprocess_exec(
        "node", PACKAGE / program, *arguments, stdout=PIPE
    )
    try:
        async with asyncio.timeout(limit_s):
            said, _ = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
            await process.communicate()
    assert process.returncode == 0
    return said.decode()
