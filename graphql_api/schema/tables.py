"""The tables that the API serves. A new one gets a file of its own, and its entry here."""

from __future__ import annotations

from graphql_api.schema.domain_login import DOMAIN_LOGIN
from graphql_api.schema.policy_fields import POLICY
from graphql_api.schema.schedule_fields import SCHEDULE
from graphql_api.schema.table_schema import TableSchema

TABLE_SCHEMAS: tuple[TableSchema, ...] = (POLICY, SCHEDULE, DOMAIN_LOGIN)
