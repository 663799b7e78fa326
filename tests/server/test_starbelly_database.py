"""`init` makes what Starbelly's installer makes, and Starbelly's calls run on it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from rethinkdb import RethinkDB

from graphql_api.embedded import EmbeddedServer
from graphql_api.rethink.init import initialise
from graphql_api.rethink.url import DatabaseURL
from graphql_api.tables import TABLES
from graphql_api.tables.starbelly import all_tables
from tests.patience import LONGEST_S
from tests.server.starbelly_calls import Starbelly

NAME = "starbelly"
USER = {"user": "starbelly-app", "password": "the app's"}
LAYOUT = all_tables(TABLES)


@asynccontextmanager
async def starbelly_on(server: EmbeddedServer, **login: str) -> AsyncIterator[Starbelly]:
    r: Any = RethinkDB()
    r.set_loop_type("asyncio")
    login = login or {"user": "admin", "password": ""}
    connection = await r.connect(host=server.host, port=server.port, db=NAME, **login)
    try:
        yield Starbelly(r, connection, NAME)
    finally:
        await connection.close(noreply_wait=False)


def url_of(server: EmbeddedServer, password: str = "") -> DatabaseURL:
    return DatabaseURL(server.host, server.port, NAME, password=password)


async def contents(starbelly: Starbelly) -> dict[str, Any]:
    """All that a database holds: tables, keys, indexes, and documents but for keys and times."""
    r, run = starbelly.r, starbelly.run
    database = r.db(NAME)
    found = {}
    for name in await run(database.table_list()):
        table = database.table(name)
        info = await run(table.info())
        indexes = await run(table.index_status())
        documents = await run(table)
        found[name] = (
            info["primary_key"],
            {index["index"]: (index["query"], index["multi"]) for index in indexes},
            sorted(
                (
                    {
                        field: value
                        for field, value in document.items()
                        if field not in ("id", "created_at", "updated_at")
                    }
                    for document in documents
                ),
                key=lambda document: str(document["name"]),
            ),
        )
    return found


async def test_init_makes_what_starbellys_installer_makes() -> None:
    async with (
        EmbeddedServer(None) as theirs,
        EmbeddedServer(None) as ours,
        starbelly_on(theirs) as installed,
        starbelly_on(ours) as initialised,
    ):
        made = await installed.install(**USER)
        assert len(made) == 2 + 10 + 8 + 3
        created = await initialise(url_of(ours), LAYOUT)
        assert len(created) == len(made) - 1, "all but the user"
        expected = await contents(installed)
        assert len(expected) == 10
        assert await contents(initialised) == expected


async def test_init_changes_nothing_of_a_starbelly_database_and_starbelly_nothing_of_ours() -> None:
    async with EmbeddedServer(None) as server, starbelly_on(server) as starbelly:
        await starbelly.install(**USER)
        before = await contents(starbelly)
        assert await initialise(url_of(server, "admin's"), LAYOUT) == []
        assert await contents(starbelly) == before
    async with EmbeddedServer(None) as server, starbelly_on(server) as starbelly:
        await initialise(url_of(server), LAYOUT)
        before = await contents(starbelly)
        assert await starbelly.install(**USER) == ["user"]
        assert await contents(starbelly) == before


async def test_init_puts_back_the_global_limit_and_leaves_the_policies_deleted() -> None:
    async with EmbeddedServer(None) as server, starbelly_on(server) as starbelly:
        await initialise(url_of(server), LAYOUT)
        for table in ("policy", "rate_limit"):
            await starbelly.run(starbelly.r.table(table).delete())
        assert await initialise(url_of(server), LAYOUT) == ["rate_limit Global Limit"]
        (limit,) = await starbelly.run(starbelly.r.table("rate_limit"))
        assert limit == {
            "token": bytes(16),
            "name": "Global Limit",
            "delay": 5.0,
            "type": "global",
        }
        await starbelly.run(starbelly.r.table("rate_limit").update({"delay": 1, "name": "Mine"}))
        assert await initialise(url_of(server), LAYOUT) == []


@pytest.mark.parametrize("is_ours", [True, False], ids=["init", "installer"])
async def test_starbelly_crawls_on_the_embedded_database(is_ours: bool) -> None:
    async with EmbeddedServer(None) as server:
        async with starbelly_on(server) as admin:
            if is_ours:
                await initialise(url_of(server), LAYOUT)
            await admin.install(**USER)
            solver = {"id": "c", "name": "C", "service_url": "https://c/", "api_key": "k"}
            await admin.run(admin.r.table("captcha_solver").insert(solver))
            await admin.run(admin.r.table("schedule").insert({"id": "schedule-1"}))
            policies = admin.r.table("policy")
            await admin.run(
                policies.filter({"name": "Deep Crawl"}).update({"captcha_solver_id": "c"})
            )
            (policy,) = await admin.run(policies.filter({"captcha_solver_id": "c"}))
        async with starbelly_on(server, **USER) as crawler:
            async with asyncio.timeout(LONGEST_S):
                await crawler.start()
                job_id = await crawler.crawl(policy["id"])
                await crawler.robots_txt()
                await crawler.start()
                await crawler.serve(job_id)
                await crawler.delete_job(job_id)
                await crawler.clear()
                await crawler.start()
