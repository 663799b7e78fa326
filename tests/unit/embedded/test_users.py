"""Users, passwords, SCRAM."""

from __future__ import annotations

from typing import Any

import pytest

from graphql_api.embedded.errors import HandshakeError, ReqlError
from graphql_api.embedded.scram import ScramServer
from graphql_api.embedded.users import accept_user, credentials_for, unknown_user_credentials
from tests.for_each import for_each
from tests.transcripts.wire_client import scram_proof
from tests.unit.embedded.reql import Reql, r

USERS = r.db("rethinkdb").table("users")


def test_credentials_do_not_hold_the_password() -> None:
    credentials = credentials_for("s3cret")
    assert "s3cret" not in repr(credentials)
    assert credentials.matches("s3cret")
    assert not credentials.matches("S3cret")
    assert credentials_for("s3cret") != credentials


def test_iterations() -> None:
    assert (credentials_for("").iterations, credentials_for("x").iterations) == (1, 4096)
    assert unknown_user_credentials().iterations == 4096


@for_each(
    ("row", "message"),
    [
        ({"id": 1, "password": "x"}, "Expected a username as the primary key, got 1."),
        ({"id": "", "password": "x"}, 'Expected a username as the primary key, got "".'),
        ({"id": "a"}, "Expected a field named `password`."),
        ({"id": "a", "password": "x", "b": 1, "c": 1}, "Unexpected key(s) `b`, `c`."),
        (
            {"id": "a", "password": None},
            "Expected an object, string or boolean for `password`, got null.",
        ),
        (
            {"id": "a", "password": True},
            (
                "Expected an object or string to set the password, or `false` to keep it unset, "
                "got true."
            ),
        ),
        ({"id": "a", "password": {"password": "x"}}, "Expected a field named `iterations`."),
        (
            {"id": "a", "password": {"password": "x", "iterations": 0}},
            "Expected `iterations` to be an integer greater than zero, got 0.",
        ),
        (
            {"id": "a", "password": {"password": "x", "iterations": 10**9}},
            "Expected `iterations` to be at most 1000000, got 1000000000.",
        ),
        ({"id": "a", "password": {"iterations": 1}}, "Expected a field named `password`."),
        (
            {"id": "a", "password": {"password": 1, "iterations": 1}},
            "Expected `password` to be a string, got 1.",
        ),
    ],
)
def test_row_that_is_not_a_users_is_refused(row: Any, message: str) -> None:
    with pytest.raises(ReqlError) as caught:
        accept_user(row, None, generated_key=False)
    assert caught.value.message == message


def test_true_keeps_the_password_and_false_removes_it() -> None:
    current = credentials_for("x")
    kept = accept_user({"id": "a", "password": True}, current, generated_key=False)
    assert kept == ("a", current)
    _, removed = accept_user({"id": "a", "password": False}, current, generated_key=False)
    assert removed.matches("")


async def test_users_table_shows_whether_there_is_a_password(reql: Reql) -> None:
    assert await reql.run(USERS.coerce_to("array")) == [{"id": "admin", "password": False}]
    added = await reql.run(
        USERS.insert({"id": "a", "password": {"password": "x", "iterations": 7}})
    )
    assert added["inserted"] == 1
    assert reql.catalog.credentials["a"].iterations == 7
    assert await reql.run(USERS.get("a")) == {"id": "a", "password": True}
    again = await reql.run(USERS.insert({"id": "a", "password": "x"}, conflict="replace"))
    assert again["replaced"] == 1
    same = await reql.run(USERS.get("a").update({"password": True}))
    assert same["unchanged"] == 1


async def test_what_cannot_be_done_to_users(reql: Reql) -> None:
    refused = await reql.run(USERS.get("admin").delete())
    assert refused["first_error"] == "The user `admin` can't be deleted."
    generated = await reql.run(USERS.insert({"password": "x"}))
    assert "Expected a username as the primary key" in generated["first_error"]
    for query in (
        r.db("rethinkdb").table_create("x"),
        r.db("rethinkdb").table_drop("users"),
        r.db_drop("rethinkdb"),
        USERS.index_create("x"),
    ):
        assert "is special; you can't" in await reql.message(query)
    assert await reql.message(r.db_create("rethinkdb")) == "Database `rethinkdb` already exists."


async def test_two_changes_of_a_user_in_one_query_are_both_kept(reql: Reql) -> None:
    insert = USERS.insert({"id": "a", "password": "x"})
    await reql.run(r.expr([insert, USERS.get("a").update({"password": True})]))
    assert reql.catalog.credentials["a"].matches("x")
    await reql.run(r.expr([USERS.get("a").delete(), USERS.insert({"id": "a", "password": "y"})]))
    assert reql.catalog.credentials["a"].matches("y")
    assert await reql.run(USERS.get("a")) == {"id": "a", "password": True}


@for_each("user", ["admin", "comma,", "equals=", "üser"])
def test_scram_lets_the_right_password_in(user: str) -> None:
    server = ScramServer({user: credentials_for("pass")})
    name = user.replace("=", "=3D").replace(",", "=2C")
    first = {"authentication": f"n,,n={name},r=nonce"}
    reply = {"authentication": server.first_reply(first["authentication"])}
    proof = scram_proof(first, reply, "pass")["authentication"]
    assert server.final_reply(proof).startswith("v=")
    assert server.user == user


@for_each(
    ("saslname", "user"),
    [("a=2Cbc", "a,c"), ("=3Db", "="), ("a=3D=2C", "a=2C"), ("a=2Cb=3D", "a,=")],
)
def test_user_name_is_misread_as_rethinkdb_misreads_it(saslname: str, user: str) -> None:
    server = ScramServer({})
    server.first_reply(f"n,,n={saslname},r=nonce")
    assert server.user == user


def test_proof_for_one_connection_does_not_open_another() -> None:
    users = {"admin": credentials_for("pass")}
    first = {"authentication": "n,,n=admin,r=nonce"}
    one, other = ScramServer(users), ScramServer(users)
    reply = {"authentication": one.first_reply(first["authentication"])}
    other.first_reply(first["authentication"])
    with pytest.raises(HandshakeError, match="Wrong password"):
        other.final_reply(scram_proof(first, reply, "pass")["authentication"])
