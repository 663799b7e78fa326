"""Writes that are one atomic step, whatever others write, and however the connection ends."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from functools import partial
from typing import Any

import pytest

from graphql_api.errors import (
    DatabaseError,
    DatabaseRefusedError,
    DatabaseUnavailableError,
    OutcomeUnknownError,
    TableMissingError,
)
from graphql_api.feeds.table import Document
from graphql_api.rethink import pool
from graphql_api.rethink.database_connection import Timeouts
from graphql_api.rethink.driver import RAW, r
from graphql_api.rethink.failover import connect
from graphql_api.rethink.init import initialise
from graphql_api.rethink.store import RethinkStore
from graphql_api.rethink.url import DatabaseURL
from graphql_api.tables import TABLES
from tests.fault.clock import LIMIT_S, LoopClock
from tests.unit.rethink.scripted_server import CONTINUE, START, Reply, ScriptedServer

TIMEOUTS = Timeouts(connect_s=3600, query_s=3600, close_s=3600)
PATIENT = replace(TIMEOUTS, query_s=LIMIT_S)
REPLACE = 55

ODD: dict[str, Any] = {
    "id": "odd",
    "time": {"$reql_type$": "TIME", "epoch_time": 1_700_000_000.123, "timezone": "-05:30"},
    "far": {"$reql_type$": "TIME", "epoch_time": 10**15, "timezone": "+00:00"},
    "binary": {"$reql_type$": "BINARY", "data": "AAAA"},
    "numbers": [0.1, 2**53, -1.5e300, 0],
    "null": None,
    "deep": {"a": {"b": {"c": {"d": {"e": {"f": {"g": {"h": {"i": {"j": {"k": [[[{}]]]}}}}}}}}}}},
    "text": "ä\u0000\U0001f600",
}


@asynccontextmanager
async def storing(url: DatabaseURL) -> AsyncIterator[RethinkStore]:
    await initialise(url, TABLES)
    async with RethinkStore(url, timeouts=TIMEOUTS) as store:
        yield store


def _first(document: Document, _: object) -> Document:
    return document


def counting(old: Document | None) -> Document:
    return {"id": "n", "n": 1 + (old["n"] if old else 0)}


async def test_document_is_created_changed_and_deleted(database: DatabaseURL) -> None:
    async with storing(database) as store:
        assert await store.get("schedule", "n") is None
        written = await store.write("schedule", "n", counting)
        assert (written.old, written.new) == (None, {"id": "n", "n": 1})
        written = await store.write("schedule", "n", counting)
        assert (written.old, written.new) == ({"id": "n", "n": 1}, {"id": "n", "n": 2})
        assert await store.get("schedule", "n") == {"id": "n", "n": 2}
        written = await store.write("schedule", "n", lambda _: None)
        assert (written.old, written.new) == ({"id": "n", "n": 2}, None)
        assert await store.get("schedule", "n") is None


async def test_any_document_is_found_unchanged_and_can_be_changed(database: DatabaseURL) -> None:
    async with storing(database) as store:
        await store.write("schedule", "odd", lambda _: ODD)
        assert await store.get("schedule", "odd") == ODD
        written = await store.write("schedule", "odd", lambda old: {**(old or {}), "new": 1})
        assert written.new == {**ODD, "new": 1}


async def test_true_in_the_place_of_one_is_a_change(database: DatabaseURL) -> None:
    async with storing(database) as store:
        await store.write("schedule", "n", lambda _: {"id": "n", "enabled": 1})
        await store.write("schedule", "n", lambda _: {"id": "n", "enabled": True})
        document = await store.get("schedule", "n")
        assert document is not None
        assert document["enabled"] is True


async def test_documents_are_found_by_a_field(database: DatabaseURL) -> None:
    async with storing(database) as store:
        documents: list[Document] = [{"id": "a", "p": "x"}, {"id": "b", "p": "y"}, {"id": "c"}]
        for document in documents:
            await store.write("schedule", document["id"], partial(_first, document))
        assert await store.find("schedule", "p", "x") == [{"id": "a", "p": "x"}]
        assert await store.find("schedule", "p", "z") == []


async def test_what_a_change_raises_is_raised_and_nothing_written(database: DatabaseURL) -> None:
    def refuse(_: Document | None) -> Document:
        raise LookupError("not this one")

    async with storing(database) as store:
        with pytest.raises(LookupError, match="not this one"):
            await store.write("schedule", "n", refuse)
        assert await store.get("schedule", "n") is None


async def test_no_write_is_lost_between_stores_that_write_at_once(database: DatabaseURL) -> None:
    async with storing(database) as one, RethinkStore(database) as other:

        async def count(store: RethinkStore) -> None:
            for _ in range(10):
                await store.write("schedule", "n", counting)

        async with asyncio.TaskGroup() as tasks:
            for store in (one, other) * 5:
                tasks.create_task(count(store))
        assert await one.get("schedule", "n") == {"id": "n", "n": 100}


async def test_change_is_asked_again_when_somebody_was_faster(database: DatabaseURL) -> None:
    async with storing(database) as store, connect(database) as connection:
        row = r.db(database.database).table("schedule").get("n")
        await store.write("schedule", "n", counting)
        asked: list[Document | None] = []
        others: list[asyncio.Task[Any]] = []

        def change(old: Document | None) -> Document:
            asked.append(old)
            return counting(old)

        # The other write is made after the read, and before the write, of the first try.
        original = store._pool.connection

        @asynccontextmanager
        async def interfering() -> AsyncIterator[Any]:
            async with original() as real:

                class Interfering:
                    async def run(self, term: Any, **options: Any) -> Any:
                        if term.build()[0] == REPLACE and not others:
                            write = connection.run(row.update({"n": 10}), **RAW)
                            others.append(asyncio.ensure_future(write))
                            await others[0]
                        return await real.run(term, **options)

                yield Interfering()

        store._pool.connection = interfering  # type: ignore[method-assign]
        written = await store.write("schedule", "n", change)
        assert asked == [{"id": "n", "n": 1}, {"id": "n", "n": 10}]
        assert written.new == {"id": "n", "n": 11}


async def test_connection_is_used_again_unless_its_user_has_broken_it(
    database: DatabaseURL, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pool, "MAX_IDLE_S", LIMIT_S)
    async with storing(database) as store:
        seen = []
        for _ in range(3):
            async with store._pool.connection() as connection:
                seen.append(connection)
        assert seen[0] is seen[1] is seen[2]
        async with store._pool.connection() as connection:
            waiting = asyncio.create_task(connection.run(r.db_list()))
            await asyncio.sleep(0)
            waiting.cancel()
            await asyncio.gather(waiting, return_exceptions=True)
        async with store._pool.connection() as connection:
            assert connection is not seen[0]


async def test_connection_that_was_idle_for_long_is_not_trusted(
    database: DatabaseURL, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with storing(database) as store:
        async with store._pool.connection() as first:
            pass
        monkeypatch.setattr(pool, "MAX_IDLE_S", -1)
        async with store._pool.connection() as second:
            assert second is not first


async def test_missing_table_is_named(database: DatabaseURL) -> None:
    async with storing(database) as store:
        with pytest.raises(TableMissingError, match=r"\.nothing does not exist"):
            await store.write("nothing", "n", counting)


async def test_no_database_means_that_nothing_is_written(reserved_port: int) -> None:
    url = DatabaseURL("127.0.0.1", reserved_port, "starbelly")
    async with RethinkStore(url, timeouts=PATIENT) as store:
        with pytest.raises(DatabaseUnavailableError, match="no server listens"):
            await store.write("policy", "p", counting)


def script(clock: LoopClock, *replies: Reply) -> Any:
    """Replies to what is asked; where there is none, time passes."""
    remaining = iter(replies)

    def answer(query: list[Any]) -> Reply:
        if query[0] == START:
            reply = next(remaining, None)
            if reply is None:
                clock.forward(LIMIT_S)
            return reply
        return {"t": 16, "r": ["Token 0 not in stream cache."]} if query[0] == CONTINUE else None

    return answer


@asynccontextmanager
async def scripted(clock: LoopClock, *replies: Reply) -> AsyncIterator[RethinkStore]:
    async with ScriptedServer(script(clock, *replies)) as server:
        url = DatabaseURL(server.host, server.port, "starbelly")
        async with RethinkStore(url, timeouts=PATIENT) as store:
            yield store


NOTHING: Reply = {"t": 1, "r": [None]}


async def test_silence_before_the_write_is_not_taken_for_an_unknown_outcome(
    clock: LoopClock,
) -> None:
    async with scripted(clock) as store:
        with pytest.raises(DatabaseUnavailableError, match=r"no answer .* within 3600 s"):
            await store.write("policy", "p", counting)


@pytest.mark.parametrize(
    "reply",
    [
        None,
        {"t": 18, "e": 4200000, "r": ["The outcome is not known."], "b": []},
        {"t": 18, "e": 1000000, "r": ["An internal error."], "b": []},
        b"not JSON",
    ],
)
async def test_lost_answer_to_a_write_means_that_its_outcome_is_unknown(
    reply: Reply, clock: LoopClock
) -> None:
    async with scripted(clock, NOTHING, reply) as store:
        with pytest.raises(OutcomeUnknownError):
            await store.write("policy", "p", counting)


async def test_connection_that_breaks_with_a_write_on_its_way_means_the_same() -> None:
    def hang_up(query: list[Any]) -> Reply:
        if query[0] == START and query[1][0] == REPLACE:
            raise EOFError
        return NOTHING

    async with ScriptedServer(hang_up) as server:
        url = DatabaseURL(server.host, server.port, "starbelly")
        async with RethinkStore(url, timeouts=TIMEOUTS) as store:
            with pytest.raises(OutcomeUnknownError):
                await store.write("policy", "p", counting)


async def test_write_that_the_server_says_has_failed_was_not_done(clock: LoopClock) -> None:
    failed: Reply = {"t": 18, "e": 4100000, "r": ["primary replica not available"], "b": []}
    async with scripted(clock, NOTHING, failed) as store:
        with pytest.raises(DatabaseUnavailableError, match="not available"):
            await store.write("policy", "p", counting)


async def test_missing_permission_is_said_so(clock: LoopClock) -> None:
    denied: Reply = {"t": 18, "e": 6000000, "r": ["User `x` does not have …"], "b": []}
    async with scripted(clock, NOTHING, denied) as store:
        with pytest.raises(DatabaseRefusedError):
            await store.write("policy", "p", counting)


async def test_reason_of_a_refusal_does_not_quote_the_document(
    clock: LoopClock, caplog: pytest.LogCaptureFixture
) -> None:
    result = {
        "errors": 1,
        "first_error": 'Inserted object must be nice:\n{"password": "hunter2"}',
        "changes": [{"old_val": None, "new_val": None}],
    }
    caplog.set_level(logging.DEBUG)
    async with scripted(clock, NOTHING, {"t": 1, "r": [result]}) as store:
        with pytest.raises(DatabaseError, match="must be nice") as raised:
            await store.write("policy", "p", counting)
    assert "hunter2" not in str(raised.value) + caplog.text


async def test_write_that_is_always_overtaken_is_given_up(clock: LoopClock) -> None:
    overtaken: Reply = {
        "t": 1,
        "r": [
            {
                "errors": 1,
                "first_error": "graphql-api: the document has changed",
                "changes": [{"old_val": {"id": "n", "n": 1}, "new_val": {"id": "n", "n": 1}}],
            }
        ],
    }

    def always(query: list[Any]) -> Reply:
        if query[0] != START:
            return None
        if query[1][0] != REPLACE:
            return NOTHING
        clock.forward(LIMIT_S / 4)
        return overtaken

    async with ScriptedServer(always) as server:
        url = DatabaseURL(server.host, server.port, "starbelly")
        async with RethinkStore(url, timeouts=PATIENT) as store:
            with pytest.raises(DatabaseUnavailableError, match="changed all the time"):
                await store.write("policy", "n", counting)
