"""Documents that are not as they should be stream past without ending or delaying anything."""

from __future__ import annotations

import copy
import logging
from itertools import product
from typing import Any

import pytest

from graphql_api.rethink.url import DatabaseURL
from tests.for_each import for_each
from tests.server.client import Client, connected
from tests.server.database import Writer
from tests.server.mutations import DELETE_POLICY, UPDATE_POLICY, succeed
from tests.server.operations import POLICIES, RATE_LIMITS, SCHEDULES, WATCHES, Replica, Watch
from tests.server.running import running, settings_for
from tests.unit.schema.documents import DOCUMENTS, FIELDS, KEYS, Field, stored_key

FAR_TIME = {"$reql_type$": "TIME", "epoch_time": 10**15, "timezone": "+00:00"}
BINARY = {"$reql_type$": "BINARY", "data": "AP8="}
DEPTHS = [90, 450, 1030]
"""Levels around the limits of Python's recursion and of JSON's decoders and encoders."""
ODD_KEYS: list[Any] = [5, 2.5, True, [1, "x"], FAR_TIME]


def keys_of_other_kinds(watch: Watch) -> list[Any]:
    return [*ODD_KEYS, "text" if watch is RATE_LIMITS else b"binary"]


def table_or_depth(parameter: Watch | int) -> str:
    """The name of a parameter."""
    return parameter.table if isinstance(parameter, Watch) else str(parameter)


def with_odd_value(field: Field, value: object, key: str) -> dict[str, Any]:
    """A whole document of the field's table, with an odd value there, and a key of its own."""
    document: Any = copy.deepcopy(dict(DOCUMENTS[field.table]))
    holder = document
    for step in field.place[:-1]:
        holder = holder[step]
    holder[field.place[-1]] = value
    document[KEYS[field.table]] = stored_key(field.table, key)
    return dict(document)


@for_each("watch", WATCHES)
async def test_odd_value_in_every_field_is_served_as_null_and_listed(
    watch: Watch, client: Client, writer: Writer
) -> None:
    operation = await client.subscribe(watch.subscription)
    await operation.until_status("READY")
    values: dict[str, Any] = {
        "text": "\u2028 odd",
        "number": 2**60,
        "object": {"odd": [1]},
        "geometry": writer.r.point(1, 2),
        "binary": BINARY,
        "far time": FAR_TIME,
    }
    fields = [field for field in FIELDS if field.table == watch.table]
    for kind, value in values.items():
        documents = [
            with_odd_value(field, value, f"{kind} {number}") for number, field in enumerate(fields)
        ]
        await writer.insert(watch.table, *documents)
        rows = {}
        for _ in fields:
            change = await operation.change()
            assert change["cause"] == "CREATED"
            rows[change[watch.entity]["id"]] = change[watch.entity]
        unfit = {"string": kind != "text", "number": kind != "number", "object": kind != "object"}
        for number, field in enumerate(fields):
            is_unfit = unfit.get(field.kind, True)
            listed = rows[watch.id(f"{kind} {number}")]["invalidFields"]
            assert any(path.startswith(field.path) for path in listed) == is_unfit, (field, listed)


@for_each("watch", WATCHES)
async def test_documents_whose_key_is_of_another_kind_delay_nothing(
    watch: Watch, client: Client, writer: Writer
) -> None:
    operation = await client.subscribe(watch.subscription)
    await operation.until_status("READY")
    for key in keys_of_other_kinds(watch):
        await writer.insert(watch.table, {watch.primary_key: key})
        await writer.run(writer.table(watch.table).get(writer.r.expr(key)).update({"name": "x"}))
    await writer.insert(watch.table, {watch.primary_key: watch.key("fence")})
    assert (await operation.change())[watch.entity]["id"] == watch.id("fence")
    for key in keys_of_other_kinds(watch):
        await writer.delete(watch.table, writer.r.expr(key))
    await writer.delete(watch.table, watch.key("fence"))
    assert (await operation.change())[watch.deleted_key] == watch.id("fence")


@for_each("watch", WATCHES)
async def test_document_with_nothing_but_its_key_is_served(
    watch: Watch, client: Client, writer: Writer
) -> None:
    operation = await client.subscribe(watch.subscription)
    await operation.until_status("READY")
    await writer.insert(watch.table, {watch.primary_key: watch.key("bare")})
    row = (await operation.change())[watch.entity]
    assert row.pop("id") == watch.id("bare")
    row.pop("domain", None)
    assert all(value in (None, [], False) for value in row.values()), row


