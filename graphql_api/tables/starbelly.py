"""All tables of a Starbelly database: those that the API serves, and those that it does not."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from graphql_api.schema.declaration import Index, TableDeclaration


class UnservedTable(NamedTuple):
    """A table that the crawler needs, and that the API does not serve."""

    name: str
    primary_key: str = "id"
    indexes: Sequence[Index] = ()
    first_documents: None = None


_OF_THE_CRAWLER = (
    UnservedTable("frontier", indexes=[("cost_index", ("job_id", "in_flight", "cost"))]),
    UnservedTable("job", indexes=["started_at", ("schedule", ("schedule_id", "started_at"))]),
    UnservedTable("response", "sequence", [("job_sync", ("job_id", "sequence"))]),
    UnservedTable("response_body"),
    UnservedTable("robots_txt", indexes=["url"]),
)


def all_tables(
    served: Sequence[TableDeclaration[Any]],
) -> list[TableDeclaration[Any] | UnservedTable]:
    """The tables that `graphql-api init` makes: without one of them, Starbelly does not start.

    Args:
        served: The declared tables.
    """
    names = {table.name for table in served}
    return [*served, *(table for table in _OF_THE_CRAWLER if table.name not in names)]
