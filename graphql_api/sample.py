"""Sample documents of a new embedded database, beside the two standard policies.

Sites and people are made up: the domains are reserved for examples (RFC 2606), the passwords open
nothing.
"""

from __future__ import annotations

import gzip
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from hashlib import blake2b
from typing import Any, TypeAlias

from graphql_api.schema.document import in_milliseconds
from graphql_api.tables.policy_standards import standard_policies
from graphql_api.tables.rate_limit import NAME_PREFIX, token_of

Document: TypeAlias = dict[str, Any]
"""A document as Starbelly stores it; times are aware datetimes, in whole milliseconds."""


def contents(policy_ids: Mapping[str, str], *, now: datetime) -> dict[str, list[Document]]:
    """The documents of a new database, by the names of their tables.

    Args:
        policy_ids: The ids of the two standard policies, by their names.
        now: The time they lead up to.
    """
    broad_crawl, deep_crawl = policy_ids["Broad Crawl"], policy_ids["Deep Crawl"]
    ended = jobs(policy={"id": broad_crawl, **standard_policies(now)[0]}, now=now)
    downloaded, bodies = responses(ended)
    return {
        "job": ended,
        "response": downloaded,
        "response_body": bodies,
        "schedule": schedules(broad_crawl=broad_crawl, deep_crawl=deep_crawl, now=now),
        "domain_login": domain_logins(),
        "captcha_solver": captcha_solvers(now=now),
        "rate_limit": rate_limits(),
    }


def schedules(*, broad_crawl: str, deep_crawl: str, now: datetime) -> list[Document]:
    """A few schedules, in the order in which somebody made them.

    Args:
        broad_crawl: The id of the policy "Broad Crawl".
        deep_crawl: The id of the policy "Deep Crawl".
        now: The time they lead up to.
    """
    return [
        schedule(
            "c0a3f5de-4b1e-4f0b-9c56-6a1f2f7e1a01",
            "News front pages",
            created_at=now - timedelta(days=92),
            updated_at=now - timedelta(hours=5),
            policy_id=broad_crawl,
            every=(6, "HOURS"),
            timing="REGULAR_INTERVAL",
            job_name="News {DATE} {TIME}",
            job_count=361,
            seeds=["https://news.example.com/", "https://herald.example.net/"],
            tags=["news", "daily"],
        ),
        schedule(
            "c0a3f5de-4b1e-4f0b-9c56-6a1f2f7e1a02",
            "Standards library",
            created_at=now - timedelta(days=60),
            updated_at=now - timedelta(days=4),
            policy_id=deep_crawl,
            every=(1, "WEEKS"),
            timing="AFTER_PREVIOUS_JOB_FINISHED",
            job_name="Standards #{COUNT}",
            job_count=8,
            seeds=["https://standards.example.org/library/"],
            tags=["reference"],
        ),
        schedule(
            "c0a3f5de-4b1e-4f0b-9c56-6a1f2f7e1a03",
            "Members' forum",
            created_at=now - timedelta(days=31),
            updated_at=now - timedelta(minutes=40),
            policy_id=deep_crawl,
            every=(30, "MINUTES"),
            timing="AFTER_PREVIOUS_JOB_FINISHED",
            job_name="Forum #{COUNT}",
            job_count=1_204,
            seeds=["https://forum.example.org/latest", "https://forum.example.org/archive"],
            tags=["forum", "login"],
        ),
        schedule(
            "c0a3f5de-4b1e-4f0b-9c56-6a1f2f7e1a04",
            "Yearly archive",
            created_at=now - timedelta(days=20),
            updated_at=now - timedelta(days=20),
            policy_id=broad_crawl,
            every=(1, "YEARS"),
            timing="REGULAR_INTERVAL",
            job_name="Archive {DATE}",
            job_count=0,
            seeds=["https://www.example.com/", "https://www.example.net/"],
            tags=[],
            enabled=False,
        ),
    ]


