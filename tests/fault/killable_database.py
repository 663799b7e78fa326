"""A database that tests can kill and start again."""

from __future__ import annotations

import os
from contextlib import ExitStack
from pathlib import Path
from typing import Self

from graphql_api.rethink.url import DatabaseURL
from tests import ports
from tests.forks import Forked, forked


class KillableDatabase:
    """An embedded database in a process of its own, on one port and one file."""

    def __init__(self, file: Path) -> None:
        self._reserved = ExitStack()
        self._port = self._reserved.enter_context(ports.reserved())
        self._file = file
        self._process: Forked | None = None

    @property
    def url(self) -> DatabaseURL:
        return DatabaseURL("127.0.0.1", self._port, "starbelly")

    async def start(self) -> None:
        arguments = ["--port", str(self._port), "--data", str(self._file), "--no-password"]
        self._process = await forked("embedded", *arguments, env=os.environ)
        assert self._process.stdout is not None
        assert b"embedded database is at" in await self._process.stdout.readline()

    async def kill(self) -> None:
        assert self._process is not None
        self._process.kill()
        await self._process.communicate()

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.kill()
        self._reserved.close()
