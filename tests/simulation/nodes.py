"""A database of two nodes: one is cut off, silent, gone or without tables; the other one serves."""

from __future__ import annotations

import asyncio
import random
from typing import TYPE_CHECKING, Any

from graphql_api.feeds.events import FeedStatus
from tests.simulation.oracle import BrokenPromise
from tests.simulation.story import Action, Setting

if TYPE_CHECKING:
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
    """A server that has lost its node is READY by the other one, though the first is still lost."""
    api = world.apis[host]
    was_ready = all(feed.status is FeedStatus.READY for feed in api.feeds)
    if not api.is_up or not was_ready or world.setting.troubles & _LOSES_TABLES:
        return
    began_s = world.loop.time()
    latest_s = notice_s + _MOVE_S + _ROUND_TRIPS * 2 * world.setting.latency_s[1]
    await asyncio.sleep(latest_s)
    is_over = world.loop.time() > began_s + for_s
    if is_over or world.apis[host] is not api or not api.is_up:
        return
    for feed in api.feeds:
        if feed.status is not FeedStatus.READY:
            raise BrokenPromise(
                f"nodes: {feed.table.name} is not READY on {host}, {latest_s:.1f} s after it lost "
                f"its node, though another one serves: {feed.problem}"
            )
