from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from itertools import islice
from random import Random
from typing import Any
from uuid import UUID

import pytest

from graphql_api import demo, sample
from graphql_api.errors import DatabaseUnavailableError
from graphql_api.log_feeds.source import LogLayout
from graphql_api.tables import TABLES
from graphql_api.tables.rate_limit import token_of
from graphql_api.tables.response import BODIES, RESPONSES
from tests.unit.schema.starbelly import run_captcha_solver

NOW = datetime(2026, 11, 23, 12, 0, 0, 123_456, tzinfo=UTC)
KEYS = {table.name: table.primary_key for table in TABLES}
LOGS = {RESPONSES.layout.table: RESPONSES.layout.key, BODIES.body_table: "id"}
LIMIT = token_of("demo.example.net")


class Database:
    """Tables in memory, as the demo's writer."""

    def __init__(self) -> None:
        self.tables: dict[str, dict[Any, Any]] = {table: {} for table in (*KEYS, *LOGS)}

    async def insert(self, table: str, document: dict[str, Any]) -> None:
        self.tables[table][document[KEYS[table]]] = dict(document)

    async def insert_all(self, table: str, documents: Sequence[dict[str, Any]]) -> None:
        self.tables[table] |= {document[LOGS[table]]: document for document in documents}

    async def delete_partition(self, log: LogLayout, partition: str) -> None:
        rows = self.tables[log.table]
        left = {key: row for key, row in rows.items() if row[log.partition] != partition}
        self.tables[log.table] = left

    async def update(self, table: str, key: str | bytes, patch: dict[str, Any]) -> bool:
        if key not in self.tables[table]:
            return False
        self.tables[table][key].update(patch)
        return True

    async def delete(self, table: str, key: str | bytes) -> None:
        self.tables[table].pop(key, None)


class EnoughError(Exception):
    """Ends a run."""


def pauses(count: int) -> Any:
    """A `sleep` that takes no time and ends the run after so many pauses."""
    remaining = iter(range(count))

    async def sleep(seconds: float) -> None:
        assert 1 <= seconds <= 5
        if next(remaining, None) is None:
            raise EnoughError

    return sleep


async def run(database: Any, count: int) -> None:
    with pytest.raises(EnoughError):
        await demo.run(database, rng=Random(7), now=lambda: NOW, sleep=pauses(count))


def test_sample_schedules_keep_starbellys_rules() -> None:
    documents = sample.schedules(broad_crawl="broad", deep_crawl="deep", now=NOW)
    assert len({document["id"] for document in documents}) == len(documents)
    for document in documents:
        UUID(document["id"])
        assert document["policy_id"] in {"broad", "deep"}
        assert document["seeds"]
        assert document["num_units"] > 0
        assert document["job_name"].format(COUNT=1, DATE="d", TIME="t")
        assert document["created_at"] <= document["updated_at"] <= NOW
        assert document["created_at"].microsecond % 1000 == 0


def test_sample_logins_cover_a_user_that_stopped_working() -> None:
    users = [user for login in sample.domain_logins() for user in login["users"]]
    assert {user["working"] for user in users} == {True, False}


def test_sample_jobs_have_ended_and_count_what_they_sum_up() -> None:
    jobs = sample.jobs(policy={"name": "Policy"}, now=NOW)
    schedules = sample.schedules(broad_crawl="broad", deep_crawl="deep", now=NOW)
    for job in jobs:
        UUID(job["id"])
        assert job["started_at"] < job["completed_at"] <= NOW
        assert job["schedule_id"] in {schedule["id"] for schedule in schedules}
        parts = ("http_success_count", "http_error_count", "exception_count")
        assert job["item_count"] == sum(job[part] for part in parts)


def test_sample_responses_are_what_their_job_counts() -> None:
    jobs = sample.jobs(policy={"name": "Policy"}, now=NOW)
    rows, bodies = sample.responses(jobs)
    (job,) = (job for job in jobs if job["id"] == rows[0]["job_id"])
    kinds = Counter(
        "exception" if "exception" in row else row["is_success"]
        for row in rows
        if row["job_id"] == job["id"]
    )
    assert kinds == {
        True: job["http_success_count"],
        False: job["http_error_count"],
        "exception": job["exception_count"],
    }
    statuses = Counter(str(row["status_code"]) for row in rows if "status_code" in row)
    assert statuses == job["http_status_counts"]
    assert len({row["sequence"] for row in rows}) == len(rows)
    assert {row["body_id"] for row in rows if "body_id" in row} == {body["id"] for body in bodies}
    for row in rows:
        assert job["started_at"] <= row["started_at"] <= row["completed_at"] <= job["completed_at"]


def job_of(step: demo.Step) -> dict[str, Any] | None:
    """The job that a step writes, as it is then."""
    match step:
        case demo.Begin(job):
            return job
        case demo.Download(_, _, counted):
            return counted.whole
        case demo.Patch("job", _, _, whole):
            return whole
    return None


async def test_demo_writes_the_responses_that_its_jobs_count() -> None:
    database = Database()
    await run(database, 400)
    responses, bodies = database.tables["response"], database.tables["response_body"]
    jobs = database.tables["job"]
    assert {row["job_id"] for row in responses.values()} <= jobs.keys()
    for key, job in jobs.items():
        rows = [row for row in responses.values() if row["job_id"] == key]
        assert len(rows) == job["item_count"]
        assert sum(row["is_success"] for row in rows) == job["http_success_count"]
        assert sum("exception" in row for row in rows) == job["exception_count"]
        assert all(row["body_id"] in bodies for row in rows if "exception" not in row)


