"""Documents of the tables, and what each of their fields holds."""

from __future__ import annotations

import copy
from dataclasses import dataclass
from typing import Any

Document = dict[str, Any]

POISON_TIME = {"$reql_type$": "TIME", "epoch_time": 10**15, "timezone": "+00:00"}
"""In the year 31 690 708."""
GEOMETRY = {"$reql_type$": "GEOMETRY", "type": "Point", "coordinates": [0, 0]}
BINARY = {"$reql_type$": "BINARY", "data": "AAAA"}


def time(epoch_time: float) -> dict[str, Any]:
    return {"$reql_type$": "TIME", "epoch_time": epoch_time, "timezone": "+00:00"}


POLICY: Document = {
    "id": "p1",
    "name": "Deep Crawl",
    "created_at": time(1_700_000_000.123),
    "updated_at": time(1_700_000_001),
    "captcha_solver_id": "c1",
    "authentication": {"enabled": True},
    "limits": {"max_cost": 10, "max_duration": 3600.5, "max_items": 1_000_000.0},
    "mime_type_rules": [
        {"pattern": "^text/", "match": "MATCHES", "save": True},
        {"save": False},
    ],
    "proxy_rules": [
        {
            "pattern": "onion",
            "match": "DOES_NOT_MATCH",
            "proxy_url": "socks5://user:hunter2@proxy.example:1080",
        },
        {},
    ],
    "robots_txt": {"usage": "OBEY", "read_sitemaps": False, "obey_crawl_delay": True},
    "url_normalization": {"enabled": True, "strip_parameters": ["JSESSIONID", "sid"]},
    "url_rules": [
        {
            "pattern": "^https?://({SEED_DOMAINS})/",
            "match": "MATCHES",
            "action": "ADD",
            "amount": 1,
        },
        {"action": "MULTIPLY", "amount": 0},
    ],
    "user_agents": [{"name": "Starbelly/{VERSION}"}],
}

SCHEDULE: Document = {
    "id": "s1",
    "schedule_name": "Nightly",
    "created_at": time(1_700_000_000),
    "updated_at": time(1_700_000_001),
    "enabled": True,
    "time_unit": "DAYS",
    "num_units": 1,
    "timing": "REGULAR_INTERVAL",
    "job_name": "Nightly #{COUNT}",
    "job_count": 7,
    "seeds": ["https://example.com/", "https://user:hunter2@example.com/"],
    "tags": ["news", "daily"],
    "policy_id": "p1",
}

DOMAIN_LOGIN: Document = {
    "domain": "example.com",
    "login_url": "https://user:hunter2@example.com/login",
    "login_test": "Log out",
    "users": [{"username": "ann", "password": "hunter2", "working": True}],
}

_COPY = {key: value for key, value in POLICY.items() if key not in {"id", "captcha_solver_id"}}

JOB: Document = {
    "id": "j1",
    "name": "Nightly #7",
    "run_state": "completed",
    "seeds": ["https://example.com/", "https://user:hunter2@example.com/"],
    "tags": ["news", "daily"],
    "started_at": time(1_700_000_100.5),
    "completed_at": time(4_000_000_000),  # not long ago, whenever the tests run
    "duration": 3599.5,
    "item_count": 61,
    "http_success_count": 51,
    "http_error_count": 7,
    "exception_count": 3,
    "http_status_counts": {"404": 7},
    "schedule_id": "s1",
    "policy": _COPY,
}

DOCUMENTS: dict[str, Document] = {
    "job": JOB,
    "policy": POLICY,
    "schedule": SCHEDULE,
    "domain_login": DOMAIN_LOGIN,
}
KEYS = {"job": "id", "policy": "id", "schedule": "id", "domain_login": "domain"}


@dataclass(frozen=True)
class Field:
    """A stored field.

    `place` leads to it through the document; `path` is how `invalidFields` names it.
    """

    table: str
    place: tuple[str | int, ...]
    path: str
    kind: str

    def __str__(self) -> str:
        return f"{self.table}.{self.path}"


