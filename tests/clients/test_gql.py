"""Lists that Python's gql keeps live, as `live_list.py` does."""

from __future__ import annotations

import asyncio
from pathlib import Path
from random import Random
from typing import Any

import gql
import pytest
from gql.transport.websockets import WebsocketsTransport

from tests.clients.live_list import keep_live
from tests.clients.trouble import FENCE, NAMES, WAIT_S, table, troubled

pytestmark = pytest.mark.timeout(300)


class LiveList:
    """What `keep_live` keeps.

    Attributes:
        policies: The rows by their keys.
        snapshots: How often it was told to begin anew.
    """

    def __init__(self) -> None:
        self.policies: dict[str, Any] = {}
        self.snapshots = 0
        self._status: str | None = None
        self._changed = asyncio.Event()

    def on_change(self, change: dict[str, Any]) -> None:
        self._status = change.get("status", self._status)
        self.snapshots += change.get("status") == "INITIALIZING"
        self._changed.set()

    async def until_status(self, status: str) -> None:
        async with asyncio.timeout(WAIT_S):
            while self._status != status:
                await self._change()

    async def until_row(self, key: str) -> None:
        async with asyncio.timeout(WAIT_S):
            while key not in self.policies:
                await self._change()

    async def _change(self) -> None:
        self._changed.clear()
        await self._changed.wait()


async def test_lists_equal_the_table_after_cuts_and_a_restart_of_the_database(
    tmp_path: Path,
) -> None:
    lists = {name: LiveList() for name in NAMES}

    async def until_status(status: str) -> None:
        for kept in lists.values():
            await kept.until_status(status)

    async with troubled(tmp_path) as server, asyncio.TaskGroup() as group:
        keeping = [
            group.create_task(
                keep_live(
                    gql.Client(
                        transport=WebsocketsTransport(server.url, connect_args={"proxy": None})
                    ),
                    {"nameContains": name},
                    kept.policies,
                    kept.on_change,
                    wait_s=0.01,
                )
            )
            for name, kept in lists.items()
        ]
        await server.write(Random("gql"), until_status)
        for name, kept in lists.items():
            await kept.until_row(FENCE)
            rows = {(row["id"], row["name"]) for row in kept.policies.values()}
            assert rows == set(await table(server.client, name))
            assert kept.snapshots == 1, "none after a cut"
        for task in keeping:
            task.cancel()
