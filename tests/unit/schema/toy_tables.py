"""Tables that are declared for a test, one of each kind of key; each is all that it takes."""

from __future__ import annotations

from collections.abc import Sequence

import strawberry

from graphql_api.feeds.keys import BINARY, INTEGER
from graphql_api.schema.changes import invalid_fields
from graphql_api.schema.columns import Column, ForPeople, Look
from graphql_api.schema.declaration import TableDeclaration
from graphql_api.schema.filters import RowFilter, one_of
from graphql_api.schema.orders import SortedBy
from graphql_api.schema.stored import key, stored


@strawberry.type(description="A page as it was counted.")
class Visit:
    page: str | None = stored("Which page.")
    invalid_fields: Sequence[str] = invalid_fields()
    id: strawberry.ID = key("The visit's number.")


@strawberry.input(description="Which visits.")
class VisitFilter(RowFilter[Visit]):
    ids: list[strawberry.ID] | None = one_of("id", "Those with one of these keys.", key="id")


VISITS = TableDeclaration(
    Visit,
    VisitFilter,
    name="visit",
    plural="visits",
    primary_key="number",
    key_kind=INTEGER,
    orders=(SortedBy("number", lambda visit: int(visit.id)),),
    people=ForPeople(
        name="visits",
        singular="visit",
        title="Visits",
        named_by="page",
        columns=(Column(Look.TEXT, ("page",), live="Page", width=8, terminal="PAGE"),),
    ),
)


@strawberry.type(description="A picture by its digest.")
class Picture:
    page: str | None = stored("On which page it is.")
    invalid_fields: Sequence[str] = invalid_fields()
    id: strawberry.ID = key("The picture's digest.")


@strawberry.input(description="Which pictures.")
class PictureFilter(RowFilter[Picture]):
    ids: list[strawberry.ID] | None = one_of("id", "Those with one of these keys.", key="id")


PICTURES = TableDeclaration(
    Picture,
    PictureFilter,
    name="picture",
    plural="pictures",
    primary_key="digest",
    key_kind=BINARY,
    orders=("id",),
    people=ForPeople(
        name="pictures",
        singular="picture",
        title="Pictures",
        named_by="page",
        columns=(Column(Look.TEXT, ("page",), live="Page", width=8, terminal="PAGE"),),
    ),
)
