"""A server that is killed and started again goes on where its clients are."""

from __future__ import annotations

import asyncio
import os
import random
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from graphql_api.app import create_app
from graphql_api.rethink.url import DatabaseURL
from graphql_api.server import uvicorn_server
from graphql_api.server.listening import listen
from graphql_api.state.feed_file import FileKeeper
from tests.forks import Forked, forked
from tests.server.client import WAIT_S, Operation, connected
from tests.server.database import Writer
from tests.server.operations import POLICIES, Replica
from tests.server.running import Running, running, settings_for, until_ready


@asynccontextmanager
async def server_process(database: DatabaseURL, state: Path) -> AsyncIterator[tuple[Forked, str]]:
    """A server as a process, and where it listens, until the context is left."""
    login = f"{database.user}:{quote(database.password)}"
    place = f"{database.address}/{database.database}"
    environment = {name: os.environ[name] for name in os.environ if "GRAPHQL_API" not in name}
    process = await forked(
        *("serve", "--port", "0", "--state", str(state)),
        env=environment | {"GRAPHQL_API_DATABASE": f"rethinkdb://{login}@{place}"},
    )
    try:
        assert process.stdout is not None
        async with asyncio.timeout(WAIT_S):
            line = ""
            while "GraphQL is at " not in line:
                line = (await process.stdout.readline()).decode()
                assert line, "the process has ended"
        url = line.partition("GraphQL is at ")[2].split()[0].rstrip(";")
        yield process, url.replace("http", "ws", 1)
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()


async def follow(operation: Operation, replica: Replica, until: int) -> None:
    """Apply events until a row of that number is there, and all before it."""
    while replica.status != "READY" or f"n{until}" not in replica.rows:
        replica.apply(await operation.change())


@pytest.mark.parametrize("how", ["kill", "terminate"])
async def test_client_goes_on_after_its_server_has_ended(
    starbelly: DatabaseURL, writer: Writer, tmp_path: Path, how: str
) -> None:
    replica, rng, number = Replica(POLICIES), random.Random(how), 0
    for _ in range(3):
        async with server_process(starbelly, tmp_path) as (process, url), connected(url) as client:
            operation = await client.subscribe(POLICIES.subscription, since=replica.cursor)
            for _ in range(rng.randrange(1, 5)):
                number += 1
                await writer.insert("policy", {"id": f"n{number}"})
            async with asyncio.timeout(WAIT_S):
                await follow(operation, replica, number)
                while not (tmp_path / "policy.feed").exists():  # the first time, just after READY
                    await asyncio.sleep(0.01)
            getattr(process, how)()
            await process.wait()
        number += 1
        await writer.insert("policy", {"id": f"n{number}"})
        await writer.update("policy", "n1", {"name": f"changed {number}"})
    assert replica.snapshots == 1, "it was sent all rows once"
    assert len(replica.rows) == 2 + number - 1


async def test_table_that_was_dropped_and_made_again_is_another(
    starbelly: DatabaseURL, writer: Writer, tmp_path: Path
) -> None:
    replica = Replica(POLICIES)
    settings = settings_for(starbelly, state=tmp_path)
    async with running(settings) as server, connected(server.ws) as client:
        operation = await client.subscribe(POLICIES.subscription)
        for event in await operation.until_status("READY"):
            replica.apply(event)
    table = writer.r.db(starbelly.database)
    await writer.run(table.table_drop("policy"))
    await writer.run(table.table_create("policy"))
    async with running(settings) as server, connected(server.ws) as client:
        fresh = await client.subscribe(POLICIES.subscription)
        await fresh.until_status("READY")
        operation = await client.subscribe(POLICIES.subscription, since=replica.cursor)
        for event in await operation.until_status("READY"):
            replica.apply(event)
    assert replica.snapshots == 2
    assert replica.rows == {}


async def test_no_client_is_served_before_what_was_kept_is_there(
    starbelly: DatabaseURL, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    load, entered, go_on = FileKeeper.load, asyncio.Event(), asyncio.Event()

    async def load_slowly(self: FileKeeper, version: str) -> Any:
        entered.set()
        await go_on.wait()
        return await load(self, version)

    monkeypatch.setattr(FileKeeper, "load", load_slowly)
    settings = settings_for(starbelly, state=tmp_path)
    with listen("127.0.0.1", 0) as listener:
        uvicorn = uvicorn_server.Server(create_app(settings), settings)
        serving = asyncio.create_task(uvicorn.serve(sockets=[listener]))
        await entered.wait()
        assert not uvicorn.started
        go_on.set()
        await until_ready(Running("127.0.0.1", listener.getsockname()[1]))
        uvicorn.handle_exit(signal.SIGTERM, None)
        await serving
