from __future__ import annotations

import asyncio
from typing import Any

import pytest

from graphql_api.errors import DatabaseUnavailableError
from graphql_api.rethink.heartbeat import Heartbeat


class FakeClock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


class FakeServer:
    """Counts how often it is asked; `answer` answers the last question."""

    def __init__(self) -> None:
        self.questions: list[asyncio.Future[Any]] = []

    def ask_server(self) -> asyncio.Future[Any]:
        self.questions.append(asyncio.get_running_loop().create_future())
        return self.questions[-1]

    def answer(self) -> None:
        self.questions[-1].set_result({"name": "fake"})


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def server() -> FakeServer:
    return FakeServer()


@pytest.fixture
async def heartbeat(server: FakeServer, clock: FakeClock) -> Heartbeat:
    return Heartbeat(server, within_s=10.0, clock=clock)


def wait(heartbeat: Heartbeat, clock: FakeClock) -> None:
    """As a reader that is never woken."""
    clock.now = heartbeat.wake_at
    heartbeat.check()


async def test_dead_connection_is_noticed_in_time(
    heartbeat: Heartbeat, clock: FakeClock, server: FakeServer
) -> None:
    wait(heartbeat, clock)
    with pytest.raises(DatabaseUnavailableError, match="silent for 10 s"):
        wait(heartbeat, clock)
    assert clock.now == 1010.0
    assert len(server.questions) == 1


async def test_answer_starts_the_time_again(
    heartbeat: Heartbeat, clock: FakeClock, server: FakeServer
) -> None:
    for beats in range(1, 4):
        wait(heartbeat, clock)
        assert heartbeat.answers == (server.questions[-1],)
        clock.now += 4.9
        server.answer()
        heartbeat.check()
        assert not heartbeat.answers
        assert len(server.questions) == beats


async def test_no_question_while_rows_come(
    heartbeat: Heartbeat, clock: FakeClock, server: FakeServer
) -> None:
    for _ in range(100):
        clock.now += 4.9
        heartbeat.check()
        heartbeat.note_arrival()
    assert server.questions == []


async def test_row_that_overtakes_the_answer_counts_as_one(
    heartbeat: Heartbeat, clock: FakeClock, server: FakeServer
) -> None:
    wait(heartbeat, clock)
    clock.now += 4.0
    heartbeat.note_arrival()
    clock.now += 4.0
    heartbeat.check()
    server.answer()
    heartbeat.check()
    assert len(server.questions) == 1


async def test_reader_that_comes_back_late_gives_the_server_time_to_answer(
    heartbeat: Heartbeat, clock: FakeClock, server: FakeServer
) -> None:
    clock.now += 1000.0
    heartbeat.check()
    assert heartbeat.wake_at == clock.now + 5.0
    server.answer()
    heartbeat.check()


async def test_reader_that_was_held_up_does_not_blame_the_server(
    heartbeat: Heartbeat, clock: FakeClock, server: FakeServer
) -> None:
    wait(heartbeat, clock)
    clock.now += 60.0  # the event loop did something else, and the answer lies unread
    heartbeat.check()
    assert heartbeat.answers == (server.questions[-1],)
    server.answer()
    heartbeat.check()
    assert len(server.questions) == 1


async def test_reader_that_is_always_held_up_notices_in_the_end(
    heartbeat: Heartbeat, clock: FakeClock, server: FakeServer
) -> None:
    wait(heartbeat, clock)
    for _ in range(3):
        clock.now += 60.0
        heartbeat.check()
    clock.now += 60.0
    with pytest.raises(DatabaseUnavailableError, match="silent"):
        heartbeat.check()
    assert len(server.questions) == 1


async def test_lost_connection_is_the_answers_error(
    heartbeat: Heartbeat, clock: FakeClock, server: FakeServer
) -> None:
    wait(heartbeat, clock)
    server.questions[-1].set_exception(DatabaseUnavailableError("lost"))
    with pytest.raises(DatabaseUnavailableError, match="lost"):
        heartbeat.check()
