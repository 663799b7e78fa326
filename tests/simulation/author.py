"""Stories made from their seeds.

A seed enables some kinds of trouble and leaves out the others, and what happens, happens to few
tables and few of their keys: so rare pairs meet often.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Any

from tests.simulation.entropy import EPOCH_S
from tests.simulation.log_author import LogActions, number
from tests.simulation.nodes import has_two_nodes, node_faults
from tests.simulation.pace_author import paced_actions
from tests.simulation.restarts import keeps_state, restarts
from tests.simulation.starbelly_author import UUIDS, clients_of, starbelly_actions
from tests.simulation.story import (
    FILLS_BUFFERS,
    LOSES_FEEDS,
    MAKES_CLIENTS_SLOW,
    TROUBLES,
    Action,
    Setting,
    Story,
)
from tests.simulation.streams import transports_of
from tests.simulation.tables import (
    JOB,
    LIMIT,
    LOGIN,
    POLICY,
    SCHEDULE,
    SOLVER,
    TABLES,
    Document,
    SimulatedTable,
)

_FIRST_ACTION_S = 0.3
_FOLLOWING = 0.2
"""How many of the stories are about following jobs."""


def story_of(seed: int) -> Story:
    """The story of a seed."""
    rng = random.Random(f"story {seed}")
    share = rng.choice((0.0, 0.1, 0.2, 0.3, 0.45))
    troubles = frozenset(trouble for trouble in TROUBLES if rng.random() < share)
    jobs = ("job-1", "job-2")[: rng.choice((1, 1, 2))] if rng.random() < _FOLLOWING else ()
    if jobs:
        troubles -= {"clock leaps"}  # a server takes a cursor's age by its clock
        if rng.random() < 0.4:  # who repeats what is judged where nothing is held up
            troubles = (troubles - LOSES_FEEDS - MAKES_CLIENTS_SLOW) | {"going back"}
    if rng.random() < 0.3:  # much is checked more strictly where no feed is ever lost
        troubles -= LOSES_FEEDS
    latency_s = rng.choice(((0.0005, 0.002), (0.001, 0.05), (0.02, 0.25)))
    tables = () if jobs else _tables(rng, troubles)
    starbelly = clients_of(seed, tables, jobs)
    if not jobs and {"going back", "stalls"} <= troubles:
        starbelly = 0  # these clients would hide the rare cursors of what is merged
    clients = rng.choice((1, 2, 2, 3))
    setting = Setting(
        seed=seed,
        tables=tables,
        troubles=troubles,
        clients=clients,
        latency_s=latency_s,
        history_max_changes=rng.choice((3, 8, 20)) if "short histories" in troubles else 10_000,
        database_queue_size=rng.choice((1, 2, 4)) if "queue overflows" in troubles else 100_000,
        buffer_bytes=rng.choice((512, 1024)) if troubles & FILLS_BUFFERS else 65_536,
        queue_limit=rng.choice((1, 2, 4)) if troubles & MAKES_CLIENTS_SLOW else 64,
        token_life_s=rng.choice((5.0, 20.0, 70.0)),
        self_check_s=_self_check_s(rng, troubles),
        client_latency_s=(0.0005, 0.002) if rng.random() < 0.5 else latency_s,
        # A server whose clock leaps lets jobs go too early or too late.
        job_window_s=7 * 86_400.0 if "clock leaps" in troubles else rng.choice((3.0, 8.0, 60.0)),
        jobs=UUIDS[: len(jobs)] if starbelly else jobs,
        response_lag_s=rng.choice((1.0, 2.0, 5.0)),
        starbelly=starbelly,
        keeps_state=keeps_state(seed) and not jobs,
        has_two_nodes=has_two_nodes(seed) and not jobs,
        transports=transports_of(seed, clients),
    )
    author = _LogAuthor if jobs else _Author
    actions = author(setting, rng).write()
    actions += [*_hops(setting), *restarts(setting), *node_faults(setting)]
    actions += [*starbelly_actions(setting, actions), *paced_actions(setting)]
    return Story(setting, tuple(sorted(actions, key=lambda action: action.at_s)))


def _hops(setting: Setting) -> list[Action]:
    """Clients that go to the other server, if there is one, and come with their cursors."""
    rng = random.Random(f"hops {setting.seed}")
    count = rng.choice((0, 3, 6, 12)) if len(setting.hosts) > 1 else 0
    return [
        Action(rng.uniform(1.0, 20.0), "hop", {"client": rng.randrange(setting.clients)})
        for _ in range(count)
    ]


def _self_check_s(rng: random.Random, troubles: frozenset[str]) -> float:
    if "lost changes" in troubles:
        return 12.0
    # What it would repair must be repaired without it, too.
    return 0.0 if "queue overflows" in troubles else rng.choice((0.0, 12.0))


def _tables(rng: random.Random, troubles: frozenset[str]) -> tuple[str, ...]:
    if rng.random() < 0.1:
        tables = [POLICY, SCHEDULE, JOB]  # whose rows are parts of each other's
    else:
        tables = rng.sample([*TABLES.values()], rng.choice((1, 1, 1, 2)))
    if "mutations" in troubles and LOGIN not in tables:
        tables[-1] = LOGIN
    return tuple(table.name for table in tables)


class _Author:
    """Makes up the actions of one story."""

    def __init__(self, setting: Setting, rng: random.Random) -> None:
        self._setting = setting
        self._rng = rng
        self._tables = [TABLES[name] for name in setting.tables]
        self._keys = {
            table.name: rng.sample(table.keys, rng.choice((2, 3, len(table.keys))))
            for table in self._tables
        }
        self._serial = 0
        self._is_large = False
        self._subscriptions = 0
        self._at_s = 0.0

    def write(self) -> list[Action]:
        rng, setting = self._rng, self._setting
        actions = []
        for client in range(setting.clients):
            count = rng.choice((1, 1, 2, 3))
            actions += [self._subscription(client, rng.uniform(0.0, 2.0)) for _ in range(count)]
        last_s = rng.choice((8.0, 15.0, 25.0))
        actions += self._beginning(last_s)
        makers = self._makers()
        for _ in range(rng.choice((6, 10, 16))):
            at_s = rng.uniform(_FIRST_ACTION_S, last_s)
            made = rng.choice(makers)(at_s)
            actions += made if isinstance(made, list) else [made]
        for _ in range(rng.choice((6, 12, 20))):
            actions.append(self._write(rng.uniform(_FIRST_ACTION_S, last_s)))
        return sorted(actions, key=lambda action: action.at_s)

    def _beginning(self, _: float) -> list[Action]:
        return [self._contents(table) for table in self._tables]

    def _makers(self) -> list[Any]:
        makers = {
            "database link cuts": self._database_cut,
            "one-way cuts": self._one_way_cut,
            "database kills": self._database_kill,
            "database power cuts": self._database_power_cut,
            "dropped tables": self._drop,
            "queue overflows": self._burst,
            "lost changes": self._lost_change,
            "client link cuts": self._client_cut,
            "stalls": self._stall,
            "slow readers": self._slow_reader,
            "bursts": self._burst,
            "server kills": self._server_kill,
            "server power cuts": self._server_power_cut,
            "server stops": self._server_stop,
            "client crashes": self._client_crash,
            "client leaves": self._client_leave,
            "going back": self._going_back,
            "mutations": self._mutations,
            "pages": self._page,
            "clock leaps": self._leap,
            "unsubscribing": self._unsubscription,
            "bad cursors": self._bad_cursor,
            "cursors of other filters": self._other_filter,
        }
        chosen = [maker for trouble, maker in makers.items() if trouble in self._setting.troubles]
        return [*chosen, self._write, self._one_more_subscription]

    # Writes.

    def _contents(self, table: SimulatedTable) -> Action:
        keys = [key for key in self._keys[table.name] if self._rng.random() < 0.6]
        writes = [(key, self._document(table, key)) for key in keys]
        return Action(0.0, "write", {"table": table.name, "writes": writes})

    def _write(self, at_s: float) -> Action:
        rng = self._rng
        self._at_s = at_s
        table = rng.choice(self._tables)
        writes = [self._one_write(table) for _ in range(rng.choice((1, 1, 1, 2, 4)))]
        return Action(at_s, "write", {"table": table.name, "writes": _each_once(writes)})

    def _burst(self, at_s: float, sizes: Sequence[int] = (3, 8, 20)) -> Action:
        rng = self._rng
        self._at_s = at_s
        table = rng.choice(self._tables)
        self._is_large = bool(self._setting.troubles & FILLS_BUFFERS) and rng.random() < 0.5
        # Few keys come and go often: their changes merge for who falls behind.
        keys = self._keys[table.name]
        keys = rng.sample(keys, rng.choice((1, 2, len(keys))))
        writes = [
            _each_once([self._one_write(table, keys) for _ in range(4)])
            for _ in range(rng.choice(sizes))
        ]
        self._is_large = False
        return Action(at_s, "burst", {"table": table.name, "writes": writes})

    def _one_write(
        self, table: SimulatedTable, keys: Sequence[Any] | None = None
    ) -> tuple[Any, Document | None]:
        rng = self._rng
        key = rng.choice(keys or self._keys[table.name])
        if "odd documents" in self._setting.troubles and rng.random() < 0.1:
            if table.key == "id":
                return 7, {"id": 7, "name": "not served"}
            if table is LIMIT:
                return "text", {"token": "text", "name": "not served"}
        if rng.random() < 0.25:
            return key, None
        return key, self._document(table, key)

    def _document(self, table: SimulatedTable, key: Any) -> Document:
        rng = self._rng
        self._serial += 1
        is_odd = "odd documents" in self._setting.troubles and rng.random() < 0.4
        name: Any = rng.choice((f"odd {self._serial}", f"even {self._serial}", "odd", "even"))
        may_be_large = self._is_large or "large documents" in self._setting.troubles
        if may_be_large and rng.random() < 0.5:
            name += "x" * rng.choice((700, 3000))
        if is_odd:
            name = rng.choice((5, None, ["odd"], name))
        document: dict[str, Any] = {table.key: key}
        if rng.random() < 0.3:
            document["unknown"] = self._serial
        if table is POLICY:
            document["name"] = name
            limits: Any = {"max_items": rng.choice((1, 2, 3))}
            if is_odd:
                limits = rng.choice((limits, {"max_items": "many"}, {"max_items": 2**40}, 3, None))
            document["limits"] = limits
        elif table is SCHEDULE:
            document["schedule_name"] = name
            document["enabled"] = rng.choice((True, False)) if not is_odd else "yes"
            tags: Any = rng.sample(("red", "blue", "green"), rng.randrange(3))
            document["tags"] = [*tags, 5] if is_odd else tags
            document["policy_id"] = rng.choice(("p0", "p1", None))
        elif table is JOB:
            document["name"] = name
            state = rng.choice(("running", "running", "paused", "completed"))
            document["run_state"] = "lost" if is_odd else state
            document["item_count"] = self._serial
            document["schedule_id"] = rng.choice(("s0", "s1", None))
            document["old_urls"] = "never sent"
            if state == "completed":
                ended_s = self._at_s - rng.choice((0.0, 0.0, 4.0, 100.0))
                document["completed_at"] = _time(EPOCH_S + ended_s)
        elif table is LIMIT:
            document["name"] = name
            document["delay"] = rng.choice((1, 2, 0.5)) if not is_odd else "long"
        elif table is SOLVER:
            document["name"] = name
            document["api_key"] = rng.choice(("", "secret", "other secret"))
        else:
            document["login_url"] = f"https://{key}/login"
            document["login_test"] = name
            password = rng.choice(("", "secret", "other secret"))
            document["users"] = [{"username": "user", "password": password}]
        return document

    # Subscriptions.

    def _subscription(self, client: int, at_s: float) -> Action:
        rng = self._rng
        table = rng.choice(self._tables)
        self._subscriptions += 1
        details = {
            "client": client,
            "name": f"s{self._subscriptions}",
            "table": table.name,
            "where": self._where(table),
            "include_initial": rng.random() < 0.8,
            "by_init": rng.random() < 0.4,
        }
        return Action(at_s, "subscribe", details)

    def _where(self, table: SimulatedTable) -> dict[str, Any]:
        everything, *others = table.filters
        return dict(self._rng.choice(others) if self._rng.random() < 0.6 else everything)

    def _one_more_subscription(self, at_s: float) -> Action:
        return self._subscription(self._client(), at_s)

    def _client(self) -> int:
        return self._rng.randrange(self._setting.clients)

    def _unsubscription(self, at_s: float) -> Action:
        return self._of_client(at_s, "unsubscribe", which=self._rng.randrange(3))

    def _going_back(self, at_s: float) -> Action:
        part = self._rng.random()
        which, of = self._rng.randrange(3), self._rng.choice(("them", "the longest"))
        return self._of_client(at_s, "go_back", which=which, part=part, of=of)

    def _other_filter(self, at_s: float) -> Action:
        which, filter_ = self._rng.randrange(3), self._rng.randrange(4)
        return self._of_client(at_s, "other_filter", which=which, place=filter_)

    def _page(self, at_s: float) -> Action:
        self._subscriptions += 1
        table = self._rng.choice(self._tables)
        where = self._where(table)
        return self._of_client(
            at_s, "page", table=table.name, where=where, name=f"s{self._subscriptions}"
        )

    def _bad_cursor(self, at_s: float) -> Action:
        return self._of_client(at_s, "bad_cursor", place=self._rng.random())

    def _mutations(self, at_s: float) -> list[Action]:
        return [self._mutation(at_s + each) for each in (0.0, 1.1, 2.3)]

    def _mutation(self, at_s: float) -> Action:
        key = self._rng.choice(LOGIN.keys)
        self._serial += 1
        url = None if self._rng.random() < 0.3 else f"https://{key}/{self._serial}"
        return self._of_client(at_s, "mutate", domain=key, url=url)

    def _of_client(self, at_s: float, kind: str, **details: Any) -> Action:
        return Action(at_s, kind, {"client": self._client(), **details})

    # Troubles.

    def _for_s(self) -> float:
        return round(self._rng.choice((0.5, 3.0, 12.0)) * self._rng.uniform(0.5, 1.5), 3)

    def _host(self) -> str:
        return self._rng.choice(self._setting.hosts)

    def _outage(self, at_s: float, kind: str, **details: Any) -> list[Action]:
        """An outage of the database; somebody may join, or come back, while it lasts."""
        rng, for_s = self._rng, self._for_s()
        actions = [Action(at_s, kind, {**details, "for_s": for_s})]
        makers = [self._one_more_subscription, self._client_leave]
        chosen = [make for make in makers if rng.random() < 0.4]
        return [*actions, *(make(at_s + for_s * rng.uniform(0.2, 0.95)) for make in chosen)]

    def _database_cut(self, at_s: float) -> list[Action]:
        return self._outage(at_s, "cut", hosts=[self._host(), "db"], ways="both")

    def _one_way_cut(self, at_s: float) -> list[Action]:
        hosts = [self._host(), "db"]
        self._rng.shuffle(hosts)
        return self._outage(at_s, "cut", hosts=hosts, ways="one")

    def _client_cut(self, at_s: float) -> Action:
        hosts = [f"c{self._client()}", self._host()]
        self._rng.shuffle(hosts)
        ways = self._rng.choice(("one", "both"))
        return Action(at_s, "cut", {"hosts": hosts, "ways": ways, "for_s": self._for_s()})

    def _database_kill(self, at_s: float) -> list[Action]:
        return self._outage(at_s, "crash_database", how="killed")

    def _database_power_cut(self, at_s: float) -> list[Action]:
        return self._outage(at_s, "crash_database", how="without power")

    def _drop(self, at_s: float) -> list[Action]:
        return self._outage(at_s, "drop", table=self._rng.choice(self._tables).name)

    def _lost_change(self, at_s: float) -> Action:
        return Action(at_s, "lose_change", {"table": self._rng.choice(self._tables).name})

    def _server_kill(self, at_s: float) -> Action:
        details = {"host": self._host(), "how": "killed", "for_s": self._for_s()}
        return Action(at_s, "crash_server", details)

    def _server_power_cut(self, at_s: float) -> Action:
        details = {"host": self._host(), "how": "without power", "for_s": self._for_s()}
        return Action(at_s, "crash_server", details)

    def _server_stop(self, at_s: float) -> Action:
        return Action(at_s, "stop_server", {"host": self._host(), "for_s": self._for_s()})

    def _client_crash(self, at_s: float) -> Action:
        how = self._rng.choice(("killed", "without power"))
        return self._of_client(at_s, "crash_client", how=how, for_s=self._for_s())

    def _client_leave(self, at_s: float) -> Action:
        return self._of_client(at_s, "leave", politely=self._rng.random() < 0.5)

    def _stall(self, at_s: float) -> list[Action]:
        # One of four seconds or more ends the connection: then nothing is merged.
        for_s = self._for_s() if self._rng.random() < 0.5 else self._rng.uniform(1.0, 3.5)
        stall = self._of_client(at_s, "stall", for_s=round(for_s, 3))
        return [stall, *self._after_falling_behind(stall)]

    def _slow_reader(self, at_s: float) -> list[Action]:
        for_s = self._rng.choice((4.0, 12.0, 20.0))
        slow = self._of_client(at_s, "read_slowly", every_s=1.0, for_s=for_s)
        return [slow, *self._after_falling_behind(slow)]

    def _after_falling_behind(self, slow: Action) -> list[Action]:
        """Enough to fill buffers; and perhaps to go back into the middle of what was merged."""
        rng, details = self._rng, slow.details
        longest_s = min(2.0, details["for_s"] / 2)
        actions = [
            self._burst(slow.at_s + rng.uniform(0.01, longest_s), sizes=(8, 20))
            for _ in range(rng.choice((0, 1, 1, 2)))
        ]
        for _ in range(rng.choice((0, 1, 2))):  # snapshots that wait for room while rows change
            at_s = slow.at_s + rng.uniform(longest_s / 2, longest_s)
            joining = self._subscription(details["client"], at_s)
            joining.details["include_initial"] = True
            actions += [joining, self._burst(at_s + rng.uniform(0.01, 0.5), sizes=(2, 8))]
        for which in range(rng.choice((0, 0, 2, 3))):
            at_s = slow.at_s + details["for_s"] + rng.uniform(0.5, 2.0)
            back = {"client": details["client"], "which": which, "part": rng.random()}
            actions.append(Action(at_s, "go_back", {**back, "of": "the longest"}))
        return actions

    def _leap(self, at_s: float) -> Action:
        by_s = self._rng.choice((-3600.0, -10.0, 10.0, 3600.0))
        return Action(at_s, "leap", {"host": self._host(), "by_s": by_s})


class _LogAuthor(LogActions, _Author):
    """Makes up the actions of a story about jobs and those who follow them."""

    def write(self) -> list[Action]:
        actions = super().write()
        number(actions)
        return actions

    def _beginning(self, last_s: float) -> list[Action]:
        return self._jobs(last_s)

    def _makers(self) -> list[Any]:
        about_tables = {self._drop, self._lost_change, self._page, self._mutations}
        about_tables |= {self._bad_cursor, self._other_filter}
        makers = [each for each in super()._makers() if each not in about_tables]
        return [*makers, self._hop] if len(self._setting.hosts) > 1 else makers

    def _subscription(self, client: int, at_s: float) -> Action:
        return self._follow(client, at_s)

    def _write(self, at_s: float) -> Action:
        return self._crawl(at_s)

    def _burst(self, at_s: float, sizes: Sequence[int] = ()) -> Action:
        return self._crawl(at_s)

    def _unsubscription(self, at_s: float) -> Action:
        return self._of_client(at_s, "unfollow", which=self._rng.randrange(3))

    def _going_back(self, at_s: float) -> Action:
        which, part = self._rng.randrange(3), self._rng.random()
        return self._of_client(at_s, "go_back_following", which=which, part=part)

    def _hop(self, at_s: float) -> Action:
        return self._of_client(at_s, "hop")

    def _after_falling_behind(self, slow: Action) -> list[Action]:
        return [self._crawl(slow.at_s + self._rng.uniform(0.0, 2.0)) for _ in range(4)]


def _time(epoch_s: float) -> Document:
    return {
        "$reql_type$": "TIME",
        "epoch_time": round(epoch_s, 3),
        "timezone": "+00:00",
    }


def _each_once(writes: list[tuple[Any, Document | None]]) -> list[tuple[Any, Document | None]]:
    """The last write to each key: one query makes them, in no order."""
    return list(dict(writes).items())
