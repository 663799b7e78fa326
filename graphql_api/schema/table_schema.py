"""What one table adds to the schema."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from graphql_api.feeds.table import Table


@dataclass(frozen=True, slots=True)
class TableSchema:
    """A table and its root fields, as its file declares them.

    Attributes:
        table: What its feed must know.
        query: A Strawberry type whose fields become fields of `Query`.
        subscription: A Strawberry type whose fields become fields of `Subscription`.
    """

    table: Table[Any, Any]
    query: type
    subscription: type
