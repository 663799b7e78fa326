"""A table that is declared in one file, and listed: every command and page has it."""

from __future__ import annotations

import asyncio
import json
import sys
from asyncio.subprocess import PIPE, STDOUT
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx

from graphql_api.rethink.url import DatabaseURL
from tests.server.client import connected
from tests.server.database import writing
from tests.server.process import process

MODULE = "tests.server.four_tables"
SOLVER = {
    "id": "c1",
    "name": "Friendly solver",
    "service_url": "https://solver.example/",
    "require_phrase": True,
    "min_length": "four",
}


async def command(*arguments: str) -> tuple[int | None, str]:
    """The exit code and the output of a command that ends."""
    running = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", MODULE, *arguments), stdout=PIPE, stderr=STDOUT
    )
    output, _ = await running.communicate()
    return running.returncode, output.decode()


@asynccontextmanager
async def serving_four_tables(database: DatabaseURL) -> AsyncIterator[str]:
    """A server in a process of its own, over a database that its own `init` made; and its URL."""
    login = f"{database.user}:{database.password.replace(' ', '%20')}"
    url = f"rethinkdb://{login}@{database.address}/{database.database}"
    code, output = await command("init", "--database", url)
    assert code == 0, output
    assert f"created table {database.database}.captcha_solver\n" in output
    assert f"created index {database.database}.captcha_solver.name\n" in output
    serve = ("serve", "--port", "0", "--no-graphiql", "--database", url)
    async with process(*serve, says="GraphQL is at ", module=MODULE) as served:
        yield served.removesuffix("/graphql")


async def test_fourth_table_is_one_file_and_one_entry(database: DatabaseURL) -> None:
    async with (
        serving_four_tables(database) as url,
        httpx.AsyncClient(base_url=url, timeout=30) as http,
        connected(url.replace("http", "ws") + "/graphql") as client,
        writing(database) as writer,
    ):
        changes = await client.subscribe(
            """subscription { captchaSolverChanges {
              __typename
              ... on CaptchaSolverAdded { cause captchaSolver { id name invalidFields } }
              ... on CaptchaSolverUpdated { changedFields previous { name } }
              ... on CaptchaSolverDeleted { captchaSolverId }
              ... on FeedState { status }
            } }"""
        )
        told: list[dict[str, str]] = []
        while not told or told[-1].get("status") != "READY":
            told.append((await changes.next())["data"]["captchaSolverChanges"])
        while (response := await http.get("/readyz")).status_code != 200:
            pass  # jobs are ready after their pace
        assert response.text == "ready\n"

        await writer.insert("captcha_solver", SOLVER)
        assert (await changes.next())["data"]["captchaSolverChanges"] == {
            "__typename": "CaptchaSolverAdded",
            "cause": "CREATED",
            "captchaSolver": {
                "id": "c1",
                "name": "Friendly solver",
                "invalidFields": ["minLength"],
            },
        }
        await writer.update("captcha_solver", "c1", {"name": "Solver"})
        assert (await changes.next())["data"]["captchaSolverChanges"] == {
            "__typename": "CaptchaSolverUpdated",
            "changedFields": ["name"],
            "previous": {"name": "Friendly solver"},
        }

        query = """{
          captchaSolvers(where: {nameContains: "SOLV"}) { total items { id serviceUrl } }
          captchaSolver(id: "c1") { requirePhrase }
          feeds { table documents }
        }"""
        data = (await http.post("/graphql", json={"query": query})).json()["data"]
        assert data["captchaSolvers"] == {
            "total": 1,
            "items": [{"id": "c1", "serviceUrl": "https://solver.example/"}],
        }
        assert data["captchaSolver"] == {"requirePhrase": True}
        assert data["feeds"][-1] == {"table": "captcha_solver", "documents": 1}
        assert 'table="captcha_solver"' in (await http.get("/metrics")).text

        code, output = await command("watch", "solvers", "--url", f"{url}/graphql", "--once")
        assert code == 0, output
        assert "SERVICE" in output
        assert "https://solver.example/" in output
        code, output = await command(
            "watch", "solvers", "--url", f"{url}/graphql", "--once", "--where", "name=other"
        )
        assert code == 0, output
        assert "https://solver.example/" not in output

        module = (await http.get("/live/declared.mjs")).text
        *_, shown = json.loads(module.removeprefix("export const DECLARED = ").rstrip(";\n"))
        assert shown["title"] == "CAPTCHA solvers"

        await writer.delete("captcha_solver", "c1")
        assert (await changes.next())["data"]["captchaSolverChanges"] == {
            "__typename": "CaptchaSolverDeleted",
            "captchaSolverId": "c1",
        }
