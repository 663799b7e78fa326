"""An insert-only table that is declared in one file, and listed: a server follows it like any."""

from __future__ import annotations

import pytest

from graphql_api.rethink.url import DatabaseURL
from graphql_api.tables import LOGS
from tests.server.client import connected
from tests.server.database import writing
from tests.server.results import to_the_end
from tests.server.running import running, settings_for
from tests.unit.schema.visit_log import VISITS

PAGE = """{ museumVisits(museumId: "m", first: 2, kinds: [PAID]) {
    hasMore items { number museum price invalidFields }
} }"""


async def test_second_insert_only_table_is_one_file_and_one_entry(
    starbelly: DatabaseURL, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("graphql_api.app.LOGS", (*LOGS, VISITS))
    async with (
        writing(starbelly) as writer,
        running(settings_for(starbelly, response_lag_s=0.5)) as server,
        connected(server.ws) as client,
    ):
        r = writer.r
        await writer.run(writer.database().table_create("museum"))
        await writer.run(writer.database().table_create("visit", primary_key="number"))
        visits = writer.table("visit")
        await writer.run(visits.index_create("by_museum", [r.row["museum"], r.row["number"]]))
        await writer.run(visits.index_wait())
        await writer.insert("museum", {"id": "m", "is_closed": False, "visits": 0})
        await writer.insert(
            "visit", *({"number": n, "museum": "m", "price": n % 2} for n in range(9))
        )
        query = 'subscription { museumVisitAdded(museumId: "m") { visit { number price } cursor } }'
        operation = await client.subscribe(query)
        events = [await operation.change() for _ in range(9)]
        await writer.insert("visit", {"number": 20, "museum": "m", "price": "free"})
        await writer.run(writer.table("museum").get("m").update({"is_closed": True, "visits": 10}))
        events += await to_the_end(operation)
        assert [event["visit"]["number"] for event in events] == [*range(9), 20]

        page = (await client.execute(PAGE))["data"]["museumVisits"]
        assert page["hasMore"] is True
        assert [item["number"] for item in page["items"]] == [1, 3]