def test_numbers_of_the_demos_responses_grow_from_run_to_run_of_the_server() -> None:
    def sequences(seed: int, now: datetime) -> list[int]:
        steps = islice(demo.steps(Random(seed), lambda: now), 200)
        downloads = [step for step in steps if isinstance(step, demo.Download)]
        return [row["sequence"] for step in downloads for row in step.responses]

    first, second = sequences(1, NOW), sequences(2, NOW + timedelta(hours=1))
    assert [*first, *second] == sorted({*first, *second})


def test_demo_crawls() -> None:
    states: dict[str, list[str]] = {}
    counts: dict[str, int] = {}
    for step in islice(demo.steps(Random(1), lambda: NOW), 600):
        if (job := job_of(step)) is None:
            continue
        parts = ("http_success_count", "http_error_count", "exception_count")
        assert job["item_count"] == sum(job[part] for part in parts)
        assert job["item_count"] >= counts.get(job["name"], 0), "counts only grow"
        counts[job["name"]] = job["item_count"]
        assert (job["run_state"] == "completed") == (job["completed_at"] is not None)
        states.setdefault(job["name"], []).append(job["run_state"])
    assert all(each[0] == "running" for each in states.values())
    ends = [each[-1] for each in states.values()]
    assert ends.count("completed") >= len(states) - 2 > 2
    assert any("paused" in each for each in states.values())


def test_demo_counts_a_job_in_its_schedule_when_it_starts() -> None:
    started: Counter[str] = Counter()
    counted: dict[str, int] = {}
    for step in islice(demo.steps(Random(1), lambda: NOW), 600):
        if isinstance(step, demo.Begin):
            assert all(counted[key] == number for key, number in started.items())
            started[step.job["schedule_id"]] += 1
            assert step.job["name"].endswith(f" #{started[step.job['schedule_id']]}")
        elif isinstance(step, demo.Patch) and step.table == "schedule":
            counted[str(step.key)] = step.whole["job_count"]
    assert len(started) == 2
    assert min(started.values()) > 2


def test_sample_solver_and_limits_keep_starbellys_rules() -> None:
    for document in sample.captcha_solvers(now=NOW):
        run_captcha_solver(document)
    for limit in sample.rate_limits():
        assert limit["token"] == token_of(limit["name"].removeprefix("domain:"))
        assert limit["delay"] > 0


def test_demo_touches_only_its_own_documents() -> None:
    for step in islice(demo.steps(Random(1), lambda: NOW), 2_000):
        match step:
            case demo.Put(table, document):
                key = document[KEYS[table]]
            case demo.Patch(table, key, fields):
                assert KEYS[table] not in fields
            case demo.Remove(table, key):
                pass
            case demo.Begin(job):
                key = job["id"]
            case demo.Download(responses, bodies, counted):
                key = counted.key
                assert {row["job_id"] for row in responses} == {key}
                assert {body["id"] for body in bodies} == {
                    row["body_id"] for row in responses if "body_id" in row
                }
        assert key in ("demo.example.net", LIMIT) or str(key).startswith("demo-")


def test_demo_shows_every_kind_of_change_soon() -> None:
    kinds = {
        (type(step), getattr(step, "table", "response"))
        for step in islice(demo.steps(Random(3), lambda: NOW), 7, 320)
    }
    assert kinds == {
        (demo.Begin, "response"),
        (demo.Download, "response"),
        (demo.Patch, "job"),
        (demo.Put, "policy"),
        (demo.Remove, "policy"),
        (demo.Patch, "schedule"),
        (demo.Patch, "domain_login"),
        (demo.Patch, "captcha_solver"),
        (demo.Patch, "rate_limit"),
    }


def test_each_step_changes_something() -> None:
    database = Database()

    async def check() -> None:
        for step in islice(demo.steps(Random(5), lambda: NOW), 500):
            before = {table: dict(rows) for table, rows in database.tables.items()}
            before = {t: {k: dict(d) for k, d in rows.items()} for t, rows in before.items()}
            await demo._do(database, step)
            assert database.tables != before

    asyncio.run(check())


async def test_demo_makes_again_what_somebody_deleted() -> None:
    database = Database()
    await run(database, 300)
    expected = {table: set(rows) for table, rows in database.tables.items()}

    class Emptied(Database):
        async def update(self, table: str, key: str | bytes, patch: dict[str, Any]) -> bool:
            self.tables[table].pop(key, None)
            return await super().update(table, key, patch)

    emptied = Emptied()
    await run(emptied, 300)
    assert {table: set(rows) for table, rows in emptied.tables.items()} == expected
    assert emptied.tables == database.tables


async def test_documents_of_the_demo_stay_few() -> None:
    database = Database()
    await run(database, 1_000)
    assert sum(len(database.tables[table]) for table in KEYS) <= 11
    # Two jobs of 162 items at most; their pages, and the errors.
    assert len(database.tables["response"]) <= 2 * 162
    assert len(database.tables["response_body"]) <= 162 + 3


async def test_demo_goes_on_after_a_step_that_failed(caplog: pytest.LogCaptureFixture) -> None:
    class Failing(Database):
        async def insert(self, table: str, document: dict[str, Any]) -> None:
            raise DatabaseUnavailableError("no connection")

    caplog.set_level(logging.WARNING, "graphql_api.demo")
    await run(Failing(), 20)
    assert "the demo skips a step: no connection" in caplog.text
