"""The tables that the API serves. A new one gets a file of its own, and its entry here."""

from __future__ import annotations

from typing import Any

from graphql_api.schema.declaration import TableDeclaration
from graphql_api.schema.log_declaration import LogDeclaration
from graphql_api.tables.domain_login import DOMAIN_LOGINS
from graphql_api.tables.domain_login_mutations import DomainLoginMutation
from graphql_api.tables.policy import POLICIES
from graphql_api.tables.policy_mutations import PolicyMutation
from graphql_api.tables.response import RESPONSES
from graphql_api.tables.schedule import SCHEDULES
from graphql_api.tables.schedule_mutations import ScheduleMutation

TABLES: tuple[TableDeclaration[Any], ...] = (
    POLICIES.written_by(PolicyMutation),
    SCHEDULES.written_by(ScheduleMutation),
    DOMAIN_LOGINS.written_by(DomainLoginMutation),
)

LOGS: tuple[LogDeclaration[Any], ...] = (RESPONSES,)
"""The insert-only ones."""
