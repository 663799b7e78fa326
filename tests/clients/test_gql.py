"""A list that Python's gql keeps live."""

from __future__ import annotations

import asyncio
from random import Random
from typing import Any

import gql
import pytest
from gql.transport.websockets import WebsocketsTransport

from tests.clients.live_list import keep_live
from tests.clients.load import random_cuts, table, write_and_see, write_load
from tests.clients.tcp_proxy import TCPProxy
from tests.server.client import Client
from tests.server.database import Writer
from tests.server.running import Running

WAIT_S = 20.0


@pytest.mark.parametrize("cuts", [0, 20])
async def test_list_is_kept_live(
    cuts: int, server: Running, client: Client, writer: Writer
) -> None:
    rng = Random(cuts)
    policies: dict[str, Any] = {}
    changed = asyncio.Event()
    async with (
        TCPProxy(server.host, server.port) as proxy,
        asyncio.timeout(WAIT_S),
        asyncio.TaskGroup() as group,
    ):
        url = f"ws://{proxy.host}:{proxy.port}/graphql"
        transport = WebsocketsTransport(url, connect_args={"proxy": None})
        keeping = group.create_task(
            keep_live(gql.Client(transport=transport), policies, changed.set, wait_s=0)
        )
        async with write_load(writer, rng) as writes:
            await changed.wait()
            proxy.plan(random_cuts(rng, cuts))
            await proxy.done()
            while len(writes) < 100:
                changed.clear()
                await changed.wait()
        await write_and_see("last", client, writer)
        expected = {
            key: {"id": key, "name": row["name"]}
            for key, row in (await table(client, None)).items()
        }
        while policies != expected:
            changed.clear()
            await changed.wait()
        keeping.cancel()
    assert proxy.cuts == cuts
