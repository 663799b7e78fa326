"""One job's responses: many subscribers, half of them cut again and again, many writers.

`python -m tests.benchmarks.responses [RESPONSES] [SUBSCRIBERS]` starts the embedded database and
the server, each in a process of its own. 20 writers insert the responses out of order. It prints
the memory of the server at every 10 000 responses, and every minute. It fails if a subscriber lacks
a response, has one twice on one connection, or does not complete, and if the memory grows by more
than `MAX_GROWTH_MB` from the first response to the last subscriber's end.
"""

from __future__ import annotations

import asyncio
import random
import re
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from graphql_api.rethink.url import DatabaseURL
from tests.benchmarks.database import database
from tests.benchmarks.load_client import handshake, text_frame
from tests.benchmarks.processes import Program, running
from tests.server.database import Writer, writing
from tests.server.results import Crawler, make_tables, response

LAG_S = 3.0
WRITERS = 20
EVERY_ROWS = 10_000
EVERY_S = 60.0
CUTS = 40
"""How often a subscriber is cut, about."""
MAX_GROWTH_MB = 45
"""Rows and their events 16 MB, payloads, the window, and what the allocator keeps beside them."""
_AT_ONCE = 20
_SEQUENCE = re.compile(rb'"sequence":(\d+)')
_CURSOR = re.compile(rb'"cursor":"([^"]+)"')
_COMPLETE = b'"type":"complete"'
_QUERY = """subscription ($since: String) {
    jobResponseAdded(jobId: "j1", since: $since) { response { sequence kind url } cursor }
}"""


class Subscriber:
    """One subscription, over one connection after the other.

    Args:
        responses: How many responses there are.

    Attributes:
        had: A byte for each sequence, 1 if it was received.
        received: How many responses were received, repeated ones included.
        twice: How many were received twice on one connection.
    """

    def __init__(self, responses: int) -> None:
        self.had = bytearray(responses + 1)
        self.received = 0
        self.twice = 0
        self.connections = 0
        self._had_here = bytearray()
        self._new_here = 0
        self._most: int | None = None
        self.since: str | None = None
        self.is_complete = False

    async def follow(self, host: str, port: int, *, most: int | None) -> None:
        """Follow until it completes, or is cut: after so many responses that are new to it."""
        self.connections += 1
        self._had_here = bytearray(len(self.had))
        self._new_here, self._most = 0, most
        loop = asyncio.get_running_loop()
        transport, connection = await loop.create_connection(lambda: _Connection(self), host, port)
        transport.write(handshake(host, port))
        try:
            await connection.ended.wait()
        finally:
            transport.abort()

    @property
    def is_cut(self) -> bool:
        """Whether the connection has brought as much as it may."""
        return self._most is not None and self._new_here >= self._most

    def take(self, text: bytes) -> None:
        """Note the responses of some messages."""
        for found in _SEQUENCE.finditer(text):
            sequence = int(found[1])
            self.received += 1
            self._new_here += not self.had[sequence]
            self.twice += self._had_here[sequence]
            self.had[sequence] = self._had_here[sequence] = 1
        cursor = _CURSOR.match(text, max(0, text.rfind(b'"cursor":"')))
        if cursor is not None:
            self.since = cursor[1].decode()


