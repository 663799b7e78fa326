"""What a subscription costs its client: its own work, and nothing that is done for several."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from graphql_api.execution.broadcaster import Broadcaster
from graphql_api.limits.cpu_budget import ClientBudget
from graphql_api.turns import TURN_S
from tests.for_each import for_each
from tests.toy_world import Row, Topic, context
from tests.unit.execution.toy import FakeSink, join, served
from tests.unit.limits.test_cpu_budget import World


@pytest.fixture
async def broadcaster() -> AsyncIterator[Broadcaster]:
    async with Broadcaster() as broadcaster:
        yield broadcaster


class WorkingRow(Row):
    """A row that takes a second of the processor to read, or as many as it is said."""

    def __init__(self, world: World, value: int, seconds: float = 1.0) -> None:
        self._world = world
        self._value = value
        self._seconds = seconds

    @property
    def value(self) -> int:  # type: ignore[override]
        self._world.cpu.work(self._seconds)
        return self._value


def overdrawn(client: ClientBudget) -> bool:
    return client.wait_s > 0


async def test_work_for_one_member_is_charged_to_its_client(broadcaster: Broadcaster) -> None:
    world, topic, sink = World(), Topic(), FakeSink()
    client = world.client("a")
    await join(broadcaster, context(topic), sink, budget=client)
    topic.publish(WorkingRow(world, 1), WorkingRow(world, 2))
    await served(broadcaster)
    assert sink.data == [{"rows": {"value": 1}}, {"rows": {"value": 2}}]
    assert overdrawn(client)


@for_each("members", [1, 2])
async def test_turn_of_a_member_ends_when_its_events_have_taken_long(members: int) -> None:
    world, topic, sinks = World(), Topic(), [FakeSink() for _ in range(members)]
    async with Broadcaster(clock=lambda: 0.0, cpu_clock=world.cpu) as broadcaster:
        for sink in sinks:
            await join(broadcaster, context(topic), sink, budget=world.client("a"))
        await served(broadcaster)
        topic.publish(*(WorkingRow(world, value, seconds=0.6 * TURN_S) for value in range(10)))
        await served(broadcaster)
    for sink in sinks:
        assert [each["rows"]["value"] for each in sink.data] == [*range(10)]
    assert sum(sink.writes for sink in sinks) >= 4, "a turn is for three events that are read"


async def test_work_for_several_members_is_charged_to_no_client(broadcaster: Broadcaster) -> None:
    world, topic = World(), Topic()
    clients = [world.client("a"), world.client("b")]
    sinks = [FakeSink(), FakeSink()]
    for client, sink in zip(clients, sinks, strict=True):
        await join(broadcaster, context(topic), sink, budget=client)
    topic.publish(WorkingRow(world, 1), WorkingRow(world, 2), WorkingRow(world, 3))
    await served(broadcaster)
    assert [len(sink.data) for sink in sinks] == [3, 3]
    assert not any(map(overdrawn, clients))


async def test_member_over_its_budget_waits_and_others_are_served(
    broadcaster: Broadcaster, monkeypatch: pytest.MonkeyPatch
) -> None:
    world, topic, other_topic = World(), Topic(), Topic()
    client = world.client("a")
    late, prompt = FakeSink(), FakeSink()
    later: list[tuple[float, object]] = []
    loop = asyncio.get_running_loop()
    monkeypatch.setattr(loop, "call_later", lambda delay, go_on: later.append((delay, go_on)))
    await join(broadcaster, context(topic), late, budget=client)
    query = "subscription other { rows { value } }"
    await join(broadcaster, context(other_topic), prompt, query, budget=world.client("b"))
    await served(broadcaster)
    client.spend(1.2)
    topic.publish(Row(value=1))
    other_topic.publish(Row(value=2))
    await served(broadcaster)
    assert (late.data, prompt.data) == ([], [{"rows": {"value": 2}}])
    ((delay, go_on),) = later
    assert delay == pytest.approx(2.0)
    topic.publish(Row(value=3))
    await served(broadcaster)
    assert late.data == [], "it is woken, and still waits"
    world.clock.now_s += delay
    assert callable(go_on)
    go_on()
    await served(broadcaster)
    assert late.data == [{"rows": {"value": 1}}, {"rows": {"value": 3}}]
