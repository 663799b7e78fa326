"""What `grant` answers, and what each permission allows."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from graphql_api.embedded.batching import ReplyBatch
from graphql_api.embedded.errors import ErrorType, ReqlError
from tests.unit.embedded.reql import Reql, r

DB = r.db("test")
T = r.table("t")
USERS = r.db("rethinkdb").table("users")


@pytest.fixture
async def granted(reql: Reql) -> Reql:
    """A database with the user `bot`."""
    await reql.run(USERS.insert({"id": "bot", "password": ""}))
    await reql.run(T.insert({"id": 1}))
    return reql


async def as_bot(reql: Reql, query: Any) -> Any:
    reql.user = "bot"
    try:
        return await reql.run(query)
    finally:
        reql.user = "admin"


async def refusal(reql: Reql, query: Any) -> str:
    """The permission that `bot` lacks for a query."""
    with pytest.raises(ReqlError) as caught:
        await as_bot(reql, query)
    error = caught.value
    assert error.type is ErrorType.PERMISSION_ERROR
    before, permission, after = error.message.split("`")[2:5]
    assert (before, after) == (" does not have the required ", " permission.")
    return permission


def changed(old: Any, new: Any) -> Any:
    return {"granted": 1, "permissions_changes": [{"old_val": old, "new_val": new}]}


async def test_grant_tells_the_permissions_before_and_after(granted: Reql) -> None:
    rights = {"read": True, "write": True}
    assert await granted.run(DB.grant("bot", rights)) == changed(None, rights)
    assert await granted.run(DB.grant("bot", rights)) == changed(rights, rights)
    without = {"read": False, "write": True}
    assert await granted.run(DB.grant("bot", {"read": False})) == changed(rights, without)
    nothing = {"read": None, "write": None, "config": None}
    assert await granted.run(DB.grant("bot", nothing)) == changed(without, None)
    assert await granted.run(T.grant("bot", {})) == changed(None, None)
    everywhere = {"connect": True, "config": False}
    assert await granted.run(r.grant("bot", everywhere)) == changed(None, everywhere)


@pytest.mark.parametrize(
    ("query", "message"),
    [
        (r.grant("admin", {}), "The permissions of the user `admin` can't be modified."),
        (r.grant("nobody", {}), "User `nobody` not found."),
        (r.grant("bot", 5), "Expected an object, got 5."),
        (r.grant("bot", None), "Expected an object, got null."),
        (r.grant("bot", {"read": 1}), "Expected a boolean or null for `read`, got 1."),
        (r.grant("bot", {"write": "x"}), 'Expected a boolean or null for `write`, got "x".'),
        (
            DB.grant("bot", {"connect": True}),
            "The `connect` permission is only valid at the global scope.",
        ),
        (r.grant("bot", {"read": True, "b": 1, "a": 1}), "Unexpected key(s) `a`, `b`."),
        (r.db("none").grant("bot", {}), "Database `none` does not exist."),
        (r.table("none").grant("bot", {}), "Table `test.none` does not exist."),
    ],
)
async def test_bad_grant_gets_rethinkdbs_error(granted: Reql, query: Any, message: str) -> None:
    error = await granted.error(query)
    assert (error.type, error.message) == (ErrorType.OP_FAILED, message)


@pytest.mark.parametrize(
    ("query", "message"),
    [
        (r.grant(1, {}), "Expected type STRING but found NUMBER."),
        ([188, [1, "bot", {}]], "Expected type TABLE but found DATUM:\n1"),
    ],
)
async def test_grant_of_a_wrong_type_is_an_error_of_the_query(
    granted: Reql, query: Any, message: str
) -> None:
    error = await granted.error(query)
    assert (error.type, error.message) == (ErrorType.QUERY_LOGIC, message)


async def test_failed_grant_changes_nothing(granted: Reql) -> None:
    await granted.error(DB.grant("bot", {"read": True, "write": 1}))
    assert await granted.run(DB.grant("bot", {})) == changed(None, None)


FEED = T.changes()
READS = [FEED, T, T.get(1), T.count(), T.get_all(1), T.order_by(index="id"), T.info()]
WRITES = [T.insert({"id": 2}), T.update({"a": 1}), T.get(1).delete(), T.sync()]
CONFIGURES = [T.index_create("n"), DB.table_create("u"), DB.table_drop("t"), r.db_drop("test")]


@pytest.mark.parametrize("query", READS, ids=str)
async def test_read_takes_the_permission_to_read(granted: Reql, query: Any) -> None:
    assert await refusal(granted, query) == "read"
    await granted.run(DB.grant("bot", {"read": True}))
    if query is FEED:
        granted.user = "bot"
        await granted.feed(query)
    else:
        await as_bot(granted, query)


@pytest.mark.parametrize("query", WRITES, ids=str)
async def test_write_takes_the_permissions_to_read_and_to_write(granted: Reql, query: Any) -> None:
    await granted.run(DB.grant("bot", {"read": True}))
    assert await refusal(granted, query) == "write"
    await granted.run(DB.grant("bot", {"write": True}))
    await as_bot(granted, query)
    await granted.run(T.grant("bot", {"read": False}))
    assert await refusal(granted, query) in ("read", "write")


async def test_insert_without_the_permission_to_read_lacks_the_one_to_write(granted: Reql) -> None:
    await granted.run(DB.grant("bot", {"write": True}))
    assert await refusal(granted, T.insert({"id": 2})) == "write"
    assert await granted.run(T.count()) == 1


@pytest.mark.parametrize("query", CONFIGURES, ids=str)
async def test_change_of_the_catalog_takes_the_permission_to_configure(
    granted: Reql, query: Any
) -> None:
    await granted.run(DB.grant("bot", {"read": True, "write": True}))
    assert await refusal(granted, query) == "config"
    await granted.run(DB.grant("bot", {"config": True}))
    await as_bot(granted, query)


async def test_database_is_created_with_the_global_permission_alone(granted: Reql) -> None:
    await granted.run(DB.grant("bot", {"config": True}))
    assert await refusal(granted, r.db_create("x")) == "config"
    await granted.run(r.grant("bot", {"config": True}))
    await as_bot(granted, r.db_create("x"))


@pytest.mark.parametrize(
    ("globally", "in_database", "in_table", "may"),
    [
        (True, None, None, True),
        (True, False, None, False),
        (True, False, True, True),
        (False, True, None, True),
        (None, True, False, False),
        (None, None, None, False),
    ],
)
async def test_narrower_scope_decides(
    granted: Reql, globally: bool | None, in_database: bool | None, in_table: bool | None, may: bool
) -> None:
    await granted.run(r.grant("bot", {"read": globally}))
    await granted.run(DB.grant("bot", {"read": in_database}))
    await granted.run(T.grant("bot", {"read": in_table}))
    if may:
        assert await as_bot(granted, T.count()) == 1
    else:
        assert await refusal(granted, T.count()) == "read"


async def test_users_and_permissions_are_not_part_of_what_is_granted_globally(
    granted: Reql,
) -> None:
    await granted.run(r.grant("bot", dict.fromkeys(("read", "write", "config", "connect"), True)))
    assert await refusal(granted, USERS) == "read"
    assert await refusal(granted, DB.grant("bot", {"read": True})) == "read"
    await granted.run(r.db("rethinkdb").grant("bot", {"read": True, "write": True}))
    assert await as_bot(granted, USERS.count()) == 2
    assert await as_bot(granted, DB.grant("bot", {"read": True})) == changed(None, {"read": True})


async def test_permissions_go_with_what_they_are_for(granted: Reql) -> None:
    rights = {"read": True}
    await granted.run(T.grant("bot", rights))
    await granted.run(DB.table_drop("t"))
    await granted.run(DB.table_create("t"))
    assert await refusal(granted, T.count()) == "read"
    await granted.run(DB.grant("bot", rights))
    await granted.run(r.db_drop("test"))
    await granted.run(r.db_create("test"))
    assert await granted.run(DB.grant("bot", {})) == changed(None, None)
    await granted.run(DB.grant("bot", rights))
    await granted.run(USERS.get("bot").delete())
    await granted.run(USERS.insert({"id": "bot", "password": ""}))
    assert await granted.run(DB.grant("bot", {})) == changed(None, None)


async def test_new_password_keeps_the_permissions(granted: Reql) -> None:
    await granted.run(DB.grant("bot", {"read": True}))
    await granted.run(USERS.insert({"id": "bot", "password": "new"}, conflict="replace"))
    assert await as_bot(granted, T.count()) == 1


@pytest.mark.parametrize(
    "query",
    [T.changes(), T.get(1).changes(), T.order_by(index="id").limit(2).changes()],
    ids=str,
)
async def test_feed_of_a_revoked_permission_ends_after_the_batch_that_waits(
    granted: Reql, query: Callable[[], Any]
) -> None:
    await granted.run(DB.grant("bot", {"read": True}))
    granted.user = "bot"
    feed = await granted.feed(query)
    granted.user = "admin"
    await granted.run(DB.grant("bot", {"read": False}))
    await granted.run(T.get(1).update({"n": 1}))
    rows: list[Any] = []
    feed.next_batch(ReplyBatch(10, 1000), rows.append)
    assert [row["new_val"] for row in rows] == [{"id": 1, "n": 1}]
    assert feed.has_data
    with pytest.raises(ReqlError, match="required `read` permission") as caught:
        feed.next_batch(ReplyBatch(10, 1000), rows.append)
    assert caught.value.type is ErrorType.PERMISSION_ERROR
