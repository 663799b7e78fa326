"""How much large HTTP answers hold together, and which wait for others."""

from __future__ import annotations

import asyncio
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import uvicorn
from uvicorn.server import ServerState

from graphql_api.limits.answer_memory import LARGE_BYTES, Answers, Taker
from graphql_api.limits.connection_limits import ConnectionLimits
from graphql_api.server.listening import listen
from graphql_api.server.uvicorn_http import StreamingProtocol
from tests.for_each import for_each
from tests.patience import LONGEST_S
from tests.simulation.loop import simulated, time_passes_until

WAIT_S = LONGEST_S
SIZE = 3_000_001
BODY = bytes(range(256)) * (SIZE // 256) + bytes(SIZE % 256)


def cut(cut_off: list[str], name: str) -> Any:
    return lambda: cut_off.append(name)


async def test_answer_waits_for_its_turn_and_is_refused_if_too_many_wait() -> None:
    answers = Answers(quick_bytes=100, waiting_bytes=100, quick_s=3600, wait_s=3600)
    first = await answers.begin(80, cut([], "first"))
    assert first is not None
    second = asyncio.create_task(answers.begin(80, cut([], "second")))
    await asyncio.sleep(0)
    assert await answers.begin(80, cut([], "third")) is None
    assert answers.held_bytes == 160
    assert not second.done()
    answers.end(first)
    sending = await second
    assert sending is not None
    answers.end(sending)
    assert answers.held_bytes == 0


async def test_answer_that_waits_too_long_is_refused_and_forgotten() -> None:
    answers = Answers(quick_bytes=100, quick_s=3600, wait_s=0.01)
    first = await answers.begin(80, cut([], "first"))
    assert first is not None
    assert await answers.begin(80, cut([], "second")) is None
    assert answers.held_bytes == 80
    answers.end(first)
    assert answers.held_bytes == 0


async def test_answer_whose_task_is_cancelled_leaves_its_place() -> None:
    answers = Answers(quick_bytes=100, quick_s=3600, wait_s=3600)
    first = await answers.begin(80, cut([], "first"))
    assert first is not None
    waiting = asyncio.create_task(answers.begin(80, cut([], "second")))
    late = asyncio.create_task(answers.begin(20, cut([], "third")))
    await asyncio.sleep(0)
    waiting.cancel()
    answers.end(first)
    await asyncio.wait([waiting, late])
    assert waiting.cancelled()
    sending = late.result()
    assert sending is not None
    answers.end(sending)
    assert answers.held_bytes == 0


def test_slowest_answer_makes_room_for_others() -> None:
    async def main() -> None:
        cut_off: list[str] = []
        answers = Answers(quick_bytes=1000, slow_bytes=100, quick_s=1)
        fast = await answers.begin(80, cut(cut_off, "fast"))
        slow = await answers.begin(80, cut(cut_off, "slow"))
        assert fast is not None
        assert slow is not None
        fast.sent, slow.sent = 70, 10
        await time_passes_until(lambda: answers.held_bytes == 80)
        assert cut_off == ["slow"]

    simulated(main)


async def test_answers_behind_one_that_waits_too_long_are_let_in_if_they_fit() -> None:
    answers = Answers(quick_bytes=100, quick_s=3600, wait_s=3600)
    first = await answers.begin(60, cut([], "first"))
    assert first is not None
    too_long = asyncio.create_task(answers.begin(80, cut([], "second")))
    await asyncio.sleep(0)
    fits = asyncio.create_task(answers.begin(10, cut([], "third")))
    await asyncio.sleep(0)
    assert not fits.done()
    too_long.cancel()
    async with asyncio.timeout(WAIT_S):
        assert await fits is not None


def test_answer_that_was_let_in_this_moment_is_as_fast_as_its_client_was_before() -> None:
    async def main() -> None:
        cut_off: list[str] = []
        answers = Answers(quick_bytes=1000, slow_bytes=100)
        late = await answers.begin(80, cut(cut_off, "late"))
        assert late is not None
        late.sent = 30
        await asyncio.sleep(0.99)
        assert await answers.begin(90, cut(cut_off, "fresh"), taker=Taker(rate=80)) is not None
        await asyncio.sleep(0.02)
        assert cut_off == ["late"], "it has 50 bytes left at 30 a second, the other one 90 at 80"

    simulated(main)


def test_what_else_waits_for_a_client_does_not_count_as_its_rate() -> None:
    """Three bytes wait on its connection while its body is read; then it takes that fast."""

    async def main() -> None:
        answers, taker, waiting = Answers(wait_s=None), Taker(), [3]
        place = await answers.begin(WHOLE, cut([], "it"), lambda: waiting[0], taker=taker)
        assert place is not None
        await asyncio.sleep(1.5)  # it was looked at
        waiting[0] = WHOLE
        assert place.rate(asyncio.get_running_loop().time()) >= 0
        await asyncio.sleep(0.2)
        waiting[0] = 0
        answers.end(place)
        assert taker.rate > WHOLE

    simulated(main)


WHOLE = 16_000_000
FAST, SLOW = 50_000_000.0, 600_000.0


class Crowd:
    """Clients that take answers which are written as a whole, on a simulated clock."""

    def __init__(self) -> None:
        self.answers = Answers(
            quick_bytes=WHOLE, slow_bytes=WHOLE, waiting_bytes=sys.maxsize, wait_s=None
        )
        self.held = 0
        self.most_held = 0
        self.sent = 0

    async def take(self, taker: Taker, rate: float) -> float | None:
        """Take an answer at so many bytes a second; how long it has waited, None if it is cut."""
        loop = asyncio.get_running_loop()
        asked_s = loop.time()
        is_cut = asyncio.Event()
        began_s = float("inf")

        def unsent() -> int:
            return WHOLE - round(min(1, max(0, loop.time() - began_s) * rate / WHOLE) * WHOLE)

        place = await self.answers.begin(WHOLE, is_cut.set, unsent, taker=taker)
        assert place is not None
        began_s = loop.time()
        self.held += WHOLE
        self.most_held = max(self.most_held, self.held)
        try:
            async with asyncio.timeout(WHOLE / rate):
                await is_cut.wait()
        except TimeoutError:
            self.sent += 1
        finally:
            self.held -= WHOLE
            self.answers.end(place)
        return None if is_cut.is_set() else began_s - asked_s

    async def follow_slowly(self, address: str) -> None:
        """Take answer after answer slowly; one whose connection is cut off makes another."""
        taker = Taker(address)
        while True:
            if await self.take(taker, SLOW) is None:
                taker = Taker(address)


@for_each(("address", "bound_s"), [("fast", 1), ("slow", 40 * 0.4)])
@for_each("comes_at_s", [1.0, 60.0])
def test_new_fast_client_waits_for_no_round_of_slow_ones_which_go_on(
    address: str, bound_s: float, comes_at_s: float
) -> None:
    async def story() -> None:
        crowd = Crowd()
        slow = [asyncio.create_task(crowd.follow_slowly("slow")) for _ in range(40)]
        await asyncio.sleep(comes_at_s)
        taker = Taker(address)
        waited_s = await crowd.take(taker, FAST)
        assert waited_s is not None
        assert waited_s <= bound_s
        crowd.sent = 0
        for _ in range(20):
            again_s = await crowd.take(taker, FAST)
            assert again_s is not None
            assert again_s <= bound_s
            await asyncio.sleep(5)
        assert crowd.sent - 20 >= 100 / (WHOLE / SLOW) - 1  # as many as one place has room for
        assert crowd.most_held <= 2 * WHOLE
        for task in slow:
            task.cancel()
        await asyncio.wait(slow)
        assert crowd.answers.held_bytes == 0

    simulated(story)


@asynccontextmanager
async def serving(
    answers: Answers, *headers: tuple[bytes, bytes], asked: list[str] | None = None
) -> AsyncIterator[Any]:
    """A server whose answers are all `BODY`; gives its address."""
    state = ServerState()

    async def app(scope: Any, receive: Any, send: Any) -> None:
        if asked is not None:
            asked.append(scope["path"])
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": BODY})

    config = uvicorn.Config(app, interface="asgi3", log_config=None, access_log=False)
    made = StreamingProtocol.with_admission(ConnectionLimits(), answers)
    listener = listen("127.0.0.1", 0)
    server = await asyncio.get_running_loop().create_server(
        lambda: made(config=config, server_state=state, app_state={}), sock=listener
    )
    try:
        async with asyncio.timeout(WAIT_S):
            yield listener.getsockname()
            for connection in [*state.connections]:
                connection.transport.abort()
            while state.tasks:
                await asyncio.sleep(0)
            assert answers.held_bytes == 0
    finally:
        server.close()


async def ask(address: Any, version: bytes = b"1.1") -> bytes:
    """All that comes for one request."""
    reader, writer = await asyncio.open_connection(*address)
    try:
        writer.write(b"GET / HTTP/%b\r\nHost: localhost\r\nConnection: close\r\n\r\n" % version)
        return await reader.read()
    finally:
        writer.transport.abort()


LENGTH = (b"content-length", b"%d" % SIZE)


@for_each(
    ("headers", "version"),
    [([LENGTH], b"1.1"), ([], b"1.0")],
)
async def test_large_answer_arrives_as_it_is(headers: Any, version: bytes) -> None:
    async with serving(Answers(), *headers) as address:
        head, _, body = (await ask(address, version)).partition(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 200 ")
        assert body == BODY


async def test_large_answer_in_chunks_arrives_as_it_is() -> None:
    async with serving(Answers()) as address:
        rest = (await ask(address)).partition(b"\r\n\r\n")[2]
        body = b""
        while rest:
            size, _, rest = rest.partition(b"\r\n")
            assert int(size, 16) <= LARGE_BYTES
            body += rest[: int(size, 16)]
            rest = rest[int(size, 16) + 2 :]
        assert body == BODY


async def test_fast_reader_does_not_wait_for_slow_ones_which_hold_limited_memory() -> None:
    answers = Answers(
        quick_bytes=2 * SIZE, slow_bytes=3 * SIZE, waiting_bytes=2 * SIZE, quick_s=0.05
    )
    asked: list[str] = []
    async with serving(answers, LENGTH, asked=asked) as address:
        slow = []
        for _ in range(30):
            client = socket.socket()
            client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            client.connect(address)
            client.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
            slow.append(client)
            assert answers.held_bytes <= 7 * SIZE
        # All have asked, and those that were let in count as slow, or are cut off.
        while len(asked) < len(slow) or answers.held_bytes > 3 * SIZE:
            assert answers.held_bytes <= 7 * SIZE
            await asyncio.sleep(0.001)
        assert answers.held_bytes == 3 * SIZE
        for _ in range(3):
            answer = await ask(address)
            assert answer.startswith(b"HTTP/1.1 200 ")
            assert answer.endswith(BODY)
        refused = [client for client in slow if client.recv(12) == b"HTTP/1.1 503"]
        assert refused
        for client in slow:
            client.close()
