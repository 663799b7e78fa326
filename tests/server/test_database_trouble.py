"""A database that is not there, or not as it should be, at the start: said once, and waited for."""

from __future__ import annotations

import asyncio
import logging
from pathlib import Path

import httpx
import pytest

from graphql_api.embedded import EmbeddedServer
from graphql_api.rethink.init import initialise
from graphql_api.rethink.url import DatabaseURL
from graphql_api.tables import TABLES
from tests.server.client import WAIT_S, GraphQLErrors, connected
from tests.server.database import prepare_file
from tests.server.operations import POLICIES, Replica
from tests.server.running import running, settings_for

FEEDS = "{ feeds { table status documents subscribers lastChangeAt } }"


async def until_logged(caplog: pytest.LogCaptureFixture, text: str) -> None:
    """Wait until a line of the log says this."""
    async with asyncio.timeout(WAIT_S):
        while text not in caplog.text:
            await asyncio.sleep(0)


async def test_unreachable_database_is_reported_once_and_waited_for(
    caplog: pytest.LogCaptureFixture, tmp_path: Path, reserved_port: int
) -> None:
    caplog.set_level(logging.INFO, "graphql_api")
    url = DatabaseURL("127.0.0.1", reserved_port, "starbelly", password="secret word")
    file = tmp_path / "embedded.db"
    await prepare_file(file, password=url.password)
    async with (
        running(settings_for(url, feed_wait_s=0.05)) as server,
        connected(server.ws) as client,
    ):
        operation = await client.subscribe(POLICIES.subscription)
        assert (await operation.change())["status"] == "INITIALIZING"
        payload = await client.execute(POLICIES.query)
        assert payload["errors"][0]["extensions"]["code"] == "FEED_UNAVAILABLE"
        feeds = (await client.execute(FEEDS))["data"]["feeds"]
        assert {feed["status"] for feed in feeds} == {"INITIALIZING"}
        async with httpx.AsyncClient(trust_env=False) as http:
            readyz = await http.get(f"{server.http}/readyz")
        assert readyz.status_code == 503
        assert "the table policy is not read yet" in readyz.text

        await until_logged(caplog, "no connection to ")
        async with EmbeddedServer(file, port=url.port, password=url.password):
            changes = await operation.until_status("READY")
            names = [change["policy"]["name"] for change in changes[:-1]]
            assert sorted(names) == ["Broad Crawl", "Deep Crawl"]
    said = [(r.levelname, r.getMessage()) for r in caplog.records]
    until_ready = said[: said.index(next(line for line in said if "following" in line[1]))]
    (warning,) = [text for level, text in until_ready if level == "WARNING"]
    assert f"no connection to 127.0.0.1:{url.port}" in warning
    assert "secret word" not in caplog.text


async def test_missing_tables_are_reported_with_the_command_that_makes_them(
    database: DatabaseURL, caplog: pytest.LogCaptureFixture
) -> None:
    async with running(settings_for(database)) as server, connected(server.ws) as client:
        operation = await client.subscribe(POLICIES.subscription)
        replica = Replica(POLICIES)
        replica.apply(await operation.change())
        assert replica.status == "INITIALIZING"
        await until_logged(caplog, "graphql-api init")
        await initialise(database, TABLES)
        # There is a moment in which the table is there, and empty: it may be seen ready so.
        while replica.status != "READY" or len(replica.rows) < 2:
            replica.apply(await operation.change())
        assert {row["name"] for row in replica.rows.values()} == {"Broad Crawl", "Deep Crawl"}
        assert replica.snapshots == 1


async def test_wrong_password_is_reported_without_it(
    starbelly: DatabaseURL, caplog: pytest.LogCaptureFixture
) -> None:
    wrong = DatabaseURL(starbelly.host, starbelly.port, starbelly.database, password="a wrong word")
    async with (
        running(settings_for(wrong, feed_wait_s=0.05)) as server,
        connected(server.ws) as client,
    ):
        payload = await client.execute(POLICIES.query)
        assert payload["errors"][0]["extensions"]["code"] == "FEED_UNAVAILABLE"
        await until_logged(caplog, "Wrong password")
    assert "a wrong word" not in caplog.text


async def test_an_operation_that_is_wrong_leaves_the_socket_open(
    starbelly: DatabaseURL,
) -> None:
    async with running(settings_for(starbelly)) as server, connected(server.ws) as client:
        operation = await client.subscribe("subscription { nothing }")
        with pytest.raises(GraphQLErrors) as caught:
            await operation.next()
        assert caught.value.errors[0]["extensions"]["code"] == "GRAPHQL_VALIDATION_FAILED"
        assert (await client.execute(FEEDS))["data"]["feeds"]
