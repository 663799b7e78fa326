"""What was acknowledged survives `kill -9`; one process at a time has the data file."""

from __future__ import annotations

import asyncio
import contextlib
import os
import sqlite3
import stat
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from graphql_api.embedded import (
    AddressInUseError,
    DataFileError,
    EmbeddedServer,
    ListenError,
)
from graphql_api.embedded.storage import Storage
from tests.forks import Forked, forked
from tests.transcripts.wire_client import TIMEOUT_S, WireClient

pytestmark = pytest.mark.embedded_only

TABLE = [15, ["t"]]


@contextlib.asynccontextmanager
async def server_process(data: Path) -> AsyncIterator[tuple[Forked, int]]:
    process = await forked(str(data), module="tests.server.embedded_program", env=os.environ)
    try:
        assert process.stdout is not None
        line = await asyncio.wait_for(process.stdout.readline(), TIMEOUT_S)
        yield process, int(line)
    finally:
        process.kill()
        await process.communicate()


async def documents(port: int) -> dict[Any, Any]:
    async with await WireClient.connect(port) as client:
        reply = await client.run([51, [TABLE, "array"]])
        return {row["id"]: row for row in reply["r"][0]}


class Writer:
    """Inserts, updates and deletes, and knows what was acknowledged.

    Attributes:
        acknowledged: What the table holds at least, by key; `None` for a deleted document.
        pending: What a write under way would make of one document.
        writes: How many were acknowledged.
    """

    def __init__(self, port: int, number: int, durability: str) -> None:
        self.port = port
        self.number = number
        self.durability = durability
        self.acknowledged: dict[int, Any] = {}
        self.pending: dict[int, Any] = {}
        self.writes = 0

    async def run(self) -> None:
        async with await WireClient.connect(self.port) as client:
            for at in range(1_000_000):
                key = self.number * 1000 + at % 50
                old = self.acknowledged.get(key)
                if old is None:
                    new = {"id": key, "at": at, "text": "x" * (at % 300)}
                    term: Any = [56, [TABLE, new], {"durability": self.durability}]
                elif at % 3:
                    new = {**old, "at": at}
                    change = {"at": at}
                    term = [53, [[16, [TABLE, key]], change], {"durability": self.durability}]
                else:
                    new = None
                    term = [54, [[16, [TABLE, key]]], {"durability": self.durability}]
                self.pending = {key: new}
                reply = await client.run(term)
                assert reply["r"][0]["errors"] == 0
                self.acknowledged[key] = new
                self.pending = {}
                self.writes += 1


@pytest.mark.parametrize(
    ("kill_after", "durability"),
    [(1, "hard"), pytest.param(60, "hard", marks=pytest.mark.long), (250, "soft")],
)
async def test_kill_9_loses_nothing_that_was_acknowledged(
    tmp_path: Path, kill_after: int, durability: str
) -> None:
    data = tmp_path / "data.db"
    async with server_process(data) as (process, port):
        async with await WireClient.connect(port) as client:
            assert (await client.run([60, ["t"]]))["r"][0]["tables_created"] == 1
        writers = [Writer(port, number, durability) for number in range(4)]
        tasks = [asyncio.ensure_future(writer.run()) for writer in writers]
        while sum(writer.writes for writer in writers) < kill_after:
            done, _ = await asyncio.wait(tasks, timeout=0.001)
            assert not done
        process.kill()
        for result in await asyncio.gather(*tasks, return_exceptions=True):
            assert isinstance(result, (asyncio.IncompleteReadError, ConnectionError)), result
    async with server_process(data) as (_, port):
        found = await documents(port)
    expected: dict[int, Any] = {}
    undecided: dict[int, Any] = {}
    for writer in writers:
        expected.update(writer.acknowledged)
        undecided.update(writer.pending)
    for key, document in expected.items():
        allowed = [document, undecided[key]] if key in undecided else [document]
        assert found.get(key) in allowed
    assert set(found) <= set(expected) | set(undecided)


