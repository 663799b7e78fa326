"""One execution for all who are equal, written by one loop, fair to all and held up by none."""

from __future__ import annotations

import asyncio
import gc
import itertools
import logging
import weakref
from collections.abc import AsyncIterator
from functools import partial

import pytest
from graphql import GraphQLError

from graphql_api.errors import BadCursorError
from graphql_api.execution import scheduler as scheduler_module
from graphql_api.execution.broadcaster import Broadcaster
from graphql_api.execution.encoder import RequestError
from graphql_api.execution.operation import SubscriptionExecution
from graphql_api.execution.scheduler import EVENTS_AT_ONCE
from graphql_api.feeds.feed_settings import STEPS_IN_A_ROW
from graphql_api.feeds.view import Event
from graphql_api.scopes import ALL_SCOPES, Scope
from tests.for_each import for_each
from tests.toy_world import Row, Topic, context
from tests.unit.execution.toy import DOCUMENTS, FakeSink, join, served

VALUE = "subscription { rows { value } }"
SLOW = "subscription { rows { slow } }"

READ = frozenset({Scope.READ})


@pytest.fixture
async def broadcaster() -> AsyncIterator[Broadcaster]:
    async with Broadcaster(clock=lambda: 0.0, cpu_clock=lambda: 0.0) as broadcaster:
        yield broadcaster


@pytest.fixture
def topic() -> Topic:
    return Topic()


async def test_members_get_the_same_payload_with_their_own_ids(
    broadcaster: Broadcaster, topic: Topic
) -> None:
    sinks = [FakeSink() for _ in range(5)]
    for i, sink in enumerate(sinks):
        await join(broadcaster, context(topic), sink, id_=f'"{i}"')
    topic.publish(Row(value=1), Row(value=2))
    await served(broadcaster)
    for i, sink in enumerate(sinks):
        assert [message["id"] for message in sink.messages] == [f'"{i}"'] * 2
        assert sink.data == [{"rows": {"value": 1}}, {"rows": {"value": 2}}]
        assert sink.writes == 1
    assert broadcaster.traffic.executions == 2


async def test_subscriptions_that_differ_in_anything_share_nothing(
    broadcaster: Broadcaster, topic: Topic
) -> None:
    one = "subscription ($w: Int) { rows(where: $w) { value } }"
    for query, scopes, variables in (
        (one, ALL_SCOPES, {}),
        (one, ALL_SCOPES, {"w": None}),
        (one, ALL_SCOPES, {"w": 1}),
        (one, ALL_SCOPES, {"w": 1, "x": 1}),
        (one, ALL_SCOPES, {"w": True}),
        (one, ALL_SCOPES, {"w": 1.0}),
        (one, READ, {"w": 1}),
        (one + " ", ALL_SCOPES, {"w": 1}),
    ):
        try:
            await join(broadcaster, context(topic, scopes), FakeSink(), query, **variables)
        except RequestError:
            assert variables == {"w": True}
    topic.publish(Row(value=1))
    await served(broadcaster)
    assert broadcaster.groups == broadcaster.traffic.executions == 7


async def test_where_events_begin_makes_no_difference(
    broadcaster: Broadcaster, topic: Topic
) -> None:
    query = "subscription ($s: String) { rows(since: $s) { value } }"
    for since in ("a", "b", None):
        await join(broadcaster, context(topic), FakeSink(), query, s=since)
    topic.publish(Row(value=1))
    await served(broadcaster)
    assert broadcaster.groups == broadcaster.traffic.executions == 1


async def test_equal_events_that_are_two_objects_are_two_events(
    broadcaster: Broadcaster, topic: Topic
) -> None:
    for _ in range(2):
        await join(broadcaster, context(topic), FakeSink())
    topic.publish(Row(value=1), Row(value=1))
    await served(broadcaster)
    assert broadcaster.traffic.executions == 2


async def test_last_member_frees_the_group(broadcaster: Broadcaster, topic: Topic) -> None:
    members = [await join(broadcaster, context(topic), FakeSink()) for _ in range(3)]
    event = Row(value=1)
    reference = weakref.ref(event)
    topic.publish(event)
    del event
    await served(broadcaster)
    assert broadcaster.results == 1
    assert reference() is not None
    for member in members:
        member.leave()
        member.leave()
    assert (broadcaster.groups, broadcaster.members, broadcaster.results) == (0, 0, 0)
    assert topic.sources == []
    gc.collect()
    assert reference() is None


