"""What an event stream is made of, and members of one group with different framings."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from graphql_api.execution.broadcaster import Broadcaster
from graphql_api.execution.responder import Framing
from graphql_api.protocols import sse
from tests.for_each import for_each
from tests.toy_world import Row, Topic, context
from tests.unit.execution.toy import FakeSink, join

SLOW = "subscription { rows { slow } }"


@dataclass
class Event:
    cursor: Any


def framed(event: object, payload: bytes, framing: Framing = sse.FORMAT.framing) -> bytes:
    assert framing.identify is not None
    return framing.prefix + framing.identify(event, payload) + framing.suffix


def test_event_has_its_cursor_as_id() -> None:
    assert framed(Event("a-b_c"), b'{"data":1}') == (
        b'event: next\nid: a-b_c\ndata: {"data":1}\n\n'
    )


@for_each("event", [Event(None), Event(5), object()])
def test_event_without_a_cursor_leaves_the_last_id_as_it_is(event: object) -> None:
    assert framed(event, b"1") == sse.next_event(b"1") == b"event: next\ndata: 1\n\n"


def test_end_has_a_data_line_without_which_browsers_drop_it() -> None:
    assert sse.COMPLETE == b"event: complete\ndata:\n\n"


def test_time_to_wait_is_in_milliseconds() -> None:
    assert sse.retry(1.5) == b"retry: 1500\n\n"


@for_each("query", ["subscription { rows { value } }", SLOW])
async def test_members_with_different_framings_share_executions(query: str) -> None:
    topic = Topic()
    topic.go.set()
    async with Broadcaster() as broadcaster:
        await join(broadcaster, context(topic), socket := FakeSink(), query, id_="a")
        await join(
            broadcaster, context(topic), stream := FakeSink(), query, framing=sse.FORMAT.framing
        )
        assert broadcaster.groups == 1
        for value in range(3):
            topic.publish(CursorRow(value=value, cursor=f"cursor {value}"))
        while not (len(socket.frames) == len(stream.frames) == 3):
            await broadcaster.scheduler.round()
        assert broadcaster.traffic.executions == 3
    payloads = [json.dumps(m["payload"], separators=(",", ":")) for m in socket.messages]
    assert stream.frames == [
        f"event: next\nid: cursor {value}\ndata: {payload}\n\n".encode()
        for value, payload in enumerate(payloads)
    ]


class CursorRow(Row):
    """A row with a cursor, as the events of feeds have one."""

    def __init__(self, value: int, cursor: str) -> None:
        super().__init__(value=value)
        self.cursor = cursor