async def test_rows_of_one_insert_are_there_all_or_not_at_all(tmp_path: Path) -> None:
    data = tmp_path / "data.db"
    rows = [{"id": number, "text": "x" * 200} for number in range(3000)]
    log = data.with_name("data.db-wal")
    async with (
        server_process(data) as (process, port),
        await WireClient.connect(port) as client,
    ):
        await client.run([60, ["t"]])
        client.send(1, [1, [56, [TABLE, [2, rows]]], {}])
        await client.writer.drain()
        while not log.exists() or log.stat().st_size < 100_000:
            await asyncio.sleep(0)
        process.kill()
        await process.wait()
    async with server_process(data) as (_, port):
        assert len(await documents(port)) in (0, len(rows))


async def test_everything_is_there_after_a_restart(tmp_path: Path) -> None:
    data = tmp_path / "data.db"
    odd = {
        "id": ["key", 1, True],
        "double": 1e300,
        "minus_zero": -0.0,
        "text": "é\u2028😀\0",
        "time": {"$reql_type$": "TIME", "epoch_time": 1.5, "timezone": "-05:30"},
        "data": {"$reql_type$": "BINARY", "data": "AP8="},
        "nested": {"list": [1, [None, {"a": {}}]]},
    }
    raw = {**odd, "id": [2, odd["id"]], "nested": {"list": [2, [1, [2, [None, {"a": {}}]]]]}}
    index_terms: list[Any] = [
        [75, [TABLE, "text"]],
        [75, [TABLE, "doubled", [69, [[2, [1]], [26, [[170, [[10, [1]], "double"]], 2]]]]]],
        [75, [TABLE, "key", [69, [[2, [1]], [170, [[10, [1]], "id"]]]]], {"multi": True}],
    ]
    queries: list[Any] = [
        [59, []],
        [62, [[14, ["other"]]]],
        [51, [TABLE, "array"]],
        [77, [TABLE]],
        [43, [[78, [TABLE, "key"], {"index": "key"}]]],
        [79, [TABLE]],
        [51, [[41, [[15, [[14, ["rethinkdb"]], "users"]], "id"]], "array"]],
    ]
    users = [15, [[14, ["rethinkdb"]], "users"]]
    async with EmbeddedServer(data) as server, await WireClient.connect(server.port) as client:
        for term in (
            [57, ["other"]],
            [60, [[14, ["other"]], "u"], {"primary_key": "key"}],
            [60, ["t"]],
            [56, [TABLE, raw]],
            *index_terms,
            [56, [users, {"id": "app", "password": "s3cret"}]],
            [188, ["app", {"read": True}]],
            [188, [[14, ["rethinkdb"]], "app", {"read": True}]],
        ):
            assert (await client.run(term))["t"] == 1
        before = [await client.run(query) for query in queries]
        client.send(1, [5])
        _, server_info = await client.read()
    assert json_of(before[2]["r"][0]) == json_of([dict(sorted(odd.items()))])
    async with (
        EmbeddedServer(data) as server,
        await WireClient.connect(server.port, "app", "s3cret") as client,
    ):
        assert [await client.run(query) for query in queries] == before
        client.send(1, [5])
        assert (await client.read())[1] == server_info


def json_of(value: Any) -> str:
    return repr(value)  # unlike ==, this tells -0.0 from 0, and 1 from True


async def test_second_process_gets_a_clear_error(tmp_path: Path) -> None:
    data = tmp_path / "data.db"
    async with server_process(data):
        with pytest.raises(DataFileError) as caught:
            async with EmbeddedServer(data):
                pass
        assert str(caught.value) == (
            f"The data file {data} is in use by another process; stop that one, or name another "
            "file with --data."
        )
    async with EmbeddedServer(data):
        pass  # the lock went with the process


async def test_second_server_in_one_process_gets_the_same_error(tmp_path: Path) -> None:
    data = tmp_path / "data.db"
    async with EmbeddedServer(data):
        for _ in range(2):
            with pytest.raises(DataFileError, match="in use"):
                async with EmbeddedServer(data):
                    pass


