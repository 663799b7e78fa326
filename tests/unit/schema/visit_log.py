"""A toy insert-only table, in one file: the visits of a museum."""

from __future__ import annotations

from collections.abc import Sequence
from enum import Enum

import strawberry

from graphql_api.log_feeds.log import Owner
from graphql_api.log_feeds.source import LogLayout
from graphql_api.schema.changes import invalid_fields
from graphql_api.schema.log_declaration import LogDeclaration
from graphql_api.schema.sequence_number import SequenceNumber
from graphql_api.schema.stored import key, stored
from graphql_api.scopes import Scope


@strawberry.enum(description="Who comes.")
class VisitKind(Enum):
    """Whether a visit was paid for."""

    PAID = strawberry.enum_value("PAID", description="With a ticket.")
    FREE = strawberry.enum_value("FREE", description="Without one.")


@strawberry.type(description="Somebody has come.")
class Visit:
    """A row."""

    number: SequenceNumber = key("Its number.")
    museum: strawberry.ID | None = stored("Where.")
    price: float | None = stored("What the ticket was.")
    invalid_fields: Sequence[str] = invalid_fields()


VISITS = LogDeclaration(
    Visit,
    VisitKind,
    lambda visit: VisitKind.PAID if visit.price else VisitKind.FREE,
    layout=LogLayout("visit", "number", "museum", "by_museum", "museum", ("is_closed", "visits")),
    plural="visits",
    owner="museum",
    owner_of=lambda museum: Owner(museum.get("is_closed") is True, museum.get("visits")),
    scopes=frozenset({Scope.LOGINS}),
)
