"""Domain logins: how Starbelly logs in. Their rows, their filter and their table."""

from __future__ import annotations

from collections.abc import Sequence

import strawberry

from graphql_api.schema.changes import invalid_fields
from graphql_api.schema.columns import Column, ForPeople, Look
from graphql_api.schema.declaration import TableDeclaration
from graphql_api.schema.document import Fields
from graphql_api.schema.filters import RowFilter, contains, one_of
from graphql_api.schema.stored import key, stored
from graphql_api.scopes import Scope


def _has_password(fields: Fields, name: str) -> bool:
    return bool(fields.string(name, served_as="has_password"))


@strawberry.type(description="A user account with which the crawler can log in.")
class DomainLoginUser:
    """Stored in `users`. The password stays where it is."""

    username: str | None = stored("The user's name.")
    has_password: bool = stored(
        "Whether a password is stored.", name="password", read=_has_password
    )
    working: bool | None = stored(
        "Whether logging in works, as people note it; the crawler neither reads nor writes it."
    )


@strawberry.type(description="How Starbelly logs in to a domain.")
class DomainLogin:
    """A row of the domain login feed."""

    domain: str = key("The domain, which is the login's key.")
    login_url: str | None = stored(
        "The URL of the page with the form, its password masked.", read=Fields.url
    )
    login_test: str | None = stored(
        "Text that is on a page only for those who have logged in, as a note by people; the "
        "crawler does not read it."
    )
    users: Sequence[DomainLoginUser] | None = stored(
        "The user accounts with which the crawler can log in."
    )
    invalid_fields: Sequence[str] = invalid_fields()
    id: strawberry.ID = key("The same as `domain`, for caches.")


@strawberry.input(
    description="Which domain logins. What is given must all hold; a null counts as not given."
)
class DomainLoginFilter(RowFilter[DomainLogin]):
    """The `where` of domain logins."""

    domains: list[str] | None = one_of(
        "domain", "Those of one of these domains; none, if the list is empty.", key="id"
    )
    domain_contains: str | None = contains(
        "domain", "Those with this in their domain, whatever the case.", key="domain"
    )


DOMAIN_LOGINS = TableDeclaration(
    DomainLogin,
    DomainLoginFilter,
    name="domain_login",
    plural="domain_logins",
    primary_key="domain",
    key_name="domain",
    orders=("domain",),
    people=ForPeople(
        name="logins",
        singular="login",
        title="Domain logins",
        named_by="domain",
        name_title="Domain",
        columns=(
            Column(Look.TEXT, ("login_url",), live="Login page", width=32, terminal="LOGIN PAGE"),
            Column(Look.USERS, ("users",), live="Users", width=26, terminal="USERS"),
        ),
    ),
    scopes=frozenset({Scope.LOGINS}),
)