def _rule(table: str, name: str, path: str, /, **kinds: tuple[str, str]) -> list[Field]:
    return [
        Field(table, (name, 0, field), f"{path}[0].{served}", kind)
        for field, (served, kind) in kinds.items()
    ]


_POLICY_FIELDS = [
    Field("policy", ("name",), "name", "string"),
    Field("policy", ("created_at",), "createdAt", "time"),
    Field("policy", ("updated_at",), "updatedAt", "time"),
    Field("policy", ("captcha_solver_id",), "captchaSolverId", "string"),
    Field("policy", ("authentication",), "authentication", "object"),
    Field("policy", ("authentication", "enabled"), "authentication.enabled", "boolean"),
    Field("policy", ("limits",), "limits", "object"),
    Field("policy", ("limits", "max_cost"), "limits.maxCost", "number"),
    Field("policy", ("limits", "max_duration"), "limits.maxDuration", "number"),
    Field("policy", ("limits", "max_items"), "limits.maxItems", "integer"),
    Field("policy", ("mime_type_rules",), "mimeTypeRules", "list"),
    Field("policy", ("mime_type_rules", 0), "mimeTypeRules[0]", "object"),
    *_rule(
        "policy",
        "mime_type_rules",
        "mimeTypeRules",
        pattern=("pattern", "string"),
        match=("match", "enum"),
        save=("save", "boolean"),
    ),
    Field("policy", ("proxy_rules",), "proxyRules", "list"),
    Field("policy", ("proxy_rules", 1), "proxyRules[1]", "object"),
    *_rule(
        "policy",
        "proxy_rules",
        "proxyRules",
        pattern=("pattern", "string"),
        match=("match", "enum"),
        proxy_url=("proxyUrl", "string"),
    ),
    Field("policy", ("robots_txt",), "robotsTxt", "object"),
    Field("policy", ("robots_txt", "usage"), "robotsTxt.usage", "enum"),
    Field("policy", ("robots_txt", "read_sitemaps"), "robotsTxt.readSitemaps", "boolean"),
    Field("policy", ("robots_txt", "obey_crawl_delay"), "robotsTxt.obeyCrawlDelay", "boolean"),
    Field("policy", ("url_normalization",), "urlNormalization", "object"),
    Field("policy", ("url_normalization", "enabled"), "urlNormalization.enabled", "boolean"),
    Field(
        "policy",
        ("url_normalization", "strip_parameters"),
        "urlNormalization.stripParameters",
        "list",
    ),
    Field(
        "policy",
        ("url_normalization", "strip_parameters", 1),
        "urlNormalization.stripParameters[1]",
        "string",
    ),
    Field("policy", ("url_rules",), "urlRules", "list"),
    Field("policy", ("url_rules", 1), "urlRules[1]", "object"),
    *_rule(
        "policy",
        "url_rules",
        "urlRules",
        pattern=("pattern", "string"),
        match=("match", "enum"),
        action=("action", "enum"),
        amount=("amount", "number"),
    ),
    Field("policy", ("user_agents",), "userAgents", "list"),
    Field("policy", ("user_agents", 0), "userAgents[0]", "object"),
    *_rule("policy", "user_agents", "userAgents", name=("name", "string")),
]