@pytest.mark.parametrize("umask", [0o000, 0o022, 0o077])
async def test_no_one_else_can_read_the_data_file(tmp_path: Path, umask: int) -> None:
    data = tmp_path / "new" / "data.db"
    before = os.umask(umask)
    try:
        async with EmbeddedServer(data) as server, await WireClient.connect(server.port) as client:
            await client.run([60, ["t"]])
            files = list(data.parent.iterdir())
            assert len(files) == 2  # the file and its write-ahead log
            assert {stat.S_IMODE(file.stat().st_mode) for file in files} == {0o600}
    finally:
        os.umask(before)
    assert stat.S_IMODE(data.parent.stat().st_mode) & 0o077 == 0


async def refused(data: Path) -> str:
    with pytest.raises(DataFileError) as caught:
        async with EmbeddedServer(data):
            pass
    message = str(caught.value)
    assert str(data) in message
    assert "\n" not in message
    return message


async def test_file_of_another_kind_is_refused_and_left_alone(tmp_path: Path) -> None:
    data = tmp_path / "letter.txt"
    data.write_text("Dear database, " * 1000)
    data.chmod(0o644)
    assert "not a data file of the embedded database" in await refused(data)
    assert data.read_text() == "Dear database, " * 1000
    assert stat.S_IMODE(data.stat().st_mode) == 0o644


async def test_sqlite_database_of_another_program_is_refused_and_left_alone(
    tmp_path: Path,
) -> None:
    data = tmp_path / "other.db"
    with contextlib.closing(sqlite3.connect(data)) as other:
        other.execute("CREATE TABLE theirs (a)")
        other.commit()
    before = data.read_bytes()
    assert "not a data file of the embedded database" in await refused(data)
    assert data.read_bytes() == before


async def test_file_from_before_permissions_is_opened(tmp_path: Path) -> None:
    data = tmp_path / "data.db"
    async with EmbeddedServer(data) as server, await WireClient.connect(server.port) as client:
        await client.run([60, ["t"]])
    with contextlib.closing(sqlite3.connect(data)) as older:
        older.execute("DROP TABLE permission")
    users = [15, [[14, ["rethinkdb"]], "users"]]
    async with EmbeddedServer(data) as server, await WireClient.connect(server.port) as client:
        assert (await client.run([62, []]))["r"] == [["t"]]
        await client.run([56, [users, {"id": "app", "password": ""}]])
        assert (await client.run([188, ["app", {"read": True}]]))["t"] == 1


