"""The tables that the API serves. A new one gets a file of its own, and its entry here."""

from __future__ import annotations

from typing import Any

from graphql_api.schema.declaration import TableDeclaration
from graphql_api.schema.log_declaration import LogDeclaration
from graphql_api.tables.captcha_solver import CAPTCHA_SOLVERS
from graphql_api.tables.captcha_solver_mutations import CaptchaSolverMutation
from graphql_api.tables.domain_login import DOMAIN_LOGINS
from graphql_api.tables.domain_login_mutations import DomainLoginMutation
from graphql_api.tables.job import JOBS
from graphql_api.tables.job_mutations import JobMutation
from graphql_api.tables.policy import POLICIES
from graphql_api.tables.policy_mutations import PolicyMutation
from graphql_api.tables.rate_limit import RATE_LIMITS
from graphql_api.tables.rate_limit_mutations import RateLimitMutation
from graphql_api.tables.response import RESPONSES
from graphql_api.tables.schedule import SCHEDULES
from graphql_api.tables.schedule_mutations import ScheduleMutation

TABLES: tuple[TableDeclaration[Any], ...] = (
    JOBS.written_by(JobMutation),
    POLICIES.written_by(PolicyMutation),
    SCHEDULES.written_by(ScheduleMutation),
    DOMAIN_LOGINS.written_by(DomainLoginMutation),
    CAPTCHA_SOLVERS.written_by(CaptchaSolverMutation),
    RATE_LIMITS.written_by(RateLimitMutation),
)

LOGS: tuple[LogDeclaration[Any], ...] = (RESPONSES,)
"""The insert-only ones."""