async def test_odd_documents_are_there_before_the_feed_begins_too(
    starbelly: DatabaseURL, writer: Writer
) -> None:
    odd = [{"id": key} for key in ODD_KEYS]
    poison = {"id": "poison", "created_at": FAR_TIME, "name": writer.r.point(1, 2), "x": BINARY}
    await writer.insert("schedule", *odd, poison)
    replica = Replica(SCHEDULES)
    async with running(settings_for(starbelly)) as server, connected(server.ws) as client:
        operation = await client.subscribe(SCHEDULES.subscription)
        for change in await operation.until_status("READY"):
            replica.apply(change)
    assert replica.rows.keys() == {"poison"}
    assert replica.rows["poison"]["invalidFields"] == ["createdAt"]


@pytest.mark.parametrize(
    ("watch", "depth"),
    [
        *((POLICIES, depth) for depth in DEPTHS),
        *(
            pytest.param(watch, depth, marks=pytest.mark.long)
            for watch, depth in product(WATCHES, DEPTHS)
            if watch is not POLICIES
        ),
        pytest.param(POLICIES, 3000, marks=pytest.mark.long),
    ],
    ids=table_or_depth,
)
async def test_document_of_any_depth_delays_no_other(
    watch: Watch, depth: int, client: Client, writer: Writer
) -> None:
    operation = await client.subscribe(watch.subscription)
    await operation.until_status("READY")
    await writer.insert(watch.table, {watch.primary_key: watch.key("deep"), "unknown": 1})
    assert (await operation.change())[watch.entity]["id"] == watch.id("deep")
    await writer.nest(watch.table, watch.key("deep"), ("unknown",), depth)
    await writer.insert(watch.table, {watch.primary_key: watch.key("fence")})
    assert (await operation.change())[watch.entity]["id"] == watch.id("fence")
    await writer.delete(watch.table, watch.key("deep"))
    assert (await operation.change())[watch.deleted_key] == watch.id("deep")


@pytest.mark.parametrize("depth", DEPTHS)
async def test_served_field_of_any_depth_is_null_and_listed(
    depth: int, client: Client, writer: Writer
) -> None:
    operation = await client.subscribe(POLICIES.subscription)
    await operation.until_status("READY")
    await writer.insert("policy", {"id": "deep", "name": 1})
    await operation.change()
    await writer.nest("policy", "deep", ("name",), depth)
    await writer.update("policy", "deep", {"captcha_solver_id": "fence"})
    row = (await operation.change())["policy"]
    assert (row["name"], row["captchaSolverId"]) == (None, "fence")
    assert row["invalidFields"] == ["name"]


async def test_deep_document_is_counted_and_named_once_and_the_next_start_survives_it(
    starbelly: DatabaseURL, writer: Writer, caplog: pytest.LogCaptureFixture
) -> None:
    await writer.insert("schedule", {"id": "deep", "secret": "hunter2", "x": 1}, {"id": "other"})
    await writer.nest("schedule", "deep", ("x",), 1030)
    replica = Replica(SCHEDULES)
    feeds = "{ feeds { table status documents unreadDocuments } }"
    with caplog.at_level(logging.WARNING):
        async with running(settings_for(starbelly)) as server, connected(server.ws) as client:
            operation = await client.subscribe(SCHEDULES.subscription)
            for change in await operation.until_status("READY"):
                replica.apply(change)
            reports = (await client.execute(feeds))["data"]["feeds"]
            report = next(report for report in reports if report["table"] == "schedule")
            assert report == {
                "table": "schedule",
                "status": "READY",
                "documents": 2,
                "unreadDocuments": 1,
            }
            await writer.update("schedule", "deep", {"schedule_name": "again"})
            await operation.change()
            await writer.update("schedule", "deep", {"x": 1, "schedule_name": "shallow"})
            await operation.change()
            reports = (await client.execute(feeds))["data"]["feeds"]
            assert not any(report["unreadDocuments"] for report in reports)
    assert replica.rows.keys() == {"deep", "other"}
    lines = [record.getMessage() for record in caplog.records]
    assert lines == [
        "table schedule: the document 'deep' is served without what is nested too deeply to be read"
    ]


@pytest.mark.parametrize(
    "place",
    [pytest.param(("unknown",), marks=pytest.mark.long), ("limits", "unknown")],
    ids=".".join,
)
@pytest.mark.parametrize("depth", DEPTHS)
async def test_mutation_keeps_an_unknown_field_of_any_depth(
    place: tuple[str, ...], depth: int, client: Client, writer: Writer
) -> None:
    policy = {**copy.deepcopy(dict(DOCUMENTS["policy"])), "id": "deep", "unknown": 1}
    policy["limits"]["unknown"] = 1
    await writer.insert("policy", policy)
    await writer.nest("policy", "deep", place, depth)
    values = {"name": "Renamed", "limits": {"maxCost": 7}}
    changed = await succeed(client, UPDATE_POLICY, id="deep", input=values)
    assert changed["name"] == "Renamed"
    assert changed["limits"]["maxCost"] == 7
    assert await writer.unnested("policy", "deep", place, depth) == 1
    assert await succeed(client, DELETE_POLICY, id="deep") == "deep"