FIELDS = [
    *_POLICY_FIELDS,
    Field("schedule", ("schedule_name",), "scheduleName", "string"),
    Field("schedule", ("created_at",), "createdAt", "time"),
    Field("schedule", ("updated_at",), "updatedAt", "time"),
    Field("schedule", ("enabled",), "enabled", "boolean"),
    Field("schedule", ("time_unit",), "timeUnit", "enum"),
    Field("schedule", ("num_units",), "numUnits", "integer"),
    Field("schedule", ("timing",), "timing", "enum"),
    Field("schedule", ("job_name",), "jobName", "string"),
    Field("schedule", ("job_count",), "jobCount", "integer"),
    Field("schedule", ("seeds",), "seeds", "list"),
    Field("schedule", ("seeds", 1), "seeds[1]", "string"),
    Field("schedule", ("tags",), "tags", "list"),
    Field("schedule", ("tags", 0), "tags[0]", "string"),
    Field("schedule", ("policy_id",), "policyId", "string"),
    Field("job", ("name",), "name", "string"),
    Field("job", ("run_state",), "runState", "enum"),
    Field("job", ("seeds",), "seeds", "list"),
    Field("job", ("seeds", 1), "seeds[1]", "string"),
    Field("job", ("tags",), "tags", "list"),
    Field("job", ("tags", 0), "tags[0]", "string"),
    Field("job", ("started_at",), "startedAt", "time"),
    Field("job", ("completed_at",), "completedAt", "time"),
    Field("job", ("duration",), "durationS", "number"),
    Field("job", ("item_count",), "itemCount", "integer"),
    Field("job", ("http_success_count",), "httpSuccessCount", "integer"),
    Field("job", ("http_error_count",), "httpErrorCount", "integer"),
    Field("job", ("exception_count",), "exceptionCount", "integer"),
    Field("job", ("http_status_counts",), "httpStatusCounts", "counts"),
    Field("job", ("http_status_counts", "404"), "httpStatusCounts.404", "integer"),
    Field("job", ("schedule_id",), "scheduleId", "string"),
    Field("job", ("policy",), "policy", "object"),
    *[
        Field("job", ("policy", *field.place), f"policy.{field.path}", field.kind)
        for field in _POLICY_FIELDS
        if field.place != ("captcha_solver_id",)
    ],
    Field("domain_login", ("login_url",), "loginUrl", "string"),
    Field("domain_login", ("login_test",), "loginTest", "string"),
    Field("domain_login", ("users",), "users", "list"),
    Field("domain_login", ("users", 0), "users[0]", "object"),
    *_rule(
        "domain_login",
        "users",
        "users",
        username=("username", "string"),
        password=("hasPassword", "string"),
        working=("working", "boolean"),
    ),
]

ODD_VALUES: dict[str, Any] = {
    "text": "odd",
    "half a character": "\ud800",
    "true": True,
    "5": 5,
    "1.5": 1.5,
    "2^31": 2**31,
    "a huge number": 10**400,
    "an object": {"odd": 1},
    "a list": ["odd"],
    "a list of lists": [[]],
    "a geometry": GEOMETRY,
    "a binary": BINARY,
    "a time": time(0),
    "a time in the year 31 690 708": POISON_TIME,
    "a time before year 1": time(-(10**12)),
    "a time without time": {"$reql_type$": "TIME"},
    "a time of text": {"$reql_type$": "TIME", "epoch_time": "now"},
    "an unknown pseudo-type": {"$reql_type$": "ODD"},
}

FITTING = {
    "string": {"text"},
    "boolean": {"true"},
    "integer": {"5"},
    "number": {"5", "1.5", "2^31"},
    "enum": set[str](),
    "time": {"a time"},
    "object": {"an object"},
}
"""Which odd values fit a field of a kind after all. Those of lists are other tests' matter."""


def with_value(field: Field, value: object) -> Document:
    """The document of a field's table, with another value there."""
    document = copy.deepcopy(DOCUMENTS[field.table])
    holder: Any = document
    for step in field.place[:-1]:
        holder = holder[step]
    holder[field.place[-1]] = value
    return document


def without(field: Field) -> Document:
    """The document of a field's table, without it."""
    document = copy.deepcopy(DOCUMENTS[field.table])
    holder: Any = document
    for step in field.place[:-1]:
        holder = holder[step]
    del holder[field.place[-1]]
    return document
