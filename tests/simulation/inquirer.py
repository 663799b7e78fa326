"""Somebody who asks a server for a page now and then, and disturbs nothing by that.

The delays of these packets come from random numbers of their own, so that all other packets take
as long as they would without them.
"""

from __future__ import annotations

import asyncio
import json
import random
from typing import TYPE_CHECKING

from tests.simulation import hosts
from tests.simulation.network import Process
from tests.simulation.oracle import BrokenPromise
from tests.simulation.streams import Exchange
from tests.simulation.tables import SimulatedTable

if TYPE_CHECKING:
    from tests.simulation.hosts import API
    from tests.simulation.world import World

_HOST = "inquirer"
_TOKEN_S = 3600.0
_OK = 200


class Inquirer:
    """Asks by plain HTTP, with a connection for each question."""

    def __init__(self, world: World) -> None:
        self._world = world
        world.network.chances[_HOST] = random.Random(f"inquirer {world.setting.seed}")
        self._process = Process(world.network, _HOST)

    async def status(self, api: API, table: SimulatedTable, *, within_s: float) -> str | None:
        """The status that a page of a table has, or the code of the error in its place.

        None, if there is no answer in time, or none by this run of the server.
        """
        if within_s <= 0.0:
            return None
        work = self._process.spawn(self._ask(api.host, table), "question")
        await asyncio.wait({work}, timeout=within_s)
        if not work.done():
            work.cancel()
            return None
        exchange = work.result()
        if exchange is None or self._world.apis[api.host] is not api or not api.is_up:
            return None
        if exchange.status != _OK:
            raise BrokenPromise(f"a query was answered with {exchange.status}: {exchange.content}")
        answer = json.loads(exchange.content)
        if answer.get("errors"):
            code: str = answer["errors"][0]["extensions"]["code"]
            return code
        (page,) = answer["data"].values()
        status: str = page["status"]
        return status

    async def _ask(self, host: str, table: SimulatedTable) -> Exchange | None:
        world = self._world
        headers = {"Content-Type": "application/json", "Accept": "application/json"}
        if world.setting.has_tokens:
            headers["Authorization"] = f"Bearer {hosts.token(world.wall_s(host) + _TOKEN_S)}"
        answered: asyncio.Future[None] = world.loop.create_future()
        exchange = Exchange(
            ("POST", "/graphql"),
            headers,
            json.dumps({"query": table.query()}).encode(),
            _keep,
            lambda _: answered.set_result(None),
        )
        try:
            await world.network.connect(lambda: exchange, host, hosts.API_PORT)
            await answered
        except OSError:
            return None
        finally:
            exchange.abort()
        return exchange if exchange.is_complete else None


def _keep(exchange: Exchange, data: bytes) -> None:
    exchange.content += data
