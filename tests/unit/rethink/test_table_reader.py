from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from graphql_api.errors import DatabaseError, DatabaseUnavailableError, TableMissingError
from graphql_api.feeds.keys import Key
from graphql_api.rethink.database_connection import Timeouts
from graphql_api.rethink.driver import r
from graphql_api.rethink.failover import connect
from graphql_api.rethink.init import initialise
from graphql_api.rethink.table_reader import TableReader
from graphql_api.rethink.url import DatabaseURL
from graphql_api.schema.document import stored_value
from graphql_api.tables import TABLES
from tests.fault.clock import LIMIT_S, LoopClock
from tests.unit.rethink.scripted_server import CONTINUE, START, Reply, ScriptedServer, feed_of, rows

TIMEOUTS = Timeouts(connect_s=3600, query_s=3600, close_s=3600)


def reader(server: ScriptedServer, timeouts: Timeouts = TIMEOUTS) -> TableReader:
    return TableReader(DatabaseURL(server.host, server.port, "starbelly"), timeouts=timeouts)


async def test_every_document_is_read(database: DatabaseURL) -> None:
    await initialise(database, TABLES)
    documents = [{"id": f"{n:04}", "x": "x" * 500} for n in range(1500)]
    async with connect(database) as connection:
        await connection.run(r.db(database.database).table("schedule").insert(documents))
    read = await TableReader(database).read("schedule")
    assert sorted(read, key=lambda document: str(document["id"])) == documents
    assert await TableReader(database).read("domain_login") == []


async def test_documents_with_some_keys_are_read(database: DatabaseURL) -> None:
    await initialise(database, TABLES)
    documents = [{"id": key} for key in "abc"]
    async with connect(database) as connection:
        await connection.run(r.db(database.database).table("schedule").insert(documents))
    reader = TableReader(database)
    read = await reader.read("schedule", ["c", "a", "missing"])
    assert sorted(str(document["id"]) for document in read) == ["a", "c"]
    assert await reader.read("schedule", []) == []


async def test_documents_are_read_by_keys_of_each_kind(database: DatabaseURL) -> None:
    keys: list[Key] = ["5", 5, b"5", b"\0\xff", b""]
    await initialise(database, TABLES)
    async with connect(database) as connection:
        documents = [{"id": key} for key in keys]
        await connection.run(r.db(database.database).table("schedule").insert(documents))
    for key in keys:
        (document,) = await TableReader(database).read("schedule", [key, "missing", -1, b"-"])
        assert document == {"id": stored_value(key)}


async def test_missing_table_or_database_is_named(database: DatabaseURL) -> None:
    await initialise(database, TABLES)
    with pytest.raises(TableMissingError, match=r"\.nothing does not exist"):
        await TableReader(database).read("nothing")
    with pytest.raises(TableMissingError, match="database nowhere does not exist"):
        await TableReader(replace(database, database="nowhere")).read("policy")


async def test_read_that_stalls_is_given_up(clock: LoopClock) -> None:
    def script(query: list[Any]) -> Reply:
        if query[0] == START:
            return rows({"id": 1})
        clock.forward(LIMIT_S)
        return None

    patient = replace(TIMEOUTS, query_s=LIMIT_S)
    async with ScriptedServer(script) as server:
        with pytest.raises(DatabaseUnavailableError, match=r"no more rows .* within 3600 s"):
            await reader(server, patient).read("policy")


async def test_read_that_fails_half_way_says_why() -> None:
    failure = {"t": 18, "e": 1000000, "r": ["Internal."], "b": []}
    async with ScriptedServer(feed_of(rows({"id": 1}), failure)) as server:
        with pytest.raises(DatabaseError, match="Internal"):
            await reader(server).read("policy")


async def test_read_asks_for_small_batches_and_raw_values() -> None:
    asked: list[Any] = []

    def script(query: list[Any]) -> Reply:
        asked.append(query)
        if query[0] == START:
            return {"t": 2, "r": [{"id": 1}]}
        return {"t": 16, "r": ["Token 0 not in stream cache."]} if query[0] == CONTINUE else None

    async with ScriptedServer(script) as server:
        assert await reader(server).read("policy") == [{"id": 1}]
    assert asked[0][2] == {"time_format": "raw", "binary_format": "raw", "max_batch_rows": 200}
