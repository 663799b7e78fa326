"""Tables that are declared for a test: one of each kind of key, and one of each other kind."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import strawberry

from graphql_api.feeds.keys import BINARY, INTEGER
from graphql_api.schema.changes import invalid_fields
from graphql_api.schema.columns import Column, ForPeople, Look
from graphql_api.schema.declaration import TableDeclaration
from graphql_api.schema.document import Fields
from graphql_api.schema.filters import RowFilter, contains, one_of
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


@strawberry.type(description="What a crawl has found; `secret` and `urls` are never served.")
class Crawl:
    name: str | None = stored("What it is called.")
    pages: int | None = stored("How many pages it has read.")
    ended_at: datetime | None = stored("When it ended.")
    urls: str | None = stored("All URLs; null where the database leaves them out.")
    secret: str | None = stored(
        "The secret in `login`; null where the database leaves it out.",
        name="login",
        read=lambda fields, name: fields.nested(name, _secret),
    )
    invalid_fields: Sequence[str] = invalid_fields()
    id: strawberry.ID = key("The crawl's key.")


def _secret(login: Fields) -> str | None:
    return login.string("secret")


@strawberry.input(description="Which crawls.")
class CrawlFilter(RowFilter[Crawl]):
    name_contains: str | None = contains("name", "Those with this in their name.", key="name")


def crawls(**kind: Any) -> TableDeclaration[Crawl]:
    """The table, of a kind."""
    return TableDeclaration(
        Crawl,
        CrawlFilter,
        name="crawl",
        plural="crawls",
        orders=("name",),
        people=ForPeople(
            name="crawls",
            singular="crawl",
            title="Crawls",
            named_by="name",
            columns=(Column(Look.NUMBER, ("pages",), live="Pages", width=8, terminal="PAGES"),),
        ),
        **kind,
    )