async def test_payloads_of_the_last_events_are_kept_alone(topic: Topic) -> None:
    async with Broadcaster(max_encoded_events=2) as broadcaster:
        for _ in range(2):
            await join(broadcaster, context(topic), FakeSink())
        events = [
            weakref.ref(row) for row in (Row(value=i) for i in range(5)) if publish(topic, row)
        ]
        await served(broadcaster)
        gc.collect()
        alive = [event() for event in events]
        assert [row.value for row in alive if row is not None] == [3, 4]
        assert broadcaster.results == 2


def publish(topic: Topic, row: Row) -> bool:
    topic.publish(row)
    return True


async def test_payload_is_used_again_by_those_who_come_later(topic: Topic) -> None:
    async with Broadcaster(max_encoded_events=1) as broadcaster:
        event = Event(Row(value=1))
        for _ in range(2):
            await join(broadcaster, context(topic), FakeSink())
        for source in topic.sources:
            source.put(event)
        await served(broadcaster)
        await join(broadcaster, context(topic), late := FakeSink())
        topic.sources[-1].put(event)
        await served(broadcaster)
        assert late.data == [{"rows": {"value": 1}}]
        assert broadcaster.traffic.executions == 1


async def test_results_are_bounded(topic: Topic) -> None:
    async with Broadcaster(max_encoding_bytes=2000) as broadcaster:
        for _ in range(2):
            await join(broadcaster, context(topic), FakeSink())
        topic.publish(*(Row(value=i) for i in range(30)))
        await served(broadcaster)
        assert 0 < broadcaster.results <= 5


@for_each(
    ("selection", "is_shared"),
    [("value", True), ("value @include(if: $v) __typename", False)],
)
async def test_subscriptions_of_a_document_share_plans_unless_a_directive_decides_by_a_variable(
    selection: str, is_shared: bool
) -> None:
    arguments = "$w: Int" if is_shared else "$w: Int, $v: Boolean!"
    query = f"subscription ({arguments}) {{ rows(where: $w) {{ {selection} }} }}"
    async with Broadcaster(clock=lambda: 0.0, cpu_clock=lambda: 0.0) as broadcaster:
        topic, sinks = Topic(), [FakeSink() for _ in range(2)]
        members = [
            await join(broadcaster, context(topic), sink, query, w=number, v=number == 1)
            for number, sink in enumerate(sinks)
        ]
        topic.publish(Row(value=5))
        await served(broadcaster)
        assert broadcaster.groups == 2
        others = {} if is_shared else {"__typename": "Row"}
        assert sinks[1].data == [{"rows": {"value": 5, **others}}]
        assert sinks[0].data == ([{"rows": others}] if others else sinks[1].data)
        plans = DOCUMENTS.parse(query).plans
        assert (plans is not None and len(plans) == 1) == is_shared
        for member in members:
            member.leave()


# Turns


async def test_member_with_much_to_send_does_not_keep_others_waiting(
    broadcaster: Broadcaster, topic: Topic
) -> None:
    greedy, modest = FakeSink(), FakeSink()
    await join(broadcaster, context(topic), greedy)
    await join(broadcaster, context(topic), modest)
    many, few = topic.sources
    many.put(*(Event(Row(value=i)) for i in range(1000)))
    few.put(Event(Row(value=0)))
    await broadcaster.scheduler.round()
    assert len(modest.frames) == 1
    # One with long work, as it is new, and one until the round's end is noticed.
    turns = scheduler_module._PASSES_IN_A_ROUND + 2
    assert 0 < len(greedy.frames) <= turns * EVENTS_AT_ONCE
    await served(broadcaster)
    assert [data["rows"]["value"] for data in greedy.data] == list(range(1000))


async def test_event_loop_has_its_turn_between(topic: Topic) -> None:
    now_s = itertools.count(step=scheduler_module._TURN_S / 10)
    async with Broadcaster(clock=lambda: next(now_s)) as broadcaster:
        sinks = [FakeSink() for _ in range(50)]
        for sink in sinks:
            await join(broadcaster, context(topic), sink)
        await served(broadcaster)
        topic.publish(Row(value=1))
        for turn in range(1, 6):
            await asyncio.sleep(0)
            assert abs(sum(len(sink.frames) for sink in sinks) - turn * 10) <= turn
        await served(broadcaster)
        assert all(len(sink.frames) == 1 for sink in sinks)


async def test_full_sink_holds_up_no_other_and_loses_nothing(
    broadcaster: Broadcaster, topic: Topic
) -> None:
    full, other = FakeSink(room=False), FakeSink()
    await join(broadcaster, context(topic), full)
    await join(broadcaster, context(topic), other)
    for i in range(3):
        topic.publish(Row(value=i))
        await served(broadcaster)
    assert full.frames == []
    assert len(other.frames) == 3
    assert len(full._callbacks) == 1
    full.make_room()
    await served(broadcaster)
    assert full.data == other.data


