"""Live pages and paced subscriptions, drawn from a random stream of their own."""

from __future__ import annotations

import random

from tests.simulation.story import Action, Setting
from tests.simulation.tables import ORDERS, POLICY, SCHEDULE, TABLES

_SHARE = 0.4
"""How many of the stories about tables have some."""
_LAST_S = 15.0
_PACES_MS = (50, 250, 930, 3000)


def paced_actions(setting: Setting) -> list[Action]:
    """What clients ask for that has a pace, and what they do with it."""
    rng = random.Random(f"pace {setting.seed}")
    orders = random.Random(f"order {setting.seed}")
    are_linked = {SCHEDULE.name, POLICY.name} <= {*setting.tables}
    if not setting.tables or rng.random() >= (1.0 if are_linked else _SHARE):
        return []
    actions = []
    for number in range(rng.choice((1, 2, 3))):
        table = SCHEDULE if are_linked else TABLES[rng.choice(setting.tables)]
        client = rng.randrange(setting.clients)
        at_s = rng.choice((0.0, rng.uniform(0.0, _LAST_S)))
        where = dict(rng.choice(table.filters))
        every_ms = rng.choice(_PACES_MS)
        if rng.random() < 0.35:
            subscribe = {
                "client": client,
                "name": f"p{number}",
                "table": table.name,
                "where": where,
                "include_initial": rng.random() < 0.7,
                "by_init": rng.random() < 0.4,
                "every_ms": every_ms,
            }
            actions.append(Action(at_s, "subscribe", subscribe))
            continue
        is_part = rng.random() < 0.4
        look = {
            "client": client,
            "name": f"v{number}",
            "table": table.name,
            "where": where,
            "order_by": f"{orders.choice([*ORDERS[table.name]])}_{orders.choice(('ASC', 'DESC'))}",
            "offset": rng.choice((0, 1)) if is_part else 0,
            "limit": rng.choice((0, 1, 3)) if is_part else 100,
            "every_ms": every_ms,
            "with_policy": table is SCHEDULE and POLICY.name in setting.tables,
        }
        actions.append(Action(at_s, "look", look))
        if rng.random() < 0.5:
            later_s = at_s + rng.uniform(0.5, _LAST_S)
            watch = {"client": client, "which": rng.randrange(3), "name": f"w{number}"}
            actions.append(Action(later_s, "watch_from_look", watch))
        if rng.random() < 0.2:
            later_s = at_s + rng.uniform(0.5, _LAST_S)
            stop = {"client": client, "which": rng.randrange(3)}
            actions.append(Action(later_s, "stop_looking", stop))
    return actions
