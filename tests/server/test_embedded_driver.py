"""The official Python driver works with the embedded server, on asyncio, over a real socket."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import datetime
from typing import Any

import pytest
from rethinkdb import RethinkDB
from rethinkdb.errors import (
    ReqlAuthError,
    ReqlNonExistenceError,
    ReqlOpFailedError,
    ReqlQueryLogicError,
    ReqlServerCompileError,
    ReqlUserError,
)

from graphql_api.embedded import EmbeddedServer
from tests.transcripts.wire_client import TIMEOUT_S

pytestmark = pytest.mark.embedded_only

r = RethinkDB()
r.set_loop_type("asyncio")

PASSWORD = "s3cret"


@pytest.fixture
async def server() -> AsyncIterator[EmbeddedServer]:
    async with EmbeddedServer(None, password=PASSWORD) as server:
        yield server


async def connect(server: EmbeddedServer, **options: Any) -> Any:
    settings = {
        "user": "admin",
        "password": PASSWORD,
        "db": "test",
        "timeout": TIMEOUT_S,
        **options,
    }
    return await r.connect(server.host, server.port, **settings)


@pytest.fixture
async def connection(server: EmbeddedServer) -> AsyncIterator[Any]:
    connection = await connect(server)
    await r.table_create("t").run(connection)
    yield connection
    await connection.close(noreply_wait=False)


@pytest.mark.parametrize(
    ("user", "password", "message"),
    [("admin", "not it", "Wrong password"), ("nobody", PASSWORD, "Unknown user")],
)
async def test_wrong_credentials_are_refused(
    server: EmbeddedServer, user: str, password: str, message: str
) -> None:
    with pytest.raises(ReqlAuthError, match=message):
        await connect(server, user=user, password=password)


async def test_a_user_logs_in_with_the_password_last_set(
    server: EmbeddedServer, connection: Any
) -> None:
    users = r.db("rethinkdb").table("users")
    assert (await users.insert({"id": "app", "password": "one"}).run(connection))["inserted"] == 1
    await (await connect(server, user="app", password="one")).close(noreply_wait=False)
    assert (await users.get("app").update({"password": "two"}).run(connection))["replaced"] == 1
    with pytest.raises(ReqlAuthError, match="Wrong password"):
        await connect(server, user="app", password="one")
    await (await connect(server, user="app", password="two")).close(noreply_wait=False)
    assert await users.get("app").run(connection) == {"id": "app", "password": True}
    assert (await users.get("app").delete().run(connection))["deleted"] == 1
    with pytest.raises(ReqlAuthError, match="Unknown user"):
        await connect(server, user="app", password="two")


async def test_cursor_reads_every_batch(connection: Any) -> None:
    rows = [{"id": number} for number in range(2500)]
    assert (await r.table("t").insert(rows).run(connection))["inserted"] == len(rows)
    cursor = await r.table("t").run(connection, max_batch_rows=100)
    assert sorted([row["id"] async for row in cursor]) == list(range(2500))


async def test_cursor_closed_early_leaves_the_connection_usable(connection: Any) -> None:
    await r.table("t").insert([{"id": number} for number in range(100)]).run(connection)
    cursor = await r.table("t").run(connection, max_batch_rows=10)
    await cursor.next()
    await cursor.close()
    assert await r.table("t").count().run(connection) == 100


async def test_times_and_binaries_keep_their_values(connection: Any) -> None:
    moment = datetime(2026, 1, 2, 3, 4, 5, 678000, tzinfo=r.make_timezone("+02:00"))
    data = bytes(range(256)) * 3
    await r.table("t").insert({"id": 1, "time": moment, "data": data}).run(connection)
    found = await r.table("t").get(1).run(connection)
    assert (found["time"].timestamp(), found["data"]) == (moment.timestamp(), data)
    raw = await r.table("t").get(1)["time"].run(connection, time_format="raw")
    assert raw["epoch_time"] == moment.timestamp()
    assert raw["timezone"] == "+02:00"


@pytest.mark.parametrize(
    ("query", "error", "message"),
    [
        (r.table("missing").count(), ReqlOpFailedError, "Table `test.missing` does not exist"),
        (r.table("t").get(1)["x"], ReqlNonExistenceError, "non-object non-sequence `null`"),
        (r.expr(1) + "a", ReqlQueryLogicError, "Expected type NUMBER but found STRING"),
        (r.error("boom"), ReqlUserError, "boom"),
        (r.js("1"), ReqlServerCompileError, "Unrecognized TermType: 11"),
        (r.table("t").get(1, 2), ReqlServerCompileError, "Expected 2 arguments but found 3"),
        (r.table("t").changes(x=1), ReqlServerCompileError, "Unrecognized optional argument `x`"),
    ],
)
async def test_errors_have_the_drivers_types(
    connection: Any, query: Any, error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        await query.run(connection)


async def test_noreply_writes_are_done_after_noreply_wait(connection: Any) -> None:
    for number in range(20):
        await r.table("t").insert({"id": number}).run(connection, noreply=True)
    await connection.noreply_wait()
    assert await r.table("t").count().run(connection) == 20


async def test_server_names_itself(connection: Any) -> None:
    info = await connection.server()
    assert info["proxy"] is False
    assert len(info["id"]) == 36


async def test_changefeed_tells_states_initial_values_and_changes(
    server: EmbeddedServer, connection: Any
) -> None:
    await r.table("t").insert({"id": 1, "n": 1}).run(connection)
    reader = await connect(server)
    feed = await (
        r.table("t")
        .changes(include_initial=True, include_states=True, include_types=True)
        .run(reader)
    )
    assert [await feed.next() for _ in range(3)] == [
        {"state": "initializing", "type": "state"},
        {"new_val": {"id": 1, "n": 1}, "type": "initial"},
        {"state": "ready", "type": "state"},
    ]
    await r.table("t").get(1).update({"n": 2}).run(connection)
    await r.table("t").get(1).delete().run(connection)
    assert [await feed.next() for _ in range(2)] == [
        {"new_val": {"id": 1, "n": 2}, "old_val": {"id": 1, "n": 1}, "type": "change"},
        {"new_val": None, "old_val": {"id": 1, "n": 2}, "type": "remove"},
    ]
    await feed.close()
    assert await r.table("t").count().run(reader) == 0
    await reader.close(noreply_wait=False)


async def test_starbellys_installer_can_give_its_user_the_database(
    server: EmbeddedServer, connection: Any
) -> None:
    users = r.db("rethinkdb").table("users")
    await r.db_create("starbelly").run(connection)
    await users.insert({"id": "starbelly-app", "password": "app-pw"}).run(connection)
    rights = {"read": True, "write": True}
    answer = await r.db("starbelly").grant("starbelly-app", rights).run(connection)
    assert answer == {
        "granted": 1,
        "permissions_changes": [{"old_val": None, "new_val": rights}],
    }
    await r.db("starbelly").table_create("policy").run(connection)
    app = await connect(server, user="starbelly-app", password="app-pw", db="starbelly")
    try:
        await r.table("policy").insert({"id": 1}).run(app)
        assert await r.table("policy").count().run(app) == 1
        with pytest.raises(r.errors.ReqlPermissionError, match="required `config` permission"):
            await r.table_create("other").run(app)
        with pytest.raises(r.errors.ReqlPermissionError, match="required `read` permission"):
            await r.db("test").table("t").count().run(app)
    finally:
        await app.close(noreply_wait=False)


async def test_window_of_an_index_is_followed(connection: Any) -> None:
    await r.table("t").index_create("n").run(connection)
    await (
        r.table("t")
        .insert([{"id": id_, "n": n} for id_, n in zip("abc", (1, 2, 2), strict=True)])
        .run(connection)
    )
    feed = await (
        r.table("t")
        .order_by(index=r.desc("n"))
        .limit(2)
        .changes(include_initial=True, include_states=True, include_types=True)
        .run(connection)
    )
    b, c = {"id": "b", "n": 2}, {"id": "c", "n": 2}
    assert [await feed.next() for _ in range(4)] == [
        {"state": "initializing", "type": "state"},
        {"new_val": c, "type": "initial"},
        {"new_val": b, "type": "initial"},
        {"state": "ready", "type": "state"},
    ]
    await r.table("t").insert({"id": "d", "n": 3}).run(connection)
    d = {"id": "d", "n": 3}
    assert await feed.next() == {"old_val": b, "new_val": d, "type": "change"}
    await r.table("t").get("d").delete().run(connection)
    assert await feed.next() == {"old_val": d, "new_val": b, "type": "change"}
    await r.table("t").get("a").delete().run(connection)
    await r.table("t").get("b").delete().run(connection)
    assert await feed.next() == {"old_val": b, "new_val": None, "type": "remove"}
    await feed.close()


async def test_changefeed_of_a_dropped_table_ends_with_an_error(
    server: EmbeddedServer, connection: Any
) -> None:
    reader = await connect(server)
    feed = await r.table("t").changes().run(reader)
    pending = asyncio.ensure_future(feed.next())
    await r.table_drop("t").run(connection)
    with pytest.raises(ReqlOpFailedError, match=r"Changefeed aborted \(unavailable\)"):
        await pending
    await reader.close(noreply_wait=False)


async def test_a_write_that_waits_for_another_starts_from_its_result(
    server: EmbeddedServer, connection: Any
) -> None:
    await r.table("t").insert({"id": 1, "n": 0}).run(connection)
    writers = [await connect(server) for _ in range(8)]
    increment = r.table("t").get(1).update({"n": r.row["n"] + 1})

    async def write(writer: Any) -> None:
        for _ in range(25):
            await increment.run(writer)

    await asyncio.gather(*(write(writer) for writer in writers))
    assert await r.table("t").get(1)["n"].run(connection) == 200
    for writer in writers:
        await writer.close(noreply_wait=False)
