"""Tables that the Python client keeps live, whatever happens to their connections."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, aclosing, asynccontextmanager
from pathlib import Path
from random import Random
from typing import Any

import pytest

from graphql_api.client import Change, LiveTable, SubscriptionError, live_rows
from graphql_api.errors import ConfigurationError
from graphql_api.rethink.url import DatabaseURL
from tests.clients.load import policy
from tests.clients.tcp_proxy import TCPProxy
from tests.clients.trouble import (
    CHANGES,
    CUTS,
    FENCE,
    FEW_CHANGES,
    FEW_CUTS,
    NAMES,
    WAIT_S,
    table,
    troubled,
)
from tests.server.database import Writer
from tests.server.running import Running, running, settings_for

pytestmark = pytest.mark.timeout(300)


class Following:
    """A live table in a task of its own, and what its changes leave.

    Attributes:
        replica: The names of the rows by their keys, by the changes.
    """

    def __init__(self, url: str, name_contains: str) -> None:
        where = {"nameContains": name_contains}
        self.table = LiveTable(url, "policies", where=where, on_live=lambda _: self._notify())
        self.replica: dict[str, str] = {}
        self._happened = asyncio.Event()

    @property
    def rows(self) -> dict[str, str]:
        return {key: row["name"] for key, row in self.table.rows.items()}

    async def run(self) -> None:
        async with self.table:
            self.replica = self.rows
            async for change in self.table:
                self._apply(change)
                self._notify()

    async def until_live(self, is_live: bool) -> None:
        async with asyncio.timeout(WAIT_S):
            while self.table.is_live is not is_live:
                await self._happening()

    async def until_row(self, key: str) -> None:
        async with asyncio.timeout(WAIT_S):
            while key not in self.replica:
                await self._happening()

    def _apply(self, change: Change) -> None:
        if change.kind == "deleted":
            assert self.replica.pop(change.key) == change.row["name"]
        else:
            assert (change.key in self.replica) == (change.kind == "updated")
            self.replica[change.key] = change.row["name"]

    def _notify(self) -> None:
        self._happened.set()

    async def _happening(self) -> None:
        self._happened.clear()
        await self._happened.wait()


@asynccontextmanager
async def following(url: str) -> AsyncIterator[dict[str, Following]]:
    tables = {name: Following(url, name) for name in NAMES}
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(each.run()) for each in tables.values()]
        yield tables
        for task in tasks:
            task.cancel()


@pytest.mark.parametrize(
    ("changes", "cuts"),
    [(FEW_CHANGES, FEW_CUTS), pytest.param(CHANGES, CUTS, marks=pytest.mark.long)],
)
async def test_live_tables_equal_the_table_after_cuts_and_a_restart_of_the_database(
    changes: int, cuts: int, tmp_path: Path
) -> None:
    async with troubled(tmp_path) as server, following(server.url) as tables:

        async def until_status(status: str) -> None:
            for each in tables.values():
                await each.until_live(status == "READY")

        await server.write(Random("python"), until_status, changes, cuts)
        for name, each in tables.items():
            await each.until_row(FENCE)
            assert each.rows == dict(await table(server.client, name))
            assert each.replica == each.rows


async def test_changes_while_the_server_restarts_come_as_ordinary_ones(
    starbelly: DatabaseURL, writer: Writer
) -> None:
    await writer.run(writer.table("policy").delete())
    await writer.insert("policy", *(policy(key, key) for key in "abc"))
    settings = settings_for(starbelly)
    async with AsyncExitStack() as stack:
        async with running(settings) as server:
            proxy = await stack.enter_async_context(TCPProxy(server.host, server.port))
            live = LiveTable(f"http://{proxy.host}:{proxy.port}", "policies")
            policies = await stack.enter_async_context(live)
            assert policies.rows.keys() == {*"abc"}
            assert policies.is_live
            proxy.hold()
        await writer.run(writer.table("policy").get("a").delete())
        await writer.update("policy", "b", {"name": "other"})
        successor = await stack.enter_async_context(running(settings))
        proxy.lead_to(successor.host, successor.port)
        proxy.release()
        async with asyncio.timeout(WAIT_S):
            changes = await policies.changes()
        assert [(change.kind, change.key) for change in changes] == [
            ("deleted", "a"),
            ("updated", "b"),
        ]
        assert changes[1].previous is not None
        assert (changes[1].previous["name"], changes[1].row["name"]) == ("b", "other")


async def test_rows_come_again_after_each_change(server: Running, writer: Writer) -> None:
    where = {"domainContains": "new"}
    login: dict[str, Any] = {"domain": "new.example", "login_url": "https://new.example/"}
    async with aclosing(live_rows(server.http, "domainLogins", where=where)) as rows:
        assert await anext(rows) == {}
        await writer.insert("domain_login", login)
        (row,) = (await anext(rows)).values()
        assert row["loginUrl"] == "https://new.example/"
        await writer.run(writer.table("domain_login").get("new.example").delete())
        assert await anext(rows) == {}


@pytest.mark.parametrize(
    ("url", "name", "problem"),
    [
        ("http://", "policies", "url: not a URL"),
        ("ftp://host", "policies", "url: its scheme"),
        ("host", "policy", "there is no table 'policy'; there are .*policies, "),
    ],
)
def test_what_is_no_table_of_a_server_is_refused_at_once(url: str, name: str, problem: str) -> None:
    with pytest.raises(ConfigurationError, match=problem):
        LiveTable(url, name)


async def test_server_that_refuses_ends_it_with_the_reason(server: Running) -> None:
    with pytest.raises(SubscriptionError, match="is the path right"):
        async with LiveTable(f"{server.http}/other", "policies"):
            pass
    with pytest.raises(SubscriptionError, match="nameContain"):
        async with LiveTable(server.http, "policies", where={"nameContain": "a"}):
            pass
