"""A table that is declared in one file, and listed: every command and page has it."""

from __future__ import annotations

import asyncio
import json
import sys
from asyncio.subprocess import PIPE, STDOUT
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest

from graphql_api.rethink.url import DatabaseURL
from tests.patience import LONGEST_S
from tests.server.client import connected
from tests.server.database import writing
from tests.server.process import process

pytestmark = pytest.mark.long

MODULE = "tests.server.one_more_table"
BOOKMARK = {
    "id": "c1",
    "name": "Friendly page",
    "page_url": "https://page.example/",
    "is_public": True,
    "rating": "four",
}


async def command(*arguments: str) -> tuple[int | None, str]:
    """The exit code and the output of a command that ends."""
    running = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", MODULE, *arguments), stdout=PIPE, stderr=STDOUT
    )
    output, _ = await running.communicate()
    return running.returncode, output.decode()


@asynccontextmanager
async def serving_one_more_table(database: DatabaseURL) -> AsyncIterator[str]:
    """A server in a process of its own, over a database that its own `init` made; and its URL."""
    login = f"{database.user}:{database.password.replace(' ', '%20')}"
    url = f"rethinkdb://{login}@{database.address}/{database.database}"
    code, output = await command("init", "--database", url)
    assert code == 0, output
    assert f"created table {database.database}.bookmark\n" in output
    assert f"created index {database.database}.bookmark.name\n" in output
    serve = ("serve", "--port", "0", "--database", url)
    async with process(*serve, says="GraphQL is at ", module=MODULE) as served:
        yield served.removesuffix("/graphql")


async def test_one_more_table_is_one_file_and_one_entry(database: DatabaseURL) -> None:
    async with (
        serving_one_more_table(database) as url,
        httpx.AsyncClient(base_url=url) as http,
        connected(url.replace("http", "ws") + "/graphql") as client,
        writing(database) as writer,
    ):
        changes = await client.subscribe(
            """subscription { bookmarkChanges {
              __typename
              ... on BookmarkAdded { cause bookmark { id name invalidFields } }
              ... on BookmarkUpdated { changedFields previous { name } }
              ... on BookmarkDeleted { bookmarkId }
              ... on FeedState { status }
            } }"""
        )
        received: list[dict[str, str]] = []
        while not received or received[-1].get("status") != "READY":
            received.append((await changes.next())["data"]["bookmarkChanges"])
        async with asyncio.timeout(LONGEST_S):
            while (response := await http.get("/readyz")).status_code != 200:
                assert response.text.startswith("the table"), "it reads the other tables"
        assert response.text == "ready\n"

        await writer.insert("bookmark", BOOKMARK)
        assert (await changes.next())["data"]["bookmarkChanges"] == {
            "__typename": "BookmarkAdded",
            "cause": "CREATED",
            "bookmark": {
                "id": "c1",
                "name": "Friendly page",
                "invalidFields": ["rating"],
            },
        }
        await writer.update("bookmark", "c1", {"name": "Page"})
        assert (await changes.next())["data"]["bookmarkChanges"] == {
            "__typename": "BookmarkUpdated",
            "changedFields": ["name"],
            "previous": {"name": "Friendly page"},
        }

        query = """{
          bookmarks(where: {nameContains: "PAGE"}) { total items { id pageUrl } }
          bookmark(id: "c1") { isPublic }
          feeds { table documents }
        }"""
        data = (await http.post("/graphql", json={"query": query})).json()["data"]
        assert data["bookmarks"] == {
            "total": 1,
            "items": [{"id": "c1", "pageUrl": "https://page.example/"}],
        }
        assert data["bookmark"] == {"isPublic": True}
        assert data["feeds"][-1] == {"table": "bookmark", "documents": 1}
        assert 'table="bookmark"' in (await http.get("/metrics")).text

        code, output = await command("watch", "bookmarks", "--url", f"{url}/graphql", "--once")
        assert code == 0, output
        assert "PAGE" in output
        assert "https://page.example/" in output
        code, output = await command(
            "watch", "bookmarks", "--url", f"{url}/graphql", "--once", "--where", "name=other"
        )
        assert code == 0, output
        assert "https://page.example/" not in output

        tabs = (await http.get("/graphiql/tabs.json")).json()
        assert any("subscription BookmarkChanges(" in tab for tab in tabs)
        module = (await http.get("/live/declared.mjs")).text
        declared, _, _ = module.removeprefix("export const DECLARED = ").partition(";\n")
        *_, shown = json.loads(declared)
        assert shown["title"] == "Bookmarks"

        await writer.delete("bookmark", "c1")
        assert (await changes.next())["data"]["bookmarkChanges"] == {
            "__typename": "BookmarkDeleted",
            "bookmarkId": "c1",
        }


@pytest.mark.parametrize(
    ("name", "primary_key", "keys"),
    [
        ("visit", "number", {"10": 10, "7": 7}),
        ("picture", "digest", {"00ff": b"\0\xff", "7f": b"\x7f"}),
    ],
)
async def test_table_of_each_kind_of_key_is_one_file_and_one_entry(
    database: DatabaseURL, name: str, primary_key: str, keys: dict[str, Any]
) -> None:
    type_name = name.capitalize()
    subscription = f"""subscription($where: {type_name}Filter, $since: String) {{
      {name}Changes(where: $where, since: $since) {{
        ... on {type_name}Added {{ cursor {name} {{ id page }} }}
        ... on {type_name}Updated {{ cursor {name} {{ id page }} previous {{ page }} }}
        ... on {type_name}Deleted {{ cursor {name}Id previous {{ page }} }}
        ... on FeedState {{ cursor status }}
      }}
    }}"""
    async with (
        serving_one_more_table(database) as url,
        httpx.AsyncClient(base_url=url) as http,
        connected(url.replace("http", "ws") + "/graphql") as client,
        writing(database) as writer,
    ):
        changes = await client.subscribe(subscription, where={"ids": [*keys]})

        async def received(count: int) -> list[Any]:
            return [(await changes.next())["data"][f"{name}Changes"] for _ in range(count)]

        status = ""
        while status != "READY":
            ((status, cursor),) = [(one["status"], one["cursor"]) for one in await received(1)]
        for served, key in keys.items():
            await writer.insert(name, {primary_key: key, "page": served})
        for served in keys:
            (added,) = await received(1)
            assert added[name] == {"id": served, "page": served}
        first, second = keys
        await writer.update(name, keys[first], {"page": "changed"})
        await writer.delete(name, keys[second])
        updated, deleted = await received(2)
        assert updated[name] == {"id": first, "page": "changed"}
        assert updated["previous"] == {"page": first}
        assert (deleted[f"{name}Id"], deleted["previous"]) == (second, {"page": second})
        await changes.complete()

        changes = await client.subscribe(subscription, where={"ids": [*keys]}, since=cursor)
        assert [one.get(name) or one.get(f"{name}Id") for one in await received(4)] == [
            {"id": first, "page": first},
            {"id": second, "page": second},
            {"id": first, "page": "changed"},
            second,
        ]
        query = f"query($id: ID!) {{ {name}(id: $id) {{ id page }} }}"
        for served, page in ((first, {"id": first, "page": "changed"}), (second, None)):
            body = {"query": query, "variables": {"id": served}}
            answer = (await http.post("/graphql", json=body)).json()
            assert answer == {"data": {name: page}}
