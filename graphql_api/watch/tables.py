"""The three tables, as they are watched."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from graphql_api.watch.differences import shown
from graphql_api.watch.table import Column, Row, Table
from graphql_api.watch.where import Condition, Kind


def _at(row: Row, *path: str) -> Any:
    """The value at a path; None, if the row has no such path."""
    value: Any = row
    for name in path:
        value = value.get(name) if isinstance(value, dict) else None
    return value


def _text(value: Any) -> str:
    return "" if value is None else value if isinstance(value, str) else shown(value)


def _list(value: Any) -> str:
    return ", ".join(map(_text, value)) if isinstance(value, list) else _text(value)


def _updated(row: Row) -> str:
    """When a row was last changed, to the minute, in local time."""
    text = _text(row.get("updatedAt"))
    try:
        return f"{datetime.fromisoformat(text).astimezone():%Y-%m-%d %H:%M}"
    except (ValueError, OverflowError):
        return text


def _limits(row: Row) -> str:
    limits = {
        "{} items": _at(row, "limits", "maxItems"),
        "cost {}": _at(row, "limits", "maxCost"),
        "{} s": _at(row, "limits", "maxDuration"),
    }
    return ", ".join(form.format(shown(most)) for form, most in limits.items() if most is not None)


def _every(row: Row) -> str:
    number, unit = row.get("numUnits"), _text(row.get("timeUnit")).lower()
    return f"{_text(number)} {unit.removesuffix('s') if number == 1 else unit}".strip()


def _state(row: Row) -> str:
    match row.get("enabled"):
        case bool(enabled):
            return "enabled" if enabled else "disabled"
        case other:
            return _text(other)


def _users(row: Row) -> str:
    users = row.get("users")
    if not isinstance(users, list):
        return ""
    return ", ".join(
        _text(_at(user, "username")) + (" (does not work)" if _at(user, "working") is False else "")
        for user in users
    )


_UPDATED = Column("UPDATED", _updated, is_optional=True)

_POLICIES = Table(
    name="policies",
    singular="policy",
    type_name="Policy",
    subscription_field="policyChanges",
    entity="policy",
    deleted_key="policyId",
    name_field="name",
    name_title="NAME",
    fields={
        "name": "",
        "createdAt": "",
        "updatedAt": "",
        "captchaSolverId": "",
        "authentication": "{ enabled }",
        "limits": "{ maxCost maxDuration maxItems }",
        "mimeTypeRules": "{ pattern match save }",
        "proxyRules": "{ pattern match proxyUrl }",
        "robotsTxt": "{ usage readSitemaps obeyCrawlDelay }",
        "urlNormalization": "{ enabled stripParameters }",
        "urlRules": "{ pattern match action amount }",
        "userAgents": "{ name }",
        "invalidFields": "",
    },
    columns=(
        Column("ROBOTS", lambda row: _text(_at(row, "robotsTxt", "usage"))),
        Column("LIMITS", _limits),
        _UPDATED,
    ),
    conditions={"id": Condition("ids", Kind.ANY_OF), "name": Condition("nameContains")},
)

_SCHEDULES = Table(
    name="schedules",
    singular="schedule",
    type_name="Schedule",
    subscription_field="scheduleChanges",
    entity="schedule",
    deleted_key="scheduleId",
    name_field="scheduleName",
    name_title="NAME",
    fields={
        "scheduleName": "",
        "createdAt": "",
        "updatedAt": "",
        "enabled": "",
        "timeUnit": "",
        "numUnits": "",
        "timing": "",
        "jobName": "",
        "jobCount": "",
        "seeds": "",
        "tags": "",
        "policyId": "",
        "invalidFields": "",
    },
    columns=(
        Column("EVERY", _every),
        Column("STATE", _state),
        Column("JOBS", lambda row: _text(row.get("jobCount")), is_number=True),
        Column("TAGS", lambda row: _list(row.get("tags"))),
        _UPDATED,
    ),
    conditions={
        "id": Condition("ids", Kind.ANY_OF),
        "name": Condition("nameContains"),
        "enabled": Condition("enabled", Kind.YES_OR_NO),
        "policy": Condition("policyId"),
        "tag": Condition("anyTag", Kind.ANY_OF),
    },
)

_LOGINS = Table(
    name="logins",
    singular="login",
    type_name="DomainLogin",
    subscription_field="domainLoginChanges",
    entity="domainLogin",
    deleted_key="domain",
    name_field="domain",
    name_title="DOMAIN",
    fields={
        "domain": "",
        "loginUrl": "",
        "loginTest": "",
        "users": "{ username hasPassword working }",
        "invalidFields": "",
    },
    columns=(
        Column("LOGIN PAGE", lambda row: _text(row.get("loginUrl"))),
        Column("USERS", _users),
    ),
    conditions={"id": Condition("domains", Kind.ANY_OF), "domain": Condition("domainContains")},
)

TABLES = {table.name: table for table in (_POLICIES, _SCHEDULES, _LOGINS)}
"""Every table that can be watched, by the name that the operator gives."""
