"""Why a feed is not ready, said the same wherever it is asked for, and hosts only to readers."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Callable
from contextlib import suppress
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
from graphql_api.watch import run
from graphql_api.watch.tables import TABLES as WATCHED
from tests.server.client import WAIT_S, Client, connected
from tests.server.feed_problems import PASSWORD, REASONS
from tests.server.operations import POLICIES
from tests.server.running import running, settings_for

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


async def watched(url: str, headers: dict[str, str], until: str) -> str:
    """What `graphql-api watch` writes, up to and with the line that holds a text."""
    token = headers["authorization"].removeprefix("Bearer ")
    reading, writing = os.pipe()
    written = ""
    with (
        os.fdopen(reading) as lines,
        os.fdopen(writing, "w") as output,
        pytest.MonkeyPatch.context() as patch,
    ):
        patch.setattr(sys, "stdout", output)
        watching = asyncio.create_task(run.watch(WATCHED["policies"], url=url, token=token))
        watching.add_done_callback(lambda _: output.close())  # which ends the reading
        async with asyncio.timeout(WAIT_S):
            while until not in written:
                line = await asyncio.to_thread(lines.readline)
                assert line, f"it has ended: {watching}"
                written += line
        watching.cancel()
        with suppress(asyncio.CancelledError):
            await watching
    return written


@pytest.fixture
def tokens(tmp_path: Path) -> Path:
    """A token file."""
    file = tmp_path / "tokens.json"
    file.write_text('{"tokens": []}')
    return file


def bearer(tokens: Path, scope: Scope) -> dict[str, str]:
    """The header with a new token."""
    token, kept = new_token(scope.value, [scope], created=datetime.now(UTC), expires=None)
    add_token(tokens, kept)
    return {"authorization": f"Bearer {token}"}


@pytest.mark.parametrize("name", REASONS)
async def test_reason_is_said_wherever_it_is_asked_for_and_hosts_to_readers_only(
    name: str, database: DatabaseURL, reserved_port: int, tokens: Path
) -> None:
    reader, writer = bearer(tokens, Scope.READ), bearer(tokens, Scope.WRITE)
    reason, port = REASONS[name], str(reserved_port)
    said = reason.said.format(database=database.database, port=port)
    began = datetime.now(UTC)
    async with (
        reason.begin(
            database, reserved_port, tokens=tokens, feed_wait_s=0.05, ready_stale_s=WAIT_S
        ) as server,
        connected(server.ws, reader) as client,
        httpx.AsyncClient(base_url=server.http, trust_env=False, timeout=WAIT_S) as http,
    ):
        feed = await policy_feed(client, lambda feed: said in (feed["problem"] or ""))
        assert feed["status"] == reason.status
        assert began <= datetime.fromisoformat(feed["since"]) <= datetime.now(UTC)
        answer = await client.execute(POLICIES.query)
        if reason.status == "STALE":
            assert answer.get("errors") is None  # the rows that it has are served
        else:
            assert answer["errors"][0]["extensions"]["code"] == "FEED_UNAVAILABLE"
            assert said in answer["errors"][0]["message"]
        texts = [feed["problem"], await watched(server.http, reader, said)]
        for headers in (reader, writer, {}, {"authorization": "Bearer wrong"}):
            readiness = await http.get("/readyz", headers=headers)
            assert readiness.status_code == (200 if reason.status == "STALE" else 503)
            assert "the table policy " in readiness.text
            if headers is reader:
                assert said in readiness.text
            else:
                assert (reason.said_to_all or said) in readiness.text
                assert f":{port}" not in readiness.text
            texts.append(readiness.text)
        assert not [text for text in texts if PASSWORD in text]


async def test_metrics_name_nodes_to_a_token_that_may_read(
    reserved_port: int, tokens: Path
) -> None:
    reader, writer = bearer(tokens, Scope.READ), bearer(tokens, Scope.WRITE)
    url = DatabaseURL("127.0.0.1", reserved_port, "starbelly")
    async with (
        running(settings_for(url, tokens=tokens)) as server,
        httpx.AsyncClient(base_url=server.http, trust_env=False, timeout=WAIT_S) as http,
        connected(server.ws, reader) as client,
    ):
        await policy_feed(client, lambda feed: bool(feed["problem"]))
        failures = f'graphql_api_database_failures_total{{node="127.0.0.1:{reserved_port}"}}'
        assert failures in (await http.get("/metrics", headers=reader)).text
        answer = await http.get("/metrics", headers=writer)
        assert answer.status_code == 200
        assert f":{reserved_port}" not in answer.text  # other numbers may have its digits


async def test_problem_ends_when_the_tables_are_made(database: DatabaseURL) -> None:
    async with running(settings_for(database)) as server, connected(server.ws) as client:
        await policy_feed(client, lambda feed: bool(feed["problem"]))
        await initialise(database, TABLES)
        feed = await policy_feed(client, lambda feed: bool(feed["status"] == "READY"))
        assert feed["problem"] is None
