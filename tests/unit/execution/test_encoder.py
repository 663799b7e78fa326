"""Encoders that are not GraphQL's: a protocol that frames payloads together, and one that fails."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest
from graphql import GraphQLError

from graphql_api.execution.broadcaster import Broadcaster
from graphql_api.execution.encoder import Encoded, RequestError
from graphql_api.execution.responder import Framing
from graphql_api.feeds.view import Event
from tests.patience import LONGEST_S
from tests.toy_world import Topic, ToySource
from tests.unit.execution.toy import FakeResponder, FakeSink, served


class Numbers:
    """Encodes numbers as digits, and fails at the number that is not to be said."""

    key = "numbers"

    def __init__(self, *, late: bool = False) -> None:
        self._late = late

    def encode(self, event: Event[Any]) -> Encoded | Awaitable[Encoded]:
        return self._later(event.value) if self._late else _encoded(event.value)

    def failed(self, error: Exception) -> RequestError:
        return RequestError([GraphQLError(str(error))])

    async def _later(self, value: Any) -> Encoded:
        await asyncio.sleep(0)
        return _encoded(value)


def _encoded(value: Any) -> Encoded:
    if value == 13:
        raise ValueError("13 cannot be said")
    return Encoded(b"%d" % value)


@pytest.fixture
async def broadcaster() -> AsyncIterator[Broadcaster]:
    async with Broadcaster() as broadcaster:
        yield broadcaster


async def until(condition: Callable[[], object]) -> None:
    async with asyncio.timeout(LONGEST_S):
        while not condition():
            await asyncio.sleep(0)


def joined(
    broadcaster: Broadcaster, topic: Topic, framing: Framing, *, late: bool = False
) -> FakeResponder:
    responder = FakeResponder(FakeSink(), framing)
    broadcaster.join(Numbers(late=late), ToySource(topic), responder)
    return responder


async def test_protocol_puts_several_payloads_into_one_frame(broadcaster: Broadcaster) -> None:
    topic = Topic()
    together = Framing(frames=lambda payloads: [b"+".join(map(bytes, payloads))], events_at_once=3)
    members = [joined(broadcaster, topic, framing) for framing in (together, Framing(b"<", b">"))]
    topic.publish(1, 2, 3, 4)
    await served(broadcaster)
    assert members[0].sink.frames == [b"1+2+3", b"4"]
    assert members[1].sink.frames == [b"<1>", b"<2>", b"<3>", b"<4>"]
    assert broadcaster.traffic.executions == 4


@pytest.mark.parametrize("late", [False, True])
async def test_event_that_cannot_be_encoded_ends_all_who_need_it(
    late: bool, broadcaster: Broadcaster
) -> None:
    topic = Topic()
    members = [joined(broadcaster, topic, Framing(b"<", b">"), late=late) for _ in range(2)]
    topic.publish(1, 13, 2)
    await until(lambda: all(member.failures for member in members))
    for member in members:
        assert member.sink.frames == [b"<1>"]
        assert [error.message for error in member.failures] == ["13 cannot be said"]
    assert not topic.sources
    assert broadcaster.groups == 0
