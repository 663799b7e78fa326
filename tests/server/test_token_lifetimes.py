"""Five hundred sockets whose tokens expire all the time, while the table changes."""

from __future__ import annotations

import asyncio
import json
import time
from collections import deque
from contextlib import suppress
from dataclasses import dataclass, field, replace
from itertools import count
from pathlib import Path
from random import Random
from typing import Any

import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed
from websockets.typing import Subprotocol

from graphql_api.rethink.init import initialise
from graphql_api.rethink.url import DatabaseURL
from graphql_api.tables import TABLES
from tests.clients.load import policy, table
from tests.server.client import connected
from tests.server.database import Writer, writing
from tests.server.operations import POLICIES, Replica
from tests.server.process import process
from tests.unit.auth.signing import SECRET, signed

SOCKETS = 500
COMING_S = 5.0
LOAD_S = 35.0
WRITES_PER_S = 5
LIFETIME_S = (1.0, 20.0)
NAMES_ONLY = replace(POLICIES, fields="name")


_LOOK_S = 0.02
MOST_QUESTIONS = 50
"""So many take a second at least: the server, and this process, have had a turn in each."""


@dataclass
class Closings:
    """How the connections ended, as seen from here, where five hundred clients share one process.

    Attributes:
        questions: How many the server answered that were asked after a token's expiry, and before
            its connection was closed.
        came_too_late: How many tokens had expired before they arrived.
    """

    questions: list[int] = field(default_factory=list)
    came_too_late: int = 0
    _asked_at_s: deque[float] = field(default_factory=lambda: deque(maxlen=3000))

    async def ask(self, url: str) -> None:
        """Ask the server something again and again, and note when it was that it answers."""
        async with connected(url, bearer(time.time() + 600)) as client:
            while True:
                await asyncio.sleep(_LOOK_S)
                asked_at_s = time.time()
                await client.execute("{ __typename }")
                self._asked_at_s.append(asked_at_s)

    def closed(self, expires_at_s: float) -> None:
        assert time.time() >= expires_at_s, "not before its time"
        self.questions.append(sum(asked_at_s > expires_at_s for asked_at_s in self._asked_at_s))


def bearer(expires_at_s: float) -> dict[str, Any]:
    token = signed("HS256", exp=expires_at_s)
    return {"authorization": f"Bearer {token}"}


async def receive(socket: ClientConnection, replica: Replica) -> None:
    """Apply what comes, until the row `fence`, and all rows of a snapshot that it is in."""
    async for text in socket:
        message = json.loads(text)
        assert message["type"] in {"connection_ack", "next"}, message
        if message["type"] == "next":
            (change,) = message["payload"]["data"].values()
            replica.apply(change)
            if has_all_to_the_fence(replica):
                return


def has_all_to_the_fence(replica: Replica) -> bool:
    return "fence" in replica.rows and replica.status == "READY"


async def follow(url: str, replica: Replica, closings: Closings, rng: Random) -> None:
    """Hold the table, with one token after the other, until the row `fence`."""
    query = replica.watch.subscription
    subscribe = {"type": "subscribe", "id": "a", "payload": {"query": query}}
    while not has_all_to_the_fence(replica):
        expires_at_s = time.time() + rng.uniform(*LIFETIME_S)
        since = {"since": {"a": replica.cursor}} if replica.cursor else {}
        init = {"type": "connection_init", "payload": {**bearer(expires_at_s), **since}}
        # A client in the middle of a snapshot begins again.
        has_all, snapshots = replica.status == "READY", replica.snapshots
        async with connect(
            url,
            subprotocols=[Subprotocol("graphql-transport-ws")],
            max_size=None,
            proxy=None,
            compression=None,
            ping_interval=None,
            open_timeout=30,
        ) as socket:
            with suppress(ConnectionClosed):
                await socket.send(json.dumps(init))
                await socket.send(json.dumps(subscribe))
                await receive(socket, replica)
            if has_all:
                assert replica.snapshots == snapshots, "it goes on by its cursor"
            if has_all_to_the_fence(replica):
                return
            assert socket.close_code == 4403, (socket.close_code, socket.close_reason)
            if socket.close_reason == "Forbidden: the token has expired":
                closings.closed(expires_at_s)
            else:
                closings.came_too_late += 1


async def write_load(writer: Writer, rng: Random, closings: Closings) -> None:
    """Change a policy now and then, and at last write the row `fence`."""
    began_at_s = time.monotonic()
    for n in count():
        if n >= LOAD_S * WRITES_PER_S and len(closings.questions) > SOCKETS:
            break
        key = f"policy {rng.randrange(20)}"
        if rng.random() < 0.25:
            await writer.run(writer.table("policy").get(key).delete())
        else:
            await writer.insert("policy", policy(key, f"{n}"))
        await asyncio.sleep(max(0.0, began_at_s + n / WRITES_PER_S - time.monotonic()))
    await writer.insert("policy", policy("fence", "fence"))


@pytest.mark.long
@pytest.mark.timeout(240)
async def test_each_socket_ends_with_its_token_resumes_with_the_next_and_converges(
    tmp_path: Path,
) -> None:
    key = tmp_path / "secret"
    key.write_bytes(SECRET)
    rng = Random(7)
    closings = Closings()
    replicas = [Replica(NAMES_ONLY) for _ in range(SOCKETS)]
    embedded = ("embedded", "--port", "0", "--data", ":memory:", "--no-password")
    async with process(*embedded, says="is at ") as database:
        await initialise(DatabaseURL.parse(database), TABLES)
        serve = ["serve", "--port", "0", "--no-graphiql", "--jwt-key", str(key)]
        serve += ["--connection-init-timeout-s", "30"]  # it is not what is tried here
        async with (
            process(*serve, "--database", database, says="/graphql and ") as url,
            writing(DatabaseURL.parse(database)) as writer,
        ):
            async with asyncio.TaskGroup() as questions:
                asking = questions.create_task(closings.ask(url))
                async with asyncio.TaskGroup() as tasks:
                    tasks.create_task(write_load(writer, rng, closings))
                    for replica in replicas:
                        tasks.create_task(follow(url, replica, closings, rng))
                        await asyncio.sleep(COMING_S / SOCKETS)
                asking.cancel()
            async with connected(url, bearer(time.time() + 60)) as client:
                rows = await table(client, None)
    expected = {key: {"id": key, "name": row["name"]} for key, row in rows.items()}
    assert all(replica.rows == expected for replica in replicas)
    most = max(closings.questions)
    print(  # noqa: T201 - the figures
        f"{len(closings.questions)} ended with their tokens, {closings.came_too_late} came too "
        f"late; {most} questions were answered at most between an expiry and the end; "
        f"{sum(replica.events for replica in replicas)} events, "
        f"{sum(replica.snapshots for replica in replicas)} snapshots"
    )
    assert most < MOST_QUESTIONS
