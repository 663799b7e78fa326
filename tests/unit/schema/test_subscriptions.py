from __future__ import annotations

from typing import Any

from graphql import get_named_type
from strawberry.types import ExecutionResult

from graphql_api.feeds.subscription import Subscription
from graphql_api.schema import build_schema
from graphql_api.schema.root_fields import watch as watch_rows
from graphql_api.tables import TABLES
from graphql_api.tables.policy import POLICIES, PolicyFilter
from tests.for_each import for_each
from tests.unit.schema.documents import DOCUMENTS
from tests.unit.schema.harness import everything, serve

SCHEMA = build_schema(TABLES)._schema
ROOTS = {
    "job": "jobChanges",
    "policy": "policyChanges",
    "schedule": "scheduleChanges",
    "domain_login": "domainLoginChanges",
}


def watch(table: str, arguments: str = "") -> str:
    """A subscription that selects everything there is."""
    assert SCHEMA.subscription_type is not None
    union = get_named_type(SCHEMA.subscription_type.fields[ROOTS[table]].type)
    return f"subscription {{ {ROOTS[table]}{arguments} {everything(union, SCHEMA)} }}"


def event(result: ExecutionResult) -> Any:
    assert result.errors is None
    assert result.data is not None
    (value,) = result.data.values()
    return value


@for_each(
    ("table", "entity", "key", "change", "changed"),
    [
        ("job", "job", "jobId", {"item_count": 62}, ["itemCount"]),
        ("policy", "policy", "policyId", {"name": "New", "limits": {}}, ["name", "limits"]),
        ("schedule", "schedule", "scheduleId", {"policy_id": 5}, ["policyId", "invalidFields"]),
        ("domain_login", "domainLogin", "domain", {"users": []}, ["users"]),
    ],
)
async def test_every_kind_of_change_arrives_whole(
    table: str, entity: str, key: str, change: dict[str, Any], changed: list[str]
) -> None:
    document = DOCUMENTS[table]
    documents = {"policy": [DOCUMENTS["policy"]], table: [document]}
    async with serve(documents) as server, server.subscribe(watch(table)) as results:
        assert event(await anext(results))["status"] == "INITIALIZING"

        initial = event(await anext(results))
        assert (initial["__typename"][-5:], initial["cause"]) == ("Added", "INITIAL")

        assert event(await anext(results))["status"] == "READY"

        server.source.change(table, document, {**document, **change})
        updated = event(await anext(results))
        assert updated["__typename"].endswith("Updated")
        assert updated["changedFields"] == changed
        version = {name: initial[entity][name] for name in updated["previous"]}
        assert updated["previous"] == version
        assert "id" not in version

        server.source.change(table, document, None)
        deleted = event(await anext(results))
        assert (deleted["__typename"][-7:], deleted["cause"]) == ("Deleted", "DELETED")
        assert deleted[key] == initial[entity]["id"]

        server.source.change(table, None, document)
        created = event(await anext(results))
        assert created["cause"] == "CREATED"
        assert created[entity] == initial[entity]

        cursors = [updated["cursor"], deleted["cursor"], created["cursor"]]
        assert len(set(cursors)) == 3


async def test_filter_tells_leaving_and_entering_from_deleting_and_creating() -> None:
    document = DOCUMENTS["policy"]
    renamed = {**document, "name": "Broad"}
    arguments = '(where: {nameContains: "deep"}, includeInitial: false)'
    async with (
        serve({"policy": [document]}) as server,
        server.subscribe(watch("policy", arguments)) as results,
    ):
        assert event(await anext(results))["status"] == "READY"
        server.source.change("policy", document, renamed)
        left = event(await anext(results))
        assert (left["cause"], left["policyId"]) == ("LEFT_FILTER", "p1")
        server.source.change("policy", renamed, document)
        assert event(await anext(results))["cause"] == "ENTERED_FILTER"


async def test_cursor_of_a_page_continues_as_a_subscription() -> None:
    document = DOCUMENTS["policy"]
    async with serve({"policy": [document]}) as server:
        page = (await server.data("{ policies { cursor } }"))["policies"]
        query = watch("policy", f'(since: "{page["cursor"]}")')
        async with server.subscribe(query) as results:
            assert event(await anext(results))["status"] == "READY"


async def test_closing_releases_the_registration() -> None:
    async with serve({"policy": []}) as server:
        feed = server.feed("policy")
        async with server.subscribe(watch("policy")) as results:
            await anext(results)
            assert feed.subscribers == 1
        assert feed.subscribers == 0


async def test_resolver_registers_when_called_and_stands_by_itself() -> None:
    async with serve({"policy": []}) as server:
        feed = server.feed("policy")

        class Info:
            context = server.context

        where = PolicyFilter(name_contains="a")
        subscription = watch_rows(Info(), POLICIES, where, since=None)  # type: ignore[arg-type]
        assert isinstance(subscription, Subscription)
        assert feed.subscribers == 1
        await subscription.aclose()
        assert feed.subscribers == 0


async def test_equal_filters_are_sent_the_same_objects() -> None:
    document = DOCUMENTS["policy"]
    async with serve({"policy": [document]}) as server:
        feed = server.context.feeds[POLICIES]
        one, other = (
            feed.subscribe(PolicyFilter(ids=ids).condition(), include_initial=False)  # type: ignore[arg-type]
            for ids in (["p1", "p2"], ["p2", "p1", "p1"])
        )
        async with one, other:
            for subscription in (one, other):
                await anext(subscription)
            server.source.change("policy", document, {**document, "name": "New"})
            assert await anext(one) is await anext(other)


async def test_subscription_before_the_first_snapshot_learns_so_at_once() -> None:
    async with (
        serve({"domain_login": []}, feed_wait_s=0) as server,
        server.subscribe(watch("policy")) as results,
    ):
        assert event(await anext(results))["status"] == "INITIALIZING"


async def test_null_counts_as_absent() -> None:
    query = """subscription ($where: PolicyFilter, $since: String) {
      policyChanges(where: $where, since: $since) { ... on PolicyAdded { policy { id } } }
    }"""
    where = {"ids": None, "nameContains": None}
    async with serve({"policy": [DOCUMENTS["policy"]]}) as server:
        for variables in ({"where": None, "since": None}, {"where": where}):
            async with server.subscribe(query, **variables) as results:
                await anext(results)
                assert event(await anext(results)) == {"policy": {"id": "p1"}}
