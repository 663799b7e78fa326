"""A client program that node runs: `programs/serve.js` says how it talks with a test."""

from __future__ import annotations

import asyncio
import json
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from tests.patience import LONGEST_S

WAIT_S = LONGEST_S
"""How long a test waits for what must come; it fails then."""
PACKAGE = Path(__file__).parent
LISTS = PACKAGE / "lists"


class Program:
    """A running client program."""

    def __init__(self, process: Process) -> None:
        assert process.stdin is not None
        assert process.stdout is not None
        self._process = process
        self._stdin = process.stdin
        self._stdout = process.stdout

    def subscribe(self, name: str, query: str, **variables: Any) -> None:
        """Begin a subscription, by whose name its results come."""
        self._send({"subscribe": name, "query": query, "variables": variables})

    def unsubscribe(self, name: str) -> None:
        """End a subscription; `{"unsubscribed": name}` is the last that comes of it."""
        self._send({"unsubscribe": name})

    async def next(self) -> dict[str, Any]:
        """What the program says next.

        Raises:
            TimeoutError: It says nothing.
            EOFError: It has ended.
        """
        async with asyncio.timeout(WAIT_S):
            line = await self._stdout.readline()
        if not line:
            raise EOFError("the program has ended; its stderr says why")
        message: dict[str, Any] = json.loads(line)
        return message

    async def change(self) -> tuple[str, dict[str, Any]]:
        """The next event of a subscription, and its name; there are no errors."""
        while True:
            message = await self.next()
            if "name" in message:
                return message["name"], change_of(message)

    async def end(self) -> int:
        """Let the program end, and give its exit status."""
        self._stdin.close()
        async with asyncio.timeout(WAIT_S):
            while await self._stdout.readline():
                pass
            return await self._process.wait()

    def _send(self, command: dict[str, Any]) -> None:
        self._stdin.write(json.dumps(command).encode() + b"\n")


@asynccontextmanager
async def program(
    name: str,
    url: str,
    *,
    resume: bool = False,
    token_file: Path | None = None,
    limit_s: float = 300,
) -> AsyncIterator[Program]:
    """A client program, until the context is left; then it has ended of itself, without error.

    Args:
        name: The name of a file in `programs/`.
        url: The server's, for WebSocket.
        resume: Whether the client uses the client package's `resuming`.
        token_file: Holds the token that it sends when it connects, if it needs one.
        limit_s: After how many seconds the program gives up.
    """
    process = await asyncio.create_subprocess_exec(
        "node",
        PACKAGE / "programs" / f"{name}.js",
        url,
        json.dumps(
            {
                "resume": resume,
                "limit_s": limit_s,
                "token_file": None if token_file is None else str(token_file),
            }
        ),
        stdin=PIPE,
        stdout=PIPE,
        limit=2**24,
    )
    running = Program(process)
    try:
        yield running
        assert await running.end() == 0
    finally:
        if process.returncode is None:
            process.kill()
            await process.communicate()


def change_of(message: dict[str, Any]) -> dict[str, Any]:
    """The event that a result holds, as the server sent it; it has no errors."""
    assert "data" in message, message
    (change,) = message["data"].values()
    event = without_typenames(change)
    assert isinstance(event, dict)
    return {"__typename": change["__typename"], **event}


def without_typenames(value: Any) -> Any:
    """A value without the `__typename` that caches select of every object."""
    match value:
        case dict():
            return {
                name: without_typenames(member)
                for name, member in value.items()
                if name != "__typename"
            }
        case list():
            return [without_typenames(item) for item in value]
        case _:
            return value
