"""Everything that can befall a live list, while its table changes at random."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from random import Random

from graphql_api.rethink.init import initialise
from graphql_api.tables import TABLES
from tests.clients.load import policy, write_at_random
from tests.clients.tcp_proxy import Cut, TCPProxy
from tests.fault.killable_database import KillableDatabase
from tests.patience import LONGEST_S
from tests.server.client import Client, connected
from tests.server.database import writing
from tests.server.operations import POLICIES
from tests.server.running import Running, running, settings_for

FENCE = "zzz"
"""The key of the last row that is written. It comes after all others, also in a merged batch, whose
changes are in the order of the keys."""
NAMES = ["", "alpha", "beta"]
"""What names contain in the lists that are kept; all of them have the fence."""
WAIT_S = LONGEST_S
"""How long a test waits for what must come; it fails then."""
CHANGES, CUTS = 500, 10
"""How much befalls the lists of the tests that take long."""
FEW_CHANGES, FEW_CUTS = 120, 4
"""How much befalls those of the others."""


@dataclass(frozen=True)
class Troubled:
    """A server whose database can be killed, and whose sockets can be cut.

    Attributes:
        server: Where it is itself.
        url: Where clients whose sockets are to be cut reach it.
        client: A connection that is not cut.
    """

    server: Running
    url: str
    client: Client
    _database: KillableDatabase
    _proxy: TCPProxy

    async def write(
        self,
        rng: Random,
        until_status: Callable[[str], Awaitable[None]],
        changes: int = CHANGES,
        cuts: int = CUTS,
    ) -> None:
        """Change policies at random; the last change is the fence.

        All the time sockets are cut, mostly within a message, and the database is killed and
        started again; at last every socket is cut, and none can be opened before a lot has changed.

        Args:
            rng: Decides everything.
            until_status: Waits until all lists show a status.
            changes: How many are written.
            cuts: How many sockets are cut while they stand.
        """
        first, second, third = (range(changes * n // 3, changes * (n + 1) // 3) for n in range(3))
        await until_status("READY")
        self._proxy.plan(
            Cut(rng.randrange(changes * 10), reset=rng.random() < 0.5) for _ in range(cuts)
        )
        async with writing(self._database.url) as writer:
            for number in first:
                await write_at_random(writer, rng, number)
        await self._database.kill()
        await until_status("STALE")
        await self._database.start()
        await until_status("READY")
        async with writing(self._database.url) as writer:
            for number in second:
                await write_at_random(writer, rng, number)
            await self._proxy.done()
            assert self._proxy.cuts == cuts

            self._proxy.hold()
            self._proxy.plan([Cut(0, reset=True) for _ in range(self._proxy.open)])
            for number in third:
                await write_at_random(writer, rng, number)
            await self._proxy.done()
            self._proxy.release()
            await writer.insert("policy", policy(FENCE, "alpha beta"))


async def table(client: Client, name_contains: str) -> list[tuple[str, str]]:
    """The keys and names of the rows with a text in their name, in the server's order."""
    result = await client.execute(POLICIES.query, where={"nameContains": name_contains})
    return [(row["id"], row["name"]) for row in result["data"]["policies"]["items"]]


@asynccontextmanager
async def troubled(directory: Path, **settings: object) -> AsyncIterator[Troubled]:
    """A server with a new Starbelly database, whose file is in the directory."""
    async with KillableDatabase(directory / "data.db") as database:
        await initialise(database.url, TABLES)
        async with (
            running(settings_for(database.url, reconnect_max_s=0.5, **settings)) as server,
            TCPProxy(server.host, server.port) as proxy,
            connected(server.ws) as client,
        ):
            url = f"ws://{proxy.host}:{proxy.port}/graphql"
            yield Troubled(server, url, client, database, proxy)
