"""What the simulation knows of the tables: documents, what is served of them, filters.

It is written from the schema and the design, and shares nothing with the server's own code.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

Document = Mapping[str, Any]
Served = dict[str, Any]
Where = Mapping[str, Any]


def _text(document: Document, field: str, name: str, invalid: list[str]) -> str | None:
    value = document.get(field)
    if value is None or isinstance(value, str):
        return value
    invalid.append(name)
    return None


def _serve_policy(document: Document) -> Served:
    invalid: list[str] = []
    name = _text(document, "name", "name", invalid)
    limits = document.get("limits")
    served_limits = None
    if isinstance(limits, dict):
        items = limits.get("max_items")
        fits = isinstance(items, int) and not isinstance(items, bool) and abs(items) < 2**31
        if items is not None and not fits:
            invalid.append("limits.maxItems")
            items = None
        served_limits = {"maxItems": items}
    elif limits is not None:
        invalid.append("limits")
    return {"id": document["id"], "name": name, "limits": served_limits, "invalidFields": invalid}


def _serve_schedule(document: Document) -> Served:
    invalid: list[str] = []
    name = _text(document, "schedule_name", "scheduleName", invalid)
    enabled = document.get("enabled")
    if enabled is not None and not isinstance(enabled, bool):
        invalid.append("enabled")
        enabled = None
    tags = document.get("tags")
    if tags is None:
        served_tags: list[str] | None = []
    elif isinstance(tags, list):
        served_tags = [tag for tag in tags if isinstance(tag, str)]
        invalid += [f"tags[{at}]" for at, tag in enumerate(tags) if not isinstance(tag, str)]
    else:
        served_tags = None
        invalid.append("tags")
    policy = _text(document, "policy_id", "policyId", invalid)
    return {
        "id": document["id"],
        "scheduleName": name,
        "enabled": enabled,
        "tags": served_tags,
        "policyId": policy,
        "invalidFields": invalid,
    }


def _serve_login(document: Document) -> Served:
    invalid: list[str] = []
    url = _text(document, "login_url", "loginUrl", invalid)
    test = _text(document, "login_test", "loginTest", invalid)
    users = document.get("users")
    served_users: list[Served] | None = []
    if isinstance(users, list):
        served_users = [
            {"username": user.get("username"), "hasPassword": bool(user.get("password"))}
            for user in users
        ]
    return {
        "domain": document["domain"],
        "loginUrl": url,
        "loginTest": test,
        "users": served_users,
        "invalidFields": invalid,
    }


def _serve_job(document: Document) -> Served:
    invalid: list[str] = []
    name = _text(document, "name", "name", invalid)
    state, items = document.get("run_state"), document.get("item_count")
    if state is not None and state not in ("running", "paused", "completed"):
        invalid.append("runState")
        state = None
    ended = document.get("completed_at")
    if ended is not None:
        time = datetime.fromtimestamp(ended["epoch_time"], UTC)
        ended = time.isoformat(timespec="milliseconds").replace("+00:00", "Z")
    return {
        "id": document["id"],
        "name": name,
        "runState": state and state.upper(),
        "completedAt": ended,
        "itemCount": items,
        "scheduleId": _text(document, "schedule_id", "scheduleId", invalid),
        "invalidFields": invalid,
    }


def _job_matches(served: Served, where: Where) -> bool:
    states, schedule = where.get("runStates"), where.get("scheduleId")
    return (states is None or served["runState"] in states) and (
        schedule is None or served["scheduleId"] == schedule
    )


def _serve_solver(document: Document) -> Served:
    invalid: list[str] = []
    name = _text(document, "name", "name", invalid)
    has_key = bool(_text(document, "api_key", "hasApiKey", invalid))
    return {"id": document["id"], "name": name, "hasApiKey": has_key, "invalidFields": invalid}


def _serve_limit(document: Document) -> Served:
    invalid: list[str] = []
    name = _text(document, "name", "name", invalid)
    delay = document.get("delay")
    if delay is not None and (isinstance(delay, bool) or not isinstance(delay, int | float)):
        invalid.append("delayS")
        delay = None
    key = _hex(document["token"])
    row = {"id": key, "name": name, "delayS": None if delay is None else float(delay)}
    return {**row, "isGlobal": key == "00" * 16, "invalidFields": invalid}


def _plain(key: Any) -> str | None:
    return key if isinstance(key, str) else None


def _hex(key: Any) -> str | None:
    if isinstance(key, bytes):
        return key.hex()
    if isinstance(key, dict) and key.get("$reql_type$") == "BINARY":
        return base64.b64decode(key["data"]).hex()
    return None


def _contains(text: str | None, part: str | None) -> bool:
    return part is None or (text is not None and part.lower() in text.lower())


def _by_id_or_name(served: Served, where: Where) -> bool:
    ids = where.get("ids")
    return (ids is None or served["id"] in ids) and _contains(
        served["name"], where.get("nameContains")
    )


def _schedule_matches(served: Served, where: Where) -> bool:
    enabled, policy, tags = where.get("enabled"), where.get("policyId"), where.get("anyTag")
    return (
        (enabled is None or served["enabled"] is enabled)
        and (policy is None or served["policyId"] == policy)
        and (tags is None or any(tag in tags for tag in served["tags"] or ()))
    )


def _limit_matches(served: Served, where: Where) -> bool:
    ids, is_global = where.get("ids"), where.get("isGlobal")
    return (ids is None or served["id"] in ids) and (
        is_global is None or served["isGlobal"] is is_global
    )


def _login_matches(served: Served, where: Where) -> bool:
    return _contains(served["domain"], where.get("domainContains"))


@dataclass(frozen=True)
class SimulatedTable:
    """One table, as the oracle and the clients see it.

    Attributes:
        name: In the database.
        key: The field that holds a document's key.
        keys: The keys that the story's writers use, as the driver takes them.
        entity: What a change calls its row.
        selection: The fields that clients ask for.
        serve: What is served of a document.
        matches: Whether a served row passes a filter.
        filters: The filters that clients use; the first lets everything pass.
        indexes: The fields that have secondary indexes.
        ends_by: The field whose time says from when on a row is held for a while only.
        is_paced: Whether the database merges changes on their way to the servers.
    """

    name: str
    key: str
    keys: tuple[Any, ...]
    entity: str
    type_name: str
    selection: str
    serve: Callable[[Document], Served]
    matches: Callable[[Served, Where], bool]
    filters: tuple[Where, ...]
    indexes: tuple[str, ...] = ()
    is_paced: bool = False
    ends_by: str | None = None
    served_key: Callable[[Any], str | None] = _plain
    """The key that a stored one is served as; None, if its document is not served."""

    @property
    def row_key(self) -> str:
        """The field of a served row that holds its key."""
        return "domain" if self.key == "domain" else "id"

    @property
    def pages(self) -> str:
        """The query's root field."""
        return "policies" if self.name == "policy" else f"{self.entity}s"

    @property
    def deleted_key(self) -> str:
        """What a deletion calls the key."""
        return "domain" if self.key == "domain" else f"{self.entity}Id"

    def subscription(self) -> str:
        """A document that asks for every field that the oracle looks at."""
        name, previous = self.entity, self.selection.replace(f"{self.row_key} ", "", 1)
        if self.key == "domain":
            previous = self.selection
        return (
            f"subscription Changes($where: {self.type_name}Filter, $since: String, "
            "$initial: Boolean! = true, $everyMs: Int! = 0) { "
            f"{name}Changes(where: $where, since: $since, includeInitial: $initial, "
            "everyMs: $everyMs) { __typename "
            "... on FeedState { status cursor } "
            f"... on {self.type_name}Added {{ cause cursor {name} {{ {self.selection} }} }} "
            f"... on {self.type_name}Updated {{ cursor changedFields {name} {{ {self.selection} }} "
            f"previous {{ {previous} }} }} "
            f"... on {self.type_name}Deleted {{ cause cursor {self.deleted_key} "
            f"previous {{ {previous} }} }} }} }}"
        )

    def query(self) -> str:
        """A document that asks for a page of everything that passes a filter."""
        return (
            f"query Page($where: {self.type_name}Filter) {{ {self.pages}(where: $where) "
            f"{{ total cursor status items {{ {self.selection} }} }} }}"
        )

    def live_page(self, *, with_policy: bool) -> str:
        """A document that asks for a live page."""
        policy = " policy { name }" if with_policy else ""
        return (
            f"subscription Live($where: {self.type_name}Filter, $orderBy: {self.type_name}Order!, "
            "$limit: Int!, $offset: Int!, $everyMs: Int!) "
            f"{{ live{self.pages[0].upper()}{self.pages[1:]}(where: $where, "
            "orderBy: $orderBy, limit: $limit, offset: $offset, everyMs: $everyMs) "
            f"{{ total cursor status items {{ {self.selection}{policy} }} }} }}"
        )


