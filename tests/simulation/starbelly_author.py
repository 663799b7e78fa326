"""What happens to clients of Starbelly's protocol, and to rows whose keys it can say.

All of it is drawn from a random stream of its own: the rest of a story stays as it is.
"""

from __future__ import annotations

import random
from collections.abc import Collection, Iterable
from typing import Any
from uuid import UUID

from tests.simulation.starbelly_clients import COMMANDS
from tests.simulation.story import MAKES_CLIENTS_SLOW, Action, Setting
from tests.simulation.tables import JOB, LOGIN, POLICY, SCHEDULE

UUIDS = tuple(str(UUID(int=0x5EED << 112 | number)) for number in range(4))
"""The keys of the rows that it can say."""

_SHARE, _SHARE_OF_JOBS = 0.3, 0.5
"""How many of the stories have such clients: of those about tables, and about following jobs."""

_LAST_S = 20.0


def clients_of(seed: int, tables: Collection[str], jobs: Collection[str]) -> int:
    """How many clients of Starbelly's protocol a seed has, if there is something for them."""
    rng = random.Random(f"starbelly {seed}")
    if not jobs and not {*tables} & {*COMMANDS}:
        return 0
    share = _SHARE_OF_JOBS if jobs else _SHARE
    return rng.choice((1, 1, 2)) if rng.random() < share else 0


def starbelly_actions(setting: Setting, others: Iterable[Action]) -> list[Action]:
    """What such clients do, and what is done to them and to their rows."""
    return _StarbellyAuthor(setting).write(others) if setting.starbelly else []


class _StarbellyAuthor:
    def __init__(self, setting: Setting) -> None:
        self._setting = setting
        self._rng = random.Random(f"starbelly actions {setting.seed}")
        self._tables = [name for name in setting.tables if name in COMMANDS]
        self._names = 0
        self._serial = 0

    def write(self, others: Iterable[Action]) -> list[Action]:
        """All its actions, in no order."""
        rng, setting = self._rng, self._setting
        numbers = range(setting.clients, setting.clients + setting.starbelly)
        actions = []
        for table in self._tables:
            actions += [self._row(0.0, table, key) for key in UUIDS[:3] if rng.random() < 0.7]
            actions += [
                self._row(rng.uniform(0.0, _LAST_S), table, rng.choice(UUIDS))
                for _ in range(rng.choice((4, 8, 12)))
            ]
        for outage in others:
            if outage.kind == "cut" and "db" in outage.details["hosts"] and self._tables:
                at_s = outage.at_s + outage.details["for_s"] * rng.random()
                table, key = rng.choice(self._tables), rng.choice(UUIDS[:3])
                actions.append(self._row(max(0.0, outage.at_s - 0.5), table, key, deletes=False))
                actions.append(self._row(at_s, table, key, deletes=True))
        for number in numbers:
            count = rng.choice((1, 2, 3))
            actions += [self._stream(rng.uniform(0.0, 2.0), number) for _ in range(count)]
            actions += [
                rng.choice(self._makers())(rng.uniform(0.5, _LAST_S), number)
                for _ in range(rng.choice((1, 3, 5)))
            ]
        return actions

    def _makers(self) -> list[Any]:
        troubles = self._setting.troubles
        makers = [self._stream, self._end, self._go_back]
        if troubles & {"client leaves", "client crashes"}:
            makers.append(self._leave)
        if len(self._setting.hosts) > 1:
            makers.append(self._hop)
        if "client link cuts" in troubles:
            makers.append(self._cut)
        if troubles & MAKES_CLIENTS_SLOW & {"stalls", "slow readers"}:
            makers.append(self._stall)
        return makers

    def _row(self, at_s: float, table: str, key: str, *, deletes: bool | None = None) -> Action:
        rng = self._rng
        self._serial += 1
        if table == LOGIN.name:
            key = LOGIN.keys[UUIDS.index(key) % len(LOGIN.keys)]
        if deletes is None:
            deletes = rng.random() < 0.25
        name = rng.choice((f"odd {self._serial}", "odd", "even"))
        documents: dict[str, dict[str, Any]] = {
            POLICY.name: {"id": key, "name": name, "limits": {"max_items": rng.choice((1, 2))}},
            SCHEDULE.name: {"id": key, "schedule_name": name, "enabled": True, "tags": []},
            LOGIN.name: {"domain": key, "login_url": f"https://{key}/{name}"},
            JOB.name: {"id": key, "name": name, "run_state": "running", "item_count": 7},
        }
        write = (key, None if deletes else documents[table])
        return Action(at_s, "write", {"table": table, "writes": [write]})

    def _stream(self, at_s: float, client: int) -> Action:
        rng = self._rng
        self._names += 1
        details: dict[str, Any] = {"client": client, "name": f"b{self._names}"}
        if self._setting.jobs:
            job = rng.choice(self._setting.jobs) if rng.random() < 0.95 else UUIDS[-1]
            return Action(at_s, "starbelly_sync", {**details, "job": job})
        details |= {"table": rng.choice(self._tables), "min_interval": rng.choice((0.0, 0.5, 3.0))}
        return Action(at_s, "starbelly_list", details)

    def _end(self, at_s: float, client: int) -> Action:
        details = {"client": client, "which": self._rng.randrange(3)}
        return Action(at_s, "starbelly_end", details)

    def _go_back(self, at_s: float, client: int) -> Action:
        rng = self._rng
        details = {"client": client, "which": rng.randrange(3), "part": rng.random()}
        return Action(at_s, "starbelly_again", details)

    def _leave(self, at_s: float, client: int) -> Action:
        return Action(at_s, "leave", {"client": client, "politely": self._rng.random() < 0.5})

    def _hop(self, at_s: float, client: int) -> Action:
        return Action(at_s, "hop", {"client": client})

    def _cut(self, at_s: float, client: int) -> Action:
        rng = self._rng
        hosts = [f"c{client}", rng.choice(self._setting.hosts)]
        for_s = round(rng.choice((0.5, 3.0, 12.0)), 3)
        return Action(at_s, "cut", {"hosts": hosts, "ways": "both", "for_s": for_s})

    def _stall(self, at_s: float, client: int) -> Action:
        for_s = round(self._rng.uniform(0.5, 3.5), 3)
        return Action(at_s, "stall", {"client": client, "for_s": for_s})