def jobs(*, policy: Document, now: datetime) -> list[Document]:
    """A few jobs of the schedules, all of them ended; the last one long ago.

    Args:
        policy: What they copy as their policy.
        now: The time they lead up to.
    """
    ended = (
        ("01", "News", timedelta(hours=5), timedelta(minutes=12), 412, 371, 38, 3),
        ("02", "Standards #8", timedelta(days=4), timedelta(hours=3), 2_950, 2_931, 19, 0),
        ("03", "Forum #1204", timedelta(minutes=40), timedelta(minutes=9), 86, 80, 5, 1),
        ("04", "Forum #1", timedelta(days=31), timedelta(minutes=30), 240, 233, 7, 0),
    )
    schedules = {"04": "03"}
    return [
        job(
            f"b7d1c6aa-02c4-4a8e-8f63-5d0a3c9b1e{number}",
            name,
            started_at=now - ago,
            completed_at=now - ago + took,
            run_state="completed",
            schedule_id=f"c0a3f5de-4b1e-4f0b-9c56-6a1f2f7e1a{schedules.get(number, number)}",
            policy=policy,
            seeds=["https://www.example.com/"],
            tags=[],
            counts=(items, successes, errors, exceptions),
        )
        for number, name, ago, took, items, successes, errors, exceptions in ended
    ]


def responses(jobs: Sequence[Document]) -> tuple[list[Document], list[Document]]:
    """The responses of the job that was started last: as many of each kind as it counts.

    Returns:
        Its responses, and the bodies of those that have one. The pages that were not found have
        the same body.
    """
    crawl = max(jobs, key=lambda each: each["started_at"])
    found, missing = crawl["http_success_count"], crawl["http_error_count"]
    each_took = (crawl["completed_at"] - crawl["started_at"]) / crawl["item_count"]
    rows, bodies = [], {}
    for number in range(crawl["item_count"]):
        row, body = response(
            number + 1,
            crawl["id"],
            f"https://forum.example.org/topic/{number + 1}",
            at=crawl["started_at"] + number * each_took,
            took=each_took / 2,
            status="200" if number < found else "404" if number < found + missing else None,
        )
        rows.append(row)
        if body is not None:
            bodies[body["id"]] = body
    return rows, [*bodies.values()]


def response(
    sequence: int,
    job: str,
    url: str,
    *,
    at: datetime,
    took: timedelta = timedelta(0),
    status: str | None,
) -> tuple[Document, Document | None]:
    """A response and its body; without a status it is an exception, which has none.

    Pages of the same name have the same body, and so have all errors with the same status.
    """
    row: Document = {
        "sequence": sequence,
        "job_id": job,
        "url": url,
        "canonical_url": url,
        "started_at": in_milliseconds(at),
        "completed_at": in_milliseconds(at + took),
        "duration": took.total_seconds(),
        "cost": 1.0,
        "is_success": status == "200",
    }
    if status is None:
        row["exception"] = "TimeoutError: the server has not answered within 30 seconds"
        return row, None
    title = f"Page {url.rpartition('/')[2]}" if status == "200" else f"Error {status}"
    body = _body(f"<!doctype html><title>{title}</title><h1>{title}</h1>")
    row |= {
        "status_code": int(status),
        "content_type": "text/html",
        "headers": ["CONTENT-TYPE", "text/html; charset=utf-8", "SERVER", "example"],
        "body_id": body["id"],
    }
    return row, body


def _body(text: str) -> Document:
    content = text.encode()
    return {
        "id": blake2b(content, digest_size=16).digest(),
        "body": gzip.compress(content, mtime=0),
        "is_compressed": True,
    }


