"""A reader that applies a changefeed's events holds the table, whatever else happens."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from typing import Any, Self

import pytest
from hypothesis import given
from hypothesis import strategies as st

from graphql_api.embedded import EmbeddedServer
from tests.properties import examples
from tests.transcripts.wire_client import WireClient

pytestmark = pytest.mark.embedded_only

TABLE = [15, ["t"]]
BY_ID = [41, [TABLE], {"index": "id"}]
EVERYTHING = {"include_initial": True, "include_states": True, "include_types": True}


@dataclass
class Reader:
    """Reads a feed and applies its events, checking that each fits what it holds.

    Attributes:
        held: The documents it holds.
        gap: Whether the feed has reported one.
        ready: Whether the feed has said that the initial documents are complete.
    """

    client: WireClient
    held: dict[Any, Any] = field(default_factory=dict)
    events: list[Any] = field(default_factory=list)
    gap: bool = False
    ready: bool = False

    @classmethod
    @contextlib.asynccontextmanager
    async def open(cls, port: int, term: Any, **optargs: Any) -> AsyncIterator[Self]:
        async with await WireClient.connect(port) as client:
            reader = cls(client)
            client.send(1, [1, term, optargs])
            await reader.step()
            yield reader

    async def step(self) -> None:
        """Apply a batch, and ask for the next one."""
        _, reply = await self.client.read()
        assert reply["t"] == 3, reply
        self.client.send(1, [2])
        for event in reply["r"]:
            self.events.append(event)
            self.apply(event)

    def apply(self, event: Any) -> None:
        if "error" in event:
            self.gap = True
        elif "state" in event:
            self.ready = event["state"] == "ready"
        elif event["type"] == "initial":
            assert event["new_val"]["id"] not in self.held, "sent twice"
            self.held[event["new_val"]["id"]] = event["new_val"]
        else:
            key = (event["new_val"] or event["old_val"])["id"]
            if not self.gap:
                assert self.held.get(key) == event["old_val"], event
            if event["new_val"] is None:
                self.held.pop(key, None)
            else:
                self.held[key] = event["new_val"]

    async def read_until(self, condition: Callable[[Reader], bool]) -> None:
        while not condition(self):
            await self.step()


async def read_table(client: WireClient, term: Any = TABLE) -> dict[Any, Any]:
    reply = await client.run([51, [term, "array"]])
    return {row["id"]: row for row in reply["r"][0]}


FENCE = "fence"


async def write_fence(client: WireClient, number: int) -> Callable[[Reader], bool]:
    """Make a last write; a reader that has received it has received all before it."""
    fence = {"id": FENCE, "n": 0, "fence": number}
    await client.run([56, [TABLE, fence], {"conflict": "replace"}])
    return lambda reader: reader.ready and reader.held.get(FENCE) == fence


keys = st.integers(0, 5)
writes = st.one_of(
    st.tuples(st.just("insert"), keys, st.integers(0, 3)),
    st.tuples(st.just("update"), keys, st.integers(0, 3)),
    st.tuples(st.just("replace"), keys, st.integers(0, 3)),
    st.tuples(st.just("delete"), keys, st.just(0)),
    st.tuples(st.just("update_all"), st.just(0), st.integers(0, 3)),
    st.tuples(st.just("delete_all"), st.just(0), st.just(0)),
)


def write_term(write: tuple[str, int, int]) -> Any:
    kind, key, n = write
    one = [16, [TABLE, key]]
    terms = {
        "insert": [56, [TABLE, [2, [{"id": key, "n": n}, {"id": key + 1, "n": n}]]]],
        "update": [53, [one, {"n": n, "m": n}]],
        "replace": [55, [one, {"id": key, "n": n}]],
        "delete": [54, [one]],
        "update_all": [53, [TABLE, {"n": n}]],
        "delete_all": [54, [TABLE]],
    }
    return terms[kind]


FILTERED = [39, [TABLE, [69, [[2, [1]], [19, [[170, [[10, [1]], "n"]], 2]]]]]]
PLUCKED = [33, [TABLE, "id", "n", "fence"]]
SHORT_RANGE = [182, [TABLE, 2, FENCE], {"right_bound": "closed"}]


@dataclass(frozen=True)
class Scenario:
    """Writers at work while a feed is opened."""

    before: list[tuple[str, int, int]]
    writers: list[list[tuple[str, int, int]]]
    term: Any
    squash: bool | float
    max_batch_rows: int
    join_after: int


scenarios = st.builds(
    Scenario,
    before=st.lists(writes, max_size=6),
    writers=st.lists(st.lists(writes, max_size=12), min_size=1, max_size=3),
    term=st.sampled_from([TABLE, FILTERED, PLUCKED, SHORT_RANGE]),
    squash=st.sampled_from([False, True, 0.001]),
    max_batch_rows=st.sampled_from([1, 2, 1000]),
    join_after=st.integers(0, 5),
)


@given(scenario=scenarios)
@examples(100)
def test_events_of_a_feed_applied_give_the_table(scenario: Scenario) -> None:
    asyncio.run(_run(scenario))


async def _run(scenario: Scenario) -> None:
    async with EmbeddedServer(None) as server, await WireClient.connect(server.port) as client:
        await client.run([60, ["t"]])
        for write in scenario.before:
            await client.run(write_term(write))

        async def write_all(writes: list[tuple[str, int, int]]) -> None:
            async with await WireClient.connect(server.port) as writer:
                for write in writes:
                    await writer.run(write_term(write))

        writing = asyncio.gather(*map(write_all, scenario.writers))
        for _ in range(scenario.join_after):
            await asyncio.sleep(0)
        feed = [152, [scenario.term], {**EVERYTHING, "squash": scenario.squash}]
        rows = scenario.max_batch_rows
        async with Reader.open(server.port, feed, max_batch_rows=rows) as reader:
            await writing
            await reader.read_until(await write_fence(client, 1))
            assert reader.held == await read_table(client, scenario.term)


@pytest.mark.parametrize("queue_size", [1, 5, 40])
async def test_overflow_is_reported_as_a_gap_and_the_feed_goes_on(queue_size: int) -> None:
    async with EmbeddedServer(None) as server, await WireClient.connect(server.port) as client:
        await client.run([60, ["t"]])
        options = {**EVERYTHING, "changefeed_queue_size": queue_size}
        async with Reader.open(server.port, [152, [TABLE], options], max_batch_rows=1) as reader:
            await reader.read_until(lambda reader: reader.ready)
            for number in range(30):
                rows: list[Any] = [{"id": f"{number}-{at}"} for at in range(10)]
                await client.run([56, [TABLE, [2, rows]]])
            await reader.read_until(await write_fence(client, 1))
            assert reader.gap
            changes = [event for event in reader.events if "old_val" in event]
            errors = [event["error"] for event in reader.events if "error" in event]
            skipped = sum(int(error.split("skipped ")[1].split()[0]) for error in errors)
            assert len(changes) + skipped == 301
            assert all(set(event) == {"error"} for event in reader.events if "error" in event)
            assert errors[0] == (
                "Changefeed cache over array size limit, "
                f"skipped {errors[0].split('skipped ')[1].split()[0]} elements."
            )


async def test_overflow_during_the_initial_documents_is_reported_before_ready() -> None:
    async with EmbeddedServer(None) as server, await WireClient.connect(server.port) as client:
        await client.run([60, ["t"]])
        rows: list[Any] = [{"id": number, "n": 0} for number in range(50)]
        await client.run([56, [TABLE, [2, rows]]])
        options = {**EVERYTHING, "changefeed_queue_size": 3}
        async with Reader.open(server.port, [152, [TABLE], options], max_batch_rows=1) as reader:
            await client.run([56, [TABLE, [2, [{"id": f"new {at}"} for at in range(20)]]]])
            await reader.read_until(lambda reader: reader.ready)
            kinds = ["error" if "error" in event else event["type"] for event in reader.events]
            assert kinds.index("error") == len(kinds) - 2
            assert kinds[-1] == "state"
            assert kinds.count("initial") == 50


async def test_changes_interleave_with_initial_documents_but_never_precede_their_own() -> None:
    async with EmbeddedServer(None) as server, await WireClient.connect(server.port) as client:
        await client.run([60, ["t"]])
        rows: list[Any] = [{"id": number, "n": 0} for number in range(10)]
        await client.run([56, [TABLE, [2, rows]]])
        async with Reader.open(server.port, [152, [TABLE], EVERYTHING], max_batch_rows=1) as reader:
            await reader.read_until(lambda reader: len(reader.held) == 3)
            sent = next(iter(reader.held))
            await client.run([53, [TABLE, {"n": 1}]])
            await client.run([54, [[16, [TABLE, 9]]]])
            await client.run([56, [TABLE, {"id": "new", "n": 1}]])
            await reader.read_until(lambda reader: reader.ready)
            kinds = [(event["type"], event.get("new_val")) for event in reader.events]
            first_change = kinds.index(("change", {"id": sent, "n": 1}))
            assert ("initial", {"id": 8, "n": 1}) in kinds[first_change:]
            assert reader.held == await read_table(client)


async def test_feed_becomes_ready_though_no_initial_document_is_left_to_show() -> None:
    async with EmbeddedServer(None) as server, await WireClient.connect(server.port) as client:
        await client.run([60, ["t"]])
        await client.run([56, [TABLE, [2, [{"id": 1, "n": 0}, {"id": 2, "n": 0}]]]])
        feed = [152, [FILTERED], EVERYTHING]
        async with Reader.open(server.port, feed, max_batch_rows=1) as reader:
            assert await client.run([53, [TABLE, {"n": 9}]])
            await reader.read_until(lambda reader: reader.ready)
            assert reader.held == {}


async def test_filter_tells_of_entering_and_leaving() -> None:
    async with EmbeddedServer(None) as server, await WireClient.connect(server.port) as client:
        await client.run([60, ["t"]])
        async with Reader.open(server.port, [152, [FILTERED], {"include_types": True}]) as reader:
            for n in (5, 1, 0, 7):
                await client.run([56, [TABLE, {"id": 1, "n": n}], {"conflict": "replace"}])
            await reader.read_until(lambda reader: len(reader.events) == 3)
            assert reader.events == [
                {"new_val": {"id": 1, "n": 1}, "old_val": None, "type": "add"},
                {"new_val": {"id": 1, "n": 0}, "old_val": {"id": 1, "n": 1}, "type": "change"},
                {"new_val": None, "old_val": {"id": 1, "n": 0}, "type": "remove"},
            ]


async def test_document_for_which_a_filter_fails_is_not_shown() -> None:
    predicate = [69, [[2, [1]], [21, [[24, [[170, [[10, [1]], "n"]], 1]], 0]]]]
    async with EmbeddedServer(None) as server, await WireClient.connect(server.port) as client:
        await client.run([60, ["t"]])
        await client.run([56, [TABLE, {"id": 0, "n": "not a number"}]])
        feed = [152, [[39, [TABLE, predicate]]], EVERYTHING]
        async with Reader.open(server.port, feed) as reader:
            for n in ("text", 1, "text"):
                await client.run([56, [TABLE, {"id": 1, "n": n}], {"conflict": "replace"}])
            await reader.read_until(lambda reader: len(reader.events) == 4)
            assert [event["type"] for event in reader.events] == ["state", "state", "add", "remove"]


async def test_document_that_is_deeper_than_json_is_written_is_reported() -> None:
    deeper: Any = [170, [[10, [1]], "n"]]
    for _ in range(50):
        deeper = [2, [deeper]]
    deepen = [53, [[16, [TABLE, 1]], [69, [[2, [1]], {"n": deeper}]]]]
    async with (
        EmbeddedServer(None) as server,
        await WireClient.connect(server.port) as client,
    ):
        await client.run([60, ["t"]])
        await client.run([56, [TABLE, {"id": 1, "n": 1}]])
        async with Reader.open(server.port, [152, [TABLE], EVERYTHING]) as reader:
            for _ in range(12):  # to 600 levels: orjson writes 254, and the tests read about 900
                assert (await client.run(deepen))["r"][0]["replaced"] == 1
            always = [56, [TABLE, {"id": 1}], {"conflict": "update", "return_changes": "always"}]
            assert (await client.run(always))["t"] == 1
            await reader.read_until(await write_fence(client, 1))
            assert reader.held == await read_table(client)
            levels, value = 0, reader.held[1]["n"]
            while value != 1:
                levels, (value,) = levels + 1, value
            assert levels == 600


ODD = {
    "geometry": {"$reql_type$": "GEOMETRY", "coordinates": [1.5, 2], "type": "Point"},
    "binary": {"$reql_type$": "BINARY", "data": "AP8="},
    "far time": {"$reql_type$": "TIME", "epoch_time": 10**15, "timezone": "+00:00"},
    "null": None,
    "deep": {"a": {"b": {"c": {"d": {}}}}},
    "big": 1e300,
    "text": "\0é\u2028😀",
}


@pytest.mark.parametrize("name", ODD)
async def test_odd_document_streams_past_like_any_other(name: str) -> None:
    async with EmbeddedServer(None) as server, await WireClient.connect(server.port) as client:
        await client.run([60, ["t"]])
        async with Reader.open(server.port, [152, [TABLE], EVERYTHING]) as reader:
            document = {"id": name, "value": ODD[name]}
            value = [159, [1.5, 2]] if name == "geometry" else ODD[name]
            reply = await client.run([56, [TABLE, {"id": name, "value": value}]])
            assert reply["r"][0]["inserted"] == 1
            await reader.read_until(await write_fence(client, 1))
            assert reader.held[name] == document


@pytest.mark.parametrize(
    ("raw", "key"),
    [
        (5, 5),
        (2.5, 2.5),
        (True, True),
        ("", ""),
        ([2, [1, "x", [2, [False]]]], [1, "x", [False]]),
        ([101, [1]], {"$reql_type$": "TIME", "epoch_time": 1, "timezone": "+00:00"}),
        ({"$reql_type$": "BINARY", "data": "AAE="}, {"$reql_type$": "BINARY", "data": "AAE="}),
    ],
)
async def test_key_of_any_type_is_added_changed_and_removed(raw: Any, key: Any) -> None:
    async with (
        EmbeddedServer(None) as server,
        await WireClient.connect(server.port) as client,
        await WireClient.connect(server.port) as feed,
    ):
        await client.run([60, ["t"]])
        feed.send(1, [1, [152, [TABLE], {"include_types": True}], {}])
        await feed.read()
        await client.run([56, [TABLE, {"id": raw}]])
        await client.run([53, [[16, [TABLE, raw]], {"n": 1}]])
        await client.run([54, [[16, [TABLE, raw]]]])
        events: list[Any] = []
        while len(events) < 3:
            feed.send(1, [2])
            events += (await feed.read())[1]["r"]
        assert [(event["type"], event["new_val"]) for event in events] == [
            ("add", {"id": key}),
            ("change", {"id": key, "n": 1}),
            ("remove", None),
        ]


@pytest.mark.parametrize(
    ("term", "message"),
    [
        ([152, [[41, [TABLE, "n"]]]], "Cannot call `changes` on an eager stream."),
        (
            [152, [[71, [TABLE, 2]]]],
            "Cannot get changes on the first elements of an unordered stream.",
        ),
        ([152, [[71, [[41, [TABLE, "n"]], 2]]]], "Cannot call `changes` on an eager stream."),
        (
            [152, [[71, [[41, [TABLE, "n"], {"index": "id"}], 2]]]],
            "Cannot call `changes` on an eager stream.",
        ),
        ([152, [[70, [BY_ID, 1]]]], "Cannot call `changes` on an eager stream."),
        ([152, [[71, [[71, [BY_ID, 3]], 2]]]], "Cannot call `changes` on an eager stream."),
        (
            [152, [[33, [[71, [BY_ID, 2]], "n"]]]],
            (
                "Changefeeds are not supported on queries that have a transformation following a "
                "`limit` term.  Transformations include terms such as `filter`, `map`, `pluck`, "
                "etc.  Consider moving the transformation before the `limit` term."
            ),
        ),
        (
            [152, [BY_ID], {"include_offsets": True}],
            "Cannot include offsets for range subs.",
        ),
        ([152, [[2, [1]]]], "Cannot call `changes` on an eager stream."),
        (
            [152, [[38, [TABLE, [69, [[2, [1]], [43, [TABLE]]]]]]]],
            "Cannot call `changes` after a non-deterministic function.",
        ),
        ([152, [[152, [TABLE]]]], "Cannot call `changes` on this stream."),
        (
            [43, [[152, [TABLE]]]],
            (
                "Cannot call a terminal (`reduce`, `count`, etc.) on an infinite stream (such as "
                "a changefeed)."
            ),
        ),
        ([152, [{"a": 1}]], "Cannot convert OBJECT to SEQUENCE"),
        (
            [152, [TABLE], {"squash": -1}],
            "Expected BOOL or a positive NUMBER but found a negative NUMBER.",
        ),
        (
            [152, [TABLE], {"changefeed_queue_size": 0}],
            "Illegal changefeed queue size `0`.  (Must be >= 1.)",
        ),
        (
            [152, [[16, [TABLE, 1]]], {"include_offsets": True}],
            "Cannot include offsets for point subs.",
        ),
    ],
)
async def test_what_cannot_be_followed_gets_rethinkdbs_error(term: Any, message: str) -> None:
    async with EmbeddedServer(None) as server, await WireClient.connect(server.port) as client:
        await client.run([60, ["t"]])
        await client.run([56, [TABLE, {"id": 1, "n": 1}]])
        reply = await client.run(term)
        assert (reply["t"], reply["e"], reply["r"]) == (18, 3000000, [message])


@pytest.mark.parametrize(
    ("term", "note"),
    [
        ([71, [BY_ID, 1]], 3),
        ([30, [BY_ID, 0, 1]], 3),
        ([71, [[39, [BY_ID, {"n": 1}]], 1]], 3),
        ([39, [[71, [BY_ID, 1]], {"n": 1}]], 3),
        ([71, [[182, [BY_ID, 0, 9]], 1]], 3),
        ([147, [TABLE], {"index": "id"}], 3),
        (BY_ID, 1),
    ],
)
async def test_window_of_an_order_is_followed_and_the_whole_order_is_like_the_table(
    term: Any, note: int
) -> None:
    async with (
        EmbeddedServer(None) as server,
        await WireClient.connect(server.port) as client,
        await WireClient.connect(server.port) as feed,
    ):
        await client.run([60, ["t"]])
        feed.send(1, [1, [152, [term], {"include_states": True}], {}])
        assert await feed.read() == (1, {"t": 3, "r": [{"state": "ready"}], "n": [note, 5]})
        feed.send(1, [2])
        await client.run([56, [TABLE, {"id": 2, "n": 1}]])
        row = {"id": 2, "n": 1}
        event = {"old_val": None, "new_val": row}
        assert await feed.read() == (1, {"t": 3, "r": [event], "n": [note, 5]})


async def test_first_document_of_an_empty_index_is_followed() -> None:
    async with EmbeddedServer(None) as server, await WireClient.connect(server.port) as client:
        await client.run([60, ["t"]])
        first = [148, [TABLE], {"index": "id"}]
        assert (await client.run(first))["r"] == ["`max` found no entries in the specified index."]
        reply = await client.run([152, [first], {"include_initial": True}])
        assert reply == {"t": 3, "r": [], "n": [3]}


async def test_window_larger_than_an_array_may_be_is_refused() -> None:
    async with EmbeddedServer(None) as server, await WireClient.connect(server.port) as client:
        await client.run([60, ["t"]])
        reply = await client.run([152, [[71, [BY_ID, 100_001]]]])
        assert (reply["t"], reply["e"], reply["r"]) == (
            18,
            2000000,
            [
                (
                    "Array size limit `100000` exceeded.  (`.limit(X).changes()` is illegal if X "
                    "is larger than the array size limit.)"
                )
            ],
        )


async def test_stages_after_changes_apply_to_the_events() -> None:
    pluck_then_limit = [71, [[170, [[152, [TABLE]], "new_val"]], 2]]
    async with (
        EmbeddedServer(None) as server,
        await WireClient.connect(server.port) as client,
        await WireClient.connect(server.port) as feed,
    ):
        await client.run([60, ["t"]])
        feed.send(1, [1, pluck_then_limit, {}])
        assert await feed.read() == (1, {"t": 3, "r": [], "n": [1]})
        feed.send(1, [2])
        await client.run([56, [TABLE, [2, [{"id": 1}, {"id": 2}, {"id": 3}]]]])
        expected = {"t": 2, "r": [{"id": 1}, {"id": 2}], "n": [1]}
        assert await feed.read() == (1, expected)
        feed.send(1, [2])
        assert (await feed.read())[1]["t"] == 16


async def test_users_can_be_followed_but_never_their_passwords() -> None:
    users = [15, [[14, ["rethinkdb"]], "users"]]
    async with (
        EmbeddedServer(None) as server,
        await WireClient.connect(server.port) as client,
        Reader.open(server.port, [152, [users], EVERYTHING]) as reader,
    ):
        insert = [56, [users, {"id": "app", "password": "s3cret"}], {"return_changes": True}]
        reply = await client.run(insert)
        await reader.read_until(lambda reader: "app" in reader.held)
        assert reader.held["app"] == {"id": "app", "password": True}
        assert "s3cret" not in str(reply)