async def test_file_from_a_newer_version_is_refused(tmp_path: Path) -> None:
    data = tmp_path / "data.db"
    async with EmbeddedServer(data):
        pass
    with contextlib.closing(sqlite3.connect(data)) as newer:
        newer.execute("PRAGMA user_version = 99")
    assert "is from a newer version (format 99" in await refused(data)


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        ("UPDATE document SET body = '{'", "the document 'Sa' of the table test.t is no JSON"),
        ("UPDATE document SET body = 5", "the document 'Sa'"),
        ("UPDATE document SET body = x'FF00'", "the document 'Sa'"),
        ("UPDATE document SET body = x''", "the document 'Sa'"),
        ("UPDATE document SET body = '[1]'", "is no object"),
        ("UPDATE document SET body = '{}'", "has no valid primary key"),
        ("UPDATE document SET body = '{\"id\": {}}'", "has no valid primary key"),
        ('UPDATE document SET body = \'{"id": "b"}\'', "has another primary key"),
        ("UPDATE document SET key = x'00'", "has another primary key"),
        (
            'UPDATE document SET body = \'{"id": "a", "x": {"$reql_type$": "NEW"}}\'',
            "no JSON that can be stored",
        ),
        ("UPDATE document SET key = CAST(x'FF' AS TEXT)", "damaged"),
        ("UPDATE database SET name = 5", "the table 't'"),
        ("UPDATE database SET name = x'00'", "the database"),
        ("UPDATE database SET id = x'00'", "the database"),
        ("UPDATE table_ SET durability = 'soon'", "the table 't'"),
        ("UPDATE table_ SET primary_key = x'00'", "the table 't'"),
        ("DELETE FROM database", "of a database 'test' that is not there"),
        ("UPDATE secondary_index SET definition = '{'", "the index 'i'"),
        ("UPDATE secondary_index SET definition = x'5B5D'", "the index 'i'"),
        ("UPDATE secondary_index SET definition = x'7B7D'", "the index 'i'"),
        ("UPDATE secondary_index SET definition = 5", "the index 'i'"),
        ("UPDATE user SET salt = 5", "the user 'admin'"),
        ("UPDATE user SET iterations = 0", "the user 'admin'"),
        ("UPDATE user SET salted_password = 'x'", "the user 'admin'"),
        ("INSERT INTO permission VALUES ('admin', 'x', 'yes', 0, 0, 0)", "the user 'admin'"),
        ("INSERT INTO permission VALUES ('admin', x'00', 1, 0, 0, 0)", "the user 'admin'"),
        ("UPDATE server SET id = x'00'", "the server's id"),
        ("DELETE FROM server", "the server's id"),
        ("DROP TABLE document", "no such table"),
        ("DROP TABLE server", "no such table"),
    ],
)
async def test_damaged_row_is_one_line_that_names_it(
    tmp_path: Path, damage: str, said: str
) -> None:
    data = tmp_path / "data.db"
    async with EmbeddedServer(data) as server, await WireClient.connect(server.port) as client:
        await client.run([60, ["t"]])
        await client.run([56, [TABLE, {"id": "a"}]])
        assert (await client.run([75, [TABLE, "i"]]))["t"] == 1
    with contextlib.closing(sqlite3.connect(data)) as file:
        file.execute(damage)
        file.commit()
    line = await refused(data)
    assert said in line
    assert str(data) in line
    assert "\n" not in line


@pytest.mark.parametrize("left", [1, 50, 100, 4096, 9000])
async def test_file_that_was_cut_is_refused(tmp_path: Path, left: int) -> None:
    data = tmp_path / "data.db"
    async with EmbeddedServer(data) as server, await WireClient.connect(server.port) as client:
        await client.run([60, ["t"]])
        await client.run([56, [TABLE, {"id": "a", "text": "x" * 20_000}]])
    os.truncate(data, left)
    line = await refused(data)
    assert str(data) in line
    assert "\n" not in line
    assert data.stat().st_size == left


async def test_file_that_was_cut_to_nothing_is_not_taken_for_a_new_one(tmp_path: Path) -> None:
    data = tmp_path / "data.db"
    data.write_bytes(b"")
    assert f"The data file {data} is empty: what it held is lost." in await refused(data)
    assert data.read_bytes() == b""


async def test_log_without_its_file_is_not_taken_for_nothing(tmp_path: Path) -> None:
    data = tmp_path / "data.db"
    async with server_process(data) as (process, port):
        async with await WireClient.connect(port) as client:
            await client.run([60, ["t"]])
        process.kill()
        await process.wait()
    data.unlink()
    assert "but its log" in await refused(data)
    assert (tmp_path / "data.db-wal").stat().st_size


async def test_new_file_is_whole_at_once_and_nothing_is_left_beside_it(tmp_path: Path) -> None:
    data = tmp_path / "data.db"
    async with EmbeddedServer(data):
        pass
    assert [path.name for path in tmp_path.iterdir()] == ["data.db"]


