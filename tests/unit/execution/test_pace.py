"""Paced subscriptions over real feeds, on a simulated clock: what is sent, and when."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from copy import copy
from dataclasses import replace
from typing import Any
from uuid import UUID

from graphql_api.execution.broadcaster import Broadcaster
from graphql_api.execution.group import Member
from graphql_api.feeds.events import FeedStatus
from graphql_api.protocols.starbelly import messages as starbelly
from graphql_api.protocols.starbelly.listing import ListEncoder, Listing
from graphql_api.schema import Context
from graphql_api.tables.policy import POLICIES
from tests.simulation.loop import simulated
from tests.starbelly_numbers import ServerMessage
from tests.unit.execution.toy import FakeResponder, FakeSink, join, served
from tests.unit.schema.harness import Server, serve

PAGE = """subscription ($where: PolicyFilter, $limit: Int! = 100, $everyMs: Int! = 1000) {
    livePolicies(where: $where, limit: $limit, everyMs: $everyMs) {
        items { id name } total status at: cursor
    } }"""
CHANGES = """subscription ($since: String, $everyMs: Int! = 1000) {
    policyChanges(since: $since, includeInitial: false, everyMs: $everyMs) {
        ... on FeedState { status cursor }
        ... on PolicyAdded { policy { id name } cursor }
        ... on PolicyUpdated { policy { id name } previous { name } cursor }
        ... on PolicyDeleted { policyId cursor }
    } }"""


class TimedSink(FakeSink):
    """Remembers when it was written to, too."""

    def __init__(self) -> None:
        super().__init__()
        self.times: list[float] = []

    def write_texts(self, *arguments: Any) -> None:
        super().write_texts(*arguments)
        more = len(self.frames) - len(self.times)
        self.times += [asyncio.get_running_loop().time()] * more

    @property
    def pages(self) -> list[tuple[float, list[str], int, str]]:
        return [
            (time, [item["name"] for item in page["items"]], page["total"], page["status"])
            for time, page in zip(
                self.times, (data["livePolicies"] for data in self.data), strict=True
            )
        ]

    @property
    def changes(self) -> list[tuple[float, str | None]]:
        return [
            (time, change.get("status") or change.get("policy", {}).get("name"))
            for time, change in zip(
                self.times, (data["policyChanges"] for data in self.data), strict=True
            )
        ]


class World:
    """A server of policies, and of schedules."""

    def __init__(self, server: Server, broadcaster: Broadcaster) -> None:
        self.server = server
        self.broadcaster = broadcaster
        self._stored: dict[tuple[str, str], Mapping[str, Any]] = {}
        for table, rows in server.source.stored.items():
            for row in rows:
                self._stored[table, row["id"]] = row

    async def join(self, sink: FakeSink, query: str = PAGE, **variables: Any) -> Member:
        context: Context = self.server.context
        member = await join(
            self.broadcaster, context, sink, query, schema=self.server.schema, **variables
        )
        await served(self.broadcaster)
        return member

    def write(self, key: str, name: str | None, table: str = "policy") -> None:
        field = "name" if table == "policy" else "schedule_name"
        old = self._stored.pop((table, key), None)
        new = None if name is None else {**(old or {}), "id": key, field: name}
        if new is not None:
            self._stored[table, key] = new
        self.server.source.change(table, old, new)

    async def at(self, time_s: float) -> None:
        """Wait until some time."""
        await asyncio.sleep(time_s - asyncio.get_running_loop().time())


@asynccontextmanager
async def world_of(**policies: str) -> AsyncIterator[World]:
    rows = [{"id": key, "name": name} for key, name in policies.items()]
    schedules = [{"id": "s", "schedule_name": "nightly", "policy_id": key} for key in policies]
    async with (
        serve({"policy": rows, "schedule": schedules[:1], "job": []}) as server,
        Broadcaster(clock=asyncio.get_running_loop().time) as broadcaster,
    ):
        yield World(server, broadcaster)


def on_simulated_clock(test: Callable[[], Awaitable[None]]) -> Callable[[], None]:
    def run() -> None:
        simulated(test)

    return run


def _round(pages: list[Any]) -> list[Any]:
    return [(round(page[0], 2), *page[1:]) for page in pages]


@on_simulated_clock
async def test_page_comes_at_once_and_then_once_in_an_interval() -> None:
    async with world_of(p="a") as world:
        await world.join(sink := TimedSink())
        for time, name in ((0.2, "b"), (0.4, "c"), (1.5, "d"), (3.7, "e")):
            await world.at(time)
            world.write("p", name)
        await world.at(9)
        assert _round(sink.pages) == [
            (0.0, ["a"], 1, "READY"),
            (1.0, ["c"], 1, "READY"),
            (2.0, ["d"], 1, "READY"),
            (3.7, ["e"], 1, "READY"),
        ]


@on_simulated_clock
async def test_page_that_shows_the_same_is_not_sent_again() -> None:
    async with world_of(p="a") as world:
        await world.join(whole := TimedSink())
        query = PAGE.replace("{ id name } total", "{ name }")
        await world.join(part := TimedSink(), query, limit=1)
        await world.at(2)
        world.write("q", "z")  # another total, which only one has selected
        await world.at(4)
        world.write("p", "b")
        await world.at(6)
        world.write("p", "c")
        world.write("p", "b")
        await world.at(9)
        assert _round(whole.pages)[1:] == [
            (2.0, ["a", "z"], 2, "READY"),
            (4.0, ["b", "z"], 2, "READY"),
        ]
        assert [data["livePolicies"]["items"] for data in part.data] == [
            [{"name": "a"}],
            [{"name": "b"}],
        ]


@on_simulated_clock
async def test_status_of_a_page_does_not_wait() -> None:
    async with world_of(p="a") as world:
        await world.join(sink := TimedSink())
        cache = world.server.feed("policy").cache
        await world.at(2)
        world.write("p", "b")
        await world.at(2.1)
        world.write("p", "c")
        await world.at(2.2)
        cache.lose()
        await world.at(2.3)
        cache.recover()
        await world.at(9)
        assert _round(sink.pages)[1:] == [
            (2.0, ["b"], 1, "READY"),
            (2.2, ["c"], 1, "STALE"),
            (2.3, ["c"], 1, "READY"),
        ]


@on_simulated_clock
async def test_linked_row_that_changes_makes_another_page() -> None:
    query = "subscription { liveSchedules(everyMs: 1000) { items { id policy { name } } } }"
    async with world_of(p="a") as world:
        await world.join(sink := TimedSink(), query)
        await world.join(other := TimedSink(), query.replace("policy { name }", "policyId"))
        for time, name in ((0.5, "b"), (5.0, "c")):
            await world.at(time)
            world.write("p", name)
        await world.at(9)
        names = [data["liveSchedules"]["items"][0]["policy"]["name"] for data in sink.data]
        assert names == ["a", "b", "c"]
        assert len(other.frames) == 1


@on_simulated_clock
async def test_slow_client_has_one_pending_page_the_newest() -> None:
    async with world_of(p="a") as world:
        await world.join(sink := TimedSink())
        await world.at(2)
        sink.room = False
        for time in range(3, 9):
            world.write("p", f"at {time}")
            await world.at(time + 0.5)
        sink.make_room()
        await world.at(8.9)
        world.write("p", "last")
        await world.at(20)
        times = [time for time, *_ in sink.pages]
        assert [names for _, names, *_ in sink.pages] == [["a"], ["at 8"], ["last"]]
        assert times[2] - times[1] > 0.99


@on_simulated_clock
async def test_page_is_executed_once_for_all_who_see_it() -> None:
    async with world_of(p="a") as world:
        sinks = [TimedSink() for _ in range(5)]
        for place, sink in enumerate(sinks):
            await world.at(0.1 * place)
            await world.join(sink, everyMs=960 + place)  # all of them are 1 000
        assert world.broadcaster.groups == 1
        await world.at(5)
        before = world.broadcaster.traffic.executions
        world.write("p", "b")
        await world.at(9)
        assert world.broadcaster.traffic.executions - before == 1
        assert {_round(sink.pages)[-1][:2].__repr__() for sink in sinks} == {"(5.0, ['b'])"}


@on_simulated_clock
async def test_long_page_is_made_in_turns_and_keeps_its_pace() -> None:
    async with world_of(**{f"p{i:03}": f"name {i:03}" for i in range(300)}) as world:
        await world.join(sink := TimedSink(), limit=300)
        for time in (2.0, 2.5, 3.5, 4.5):
            await world.at(time)
            world.write("p000", f"name {time}")
        await world.at(9)
        assert [round(time, 2) for time in sink.times] == [0.0, 2.0, 3.0, 4.0, 5.0]
        assert len(sink.pages[-1][1]) == 300


@on_simulated_clock
async def test_page_comes_with_the_first_snapshot() -> None:
    async with world_of(p="a") as world:
        cache = world.server.feed("policy").cache
        cache.status = FeedStatus.INITIALIZING
        await world.join(sink := TimedSink(), where={"nameContains": "a"})
        await world.at(1)
        assert sink.frames == []
        cache._serve(FeedStatus.READY)
        await world.at(2)
        assert _round(sink.pages) == [(1.0, ["a"], 1, "READY")]


@on_simulated_clock
async def test_changes_merge_between_two_ticks() -> None:
    async with world_of(p="a", q="a") as world:
        await world.join(sink := TimedSink(), CHANGES)
        for time, key, name in (
            *((0.2, "p", "b"), (0.3, "p", "c"), (0.4, "q", "b"), (0.5, "p", "d")),
            *((0.6, "q", "a"), (1.3, "p", "e"), (5.0, "q", "z")),
        ):
            await world.at(time)
            world.write(key, name)
        await world.at(9)
        changes = [(round(time, 2), what) for time, what in sink.changes]
        assert changes == [(0.0, "READY"), (0.2, "b"), (1.2, "d"), (2.2, "e"), (5.0, "z")]


@on_simulated_clock
async def test_status_takes_what_came_before_it_along() -> None:
    async with world_of(p="a") as world:
        await world.join(sink := TimedSink(), CHANGES)
        for time, name in ((0.5, "b"), (0.7, "c")):
            await world.at(time)
            world.write("p", name)
        await world.at(0.8)
        world.server.feed("policy").cache.lose()
        await world.at(0.9)
        world.write("p", "d")
        await world.at(9)
        changes = [(round(time, 2), what) for time, what in sink.changes]
        assert changes == [(0.0, "READY"), (0.5, "b"), (0.8, "c"), (0.8, "STALE"), (1.5, "d")]


@on_simulated_clock
async def test_change_that_comes_while_a_status_is_queued_awaits_a_tick() -> None:
    async with world_of(p="a") as world:
        await world.join(sink := TimedSink(), CHANGES)
        await world.join(page := TimedSink())
        await world.at(2)
        cache = world.server.feed("policy").cache
        cache.lose()  # the members are in the queue now
        cache.apply("p", replace(cache.rows["p"].row, name="b"))
        await world.at(9)
        assert [what for _, what in sink.changes] == ["READY", "STALE", "b"]
        assert [names for _, names, *_ in page.pages][-1] == ["b"]


@on_simulated_clock
async def test_members_that_keep_up_are_sent_the_same_bundle() -> None:
    async with world_of(p="a", q="a", r="a") as world:
        sinks = [TimedSink() for _ in range(3)]
        for sink in sinks:
            await world.join(sink, CHANGES)
        world.write("p", "first")
        await world.at(0.5)
        world.write("p", "x")
        world.write("q", "y")
        await world.at(0.6)
        await world.join(late := TimedSink(), CHANGES)
        world.write("r", "z")
        before = world.broadcaster.traffic.executions
        await world.at(3)
        assert [[what for _, what in sink.changes][2:] for sink in sinks] == [["x", "y", "z"]] * 3
        assert [what for _, what in late.changes] == ["READY", "z"]
        assert {time for sink in sinks for time in sink.times[2:]} == {late.times[1]}
        assert world.broadcaster.traffic.executions - before == 3 + 1
        cursors = {data["policyChanges"]["cursor"] for data in sinks[0].data[2:]}
        for cursor in cursors:  # of any pace
            await world.join(resumed := TimedSink(), CHANGES, since=cursor, everyMs=0)
            await world.at(asyncio.get_running_loop().time() + 1)
            assert "status" not in resumed.data[0]["policyChanges"] or len(resumed.data) == 1


@on_simulated_clock
async def test_tick_is_one_write_for_each_member_and_counts_each_message() -> None:
    async with world_of(**{f"p{i}": "a" for i in range(10)}) as world:
        sinks = [TimedSink() for _ in range(4)]
        for place, sink in enumerate(sinks):
            await world.join(sink, CHANGES, id_=str(10**place))
        world.write("p0", "first")
        await world.at(0.5)
        traffic = world.broadcaster.traffic
        before = copy(traffic)
        writes = [(sink.writes, len(sink.frames)) for sink in sinks]
        for i in range(10):
            world.write(f"p{i}", f"b{i}")
        await world.at(3)
        for sink, (written, framed) in zip(sinks, writes, strict=True):
            assert [what for _, what in sink.changes][framed:] == [f"b{i}" for i in range(10)]
            assert sink.writes - written == 1
        new = [frame for sink in sinks for frame in sink.frames[-10:]]
        assert traffic.messages_sent - before.messages_sent == len(new) == 40
        assert traffic.bytes_sent - before.bytes_sent == sum(map(len, new))
        assert traffic.executions - before.executions == 10
        assert traffic.shared_results - before.shared_results == 30


@on_simulated_clock
async def test_bundle_of_long_payloads_is_sent_in_several_turns() -> None:
    names = {f"p{i}": "a" for i in range(10)}
    async with world_of(**names) as world:
        sinks = [TimedSink() for _ in range(2)]
        for sink in sinks:
            await world.join(sink, CHANGES)
        world.write("p0", "first")
        await world.at(0.5)
        for key in names:
            world.write(key, key * 10_000)  # 20 KB each
        await world.at(3)
        for sink in sinks:
            assert [what for _, what in sink.changes][2:] == [key * 10_000 for key in names]
            assert sink.writes == 2 + 3  # of 64 KB at most, and one message


@on_simulated_clock
async def test_nothing_is_left_of_paced_subscriptions() -> None:
    async with world_of(p="a") as world:
        members = [await world.join(TimedSink()), await world.join(TimedSink(), CHANGES)]
        members.append(await world.join(TimedSink(), where={"nameContains": "a"}))
        members.append(await world.join(TimedSink(), CHANGES))
        world.write("p", "ab")
        await world.at(0.5)
        world.write("p", "abc")
        await world.at(0.6)
        feeds = [world.server.feed(name) for name in ("policy", "schedule", "captcha_solver")]
        assert feeds[0].subscribers == 4
        for member in members:
            member.leave()
        await world.at(5)
        assert [feed.subscribers for feed in feeds] == [0, 0, 0]
        assert (world.broadcaster.groups, world.broadcaster.results) == (0, 0)
        assert not len(world.broadcaster._bundles)
        assert not any(feed.cache.listeners for feed in feeds)


def test_paces_are_bounded_and_few() -> None:
    @on_simulated_clock
    async def paces() -> None:
        async with world_of(p="a") as world:
            for query, bad in ((PAGE, (0, 49, -1, 60_001)), (CHANGES, (1, 49, -1, 60_001))):
                for every_ms in bad:
                    result = await world.server.schema.subscribe(
                        query,
                        variable_values={"everyMs": every_ms},
                        context_value=world.server.context,
                    )
                    refused: list[Any] = [each async for each in result]
                    (error,) = refused[0].errors
                    assert error.extensions["code"] == "BAD_USER_INPUT"
                    assert f"not {every_ms}" in error.message
            for every_ms in (51, 60_000):
                await world.join(TimedSink(), everyMs=every_ms)
            pages = [*world.broadcaster._groups.values()]
            assert [group.pace._every_s for group in pages if group.pace] == [0.1, 60.0]

    paces()


@on_simulated_clock
async def test_list_of_a_starbelly_client_counts_the_first_rows_as_a_tick() -> None:
    key, listed = str(UUID(int=1)), ListEncoder(POLICIES, starbelly.policy)
    async with world_of(**{key: "a"}) as world:
        sinks = [TimedSink() for _ in range(2)]
        for sink in sinks:
            source = Listing(listed, world.server.feed("policy").subscribe(every_s=1.0))
            responder = FakeResponder(sink, starbelly.one_by_one(1))
            world.broadcaster.join(listed, source, responder)
        for time, name in ((0.2, "b"), (0.4, "c"), (5.0, "d"), (5.5, "e")):
            await world.at(time)
            before = world.broadcaster.traffic.executions
            world.write(key, name)
        await world.at(9)
        for sink in sinks:
            events = [ServerMessage.FromString(frame).event for frame in sink.frames]
            names = [event.policy_event.name for event in events]
            times = [round(time, 2) for time in sink.times]
            sent = [*zip(times, names, strict=True)]
            assert sent == [(0.0, "a"), (1.0, "c"), (5.0, "d"), (6.0, "e")]
        assert world.broadcaster.traffic.executions - before == 1
