"""Domain logins: their fields of `Mutation`."""

from __future__ import annotations

from typing import Annotated, TypeAlias

import strawberry

from graphql_api.feeds.table import Document
from graphql_api.schema.context import Info
from graphql_api.schema.described import argument
from graphql_api.schema.problems import Place
from graphql_api.schema.writing import delete, put
from graphql_api.tables.domain_login import DOMAIN_LOGINS, DomainLogin
from graphql_api.tables.domain_login_input import (
    DomainLoginInput,
    check_domain,
    domain_login_document,
)

DomainLoginKey: TypeAlias = Annotated[str, argument("The login's domain.")]
DomainLoginInputArgument: TypeAlias = Annotated[DomainLoginInput, argument("Its values.")]


async def set_domain_login(
    info: Info,
    domain: DomainLoginKey,
    input: DomainLoginInputArgument,  # noqa: A002
) -> DomainLogin | None:
    """Write the login of a domain."""

    def make(stored: Document | None, at: Place) -> Document:
        check_domain(domain, at / "domain")
        return domain_login_document(input, stored, at / "input")

    return await put(info.context, DOMAIN_LOGINS, domain, make)


async def delete_domain_login(info: Info, domain: DomainLoginKey) -> strawberry.ID | None:
    """Delete the login of a domain."""
    await delete(info.context, DOMAIN_LOGINS, domain)
    return strawberry.ID(domain)


@strawberry.type
class DomainLoginMutation:
    """Fields of `Mutation`."""

    set_domain_login: DomainLogin | None = strawberry.mutation(
        resolver=set_domain_login,
        description=(
            "Creates the login of a domain, or changes what is given of it; returns it. The domain "
            "is a bare host in lower case, as it stands in URLs: no other key ever matches."
        ),
    )
    delete_domain_login: strawberry.ID | None = strawberry.mutation(
        resolver=delete_domain_login, description="Deletes the login of a domain; returns its id."
    )
