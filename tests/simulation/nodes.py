"""A database of two nodes: one is cut off, silent, gone or without tables; the other one serves."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from tests.simulation.oracle import BrokenPromise, Stage
from tests.simulation.story import Action, Setting

if TYPE_CHECKING:
    from tests.simulation.hosts import API
    from tests.simulation.world import World

FIRST, SECOND = "db", "db2"
"""The hosts of the nodes; whatever happens to "the database" happens to the first."""

_STORIES = 0.15
_MOVE_S = 3.0
"""How long after the loss is noticed a server may need to be on the other node."""

_ROUND_TRIPS = 16
"""How many of them opening a changefeed takes, at most, with a first try of the node that fails."""

_LOSES_TABLES = {"dropped tables", "queue overflows", "lost changes"}
"""With these, a feed may not be READY for another reason."""


def has_two_nodes(seed: int) -> bool:
    """Whether the database of a story has two nodes; all else in it stays as it is."""
    return random.Random(f"nodes {seed}").random() < _STORIES


def node_faults(setting: Setting) -> list[Action]:
    """What happens to the first node, if there are two."""
    rng = random.Random(f"node faults {setting.seed}")
    count = rng.choice((1, 2, 3)) if setting.has_two_nodes else 0
    return [_fault(setting, rng, 3.0 + 25.0 * number) for number in range(count)]


def _fault(setting: Setting, rng: random.Random, after_s: float) -> Action:
    at_s, for_s = after_s + rng.uniform(0.0, 5.0), round(rng.uniform(4.0, 20.0), 3)
    details: dict[str, Any] = {"for_s": for_s}
    match rng.choice(("partitioned", "silent", "killed", "without power", "no tables")):
        case "partitioned":
            details |= {"hosts": [rng.choice(setting.hosts), FIRST], "ways": "both"}
            return Action(at_s, "cut", details)
        case "silent":
            details |= {"hosts": [FIRST, rng.choice(setting.hosts)], "ways": "one"}
            return Action(at_s, "cut", details)
        case "no tables":
            return Action(at_s, "serve_no_tables", details)
        case how:
            return Action(at_s, "crash_database", details | {"how": how})


async def moves(world: World, host: str, for_s: float, *, notice_s: float) -> None:
    """A server that has lost its node is READY by the other one, though the first is still lost.

    What clients are sent says so, and what a query shows.
    """
    api = world.apis[host]
    ready = [table for table in world.tables if api.said.get(table.name) == "READY"]
    if not api.is_up or world.setting.troubles & _LOSES_TABLES:
        return
    began_s = world.loop.time()
    latest_s = notice_s + _MOVE_S + _ROUND_TRIPS * 2 * world.setting.latency_s[1]
    await asyncio.sleep(latest_s)
    for table in ready:
        status = await world.inquirer.status(
            api, table, within_s=began_s + for_s - world.loop.time()
        )
        if status is None or world.loop.time() > began_s + for_s:
            return
        for name, said in [("a query", status), *_statuses(world, api, table.name)]:
            if said != "READY":
                raise BrokenPromise(
                    f"nodes: {name} is answered with {said} about {table.name} by {host}, "
                    f"{latest_s:.1f} s after it lost its node, though another one serves"
                )


def _statuses(world: World, api: API, table: str) -> Iterator[tuple[str, str | None]]:
    """What the clients of a server hold to be the status of a table."""
    for subscriber in world.subscribers:
        if subscriber.api is not api or subscriber.is_slow or subscriber.is_excused:
            continue
        for wish in subscriber.wishes.values():
            is_live = wish.is_asked and wish.holding.stage is Stage.LIVE
            if wish.table.name == table and is_live:
                yield f"{wish.id} of {subscriber.name}", wish.holding.status
