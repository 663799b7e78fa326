"""Policies: how Starbelly crawls. Their rows, their filter and their table."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import strawberry

from graphql_api.feeds.table import Document
from graphql_api.schema.changes import invalid_fields
from graphql_api.schema.columns import UPDATED, Column, Editing, ForPeople, Look
from graphql_api.schema.context import Info
from graphql_api.schema.declaration import TableDeclaration
from graphql_api.schema.document_problems import PROBLEMS, DocumentProblem, JudgedRow, hidden_nulls
from graphql_api.schema.filters import RowFilter, by_keys, by_name
from graphql_api.schema.later import later
from graphql_api.schema.pages import Limit, checked_limit
from graphql_api.schema.problems import Place
from graphql_api.schema.scopes import require
from graphql_api.schema.stored import key, stored
from graphql_api.scopes import Scope
from graphql_api.tables.captcha_solver import CAPTCHA_SOLVERS, CaptchaSolver
from graphql_api.tables.policy_parts import (
    PolicyAuthentication,
    PolicyLimits,
    PolicyMimeTypeRule,
    PolicyProxyRule,
    PolicyRobotsTxt,
    PolicyUrlNormalization,
    PolicyUrlRule,
    PolicyUserAgent,
)
from graphql_api.tables.policy_rules import NO_SOLVER, check_policy
from graphql_api.tables.policy_standards import standard_policies


def read_captcha_solver_of(root: strawberry.Parent[Policy], info: Info) -> CaptchaSolver | None:
    """The CAPTCHA solver that a policy names, from memory."""
    require(CAPTCHA_SOLVERS.needed_to_read, info.field_name, info.context.scopes)
    return _captcha_solver_of(root, info)


def _captcha_solver_of(root: Policy, info: Info) -> CaptchaSolver | None:
    key = root.captcha_solver_id
    return None if key is None else info.context.feeds[CAPTCHA_SOLVERS].get(key)


def read_policy_problems(root: strawberry.Parent[Policy], info: Info) -> Sequence[DocumentProblem]:
    """Find what would stop the crawler in a policy, its CAPTCHA solver looked up in memory.

    It needs no scope of its own: a client that may only write learns as much from the rules of
    writing.
    """
    has_solver = _captcha_solver_of(root, info) is not None

    def check(document: Document, at: Place) -> None:
        check_policy(document, at)
        if document.get("captcha_solver_id") is not None and not has_solver:
            (at / "captchaSolverId").refuse(NO_SOLVER)

    return root.judged_by(check, beside=has_solver)


def read_schedules_of(root: strawberry.Parent[Policy], info: Info, limit: Limit = 100) -> Any:
    """The schedules that name a policy, from memory."""
    require(frozenset({Scope.READ}), info.field_name, info.context.scopes)
    limit = checked_limit(info.context, limit)
    return info.context.feeds.named("schedule").group("policy_id", root.id, limit=limit)


_Schedule: Any = later("Schedule", "graphql_api.tables.schedule")
"""The type of schedules, whose file imports this one."""


@strawberry.type(
    description=(
        "How Starbelly crawls: what, how far, and by which manners. A job reads it when it starts; "
        "jobs that are running or paused keep their copy."
    )
)
class Policy(JudgedRow):
    """A row of the policy feed."""

    name: str | None = stored("What it is called.")
    created_at: datetime | None = stored("When it was created.")
    updated_at: datetime | None = stored("When it was last changed.")
    captcha_solver_id: strawberry.ID | None = stored(
        "The key of the CAPTCHA solver to use; null for none."
    )
    authentication: PolicyAuthentication | None = stored("Whether the crawler logs in.")
    limits: PolicyLimits | None = stored("Where a crawl ends.")
    mime_type_rules: Sequence[PolicyMimeTypeRule] | None = stored("Which responses are saved.")
    proxy_rules: Sequence[PolicyProxyRule] | None = stored("Which proxy is used.")
    robots_txt: PolicyRobotsTxt | None = stored("How the crawler treats robots.txt.")
    url_normalization: PolicyUrlNormalization | None = stored("How URLs are made alike.")
    url_rules: Sequence[PolicyUrlRule] | None = stored("What a URL costs.")
    user_agents: Sequence[PolicyUserAgent] | None = stored(
        "The names by which the crawler introduces itself; it takes one at random."
    )
    invalid_fields: Sequence[str] = invalid_fields()
    id: strawberry.ID = key("The policy's key.")
    schedules = strawberry.field(
        resolver=read_schedules_of,
        graphql_type=Sequence[_Schedule],
        description=(
            "The schedules whose jobs follow it, by name, as they are now. A change of one is no "
            "change of the policy. It needs the scope `read`, also in what a mutation returns."
        ),
    )
    captcha_solver: CaptchaSolver | None = strawberry.field(
        resolver=read_captcha_solver_of,
        description=(
            "The CAPTCHA solver to use, as it is now; null if the policy names none, or there is "
            "none with that key. A change of it is no change of the policy. It needs the scopes "
            "`read` and `logins`, also in what a mutation returns."
        ),
    )
    problems: Sequence[DocumentProblem] = strawberry.field(
        resolver=read_policy_problems, description=PROBLEMS
    )


@strawberry.input(
    description="Which policies. What is given must all hold; a null counts as not given."
)
class PolicyFilter(RowFilter[Policy]):
    """The `where` of policies."""

    ids: list[strawberry.ID] | None = by_keys()
    name_contains: str | None = by_name()


POLICIES = TableDeclaration(
    Policy,
    PolicyFilter,
    name="policy",
    plural="policies",
    indexes=("name",),
    first_documents=standard_policies,
    depends_on=("schedule", "captcha_solver"),
    orders=("name", "created_at", "updated_at"),
    people=ForPeople(
        name="policies",
        singular="policy",
        title="Policies",
        named_by="name",
        columns=(
            Column(Look.LIMITS, ("limits",), live="Limits", width=24),
            Column(Look.WORD, ("robots_txt.usage",), live="robots.txt", width=9, terminal="ROBOTS"),
            Column(Look.LIMITS, ("limits",), terminal="LIMITS"),
            Column(Look.YES_OR_NO, ("authentication.enabled",), live="Logs in", width=8),
            UPDATED,
        ),
        editing=Editing(
            fields=(
                ("limits.max_items", "Most items"),
                ("limits.max_duration", "Longest, in seconds"),
                ("limits.max_cost", "Highest cost"),
            ),
            what="limits",
            note="Jobs that are running or paused keep their copy of the policy.",
        ),
    ),
    beside={"hidden": lambda document: hidden_nulls(document, ["proxy_rules"])},
)
