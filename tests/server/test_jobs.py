"""Jobs: those that a server holds, those that are older, and what leads to them."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from graphql_api.feeds import write_barrier
from graphql_api.feeds.archive import Relation, WantedValue
from graphql_api.limits.long_answers import LongAnswer
from graphql_api.rethink.changefeed import RethinkSource
from graphql_api.rethink.store import RethinkStore
from graphql_api.rethink.url import DatabaseURL
from graphql_api.schema.context import FEW_ROWS
from graphql_api.tables.job_mutations import RESPONSES_AT_ONCE
from tests.server.client import WAIT_S, Client, connected
from tests.server.database import Writer, writing
from tests.server.running import running, settings_for, until_ready

STATES = ("pending", "running", "paused", "completed", "cancelled")
NOW = datetime.now(UTC).replace(microsecond=0)

PAGE = """query($where: JobFilter, $limit: Int!, $offset: Int!) {
  jobs(where: $where, limit: $limit, offset: $offset) {
    total status cursor items { id name runState startedAt }
  }
}"""


@asynccontextmanager
async def serving(starbelly: DatabaseURL, **settings: Any) -> AsyncIterator[Client]:
    async with (
        running(settings_for(starbelly, **settings)) as server,
        connected(server.ws) as client,
    ):
        yield client


def job(key: str, *, days_ago: float, ended_days_ago: float | None, **more: Any) -> dict[str, Any]:
    """A job that was started so many days ago, and has ended or not."""
    ended = None if ended_days_ago is None else NOW - timedelta(days=ended_days_ago)
    return {
        "id": key,
        "name": f"Job {key}",
        "run_state": "running" if ended is None else "completed",
        "tags": [],
        "started_at": NOW - timedelta(days=days_ago),
        "completed_at": ended,
        **more,
    }


def some_jobs(rng: random.Random, count: int) -> list[dict[str, Any]]:
    """Jobs of which about half have ended long ago, many of them started at the same moments."""
    jobs = []
    for number in range(count):
        days_ago = rng.randrange(1, 40)
        lasted = rng.choice((0.0, 0.5, 3.0, 30.0))
        ended = days_ago - lasted
        jobs.append(
            job(
                f"{rng.getrandbits(32):08x}",
                days_ago=days_ago,
                ended_days_ago=ended if ended > 0 else None,
                name=rng.choice(("Straße", "NEWS", "news", "a.b", 5, None)),
                tags=rng.choice((["red"], ["red", "blue"], [], "red", [5], None)),
                schedule_id=rng.choice(("s1", "s2", None)),
                number=number,
            )
        )
    return jobs


FILTERS: tuple[tuple[dict[str, Any], Any], ...] = (
    ({}, lambda _: True),
    ({"runStates": ["COMPLETED"]}, lambda j: j["run_state"] == "completed"),
    ({"runStates": ["RUNNING", "PAUSED"]}, lambda j: j["run_state"] == "running"),
    ({"scheduleId": "s1"}, lambda j: j["schedule_id"] == "s1"),
    (
        {"anyTag": ["blue", "green", "red"]},
        lambda j: isinstance(j["tags"], list) and bool({"red", "blue"} & {*j["tags"]}),
    ),
    (
        {"nameContains": "NeW"},
        lambda j: isinstance(j["name"], str) and j["name"].lower() == "news",
    ),
    ({"nameContains": "a.b"}, lambda j: j["name"] == "a.b"),
    (
        {"startedAfter": (NOW - timedelta(days=20)).isoformat()},
        lambda j: j["started_at"] > NOW - timedelta(days=20),
    ),
    ({"ids": []}, lambda _: False),
    (
        {
            "runStates": ["COMPLETED"],
            "scheduleId": "s1",
            "anyTag": ["red"],
            "nameContains": "e",
            "startedAfter": (NOW - timedelta(days=30)).isoformat(),
        },
        lambda j: (
            j["run_state"] == "completed"
            and j["schedule_id"] == "s1"
            and isinstance(j["tags"], list)
            and "red" in j["tags"]
            and isinstance(j["name"], str)
            and "e" in j["name"].lower()
            and j["started_at"] > NOW - timedelta(days=30)
        ),
    ),
)


async def test_pages_are_those_of_the_whole_table(starbelly: DatabaseURL, writer: Writer) -> None:
    rng = random.Random(7)
    jobs = some_jobs(rng, 90)
    # Without a time of their start, those that have ended long ago are on no page.
    odd = [
        {"id": "odd", "started_at": "text", "completed_at": NOW - timedelta(days=30)},
        {"id": "none", "run_state": "pending"},
    ]
    await writer.insert("job", *jobs, *odd)
    by_start = sorted(jobs, key=lambda j: (j["started_at"], j["id"]), reverse=True)
    async with serving(starbelly) as client:
        held = (await client.execute("{ feeds { table documents } }"))["data"]["feeds"][0]
        assert held["table"] == "job"
        for where, matches in FILTERS:
            expected = [j["id"] for j in by_start if matches(j)] + (["none"] if not where else [])
            for _ in range(12):
                offset = rng.choice((0, rng.randrange(95)))
                limit = rng.choice((0, 1, 10, 200))
                result = await client.execute(PAGE, where=where, limit=limit, offset=offset)
                page = result["data"]["jobs"]
                assert page["total"] == len(expected), where
                shown = [item["id"] for item in page["items"]]
                assert shown == expected[offset : offset + limit], (where, offset, limit)
        some = [by_start[0]["id"], by_start[-1]["id"]]
        result = await client.execute(PAGE, where={"ids": some}, limit=5, offset=0)
        assert [item["id"] for item in result["data"]["jobs"]["items"]] == some


async def test_only_a_long_page_of_jobs_that_are_not_held_waits_for_its_place(
    starbelly: DatabaseURL, writer: Writer, monkeypatch: pytest.MonkeyPatch
) -> None:
    await writer.insert("job", job("old", days_ago=40, ended_days_ago=30))
    waited = 0

    async def count(_: LongAnswer) -> None:
        nonlocal waited
        waited += 1

    monkeypatch.setattr(LongAnswer, "read_many", count)
    async with serving(starbelly) as client:
        for limit, expected in ((FEW_ROWS, 0), (FEW_ROWS + 1, 1)):
            result = await client.execute(PAGE, where={}, limit=limit, offset=0)
            assert [item["id"] for item in result["data"]["jobs"]["items"]] == ["old"]
            assert waited == expected


async def test_older_job_whose_key_is_no_text_is_not_served_and_breaks_no_page(
    starbelly: DatabaseURL, writer: Writer
) -> None:
    old = job("old", days_ago=40, ended_days_ago=30)
    keys: tuple[Any, ...] = (5, [1, 2], True, b"\0\1", NOW)
    await writer.insert("job", old, *({**old, "id": key} for key in keys))
    async with serving(starbelly) as client:
        page = (await client.execute(PAGE, where={}, limit=10, offset=0))["data"]["jobs"]
        assert [item["id"] for item in page["items"]] == ["old"]
        assert page["total"] == 1


async def test_one_job_is_found_however_old(starbelly: DatabaseURL, writer: Writer) -> None:
    await writer.insert(
        "job",
        job("new", days_ago=1, ended_days_ago=0.5),
        job("old", days_ago=99, ended_days_ago=98, old_urls="secret", policy={"name": "Copy"}),
    )
    query = "query($id: ID!) { job(id: $id) { id name policy { name } } }"
    async with serving(starbelly) as client:
        for key, policy in (("new", None), ("old", {"name": "Copy"})):
            found = (await client.execute(query, id=key))["data"]["job"]
            assert found == {"id": key, "name": f"Job {key}", "policy": policy}
        for key in ("", "no such", "k" * 500, "\0"):
            assert (await client.execute(query, id=key))["data"]["job"] is None


async def test_cursor_of_a_page_follows_what_is_held(
    starbelly: DatabaseURL, writer: Writer
) -> None:
    await writer.insert(
        "job",
        job("new", days_ago=1, ended_days_ago=None),
        job("old", days_ago=99, ended_days_ago=98),
    )
    async with serving(starbelly) as client:
        result = await client.execute(PAGE, where={}, limit=5, offset=0)
        page = result["data"]["jobs"]
        assert [item["id"] for item in page["items"]] == ["new", "old"]
        await writer.update("job", "old", {"name": "Other"})
        await writer.update("job", "new", {"name": "Other"})
        changes = await client.subscribe(
            "subscription($since: String) { jobChanges(since: $since) { __typename "
            "... on JobUpdated { job { id name } } ... on FeedState { status } } }",
            since=page["cursor"],
        )
        while (change := await changes.change())["__typename"] == "FeedState":
            pass
        assert change["job"] == {"id": "new", "name": "Other"}


SECRETS = ("hunter2", "api key", "pickled urls")


async def test_no_secret_of_a_job_is_served(starbelly: DatabaseURL, writer: Writer) -> None:
    policy = {
        "name": "Copy",
        "proxy_rules": [{"proxy_url": "http://user:hunter2@proxy.example:8080"}],
        "captcha_solver": {"id": "c", "api_key": "api key", "antigate": {"api_key": "api key"}},
    }
    more = {"policy": policy, "old_urls": "pickled urls", "seeds": ["http://u:hunter2@a.example/"]}
    await writer.insert(
        "job",
        job("new", days_ago=1, ended_days_ago=None, **more),
        job("old", days_ago=99, ended_days_ago=98, **more),
    )
    fields = """id seeds policy { name captchaSolverId proxyRules { proxyUrl } invalidFields }
        invalidFields"""
    async with serving(starbelly) as client:
        for query in (
            f"{{ jobs {{ items {{ {fields} }} }} }}",
            f'{{ job(id: "new") {{ {fields} }} }}',
            f'{{ job(id: "old") {{ {fields} }} }}',
        ):
            text = str(await client.execute(query))
            assert "proxy.example" in text
            assert not any(secret in text for secret in SECRETS)


async def test_schedule_and_policy_lead_to_what_names_them(
    starbelly: DatabaseURL, writer: Writer
) -> None:
    await writer.insert("policy", {"id": "p", "name": "Policy"})
    await writer.insert(
        "schedule",
        {"id": "s1", "schedule_name": "B", "policy_id": "p"},
        {"id": "s2", "schedule_name": "A", "policy_id": "p"},
    )
    await writer.insert(
        "job",
        job("a", days_ago=3, ended_days_ago=2, schedule_id="s1"),
        job("b", days_ago=2, ended_days_ago=None, schedule_id="s1"),
        job("c", days_ago=1, ended_days_ago=None),
        job("old", days_ago=99, ended_days_ago=98, schedule_id="s1"),
    )
    query = """{ policy(id: "p") { schedules { id latestJob { id schedule { id } }
      jobs { id } first: jobs(limit: 1) { id } } } }"""
    async with serving(starbelly) as client:
        schedules = (await client.execute(query))["data"]["policy"]["schedules"]
        assert schedules == [
            {"id": "s2", "latestJob": None, "jobs": [], "first": []},
            {
                "id": "s1",
                "latestJob": {"id": "b", "schedule": {"id": "s1"}},
                "jobs": [{"id": "b"}, {"id": "a"}],
                "first": [{"id": "b"}],
            },
        ]
        result = await client.execute("{ schedules { items { jobs(limit: -1) { id } } } }")
        assert result["errors"][0]["extensions"]["code"] == "BAD_USER_INPUT"


DELETE = "mutation($id: ID!) { deleteJob(id: $id) }"


async def test_deleting_a_job_deletes_its_responses_first(
    starbelly: DatabaseURL, writer: Writer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(write_barrier, "_ARRIVAL_S", WAIT_S)  # however slow the machine is
    await writer.run(
        writer.r.db(starbelly.database).table_create("response", primary_key="sequence")
    )
    table = writer.table("response")
    row = writer.r.row
    await writer.run(table.index_create("job_sync", [row["job_id"], row["sequence"]]))
    await writer.run(table.index_wait())
    count = RESPONSES_AT_ONCE + 10
    rows = [{"sequence": n, "job_id": ("new", "other")[n % 2]} for n in range(2 * count)]
    await writer.insert("response", *rows)
    await writer.insert(
        "job",
        job("new", days_ago=1, ended_days_ago=0.5),
        job("other", days_ago=1, ended_days_ago=0.5),
    )
    async with serving(starbelly, job_pace_s=0.3) as client:
        assert (await client.execute(DELETE, id="new"))["data"] == {"deleteJob": "new"}
        left = await client.execute("{ jobs { total items { id } } }")
        assert left["data"]["jobs"] == {"total": 1, "items": [{"id": "other"}]}
        assert await writer.run(table.count()) == count
        assert await writer.run(table.filter({"job_id": "new"}).count()) == 0
        result = await client.execute(DELETE, id="new")
        assert result["errors"][0]["extensions"]["code"] == "NOT_FOUND"


async def test_deletion_is_waited_for_by_a_server_that_is_still_reading_the_jobs(
    starbelly: DatabaseURL, writer: Writer, monkeypatch: pytest.MonkeyPatch
) -> None:
    await writer.insert("job", job("new", days_ago=1, ended_days_ago=0.5))
    may_read = asyncio.Event()
    changes, delete_if = RethinkSource.changes, RethinkStore.delete_if

    @asynccontextmanager
    async def changes_late(self: Any, table: str, *arguments: Any) -> AsyncIterator[Any]:
        if table == "job":
            await may_read.wait()
        async with changes(self, table, *arguments) as changefeed:
            yield changefeed

    async def delete_once_read(self: Any, *arguments: Any) -> bool:
        may_read.set()
        await until_ready(server)
        return await delete_if(self, *arguments)

    monkeypatch.setattr(write_barrier, "_ARRIVAL_S", WAIT_S)  # however slow the machine is
    monkeypatch.setattr(RethinkSource, "changes", changes_late)
    monkeypatch.setattr(RethinkStore, "delete_if", delete_once_read)
    settings = settings_for(starbelly, job_pace_s=0.3)
    async with running(settings) as server, connected(server.ws) as client:
        assert (await client.execute(DELETE, id="new"))["data"] == {"deleteJob": "new"}
        assert (await client.execute("{ jobs { total } }"))["data"]["jobs"]["total"] == 0


async def test_only_finished_jobs_can_be_deleted(starbelly: DatabaseURL, writer: Writer) -> None:
    await writer.insert(
        "job",
        *(job(state, days_ago=1, ended_days_ago=None, run_state=state) for state in STATES),
        job("old", days_ago=99, ended_days_ago=98, old_urls="many"),
        {"id": "odd", "run_state": ["completed"]},
    )
    async with serving(starbelly) as client:
        for key in (*STATES, "old", "odd", "k" * 200):
            result = await client.execute(DELETE, id=key)
            code = result["errors"][0]["extensions"]["code"] if "errors" in result else None
            expected = None if key in {"completed", "cancelled", "old"} else "JOB_NOT_FINISHED"
            assert code == ("NOT_FOUND" if len(key) > 127 else expected), key
        left = (await client.execute("{ jobs { items { id } } }"))["data"]["jobs"]["items"]
        assert {item["id"] for item in left} == {"pending", "running", "paused", "odd"}


async def test_job_that_goes_on_in_the_last_moment_is_not_deleted(starbelly: DatabaseURL) -> None:
    async with RethinkStore(starbelly) as store, writing(starbelly) as writer:
        finished = WantedValue("run_state", Relation.ONE_OF, frozenset({"completed"}))
        await writer.insert("job", {"id": "j", "run_state": "running"})
        assert not await store.delete_if("job", "j", finished)
        assert not await store.delete_if("job", "none", finished)
        await writer.update("job", "j", {"run_state": "completed"})
        assert await store.delete_if("job", "j", finished)
        assert await writer.run(writer.table("job").count()) == 0
