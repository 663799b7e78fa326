"""A database that is not there, or not as it should be, at the start: said once, and waited for."""

from __future__ import annotations

import logging
import socket

import httpx
import pytest

from graphql_api.embedded import EmbeddedServer
from graphql_api.rethink.init import initialise
from graphql_api.rethink.url import DatabaseURL
from tests.server.client import GraphQLErrors, connected
from tests.server.operations import POLICIES
from tests.server.running import running, settings_for

FEEDS = "{ feeds { table status documents subscribers lastChangeAt } }"


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port


async def test_unreachable_database_is_reported_once_and_waited_for(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO, "graphql_api")
    url = DatabaseURL("127.0.0.1", free_port(), "starbelly", password="secret word")
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
        assert readyz.text.startswith("the table policy is not read yet; ")

        async with EmbeddedServer(None, port=url.port, password=url.password):
            await initialise(url)
            changes = await operation.until_status("READY")
            assert [c["policy"]["name"] for c in changes[:-1]] != []
    said = [(r.levelname, r.getMessage()) for r in caplog.records]
    until_ready = said[: said.index(next(line for line in said if "following" in line[1]))]
    warnings = [text for level, text in until_ready if level == "WARNING"]
    assert f"no connection to 127.0.0.1:{url.port}" in warnings[0]
    # It may be seen without its tables, too, before they are made.
    assert len(warnings) == len(set(warnings)), "the same thing is not said twice"
    assert "secret word" not in caplog.text


async def test_missing_tables_are_reported_with_the_command_that_makes_them(
    database: DatabaseURL, caplog: pytest.LogCaptureFixture
) -> None:
    async with running(settings_for(database)) as server, connected(server.ws) as client:
        operation = await client.subscribe(POLICIES.subscription)
        assert (await operation.change())["status"] == "INITIALIZING"
        await initialise(database)
        assert (await operation.until_status("READY"))[0]["cause"] == "INITIAL"
    assert "graphql-api init" in caplog.text


async def test_wrong_password_is_reported_without_it(
    starbelly: DatabaseURL, caplog: pytest.LogCaptureFixture
) -> None:
    wrong = DatabaseURL(starbelly.host, starbelly.port, starbelly.database, password="a wrong word")
    async with (
        running(settings_for(wrong, feed_wait_s=0.5)) as server,
        connected(server.ws) as client,
    ):
        payload = await client.execute(POLICIES.query)
        assert payload["errors"][0]["extensions"]["code"] == "FEED_UNAVAILABLE"
    assert "Wrong password" in caplog.text
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
