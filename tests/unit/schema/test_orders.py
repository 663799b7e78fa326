"""Pages in every order of a table, against `sorted()`, on rows some of which lack the value."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from graphql_api.schema import export
from graphql_api.tables import LOGS, TABLES
from tests.unit.schema.documents import Document
from tests.unit.schema.harness import Server, serve

FIELDS: Mapping[str, Sequence[str]] = {
    "policy": ("name", "createdAt", "updatedAt"),
    "schedule": ("scheduleName", "createdAt", "updatedAt"),
    "captcha_solver": ("name", "createdAt", "updatedAt"),
    "domain_login": ("domain",),
    "rate_limit": ("domain",),
    "job": ("startedAt", "completedAt", "name", "itemCount"),
}
LIST = """
query ($where: PolicyFilter, $orderBy: PolicyOrder!, $limit: Int!, $offset: Int!) {
  policies(where: $where, orderBy: $orderBy, limit: $limit, offset: $offset) {
    items { id name createdAt updatedAt } total
  }
}
"""
LIVE = LIST.replace("query (", "subscription (").replace("policies(", "livePolicies(")

Item = Mapping[str, Any]


def values(fields: Sequence[str]) -> list[tuple[str, str, str]]:
    """The values of an enum: each with its field and its direction."""
    return [
        (
            "".join(f"_{char}" if char.isupper() else char for char in field).upper() + f"_{way}",
            field,
            way,
        )
        for field in fields
        for way in ("ASC", "DESC")
    ]


def test_every_table_has_its_orders_on_pages_and_live_pages() -> None:
    text = export(TABLES, LOGS)
    assert {table.name for table in TABLES} == {*FIELDS}
    for table in TABLES:
        name = f"{table.row_type.__name__}Order"
        enum = text.split(f"enum {name} {{")[1].split("}")[0]
        listed = [line.strip() for line in enum.splitlines() if line.strip().isupper()]
        assert listed == [value for value, *_ in values(FIELDS[table.name])]
        usual = listed[1 if table.name == "job" else 0]
        assert text.count(f"orderBy: {name}! = {usual}\n") == 2


def document(rng: random.Random, key: str, version: int) -> Document:
    made: dict[str, Any] = {"id": key}
    if rng.random() < 0.7:
        made["name"] = rng.choice(("a", "B", "b", "ab", ""))
    if rng.random() < 0.7:
        made["created_at"] = _time(rng.randrange(4) / 4)
    if rng.random() < 0.7:
        made["updated_at"] = _time(version)
    return made


def _time(seconds: float) -> Mapping[str, Any]:
    return {"$reql_type$": "TIME", "epoch_time": 1e9 + seconds, "timezone": "+00:00"}


def ordered(rows: Sequence[Item], field: str, way: str) -> list[Item]:
    def by(row: Item) -> Any:
        return row[field], row["id"]

    with_value = [row for row in rows if row[field] is not None]
    without = [row for row in rows if row[field] is None]
    return [
        *sorted(with_value, key=by, reverse=way == "DESC"),
        *sorted(without, key=lambda row: row["id"], reverse=way == "DESC"),
    ]


def passing(server: Server, where: Mapping[str, str]) -> int:
    """How many policies there are, of those with the text of a filter in their name."""
    stored = [*server.store.documents("policy"), {"name": "last"}]
    text = where.get("nameContains", "")
    return sum(not where or text in each.get("name", "").casefold() for each in stored)


async def change(server: Server, rng: random.Random, version: int) -> None:
    """Change some policies, and wait until they are served so."""
    stored = {each["id"]: each for each in server.store.documents("policy")}
    feed, keys = server.feed("policy"), [f"p{n}" for n in range(40)]
    for key in rng.sample(keys, 15):
        old = stored.pop(key, None)
        new = None if old is not None and rng.random() < 0.4 else document(rng, key, version)
        if new is not None:
            stored[key] = new
        server.source.change("policy", old, new)
    server.source.stored["policy"] = [*stored.values()]
    last = {"id": "last", "name": f"last {version}"}
    server.source.change("policy", None, last)
    while (row := feed.get("last")) is None or row.name != last["name"]:
        await asyncio.sleep(0)


async def test_pages_in_every_order_are_those_of_the_sorted_rows_whatever_changes() -> None:
    rng = random.Random(16)
    first = [document(rng, f"p{n}", 0) for n in range(25)]
    async with serve({"policy": first}) as server:
        for version in range(1, 4):
            await change(server, rng, version)
            for value, field, way in values(FIELDS["policy"]):
                for where in ({}, {"nameContains": "b"}):
                    wanted = {"where": where, "orderBy": value}
                    whole = (await server.data(LIST, **wanted, limit=1000, offset=0))["policies"]
                    assert whole["items"] == ordered(whole["items"], field, way)
                    assert whole["total"] == len(whole["items"]) == passing(server, where)
                    offset, limit = rng.randrange(30), rng.randrange(12)
                    part = await server.data(LIST, **wanted, limit=limit, offset=offset)
                    assert part["policies"] == {
                        "items": whole["items"][offset : offset + limit],
                        "total": whole["total"],
                    }
                    async with server.subscribe(
                        LIVE, **wanted, limit=limit, offset=offset
                    ) as pages:
                        result = await anext(pages)
                        assert result.data == {"livePolicies": part["policies"]}


async def test_older_jobs_are_looked_for_in_the_usual_order_only(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    looks: list[object] = []
    held: list[Document] = [{"id": "j1", "name": "b"}, {"id": "j2", "name": "a"}]
    async with serve({"job": held}) as server:
        look = server.store.look_outside

        async def look_outside(*args: Any, **options: Any) -> Any:
            looks.append(args)
            return await look(*args, **options)

        monkeypatch.setattr(server.store, "look_outside", look_outside)
        for value, keys in (("NAME_ASC", ["j2", "j1"]), ("STARTED_AT_ASC", ["j1", "j2"])):
            data = await server.data(f"{{ jobs(orderBy: {value}) {{ items {{ id }} total }} }}")
            assert data["jobs"] == {"items": [{"id": key} for key in keys], "total": 2}
        assert not looks
        data = await server.data("{ jobs { items { id } total } }")
        assert data["jobs"]["total"] == 2
        assert looks
