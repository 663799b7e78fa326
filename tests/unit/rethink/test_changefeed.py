"""The changefeed source against a server that does what a test says."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from graphql_api.errors import (
    DatabaseRefusedError,
    DatabaseUnavailableError,
    FeedLostError,
    TableMissingError,
)
from graphql_api.feeds.source import DocumentChange, SourceReady
from graphql_api.rethink.changefeed import ChangefeedSettings, RethinkSource
from graphql_api.rethink.database_connection import Timeouts
from graphql_api.rethink.url import DatabaseURL
from tests.fault.clock import LIMIT_S, LoopClock, put_forward_until, some_steps
from tests.fault.proxy import Proxy, QueryType, is_query
from tests.unit.rethink.scripted_server import (
    CONTINUE,
    SERVER_INFO,
    START,
    STOP,
    Reply,
    ScriptedServer,
    feed_of,
    rows,
)

INITIALIZING = {"type": "state", "state": "initializing"}
READY = {"type": "state", "state": "ready"}

SETTINGS = ChangefeedSettings(
    timeouts=Timeouts(connect_s=LIMIT_S, query_s=LIMIT_S, close_s=LIMIT_S),
    database_heartbeat_s=LIMIT_S,
    database_ready_timeout_s=LIMIT_S,
)
"""Limits that are over when a test puts the clock forward, however busy the machine."""


def source(
    server: ScriptedServer | Proxy, settings: ChangefeedSettings = SETTINGS
) -> RethinkSource:
    return RethinkSource(DatabaseURL(server.host, server.port, "starbelly"), settings)


def initial(document: Any) -> dict[str, Any]:
    return {"type": "initial", "new_val": document}


async def test_rows_become_events() -> None:
    a, b = {"id": "a"}, {"id": "a", "n": 1}
    script = feed_of(
        rows(INITIALIZING, initial(a)),
        rows(
            {"type": "change", "old_val": a, "new_val": b},
            READY,
            {"type": "add", "old_val": None, "new_val": a},
            {"type": "remove", "old_val": a, "new_val": None},
            {"type": "uninitial", "old_val": b},
        ),
    )
    async with ScriptedServer(script) as server, source(server).changes("policy") as feed:
        assert [await anext(feed) for _ in range(6)] == [
            DocumentChange(old=None, new=a),
            DocumentChange(old=a, new=b),
            SourceReady(),
            DocumentChange(old=None, new=a),
            DocumentChange(old=a, new=None),
            DocumentChange(old=b, new=None),
        ]


async def test_feed_is_asked_for_as_it_should() -> None:
    asked: list[Any] = []

    def script(query: list[Any]) -> Reply:
        asked.append(query)
        return rows(READY) if query[0] == START else None

    async with ScriptedServer(script) as server, source(server).changes("policy") as feed:
        await anext(feed)
    _, (changes, (table,), options), run_options = asked[0]
    assert changes == 152
    assert table == [15, [[14, ["starbelly"]], "policy"]]
    assert options == {
        "include_initial": True,
        "include_states": True,
        "include_types": True,
        "squash": False,
        "changefeed_queue_size": 100_000,
    }
    assert run_options == {"time_format": "raw", "binary_format": "raw", "max_batch_rows": 100}


@pytest.mark.parametrize(
    "value",
    [
        {"$reql_type$": "FROM_THE_FUTURE", "x": 1},
        {"$reql_type$": "TIME", "epoch_time": 1e15, "timezone": "+00:00"},
        {"$reql_type$": "TIME"},
        {"$reql_type$": "BINARY"},
        {"$reql_type$": "GROUPED_DATA"},
        {"$reql_type$": ["?"]},
    ],
)
async def test_pseudo_types_pass_as_plain_json(value: Any) -> None:
    script = feed_of(rows(initial({"id": value, "x": [value]}), READY))
    async with ScriptedServer(script) as server, source(server).changes("policy") as feed:
        assert await anext(feed) == DocumentChange(old=None, new={"id": value, "x": [value]})
        assert await anext(feed) == SourceReady()


@pytest.mark.parametrize("position", ["before ready", "after ready"])
async def test_overflow_is_a_gap(position: str) -> None:
    overflow = {"error": "Changefeed cache over array size limit, skipped 198 elements."}
    script = feed_of(rows(*([READY] if position == "after ready" else []), overflow, READY))
    async with ScriptedServer(script) as server, source(server).changes("policy") as feed:
        if position == "after ready":
            await anext(feed)
        with pytest.raises(FeedLostError, match="skipped 198 elements"):
            await anext(feed)


async def test_document_with_an_error_field_is_no_overflow() -> None:
    document = {"id": "a", "error": "Changefeed cache over array size limit, skipped 1 elements."}
    script = feed_of(rows(initial(document)))
    async with ScriptedServer(script) as server, source(server).changes("policy") as feed:
        assert await anext(feed) == DocumentChange(old=None, new=document)


@pytest.mark.parametrize(
    ("reply", "reason"),
    [
        ({"t": 18, "e": 4100000, "r": ["Changefeed aborted (unavailable)."], "b": []}, "aborted"),
        ({"t": 16, "r": ["Token 0 not in stream cache."], "b": []}, "stream cache"),
        ({"t": 18, "e": 1000000, "r": ["Internal."], "b": []}, "Internal"),
        ({"t": 18, "e": 9999999, "r": ["An error of a new type."], "b": []}, "new type"),
        ({"t": 2, "r": []}, "the server has ended the changefeed"),
        (b'{"t":3,"r":[', "not JSON"),
        (b'{"t":3,"r":[' + b"[" * 5000 + b"]" * 5000 + b"]}", "unknown kind"),
        (rows({"type": "surprise"}), "unknown kind"),
        (rows(5), "unknown kind"),
    ],
)
async def test_feed_that_ends_is_lost(reply: Reply, reason: str) -> None:
    script = feed_of(rows(initial({"id": "a"}), READY), reply)
    async with ScriptedServer(script) as server, source(server).changes("policy") as feed:
        await anext(feed)
        await anext(feed)
        with pytest.raises(FeedLostError, match=reason):
            await anext(feed)


@pytest.mark.parametrize("reply", [b"\xff\xfe", b"{}", b"5", b'{"t":99,"r":[]}'])
async def test_reply_that_breaks_the_driver_is_noticed(reply: bytes) -> None:
    script = feed_of(rows(READY), reply)

    async def read(server: ScriptedServer) -> None:
        async with source(server).changes("policy") as feed:
            assert await anext(feed) == SourceReady()
            await anext(feed)

    async with ScriptedServer(script) as server:
        with pytest.raises((FeedLostError, DatabaseUnavailableError)):
            await read(server)


async def test_feed_is_lost_when_ready_never_comes_though_changes_do(clock: LoopClock) -> None:
    change = {"type": "add", "old_val": None, "new_val": {"id": "a"}}

    def script(query: list[Any]) -> Reply:
        return rows(change) if query[0] in (START, CONTINUE) else None

    async with ScriptedServer(script) as server, source(server).changes("policy") as feed:
        await anext(feed)
        clock.forward(LIMIT_S)
        with pytest.raises(FeedLostError, match="not ready within 3600 s"):
            async for _ in feed:
                pass


async def test_feed_is_lost_when_ready_never_comes_and_nothing_else_does(clock: LoopClock) -> None:
    impatient = SETTINGS.model_copy(update={"database_ready_timeout_s": LIMIT_S / 4})
    async with (
        ScriptedServer(feed_of(rows(INITIALIZING))) as server,
        source(server, impatient).changes("policy") as feed,
    ):
        reader = asyncio.ensure_future(anext(feed))
        await some_steps()
        clock.forward(LIMIT_S / 4)
        with pytest.raises(FeedLostError, match="not ready within 900 s"):
            await reader


async def test_ready_feed_may_be_quiet_for_ever(clock: LoopClock) -> None:
    """Its heartbeat beats, and the time that it had to become ready counts no more."""
    script = feed_of(rows(READY))
    async with ScriptedServer(script) as server, source(server).changes("policy") as feed:
        await anext(feed)
        reader = asyncio.ensure_future(anext(feed))
        for beats in range(1, 4):
            await asyncio.sleep(0)
            clock.forward(LIMIT_S / 2)
            while server.queries.count(SERVER_INFO) < beats or is_asked(feed):
                await asyncio.sleep(0)
                assert not reader.done()
        reader.cancel()
        await asyncio.wait({reader})


def is_asked(feed: Any) -> bool:
    """Whether the heartbeat waits for an answer."""
    return bool(feed._heartbeat.answers)


async def test_cancelling_next_does_not_harm_a_heartbeat(clock: LoopClock) -> None:
    """The driver would close the connection when the answer finds its query cancelled."""
    script = feed_of(rows(READY))
    async with (
        ScriptedServer(script) as server,
        Proxy(server.host, server.port) as proxy,
        source(proxy).changes("policy") as feed,
    ):
        await anext(feed)
        proxy.delay_s = 0.02
        while proxy.count(is_query(QueryType.SERVER_INFO)) < 2:
            if not is_asked(feed):
                clock.forward(LIMIT_S / 2)
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.005):
                    await anext(feed)


async def test_server_that_does_not_answer_the_heartbeat_is_lost(clock: LoopClock) -> None:
    def script(query: list[Any]) -> Reply:
        return rows(READY) if query[0] == START else None

    async with ScriptedServer(script) as server, source(server).changes("policy") as feed:
        await anext(feed)
        reader = asyncio.ensure_future(anext(feed))
        for _ in range(2):  # it asks, and has waited for the answer
            await some_steps()
            clock.forward(LIMIT_S / 2)
        with pytest.raises(DatabaseUnavailableError, match="silent for 3600 s"):
            await reader


async def test_start_that_is_not_answered_is_given_up(clock: LoopClock) -> None:
    async def start(server: ScriptedServer) -> None:
        async with source(server).changes("policy"):
            pass

    async with ScriptedServer(lambda _: None) as server:
        starting = asyncio.ensure_future(start(server))
        while START not in server.queries:
            await asyncio.sleep(0)
        with pytest.raises(DatabaseUnavailableError, match=r"no answer from .* within 3600 s"):
            await put_forward_until(clock, starting)


async def test_start_that_is_refused_says_why() -> None:
    missing = {"t": 18, "e": 4100000, "r": ["Table `starbelly.policy` does not exist."], "b": [0]}
    async with ScriptedServer(feed_of(missing)) as server:
        with pytest.raises(TableMissingError, match=r"starbelly\.policy .*graphql-api init"):
            async with source(server).changes("policy"):
                pass


async def test_start_by_a_user_who_may_not_read_is_refused() -> None:
    """RethinkDB calls it an unexpected exception; of all queries, only of a changefeed."""
    text = "Unexpected exception: User `app` does not have the required `read` permission."
    denied = {"t": 18, "e": 1000000, "r": [text], "b": []}
    async with ScriptedServer(feed_of(denied)) as server:
        with pytest.raises(DatabaseRefusedError, match=r"user 'admin': User `app` does not"):
            async with source(server).changes("policy"):
                pass


async def test_early_resubscribe_that_is_refused_may_be_tried_again() -> None:
    reply = {"t": 18, "e": 4100000, "r": ["cannot subscribe to table `policy`: no"], "b": []}
    async with ScriptedServer(feed_of(reply)) as server:
        with pytest.raises(DatabaseUnavailableError, match="cannot subscribe"):
            async with source(server).changes("policy"):
                pass


async def test_cancelling_next_loses_nothing() -> None:
    """At whichever step of the loop: the next call goes on."""
    script = feed_of(*(rows(initial({"id": n})) for n in range(200)), rows(READY))
    got: list[Any] = []
    attempts = 0
    async with ScriptedServer(script) as server, source(server).changes("policy") as feed:
        while len(got) < 200:
            reader = asyncio.ensure_future(anext(feed))
            attempts += 1
            for _ in range(attempts % 7):
                await asyncio.sleep(0)
            reader.cancel()
            try:
                event = await reader
            except asyncio.CancelledError:
                continue
            assert isinstance(event, DocumentChange)
            assert event.new is not None
            got.append(event.new["id"])
        assert isinstance(await anext(feed), SourceReady)
    assert got == list(range(200))
    assert attempts > 220


async def test_leaving_sends_stop_once_and_wakes_the_reader() -> None:
    async with ScriptedServer(feed_of(rows(READY))) as server:
        async with source(server).changes("policy") as feed:
            await anext(feed)
            reader = asyncio.ensure_future(anext(feed))
            await asyncio.sleep(0)
        with pytest.raises(StopAsyncIteration):
            await reader
        with pytest.raises(StopAsyncIteration):
            await anext(feed)
        while STOP not in server.queries:
            await asyncio.sleep(0.001)
    assert server.queries.count(STOP) == 1


async def test_feed_that_has_ended_is_not_stopped() -> None:
    script = feed_of(rows(READY), {"t": 18, "e": 4100000, "r": ["Changefeed aborted."], "b": []})
    async with ScriptedServer(script) as server, source(server).changes("policy") as feed:
        await anext(feed)
        with pytest.raises(FeedLostError):
            await anext(feed)
    assert STOP not in server.queries


@pytest.mark.parametrize(
    ("handshake", "reason"),
    [
        ([b""], "the server hung up"),
        ([b"HTTP/1.1 400 Bad Request\r\n\r\n"], "not JSON"),
        ([b'{"success":true}\0'], "no connection to"),
        ([b'{"success":false,"error":"No.","error_code":1}\0'], "no connection to .*: No"),
        ([b"[]\0"], "no connection to"),
        ([b"\xff\0"], "no connection to"),
        ([b'{"success":true,"min_protocol_version":7,"max_protocol_version":9}\0'], "expected"),
    ],
)
async def test_peer_that_is_no_rethinkdb_is_reported(handshake: list[bytes], reason: str) -> None:
    async with ScriptedServer(feed_of(), handshake=handshake) as server:
        with pytest.raises(DatabaseUnavailableError, match=reason):
            async with source(server).changes("policy"):
                pass


async def test_reader_takes_no_more_than_it_reads() -> None:
    """Back-pressure: a reader that does not read makes the server keep its changes."""
    asked = 0

    def script(query: list[Any]) -> Reply:
        nonlocal asked
        asked += query[0] == CONTINUE
        return rows(*({"type": "initial", "new_val": {"id": n}} for n in range(10)))

    async with ScriptedServer(script) as server, source(server).changes("policy") as feed:
        await anext(feed)
        await wait_until_still(lambda: asked)
        assert asked <= 3
        for _ in range(100):
            await anext(feed)


async def wait_until_still(value: Callable[[], int]) -> None:
    """Return when `value` has not changed for many steps of the loop."""
    still, last = 0, value()
    while still < 200:
        await asyncio.sleep(0)
        still, last = (still + 1, last) if value() == last else (0, value())