async def test_full_disk_is_reported_as_such_and_loses_nothing_and_reads_go_on(
    tmp_path: Path,
) -> None:
    data = tmp_path / "data.db"
    async with EmbeddedServer(data) as server, await WireClient.connect(server.port) as client:
        await client.run([60, ["t"]])
        catalog = server._catalog
        assert catalog is not None
        connection = catalog._storage._connection
        (pages,) = connection.execute("PRAGMA page_count").fetchone()
        connection.execute(f"PRAGMA max_page_count = {pages + 20}")
        acknowledged = []
        for key in range(100):
            reply = await client.run([56, [TABLE, {"id": key, "text": "x" * 3000}]])
            if reply["t"] != 1:
                break
            acknowledged.append(key)
        assert acknowledged
        problem = "the disk is full; free some space there (database or disk is full)"
        assert reply["r"] == [f"Cannot write the data file {data}: {problem}."]
        assert sorted(await documents(server.port)) == acknowledged
        connection.execute("PRAGMA max_page_count = 100000")
        assert (await client.run([56, [TABLE, {"id": "later"}]]))["r"][0]["inserted"] == 1
    async with EmbeddedServer(data) as server:
        assert set(await documents(server.port)) == {*acknowledged, "later"}


async def test_folder_is_refused(tmp_path: Path) -> None:
    assert "it is not a file" in await refused(tmp_path)
    assert stat.S_IMODE(tmp_path.stat().st_mode) & stat.S_IXUSR


async def test_file_below_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    assert "Cannot open the data file" in await refused(tmp_path / "file" / "data.db")


async def test_failed_commit_is_an_error_and_changes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with (
        EmbeddedServer(tmp_path / "data.db") as server,
        await WireClient.connect(server.port) as client,
        await WireClient.connect(server.port) as reader,
    ):
        await client.run([60, ["t"]])
        await client.run([56, [TABLE, {"id": 1, "n": 1}]])
        reader.send(1, [1, [152, [TABLE]], {}])
        await reader.read()
        reader.send(1, [2])

        def full(storage: Storage, commit: object) -> None:
            raise DataFileError("Cannot write the data file: database or disk is full.")

        with monkeypatch.context() as patched:
            patched.setattr(Storage, "commit", full)
            for term in ([53, [[16, [TABLE, 1]], {"n": 2}]], [60, ["u"]]):
                reply = await client.run(term)
                assert (reply["t"], reply["e"]) == (18, 4100000)
                assert "disk is full" in reply["r"][0]
        assert await client.run([16, [TABLE, 1]]) == {"t": 1, "r": [{"id": 1, "n": 1}]}
        assert await client.run([62, []]) == {"t": 1, "r": [["t"]]}
        # A fence: the failed write would have been sent before this one.
        await client.run([53, [[16, [TABLE, 1]], {"n": 3}]])
        change = {"new_val": {"id": 1, "n": 3}, "old_val": {"id": 1, "n": 1}}
        assert await reader.read() == (1, {"t": 3, "r": [change], "n": [1]})


async def test_port_in_use_is_one_clear_line() -> None:
    async with EmbeddedServer(None) as server:
        with pytest.raises(AddressInUseError) as caught:
            async with EmbeddedServer(None, port=server.port):
                pass
    assert str(caught.value) == (
        f"Cannot listen on 127.0.0.1:{server.port}: another program does; stop it, or choose "
        "another port."
    )


async def test_address_of_another_machine_is_one_clear_line() -> None:
    with pytest.raises(ListenError, match=r"Cannot listen on 192\.0\.2\.1:0: "):
        async with EmbeddedServer(None, host="192.0.2.1"):
            pass


async def test_refused_start_releases_the_data_file(tmp_path: Path) -> None:
    data = tmp_path / "data.db"
    async with EmbeddedServer(None) as other:
        with pytest.raises(AddressInUseError):
            async with EmbeddedServer(data, port=other.port):
                pass
    async with EmbeddedServer(data):
        pass


@pytest.mark.parametrize(("first", "second"), [("one", "two"), ("one", None), (None, "two")])
async def test_admin_has_the_password_that_the_server_was_given_last(
    tmp_path: Path, first: str | None, second: str | None
) -> None:
    data = tmp_path / "data.db"
    for password in (first, second):
        async with (
            EmbeddedServer(data, password=password) as server,
            await WireClient.connect(server.port, "admin", password or "") as client,
        ):
            assert await client.run(1) == {"t": 1, "r": [1]}
