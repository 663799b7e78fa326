"""One more table, in one file: all that it takes to serve one."""

from __future__ import annotations

from collections.abc import Sequence

import strawberry

from graphql_api.schema.changes import invalid_fields
from graphql_api.schema.columns import Column, ForPeople, Look
from graphql_api.schema.declaration import TableDeclaration
from graphql_api.schema.filters import RowFilter, contains
from graphql_api.schema.stored import key, stored


@strawberry.type(description="A page to remember.")
class Bookmark:
    name: str | None = stored("What it is called.")
    page_url: str | None = stored("Where the page is.")
    is_public: bool | None = stored("Whether others may see it.")
    rating: int | None = stored("How good it is.")
    invalid_fields: Sequence[str] = invalid_fields()
    id: strawberry.ID = key("The bookmark's key.")


@strawberry.input(description="Which bookmarks.")
class BookmarkFilter(RowFilter[Bookmark]):
    name_contains: str | None = contains(
        "name", "Those with this in their name, whatever the case.", key="name"
    )


BOOKMARKS = TableDeclaration(
    Bookmark,
    BookmarkFilter,
    name="bookmark",
    plural="bookmarks",
    indexes=("name",),
    people=ForPeople(
        name="bookmarks",
        singular="bookmark",
        title="Bookmarks",
        named_by="name",
        columns=(
            Column(Look.TEXT, ("page_url",), live="Page", width=30, terminal="PAGE"),
            Column(Look.YES_OR_NO, ("is_public",), live="Public", width=8, terminal="PUBLIC"),
            Column(Look.NUMBER, ("rating",), live="Rating", width=8, terminal="RATING"),
        ),
    ),
    orders=("name",),
)