def job(
    key: str,
    name: str,
    *,
    started_at: datetime,
    schedule_id: str,
    policy: Document,
    seeds: list[str],
    tags: list[str],
    completed_at: datetime | None = None,
    run_state: str = "running",
    counts: tuple[int, int, int, int] = (0, 0, 0, 0),
) -> Document:
    """One job.

    Args:
        key: Its id.
        name: Its name.
        started_at: When it was started.
        schedule_id: The id of its schedule.
        policy: The policy that it copies.
        seeds: The URLs that it starts from.
        tags: Its labels.
        completed_at: When it ended, if it has.
        run_state: How far it has come, as Starbelly stores it.
        counts: How many items it has, and of these successes, HTTP errors and exceptions.
    """
    items, successes, errors, exceptions = counts
    codes = {"200": successes, "404": errors}
    return {
        "id": key,
        "name": name,
        "run_state": run_state,
        "seeds": seeds,
        "tags": tags,
        "started_at": in_milliseconds(started_at),
        "completed_at": None if completed_at is None else in_milliseconds(completed_at),
        "duration": None if completed_at is None else (completed_at - started_at).total_seconds(),
        "item_count": items,
        "http_success_count": successes,
        "http_error_count": errors,
        "exception_count": exceptions,
        "http_status_counts": {code: count for code, count in codes.items() if count},
        "schedule_id": schedule_id,
        "policy": {name: value for name, value in policy.items() if name != "captcha_solver_id"},
    }


def domain_logins() -> list[Document]:
    """A few logins: one that works, one with a user whose password no longer does."""
    return [
        {
            "domain": "forum.example.org",
            "login_url": "https://forum.example.org/session/new",
            "login_test": "Sign out",
            "users": [
                {"username": "crawler-1", "password": "paper-lantern-41", "working": True},
                {"username": "crawler-2", "password": "winter-orchard-07", "working": False},
            ],
        },
        {
            "domain": "standards.example.org",
            "login_url": "https://standards.example.org/login",
            "users": [{"username": "library", "password": "copper-harbour-19", "working": True}],
        },
    ]


def captcha_solvers(*, now: datetime) -> list[Document]:
    """A solver, which no policy uses.

    Args:
        now: The time they lead up to.
    """
    return [
        captcha_solver(
            "c0a3f5de-4b1e-4f0b-9c56-6a1f2f7e1a11",
            "Example solver",
            created_at=now - timedelta(days=60),
            service_url="https://solver.example.com/",
            api_key="marble-lighthouse-23",
        )
    ]


def rate_limits() -> list[Document]:
    """A few limits: one for a fast site, one for a slow one. The global limit is always there."""
    return [rate_limit("news.example.com", 1.5), rate_limit("forum.example.org", 20.0)]


def captcha_solver(
    key: str, name: str, *, created_at: datetime, service_url: str, api_key: str
) -> Document:
    """One CAPTCHA solver, for letters and digits."""
    return {
        "id": key,
        "name": name,
        "created_at": in_milliseconds(created_at),
        "updated_at": in_milliseconds(created_at),
        "type": "antigate",
        "service_url": service_url,
        "api_key": api_key,
        "require_phrase": False,
        "case_sensitive": True,
        "characters": "ALPHANUMERIC",
        "require_math": False,
        "min_length": 4,
        "max_length": 8,
    }


def rate_limit(domain: str, delay: float) -> Document:
    """The rate limit of a domain, in seconds."""
    return {"token": token_of(domain), "name": NAME_PREFIX + domain, "delay": delay}


def schedule(
    key: str,
    name: str,
    *,
    created_at: datetime,
    updated_at: datetime,
    policy_id: str,
    every: tuple[int, str],
    timing: str,
    job_name: str,
    job_count: int,
    seeds: list[str],
    tags: list[str],
    enabled: bool = True,
) -> Document:
    """One schedule.

    Args:
        key: Its id.
        name: Its name.
        created_at: When it was made.
        updated_at: When it was last changed.
        policy_id: The id of its policy.
        every: How many of which time unit lie between two jobs.
        timing: Whether that is counted from start to start, or from end to start.
        job_name: A job's name; `{COUNT}`, `{DATE}` and `{TIME}` stand for the job's own.
        job_count: How many jobs there have been.
        seeds: The URLs that a job starts from.
        tags: Labels of its jobs.
        enabled: Whether jobs are started.
    """
    num_units, time_unit = every
    return {
        "id": key,
        "schedule_name": name,
        "created_at": in_milliseconds(created_at),
        "updated_at": in_milliseconds(updated_at),
        "enabled": enabled,
        "time_unit": time_unit,
        "num_units": num_units,
        "timing": timing,
        "job_name": job_name,
        "job_count": job_count,
        "seeds": seeds,
        "tags": tags,
        "policy_id": policy_id,
    }
