"""What an embedded database holds when it is new, beside the two standard policies.

Sites and people are made up: the domains are reserved for examples (RFC 2606), the passwords open
nothing.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, TypeAlias

from graphql_api.tables.rate_limit import NAME_PREFIX, token_of

Document: TypeAlias = dict[str, Any]
"""A document as Starbelly stores it; times are aware datetimes, in whole milliseconds."""


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


def in_milliseconds(time: datetime) -> datetime:
    """What RethinkDB keeps of a time."""
    return time.replace(microsecond=time.microsecond // 1000 * 1000)