async def test_events_are_taken_from_the_source_only_when_there_is_room(
    broadcaster: Broadcaster, topic: Topic
) -> None:
    await join(broadcaster, context(topic), FakeSink(room=False))
    topic.publish(Row(value=1))
    await served(broadcaster)
    assert len(topic.sources[0]._events) == 1


@pytest.mark.parametrize(("id_", "frames"), [("a", 2), ("an id is a part of each message", 1)])
async def test_large_messages_leave_room_for_others(
    id_: str, frames: int, broadcaster: Broadcaster, topic: Topic, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("graphql_api.execution.group._BYTES_AT_ONCE", 80)
    await join(broadcaster, context(topic), sink := FakeSink(), id_=id_)
    await served(broadcaster)
    topic.publish(*(Row(value=i) for i in range(10)))
    await asyncio.sleep(0)
    assert len(sink.frames) == frames


async def test_round_waits_for_all_who_were_ready(broadcaster: Broadcaster, topic: Topic) -> None:
    sinks = [FakeSink() for _ in range(100)]
    for sink in sinks:
        await join(broadcaster, context(topic), sink)
    topic.publish(Row(value=1))
    await broadcaster.scheduler.round()
    assert all(sink.frames for sink in sinks)
    await broadcaster.scheduler.round()


async def test_round_is_long_enough_for_all_that_a_feed_applies_between_two(
    broadcaster: Broadcaster, topic: Topic
) -> None:
    sinks = [FakeSink() for _ in range(50)]
    for sink in sinks:
        await join(broadcaster, context(topic), sink)
    topic.publish(*(Row(value=i) for i in range(STEPS_IN_A_ROW)))
    await broadcaster.scheduler.round()
    assert all(len(sink.frames) == STEPS_IN_A_ROW for sink in sinks)


async def test_member_that_has_left_gets_nothing_more(
    broadcaster: Broadcaster, topic: Topic
) -> None:
    leaving = await join(broadcaster, context(topic), sink := FakeSink())
    await join(broadcaster, context(topic), FakeSink())
    topic.publish(Row(value=1))
    leaving.leave()
    await served(broadcaster)
    assert sink.frames == []


# Failures


async def test_error_of_a_field_is_masked_and_logged_once(
    broadcaster: Broadcaster, topic: Topic, caplog: pytest.LogCaptureFixture
) -> None:
    sinks = [FakeSink() for _ in range(3)]
    for sink in sinks:
        await join(broadcaster, context(topic), sink, "subscription { rows { bad } }")
    topic.publish(Row(value=1))
    await served(broadcaster)
    for sink in sinks:
        (payload,) = (message["payload"] for message in sink.messages)
        assert payload["data"] is None
        assert payload["errors"][0]["extensions"]["code"] == "INTERNAL_SERVER_ERROR"
        assert "secret" not in str(payload)
    assert len([record for record in caplog.records if record.exc_info]) == 1


async def test_source_that_fails_ends_its_member_only(
    broadcaster: Broadcaster, topic: Topic, caplog: pytest.LogCaptureFixture
) -> None:
    failures: list[GraphQLError] = []
    for _ in range(2):
        await join(broadcaster, context(topic), FakeSink(), failures=failures)
    await join(broadcaster, context(topic), healthy := FakeSink())
    topic.sources[0].failure = RuntimeError("a secret")
    topic.sources[1].failure = BadCursorError("no")
    topic.publish(Row(value=1))
    await served(broadcaster)
    codes = [error.formatted["extensions"]["code"] for error in failures]
    assert codes == ["INTERNAL_SERVER_ERROR", "BAD_CURSOR"]
    assert len(healthy.frames) == len(topic.sources) == broadcaster.members == 1
    assert len([record for record in caplog.records if record.exc_info]) == 1


async def test_sink_that_fails_keeps_no_other_waiting(
    broadcaster: Broadcaster, topic: Topic
) -> None:
    class BrokenSink(FakeSink):
        def write_texts(self, *_: object) -> None:
            raise RuntimeError("a defect")

    await join(broadcaster, context(topic), BrokenSink())
    await join(broadcaster, context(topic), healthy := FakeSink())
    loop = asyncio.get_running_loop()
    reported = asyncio.Event()
    loop.set_exception_handler(lambda *_: reported.set())
    topic.publish(Row(value=1))
    await reported.wait()
    await asyncio.sleep(0)
    assert healthy.data == [{"rows": {"value": 1}}]


async def test_event_that_cannot_be_encoded_is_an_error_and_the_next_is_sent(
    broadcaster: Broadcaster, topic: Topic, caplog: pytest.LogCaptureFixture
) -> None:
    await join(broadcaster, context(topic), sink := FakeSink())
    topic.publish(object(), Row(value=2))
    await served(broadcaster)
    first, second = (message["payload"] for message in sink.messages)
    assert first["errors"][0]["message"] == "Internal error"
    assert second == {"data": {"rows": {"value": 2}}}
    assert [record.levelno for record in caplog.records if record.exc_info] == [logging.ERROR]


@pytest.mark.parametrize("query", [VALUE, SLOW])
async def test_event_that_fails_for_all_is_logged_once(
    query: str,
    broadcaster: Broadcaster,
    topic: Topic,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def fail(*_: object) -> bytes:
        raise RuntimeError("a secret")

    monkeypatch.setattr(SubscriptionExecution, "encode", fail)
    sinks = [FakeSink() for _ in range(3)]
    for sink in sinks:
        await join(broadcaster, context(topic), sink, query)
    topic.go.set()
    topic.publish(Row(value=1))
    while not all(sink.frames for sink in sinks):
        await asyncio.sleep(0)
    assert all(message["payload"]["data"] is None for message in sinks[2].messages)
    assert len([record for record in caplog.records if record.exc_info]) == 1


async def test_extensions_are_left_with_the_last_who_needs_them(topic: Topic) -> None:
    left: list[str] = []

    def leave(name: str) -> None:
        left.append(name)
        raise RuntimeError("an extension is broken")

    async with Broadcaster() as broadcaster:
        members = [
            await join(broadcaster, context(topic), FakeSink(), on_leave=partial(leave, name))
            for name in ("founder", "other")
        ]
        members[0].leave()
        assert left == []
        members[1].leave()
        assert left == ["other", "founder"]


# Results that take their time


async def test_result_that_takes_its_time_is_awaited_once_for_all(
    broadcaster: Broadcaster, topic: Topic
) -> None:
    sinks = [FakeSink() for _ in range(3)]
    for sink in sinks:
        await join(broadcaster, context(topic), sink, SLOW)
    topic.publish(Row(value=1), Row(value=2))
    await served(broadcaster)
    assert topic.slow_calls == 0 or not any(sink.frames for sink in sinks)
    topic.go.set()
    while not all(len(sink.frames) == 2 for sink in sinks):
        await asyncio.sleep(0)
    assert sinks[0].data == [{"rows": {"slow": 1}}, {"rows": {"slow": 2}}]
    assert topic.slow_calls == broadcaster.traffic.executions == 2


async def test_member_that_waits_for_a_result_may_leave(
    broadcaster: Broadcaster, topic: Topic
) -> None:
    sinks = [FakeSink() for _ in range(2)]
    members = [await join(broadcaster, context(topic), sink, SLOW) for sink in sinks]
    topic.publish(Row(value=1))
    await served(broadcaster)
    await asyncio.sleep(0)
    members[0].leave()
    assert topic.slow_calls == 1
    topic.go.set()
    while not sinks[1].frames:
        await asyncio.sleep(0)
    assert sinks[0].frames == []


async def test_no_task_awaits_a_result_that_is_not_wanted(
    broadcaster: Broadcaster, topic: Topic
) -> None:
    member = await join(broadcaster, context(topic), FakeSink(), SLOW)
    topic.publish(Row(value=1))
    await served(broadcaster)
    await asyncio.sleep(0)
    running = [task for task in asyncio.all_tasks() if task.get_name() == "shared execution"]
    assert len(running) == 1
    member.leave()
    await asyncio.wait(running)
    assert running[0].cancelled()


async def test_member_may_leave_before_its_result_is_awaited(
    broadcaster: Broadcaster, topic: Topic
) -> None:
    """As when a `complete` comes in the same turn of the event loop as the change."""
    member = await join(broadcaster, context(topic), FakeSink(), SLOW)
    await served(broadcaster)
    topic.publish(Row(value=1))
    broadcaster.scheduler._turn()
    (task,) = (task for task in asyncio.all_tasks() if task.get_name() == "shared execution")
    member.leave()
    await asyncio.wait([task])
    assert task.cancelled()
    assert topic.slow_calls == 1  # it had begun; Python warns of a coroutine that never does


async def test_end_of_the_server_ends_what_is_awaited(topic: Topic) -> None:
    async with Broadcaster() as broadcaster:
        await join(broadcaster, context(topic), FakeSink(), SLOW)
        topic.publish(Row(value=1))
        await served(broadcaster)
        await asyncio.sleep(0)
    assert not [task for task in asyncio.all_tasks() if task.get_name() == "shared execution"]


async def test_round_gives_the_event_loop_its_turn_in_any_case(broadcaster: Broadcaster) -> None:
    turns: list[str] = []
    asyncio.get_running_loop().call_soon(turns.append, "loop")
    await broadcaster.scheduler.round()
    assert turns == ["loop"]
