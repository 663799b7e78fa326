"""Why a feed is not ready, said the same wherever it is asked for, and hosts only to readers."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest

from graphql_api.auth.api_token import new_token
from graphql_api.auth.token_file import add_token
from graphql_api.rethink.init import initialise
from graphql_api.rethink.url import DatabaseURL
from graphql_api.scopes import Scope
from graphql_api.tables import TABLES
from tests.server.client import WAIT_S, Client, connected
from tests.server.database import writing
from tests.server.lost_changes import CAUSES, lost_changes
from tests.server.operations import POLICIES
from tests.server.running import Running, running, settings_for, until_ready

FEEDS = "{ feeds { table status problem since } }"


async def policy_feed(client: Client, fits: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
    """What is said of the feed of policies, once it fits."""
    async with asyncio.timeout(WAIT_S):
        while True:
            feeds = (await client.execute(FEEDS))["data"]["feeds"]
            (feed,) = [feed for feed in feeds if feed["table"] == "policy"]
            if fits(feed):
                found: dict[str, Any] = feed
                return found


async def readiness(server: Running) -> httpx.Response:
    async with httpx.AsyncClient(trust_env=False) as http:
        return await http.get(f"{server.http}/readyz")


async def refusal(client: Client) -> str:
    error = (await client.execute(POLICIES.query))["errors"][0]
    assert error["extensions"]["code"] == "FEED_UNAVAILABLE"
    return str(error["message"])


async def test_database_that_cannot_be_reached_is_the_problem(reserved_port: int) -> None:
    url = DatabaseURL("127.0.0.1", reserved_port, "starbelly", password="secret word")
    async with (
        running(settings_for(url, feed_wait_s=0.05)) as server,
        connected(server.ws) as client,
    ):
        feed = await policy_feed(client, lambda feed: bool(feed["problem"]))
        assert feed["status"] == "INITIALIZING"
        assert feed["problem"].startswith(f"no connection to 127.0.0.1:{reserved_port}")
        assert f"no connection to 127.0.0.1:{reserved_port}" in await refusal(client)
        answer = await readiness(server)
    assert answer.status_code == 503
    assert "policy is not read yet: the database cannot be reached" in answer.text
    assert f":{reserved_port}" not in answer.text
    assert "secret" not in answer.text + feed["problem"]


async def test_readyz_and_metrics_name_hosts_to_a_token_that_may_read(
    reserved_port: int, tmp_path: Path
) -> None:
    file = tmp_path / "tokens.json"
    file.write_text('{"tokens": []}')

    def make(name: str, *scopes: Scope) -> dict[str, str]:
        token, kept = new_token(name, scopes, created=datetime.now(UTC), expires=None)
        add_token(file, kept)
        return {"authorization": f"Bearer {token}"}

    reader, writer = make("reader", Scope.READ), make("writer", Scope.WRITE)
    url = DatabaseURL("127.0.0.1", reserved_port, "starbelly", password="secret word")
    async with (
        running(settings_for(url, tokens=file)) as server,
        httpx.AsyncClient(base_url=server.http, trust_env=False, timeout=WAIT_S) as http,
        connected(server.ws, reader) as client,
    ):
        await policy_feed(client, lambda feed: bool(feed["problem"]))
        host = f"127.0.0.1:{reserved_port}"
        for headers, is_named in [
            (reader, True),
            (writer, False),
            ({}, False),
            ({"authorization": "Bearer wrong"}, False),
        ]:
            answer = await http.get("/readyz", headers=headers)
            assert answer.status_code == 503
            assert "policy is not read yet: " in answer.text
            assert (f"no connection to {host}" in answer.text) is is_named
            assert "secret" not in answer.text
        failures = f'graphql_api_database_failures_total{{node="{host}"}}'
        assert failures in (await http.get("/metrics", headers=reader)).text
        answer = await http.get("/metrics", headers=writer)
        assert answer.status_code == 200
        assert f":{reserved_port}" not in answer.text  # other numbers may have its digits


async def test_missing_database_is_the_problem_and_what_creates_it(database: DatabaseURL) -> None:
    settings = settings_for(database, feed_wait_s=0.05)
    async with running(settings) as server, connected(server.ws) as client:
        missing = f"the database {database.database} does not exist; `graphql-api init` creates it"
        feed = await policy_feed(client, lambda feed: bool(feed["problem"]))
        assert feed["problem"] == missing
        assert missing in await refusal(client)
        assert f"the table policy is not read yet: {missing}" in (await readiness(server)).text
        await initialise(database, TABLES)
        feed = await policy_feed(client, lambda feed: bool(feed["status"] == "READY"))
        assert feed["problem"] is None


async def test_wrong_password_is_the_problem_without_it(starbelly: DatabaseURL) -> None:
    wrong = replace(starbelly, password="a wrong word")
    async with (
        running(settings_for(wrong, feed_wait_s=0.05)) as server,
        connected(server.ws) as client,
    ):
        feed = await policy_feed(client, lambda feed: bool(feed["problem"]))
        assert "Wrong password" in feed["problem"]
        assert "Wrong password" in await refusal(client)
        answer = await readiness(server)
    assert "the database refuses this server's user or password" in answer.text
    assert "a wrong word" not in answer.text + feed["problem"]


async def test_dropped_table_is_the_problem_while_clients_keep_the_rows(
    starbelly: DatabaseURL,
) -> None:
    began = datetime.now(UTC)
    async with running(settings_for(starbelly)) as server, connected(server.ws) as client:
        await until_ready(server)
        ready = await policy_feed(client, lambda feed: bool(feed["status"] == "READY"))
        async with writing(starbelly) as writer:
            await writer.run(writer.r.db(starbelly.database).table_drop("policy"))
        missing = f"the table {starbelly.database}.policy does not exist"
        feed = await policy_feed(client, lambda feed: missing in (feed["problem"] or ""))
        assert feed["status"] == "STALE"
        assert began <= datetime.fromisoformat(ready["since"])
        assert datetime.fromisoformat(ready["since"]) <= datetime.fromisoformat(feed["since"])
        answer = await readiness(server)
        assert missing in answer.text


@pytest.mark.parametrize("cause", CAUSES)
async def test_loss_of_changes_is_the_problem_until_the_table_is_read_again(cause: str) -> None:
    async with lost_changes(cause) as server, connected(server.ws) as client:
        feed = await policy_feed(client, lambda feed: bool(feed["problem"]))
        assert feed["status"] == "STALE"
        assert feed["problem"].startswith(CAUSES[cause][0])
        answer = await readiness(server)
        assert f" s: {feed['problem']}" in answer.text
        assert (await client.execute(POLICIES.query)).get("errors") is None
