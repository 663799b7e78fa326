"""Lists that Python's gql keeps live, as `live_list.py` does."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from pathlib import Path
from random import Random
from ssl import SSLError
from typing import Any

import gql
import pytest
from gql.transport.exceptions import TransportConnectionFailed
from gql.transport.websockets import WebsocketsTransport
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.frames import Close

from graphql_api.auth.api_token import new_token
from graphql_api.auth.token_file import add_token
from graphql_api.rethink.url import DatabaseURL
from graphql_api.scopes import Scope
from tests.clients.live_list import client_of, keep_live, may_pass
from tests.clients.load import policy
from tests.clients.trouble import (
    CHANGES,
    CUTS,
    FENCE,
    FEW_CHANGES,
    FEW_CUTS,
    NAMES,
    WAIT_S,
    table,
    troubled,
)
from tests.server.client import connected
from tests.server.database import Writer
from tests.server.running import running, settings_for

pytestmark = pytest.mark.timeout(300)


class LiveList:
    """What `keep_live` keeps.

    Attributes:
        policies: The rows by their keys.
        snapshots: How often it was to begin again.
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


async def test_server_that_does_not_answer_is_tried_again() -> None:
    attempts = asyncio.Semaphore(0)

    async def never_answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        attempts.release()
        try:
            await reader.read()
        finally:
            writer.close()  # before Python 3.12 nothing else does if this task is cancelled

    async with (
        await asyncio.start_server(never_answer, "127.0.0.1", 0) as silent,
        asyncio.TaskGroup() as group,
        asyncio.timeout(WAIT_S),
    ):
        host, port = silent.sockets[0].getsockname()
        transport = WebsocketsTransport(
            f"ws://{host}:{port}/graphql", connect_timeout=0.05, connect_args={"proxy": None}
        )
        kept = LiveList()
        client = gql.Client(transport=transport)
        keeping = group.create_task(
            keep_live(client, {}, kept.policies, kept.on_change, wait_s=0.01)
        )
        for _ in range(3):
            await attempts.acquire()
        keeping.cancel()


async def test_row_above_one_mebibyte_is_held(starbelly: DatabaseURL, writer: Writer) -> None:
    name = "x" * (2 * 2**20)
    await writer.insert("policy", policy("long", name))
    kept = LiveList()
    async with running(settings_for(starbelly)) as server, asyncio.TaskGroup() as group:
        keeping = group.create_task(
            keep_live(client_of(server.ws), {}, kept.policies, kept.on_change)
        )
        await kept.until_status("READY")
        assert kept.policies["long"]["name"] == name
        assert kept.snapshots == 1
        keeping.cancel()


async def test_what_will_not_pass_ends_the_list(
    starbelly: DatabaseURL, writer: Writer, tmp_path: Path
) -> None:
    async def error_of(client: gql.Client) -> BaseException | None:
        with pytest.raises(TransportConnectionFailed) as caught:
            async with asyncio.timeout(WAIT_S):
                await keep_live(client, {}, {}, LiveList().on_change, wait_s=0.01)
        return caught.value.__cause__

    await writer.insert("policy", policy("long", "x" * (2 * 2**20)))
    async with running(settings_for(starbelly)) as server:
        error = await error_of(gql.Client(transport=WebsocketsTransport(server.ws)))
        assert isinstance(error, ConnectionClosed)
        assert error.sent is not None
        assert error.sent.code == 1009, "with the library's own limit"
        error = await error_of(client_of(server.ws.replace("/graphql", "/elsewhere")))
        assert isinstance(error, InvalidStatus)
        error = await error_of(client_of(server.ws.replace("ws:", "wss:")))
        assert isinstance(error, SSLError)
    tokens = tmp_path / "tokens.json"
    _, kept = new_token("dashboard", [Scope.READ], created=datetime.now(UTC), expires=None)
    add_token(tokens, kept)
    async with running(settings_for(starbelly, tokens=tokens)) as server:
        error = await error_of(client_of(server.ws))
        assert isinstance(error, ConnectionClosed)
        assert error.rcvd is not None
        assert error.rcvd.code == 4403


@pytest.mark.parametrize(
    ("close", "passes"),
    [(None, True), (1001, True), (1011, True), (1012, True), (1009, False), (4400, False)],
)
def test_end_of_a_connection_passes_unless_somebody_is_to_blame(
    close: int | None, passes: bool
) -> None:
    frame = None if close is None else Close(close, "")
    failed = TransportConnectionFailed()
    failed.__cause__ = ConnectionClosed(frame, None)
    assert may_pass(failed) is passes


async def test_list_begins_again_with_a_server_that_does_not_know_its_cursor(
    starbelly: DatabaseURL, writer: Writer, reserved_port: int
) -> None:
    kept = LiveList()
    await writer.insert("policy", policy("deleted while away", "alpha beta"))
    async with AsyncExitStack() as stack:
        async with running(settings_for(starbelly), reserved_port) as server:
            group = await stack.enter_async_context(asyncio.TaskGroup())
            keeping = group.create_task(
                keep_live(client_of(server.ws), {}, kept.policies, kept.on_change, wait_s=0.01)
            )
            await kept.until_row("deleted while away")
            await kept.until_status("READY")
        await writer.delete("policy", "deleted while away")
        await writer.insert("policy", policy(FENCE, "alpha beta"))
        successor = await stack.enter_async_context(running(settings_for(starbelly), reserved_port))
        await kept.until_row(FENCE)
        await kept.until_status("READY")
        assert kept.snapshots == 2
        observer = await stack.enter_async_context(connected(successor.ws))
        rows = {(row["id"], row["name"]) for row in kept.policies.values()}
        assert rows == set(await table(observer, ""))
        keeping.cancel()


@pytest.mark.parametrize(
    ("changes", "cuts"),
    [(FEW_CHANGES, FEW_CUTS), pytest.param(CHANGES, CUTS, marks=pytest.mark.long)],
)
async def test_lists_equal_the_table_after_cuts_and_a_restart_of_the_database(
    changes: int, cuts: int, tmp_path: Path
) -> None:
    lists = {name: LiveList() for name in NAMES}

    async def until_status(status: str) -> None:
        for kept in lists.values():
            await kept.until_status(status)

    async with troubled(tmp_path) as server, asyncio.TaskGroup() as group:
        keeping = [
            group.create_task(
                keep_live(
                    client_of(server.url),
                    {"nameContains": name},
                    kept.policies,
                    kept.on_change,
                    wait_s=0.01,
                )
            )
            for name, kept in lists.items()
        ]
        await server.write(Random("gql"), until_status, changes, cuts)
        for name, kept in lists.items():
            await kept.until_row(FENCE)
            rows = {(row["id"], row["name"]) for row in kept.policies.values()}
            assert rows == set(await table(server.client, name))
            assert kept.snapshots == 1, "none after a cut"
        for task in keeping:
            task.cancel()
