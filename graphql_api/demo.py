"""`--demo`: a small, believable change every second or two, for a subscription to show.

The demo changes only documents of its own. Their keys say so (`demo-…`, the domain
`demo.example.net`, and the rate limit of that domain), and there are few of them, always with the
same keys: one that is left over from an earlier run, or was deleted by somebody, is simply made
again. A job's responses go when it begins again, and the numbers of those that come are higher.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from random import Random
from typing import Protocol, TypeAlias, assert_never

from graphql_api.demo_crawl import Crawls
from graphql_api.errors import DatabaseError
from graphql_api.log_feeds.source import LogLayout
from graphql_api.sample import Document, captcha_solver, rate_limit, schedule
from graphql_api.schema.document import in_milliseconds
from graphql_api.tables.policy_standards import standard_policies
from graphql_api.tables.response import BODIES, RESPONSES

_logger = logging.getLogger(__name__)

_POLICY = "demo-policy"
_SOLVER = "demo-solver"
_SCHEDULES = {
    "demo-schedule-1": ("Demo: weather reports", "Demo: weather warnings"),
    "demo-schedule-2": ("Demo: job offers", "Demo: job offers and courses"),
    "demo-schedule-3": ("Demo: recipes", "Demo: recipes of the season"),
}
_PASSING_POLICIES = {
    "demo-policy-quick": "Demo: quick crawl",
    "demo-policy-polite": "Demo: slow and polite crawl",
}
_DOMAIN = "demo.example.net"
_JOBS = {
    "demo-job-1": ("Demo: weather reports", "demo-schedule-1"),
    "demo-job-2": ("Demo: job offers", "demo-schedule-2"),
}
_CRAWL_STEPS = 2
"""How many things happen to jobs before something else changes."""
_DELAYS = (2.5, 5.0, 10.0)
_WEIGHTS = {"switch": 2, "rename": 2, "policy": 2, "login": 1, "limit": 1, "solver": 1}
"""How often each kind of change is made, relative to the others."""


@dataclass(frozen=True, slots=True)
class Put:
    """Make this document, whether or not there is one with its key."""

    table: str
    document: Document


@dataclass(frozen=True, slots=True)
class Patch:
    """Change some fields of the document with this key.

    Attributes:
        whole: The document as it is with the change, for when there is none to change.
    """

    table: str
    key: str | bytes
    fields: Document
    whole: Document


@dataclass(frozen=True, slots=True)
class Remove:
    """Delete the document with this key, if there is one."""

    table: str
    key: str


@dataclass(frozen=True, slots=True)
class Begin:
    """Begin a job: what it has downloaded the last time is gone."""

    job: Document


@dataclass(frozen=True, slots=True)
class Download:
    """Write what a job has downloaded, then count it.

    Attributes:
        responses: The responses.
        bodies: The bodies that they name; the same ones again and again.
        counted: The change of the job.
    """

    responses: Sequence[Document]
    bodies: Sequence[Document]
    counted: Patch


Step: TypeAlias = Put | Patch | Remove | Begin | Download


class DemoWriter(Protocol):
    """The writes of a database that the demo needs. Each may raise DatabaseError."""

    async def insert(self, table: str, document: Document) -> None:
        """Write a document, in the place of one with the same key."""

    async def update(self, table: str, key: str | bytes, patch: Document) -> bool:
        """Replace these fields of a document. Returns whether there is such a document."""

    async def insert_all(self, table: str, documents: Sequence[Document]) -> None:
        """Write some documents, in the place of those with the same keys."""

    async def delete(self, table: str, key: str | bytes) -> None:
        """Delete a document; that there is none is no error."""

    async def delete_partition(self, log: LogLayout, partition: str) -> None:
        """Delete the rows of one partition of a log."""


def steps(rng: Random, now: Callable[[], datetime]) -> Iterator[Step]:
    """The steps of the demo, without end.

    First it makes its documents; then each step changes one thing.

    Args:
        rng: Where chance comes from.
        now: The time of day, aware.
    """
    schedules = {key: _schedule(key, names[0], now()) for key, names in _SCHEDULES.items()}
    login: Document = {
        "domain": _DOMAIN,
        "login_url": f"https://{_DOMAIN}/login",
        "login_test": "Log out",
        "users": [{"username": "demo", "password": "demo", "working": True}],
    }
    solver = captcha_solver(
        _SOLVER,
        "Demo: solver",
        created_at=now(),
        service_url=f"https://solver.{_DOMAIN}/",
        api_key="demo",
    )
    limit = rate_limit(_DOMAIN, 5.0)
    passing: set[str] = set()

    yield Put("captcha_solver", dict(solver))
    usual = {**_policy(_POLICY, "Demo: the usual", now()), "captcha_solver_id": _SOLVER}
    yield Put("policy", usual)
    yield from (Put("schedule", dict(document)) for document in schedules.values())
    yield Put("domain_login", dict(login))
    crawls = Crawls(_JOBS, _policy(_POLICY, "Demo: the usual", now()))
    yield Put("rate_limit", dict(limit))
    while True:
        for _ in range(_CRAWL_STEPS):
            job, fields = crawls.step(rng, now())
            if fields is not None:
                counted = Patch("job", job["id"], fields, job)
                responses, bodies = crawls.downloads(job["id"])
                yield Download(responses, bodies, counted) if responses else counted
                continue
            yield Begin(job)
            document = schedules[job["schedule_id"]]
            count = document["job_count"] + 1
            yield _patch("schedule", "id", document, {"job_count": count})
        match rng.choices(list(_WEIGHTS), list(_WEIGHTS.values()))[0]:
            case "login":
                user = login["users"][0]
                users = [user | {"working": not user["working"]}]
                yield _patch("domain_login", "domain", login, {"users": users})
            case "limit":
                delay = rng.choice([each for each in _DELAYS if each != limit["delay"]])
                yield _patch("rate_limit", "token", limit, {"delay": delay})
            case "solver":
                case = not solver["case_sensitive"]
                at = in_milliseconds(now())
                patch = {"case_sensitive": case, "updated_at": at}
                yield _patch("captcha_solver", "id", solver, patch)
            case "policy":
                key = rng.choice(list(_PASSING_POLICIES))
                if key in passing:
                    yield Remove("policy", key)
                else:
                    yield Put("policy", _policy(key, _PASSING_POLICIES[key], now()))
                passing ^= {key}
            case change:
                document = rng.choice(list(schedules.values()))
                fields = _schedule_change(change, document)
                fields["updated_at"] = in_milliseconds(now())
                yield _patch("schedule", "id", document, fields)


async def run(
    writer: DemoWriter,
    *,
    rng: Random,
    now: Callable[[], datetime],
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    pause_s: tuple[float, float] = (1.0, 2.0),
) -> None:
    """Do the demo's steps until cancelled, with a pause after each.

    A step that the database refuses or misses is skipped.

    Args:
        writer: The database.
        rng: Where chance comes from.
        now: The time of day, aware.
        sleep: Waits for so many seconds.
        pause_s: The shortest and the longest pause.
    """
    for step in steps(rng, now):
        try:
            await _do(writer, step)
        except DatabaseError as error:
            _logger.warning("the demo skips a step: %s", error)
        await sleep(rng.uniform(*pause_s))


async def _do(writer: DemoWriter, step: Step) -> None:
    match step:
        case Put(table, document):
            await writer.insert(table, document)
        case Patch(table, key, fields, whole):
            if not await writer.update(table, key, fields):
                await writer.insert(table, whole)
        case Remove(table, key):
            await writer.delete(table, key)
        case Begin(job):
            await writer.delete_partition(RESPONSES.layout, job["id"])
            await writer.insert("job", job)
        case Download(responses, bodies, counted):
            await writer.insert_all(BODIES.body_table, bodies)
            await writer.insert_all(RESPONSES.layout.table, responses)
            await _do(writer, counted)
        case _:
            assert_never(step)


def _patch(table: str, primary_key: str, document: Document, fields: Document) -> Patch:
    """A step that changes `document`, which is the demo's own record of it, as well."""
    document.update(fields)
    return Patch(table, document[primary_key], fields, dict(document))


def _schedule_change(change: str, document: Document) -> Document:
    if change == "switch":
        return {"enabled": not document["enabled"]}
    first, second = _SCHEDULES[document["id"]]
    return {"schedule_name": second if document["schedule_name"] == first else first}


def _schedule(key: str, name: str, time: datetime) -> Document:
    return schedule(
        key,
        name,
        created_at=time,
        updated_at=time,
        policy_id=_POLICY,
        every=(1, "HOURS"),
        timing="REGULAR_INTERVAL",
        job_name=f"{name} #{{COUNT}}",
        job_count=0,
        seeds=[f"https://{_DOMAIN}/{key}/"],
        tags=["demo"],
    )


def _policy(key: str, name: str, time: datetime) -> Document:
    broad_crawl, _ = standard_policies(in_milliseconds(time))
    limits = {"max_items": 500, "max_cost": 5.0, "max_duration": 3600}
    return {**broad_crawl, "id": key, "name": name, "limits": limits}