class _Connection(asyncio.Protocol):
    """One connection of a subscriber; each message is short, and none is compressed."""

    def __init__(self, subscriber: Subscriber) -> None:
        self.ended = asyncio.Event()
        self._subscriber = subscriber
        self._rest = b""
        self._is_open = False
        self._transport: asyncio.WriteTransport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport."""
        assert isinstance(transport, asyncio.WriteTransport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        """Subscribe, once the server has switched to the protocol; then note what comes."""
        if not self._is_open:
            self._is_open = True
            self._subscribe()
        text = self._rest + data
        end = text.rfind(b'"}}') + 3
        if _COMPLETE in text:
            self._subscriber.is_complete, end = True, len(text)
            self.ended.set()
        self._subscriber.take(text[:end])
        self._rest = text[end:]
        if self._subscriber.is_cut:
            self.ended.set()

    def connection_lost(self, exc: Exception | None) -> None:
        """The subscriber comes again, if that was not the end."""
        self.ended.set()

    def _subscribe(self) -> None:
        assert self._transport is not None
        payload = {"query": _QUERY, "variables": {"since": self._subscriber.since}}
        message = {"id": "1", "type": "subscribe", "payload": payload}
        self._transport.write(text_frame({"type": "connection_init"}) + text_frame(message))


@dataclass
class Story:
    """What is measured."""

    responses: int
    subscribers: list[Subscriber]
    server: Program
    written: int = 0
    began_s: float = 0.0
    memory_mb: list[float] = field(default_factory=list)

    def note(self) -> None:
        """Print one line of the table."""
        received = sum(subscriber.received for subscriber in self.subscribers)
        self.memory_mb.append(self.server.resident_kb() / 1024)
        _print(
            f"{time.monotonic() - self.began_s:>7.1f} s {self.written:>10,} written "
            f"{received:>12,} received {self.memory_mb[-1]:>7.1f} MB "
            f"{self.server.cpu_s():>7.1f} s CPU"
        )


async def write(story: Story, url: DatabaseURL, chance: random.Random) -> None:
    """Insert all responses, each at most half of the bound behind the ones written after it."""
    numbers = [*range(1, story.responses + 1)]
    order = sorted(numbers, key=lambda number: number + chance.uniform(0, 400))
    batches = iter([order[at : at + _AT_ONCE] for at in range(0, len(order), _AT_ONCE)])

    async def work() -> None:
        async with writing(url) as writer:
            for batch in batches:
                late = [number for number in batch if number % 97 == 0]
                await _insert(writer, [number for number in batch if number % 97])
                await asyncio.sleep(chance.choice((0, 0, 0, 1.0)) if late else 0)
                await _insert(writer, late)
                before = story.written
                story.written += len(batch)
                if story.written // EVERY_ROWS > before // EVERY_ROWS:
                    story.note()

    async with asyncio.TaskGroup() as tasks:
        for _ in range(WRITERS):
            tasks.create_task(work())
    async with writing(url) as writer:
        crawler = Crawler(writer)
        await crawler.set(run_state="completed", item_count=story.responses)


async def _insert(writer: Writer, numbers: Sequence[int]) -> None:
    if numbers:
        await writer.insert("response", *(response(number, "j1") for number in numbers))


async def follow(story: Story, subscriber: Subscriber, cuts: random.Random | None) -> None:
    """Follow to the end, cut again and again, or not."""
    while not subscriber.is_complete:
        most = None if cuts is None else cuts.randint(1, story.responses // CUTS * 2)
        await subscriber.follow(story.server.host, story.server.port, most=most)


async def tell(story: Story) -> None:
    """Print how it stands, now and then."""
    while True:
        story.note()
        await asyncio.sleep(EVERY_S)


async def run(story: Story, url: DatabaseURL) -> None:
    """Let everything happen, until every subscriber has completed."""
    chance = random.Random(1)
    async with writing(url) as writer:
        await Crawler(writer).begin()
    story.began_s = time.monotonic()
    telling = asyncio.create_task(tell(story))
    half = len(story.subscribers) // 2
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(write(story, url, chance))
        for number, subscriber in enumerate(story.subscribers):
            cuts = random.Random(number) if number < half else None
            tasks.create_task(follow(story, subscriber, cuts))
    telling.cancel()
    story.note()


def measure(responses: int, subscribers: int) -> Story:
    """Run it all. The result's subscribers have completed."""
    with database(None, None) as it:
        asyncio.run(_make_tables(it.url))
        url = f"rethinkdb://{it.url.user}@{it.url.address}/{it.url.database}"
        serve = [*(sys.executable, "-m", "graphql_api", "serve", "--port", "0")]
        options = {
            "database": url,
            "response-lag-s": LAG_S,
            "max-connections-per-address": 4 * subscribers + 10,
            "max-cpu-per-connection": 1000,
            "max-cpu-per-address": 1000,
            "max-operations-per-s": 1000,
        }
        flags = [text for name, value in options.items() for text in (f"--{name}", str(value))]
        with running([*serve, "--no-graphiql", "--no-live", *flags]) as server:
            people = [Subscriber(responses) for _ in range(subscribers)]
            story = Story(responses, people, server)
            asyncio.run(run(story, it.url))
            return story


async def _make_tables(url: DatabaseURL) -> None:
    async with writing(url) as writer:
        await make_tables(writer)


def lacking(subscriber: Subscriber) -> int:
    """How many responses a subscriber has not received."""
    return subscriber.had.count(0, 1)


def growth_mb(story: Story) -> float:
    """How much the server's memory has grown since the subscribers came."""
    return max(story.memory_mb) - story.memory_mb[0]


def check(story: Story) -> list[str]:
    """What is wrong."""
    wrong: list[str] = []
    for number, subscriber in enumerate(story.subscribers):
        if lacks := lacking(subscriber):
            wrong.append(f"subscriber {number} lacks {lacks} responses")
        if subscriber.twice:
            wrong.append(f"subscriber {number} has {subscriber.twice} twice on a connection")
        if not subscriber.is_complete:
            wrong.append(f"subscriber {number} has not completed")
    if growth_mb(story) > MAX_GROWTH_MB:
        wrong.append(f"the server's memory has grown by {growth_mb(story):.0f} MB")
    return wrong


def main(arguments: Sequence[str]) -> int:
    """Print the measures; returns the exit code."""
    responses, subscribers = [*map(int, arguments), *(100_000, 100)[len(arguments) :]]
    story = measure(responses, subscribers)
    people = story.subscribers
    uncut = [each for each in people if each.connections == 1]
    cut = [each for each in people if each.connections > 1]
    again = [each.received - responses for each in cut]
    _print(
        f"lacking, at most by a subscriber: {max(map(lacking, people))}\n"
        f"twice on one connection, at most: {max(each.twice for each in people)}\n"
        f"again for {len(uncut)} that were not cut: "
        f"{max((each.received - responses for each in uncut), default=0)}\n"
        f"again for {len(cut)} that were cut {sum(each.connections - 1 for each in cut)} times: "
        f"{sum(again)}, those of the last {LAG_S:g} s before each cut\n"
        f"completed: {sum(each.is_complete for each in people)} of {subscribers}\n"
        f"memory of the server: {story.memory_mb[0]:.0f} MB at the start, "
        f"{max(story.memory_mb):.0f} MB at most, {story.memory_mb[-1]:.0f} MB at the end"
    )
    wrong = check(story)
    for each in wrong:
        _print(f"WRONG: {each}")
    return 1 if wrong else 0


def _print(text: Any) -> None:
    print(text, flush=True)  # noqa: T201 - it is a table for people


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