POLICY = SimulatedTable(
    name="policy",
    key="id",
    keys=("p0", "p1", "p2", "p3", "p4", "p5"),
    entity="policy",
    type_name="Policy",
    selection="id name limits { maxItems } invalidFields",
    serve=_serve_policy,
    matches=_by_id_or_name,
    filters=({}, {"nameContains": "ODD"}, {"ids": ["p1", "p2", "p3"]}),
)
SCHEDULE = SimulatedTable(
    name="schedule",
    key="id",
    keys=("s0", "s1", "s2", "s3"),
    entity="schedule",
    type_name="Schedule",
    selection="id scheduleName enabled tags policyId invalidFields",
    serve=_serve_schedule,
    matches=_schedule_matches,
    filters=({}, {"enabled": True}, {"anyTag": ["red", "blue"]}, {"policyId": "p1"}),
)
LOGIN = SimulatedTable(
    name="domain_login",
    key="domain",
    keys=("a.example", "b.example", "c.test"),
    entity="domainLogin",
    type_name="DomainLogin",
    selection="domain loginUrl loginTest users { username hasPassword } invalidFields",
    serve=_serve_login,
    matches=_login_matches,
    filters=({}, {"domainContains": "EXAMPLE"}),
)
JOB = SimulatedTable(
    name="job",
    key="id",
    keys=("j0", "j1", "j2"),
    entity="job",
    type_name="Job",
    selection="id name runState completedAt itemCount scheduleId invalidFields",
    serve=_serve_job,
    matches=_job_matches,
    filters=({}, {"runStates": ["RUNNING", "PAUSED"]}, {"scheduleId": "s1"}),
    indexes=("started_at",),
    is_paced=True,
    ends_by="completed_at",
)
SOLVER = SimulatedTable(
    name="captcha_solver",
    key="id",
    keys=("c0", "c1", "c2"),
    entity="captchaSolver",
    type_name="CaptchaSolver",
    selection="id name hasApiKey invalidFields",
    serve=_serve_solver,
    matches=_by_id_or_name,
    filters=({}, {"nameContains": "ODD"}, {"ids": ["c1"]}),
)
LIMIT = SimulatedTable(
    name="rate_limit",
    key="token",
    keys=(bytes(16), b"\xff\x00", b"", b"\x01" * 16),
    entity="rateLimit",
    type_name="RateLimit",
    selection="id name delayS isGlobal invalidFields",
    serve=_serve_limit,
    matches=_limit_matches,
    filters=({}, {"isGlobal": False}, {"ids": ["00" * 16, "ff00"]}),
    served_key=_hex,
)
TABLES = {table.name: table for table in (JOB, POLICY, SCHEDULE, LOGIN, SOLVER, LIMIT)}


ORDERS: Mapping[str, Mapping[str, Callable[[Served], Any]]] = {
    JOB.name: {
        "STARTED_AT": lambda _: None,  # none of them says when it was started
        "COMPLETED_AT": lambda job: job["completedAt"],
        "NAME": lambda job: job["name"],
        "ITEM_COUNT": lambda job: job["itemCount"],
    },
    POLICY.name: {"NAME": lambda policy: policy["name"]},
    SCHEDULE.name: {"SCHEDULE_NAME": lambda schedule: schedule["scheduleName"]},
    LOGIN.name: {"DOMAIN": lambda login: login["domain"]},
    SOLVER.name: {"NAME": lambda solver: solver["name"]},
    LIMIT.name: {"DOMAIN": lambda limit: "" if limit["isGlobal"] else None},  # none has a domain
}
"""By what pages are ordered, the usual order first: what gives a row's value."""
