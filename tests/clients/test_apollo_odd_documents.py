"""Stock Apollo drops a whole event for one field error: no document may cause any."""

from __future__ import annotations

from typing import Any

import pytest

from tests.clients.program import Program, program
from tests.server.client import Client
from tests.server.database import Writer
from tests.server.operations import RATE_LIMITS, WATCHES, Replica, Watch, until_seen
from tests.server.running import Running
from tests.unit.schema.documents import (
    BINARY,
    FIELDS,
    POISON_TIME,
    Document,
    time,
    with_value,
    without,
)

pytestmark = [pytest.mark.usefixtures("packages"), pytest.mark.timeout(300)]

ODD_KEYS: list[Any] = [5, 2.5, True, [1, "x"], POISON_TIME]


def keys_of_other_kinds(watch: Watch) -> list[Any]:
    return [*ODD_KEYS, "text" if watch is RATE_LIMITS else BINARY]


def odd_documents(watch: Watch, writer: Writer) -> list[Document]:
    """Documents without each field in turn, and with everything that it may hold wrongly."""
    values = {
        "null": None,
        "text": "odd",
        "true": True,
        "half": 0.5,
        "2^31": 2**31,
        "object": {"odd": [1]},
        "list": ["odd", None, 5],
        "geometry": writer.r.point(1, 2),
        "binary": BINARY,
        "time": time(0),
        "time in the year 31 690 708": POISON_TIME,
    }
    documents: list[Document] = [{watch.primary_key: watch.key("nothing but its key")}]
    for field in FIELDS:
        if field.table == watch.table:
            documents.append(
                without(field) | {watch.primary_key: watch.key(f"without {field.path}")}
            )
            documents += [
                with_value(field, value) | {watch.primary_key: watch.key(f"{name} as {field.path}")}
                for name, value in values.items()
                if (field.path, name) != ("completedAt", "time")  # such a job is not held
            ]
    return documents


@pytest.mark.parametrize("watch", WATCHES, ids=lambda watch: watch.table)
async def test_stock_apollo_gets_every_row_of_odd_documents_and_every_change(
    watch: Watch, server: Running, client: Client, writer: Writer
) -> None:
    documents = odd_documents(watch, writer)
    there_before = len(documents) // 2
    await writer.insert(watch.table, *documents[:there_before])
    for key in keys_of_other_kinds(watch):
        await writer.insert(watch.table, {watch.primary_key: key})
    await writer.insert(watch.table, {watch.primary_key: watch.key("fence")})
    await until_seen(client, watch, watch.id("fence"))

    async with program("apollo", server.ws) as apollo:
        apollo.subscribe("all", watch.subscription)
        replica = Replica(watch)
        while replica.status != "READY":
            await take(apollo, replica)
        assert replica.rows == await table(watch, client)

        await writer.insert(watch.table, *documents[there_before:])
        for key in keys_of_other_kinds(watch):
            await writer.delete(watch.table, writer.r.expr(key))
        written = {document[watch.primary_key] for document in documents}
        keys = replica.rows.keys() | {
            key.hex() if isinstance(key, bytes) else key for key in written
        }
        while replica.rows.keys() != keys:
            await take(apollo, replica)
        assert replica.rows == await table(watch, client)

        unfit = [writer.r.point(1, 2), BINARY]
        patch = {
            "policy": {"user_agents": unfit},
            "schedule": {"tags": unfit},
            "domain_login": {"users": unfit},
            "job": {"tags": unfit},
        }.get(watch.table, {"name": "renamed.example"})
        await writer.run(writer.table(watch.table).update(patch))
        updated: set[str] = set()
        while updated != keys:
            event = await take(apollo, replica)
            assert event["changedFields"]
            updated.add(event[watch.entity]["id"])
        assert replica.rows == await table(watch, client)

        await writer.run(writer.table(watch.table).delete())
        while replica.rows:
            await take(apollo, replica)
    print(  # noqa: T201 - shown by `pytest -s`
        f"{watch.table}: {len(documents)} odd documents, {replica.events} events, none dropped"
    )


async def take(apollo: Program, replica: Replica) -> dict[str, Any]:
    """The next event that Apollo gives, which the replica has taken."""
    name, event = await apollo.change()
    assert name == "all"
    replica.apply(event)
    return event


async def table(watch: Watch, client: Client) -> dict[str, dict[str, Any]]:
    """All rows, by their keys, as the plainest of clients gets them."""
    result = await client.execute(watch.query)
    assert "errors" not in result, result
    return {row["id"]: row for row in result["data"][watch.page_field]["items"]}
