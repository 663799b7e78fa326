"""A table of each kind of key: its rows are read, followed and resumed by their served keys."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest
from strawberry.types import ExecutionResult

from graphql_api.feeds.keys import BINARY
from graphql_api.feeds.part import TimeWindow
from graphql_api.schema import TableDeclaration
from graphql_api.schema.document import stored_value
from tests.unit.schema.harness import serve
from tests.unit.schema.toy_tables import PICTURES, VISITS, crawls

KINDS = [
    pytest.param(VISITS, {"7": 7, "10": 10, "-3": -3, "9007199254740992": 2**53}, id="integer"),
    pytest.param(PICTURES, {"00ff": b"\0\xff", "": b"", "7f": b"\x7f", "80": b"\x80"}, id="binary"),
]


def document(table: TableDeclaration[Any], key: Any, page: str) -> dict[str, Any]:
    return {table.primary_key: stored_value(key), "page": page}


def test_older_rows_of_a_window_need_keys_that_are_texts() -> None:
    with pytest.raises(ValueError, match="keys that are texts only"):
        crawls(key_kind=BINARY, window=TimeWindow("ended_at", 60.0), older_by="ended_at")


async def take(results: AsyncIterator[ExecutionResult], count: int) -> list[Any]:
    taken: list[Any] = []
    for _ in range(count):
        result = await anext(results)
        assert result.errors is None
        assert result.data is not None
        taken += result.data.values()
    return taken


@pytest.mark.parametrize(("table", "keys"), KINDS)
async def test_rows_are_read_followed_and_resumed_by_served_keys(
    table: TableDeclaration[Any], keys: dict[str, Any]
) -> None:
    entity, name = table.name, table.row_type.__name__
    subscription = f"""subscription($since: String, $where: {name}Filter) {{
      {entity}Changes(since: $since, where: $where) {{
        ... on {name}Added {{ cursor {entity} {{ id page }} }}
        ... on {name}Updated {{ cursor {entity} {{ id }} previous {{ page }} }}
        ... on {name}Deleted {{ cursor {entity}Id previous {{ page }} }}
        ... on FeedState {{ cursor status }}
      }}
    }}"""
    first, second, *_ = keys
    stored = [document(table, key, served) for served, key in keys.items()]
    odd = {table.primary_key: "7", "page": "of another kind"}
    async with serve({entity: [*stored, odd]}, tables=[table]) as server:
        assert server.feed(entity).decoder.unread == 1
        page = (await server.data(f"{{ {table.plural} {{ total items {{ id page }} }} }}"))[
            table.plural
        ]
        ordered = sorted(keys, key=int) if table is VISITS else sorted(keys)
        assert page == {
            "total": len(keys),
            "items": [{"id": served, "page": served} for served in ordered],
        }
        for served in keys:
            one = f"query($id: ID!) {{ {entity}(id: $id) {{ id page }} }}"
            assert (await server.data(one, id=served))[entity] == {"id": served, "page": served}
        for other in ("8", "07", "00FF", "x"):
            assert (await server.data(one, id=other))[entity] is None

        where = {"ids": [first, second]}
        async with server.subscribe(subscription, where=where) as results:
            begun = await take(results, 4)
            rows = {event[entity]["id"] for event in begun[1:3]}
            assert rows == {first, second}
            changed = document(table, keys[first], "changed")
            server.source.change(entity, stored[0], changed)
            server.source.change(entity, stored[1], None)
            updated, deleted = await take(results, 2)
        assert (updated[entity], updated["previous"]) == ({"id": first}, {"page": first})
        assert (deleted[f"{entity}Id"], deleted["previous"]) == (second, {"page": second})

        async with server.subscribe(subscription, where=where, since=begun[3]["cursor"]) as results:
            again = await take(results, 3)
        assert again[:2] == [updated, deleted]
        assert again[2]["status"] == "READY"
