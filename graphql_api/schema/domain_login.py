"""Domain logins: how Starbelly logs in. Their types, filter, changes and root fields."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, TypeAlias

import strawberry
from strawberry import UNSET

from graphql_api.feeds.table import Document, Filter
from graphql_api.schema.changes import (
    CURSOR,
    INVALID_FIELDS,
    FeedState,
    IncludeInitial,
    Since,
    changed_fields_field,
    watch,
)
from graphql_api.schema.context import Info
from graphql_api.schema.document import Fields
from graphql_api.schema.domain_login_input import (
    DomainLoginInput,
    check_domain,
    domain_login_document,
)
from graphql_api.schema.enums import ChangeCause, FeedStatus
from graphql_api.schema.filters import Where, alternatives, contains, given, is_one_of, needle
from graphql_api.schema.packed_rows import PackedRows
from graphql_api.schema.pages import Limit, Offset, Page, read_page
from graphql_api.schema.problems import Place
from graphql_api.schema.scopes import Scope
from graphql_api.schema.table_schema import TableSchema
from graphql_api.schema.writing import delete, put

# The domain login


@strawberry.type(description="A user as whom the crawler can log in.")
class DomainLoginUser:
    """Stored in `users`. The password stays where it is."""

    username: str | None = strawberry.field(description="The user's name.")
    has_password: bool = strawberry.field(description="Whether a password is stored.")
    working: bool | None = strawberry.field(
        description=(
            "Whether logging in works, as people note it; the crawler neither reads nor writes it."
        )
    )

    @classmethod
    def read(cls, fields: Fields) -> DomainLoginUser:
        """The value of stored fields."""
        return cls(
            username=fields.string("username"),
            has_password=bool(fields.string("password", served_as="has_password")),
            working=fields.boolean("working"),
        )


@strawberry.type(description="The values that a domain login has, or had, at some time.")
class DomainLoginVersion:
    """A domain login without `id`, so that a client's cache does not take old values for new."""

    domain: str = strawberry.field(description="The domain, which is the login's key.")
    login_url: str | None = strawberry.field(
        description="The URL of the page with the form, its password masked."
    )
    login_test: str | None = strawberry.field(
        description=(
            "Text that is on a page only for those who have logged in, as a note by people; the "
            "crawler does not read it."
        )
    )
    users: Sequence[DomainLoginUser] | None = strawberry.field(
        description="The users as whom the crawler can log in."
    )
    invalid_fields: Sequence[str] = strawberry.field(description=INVALID_FIELDS)


@strawberry.type(description="How Starbelly logs in to a domain.")
class DomainLogin(DomainLoginVersion):
    """A row of the domain login feed."""

    id: strawberry.ID = strawberry.field(description="The same as `domain`, for caches.")


# Its filter


@strawberry.input(
    description="Which domain logins. What is given must all hold; a null counts as not given."
)
class DomainLoginFilter:
    """The `where` of domain logins."""

    domains: list[str] | None = strawberry.field(
        default=UNSET, description="Those of one of these domains; none, if the list is empty."
    )
    domain_contains: str | None = strawberry.field(
        default=UNSET, description="Those with this in their domain, whatever the case."
    )

    def condition(self) -> Filter[DomainLogin] | None:
        """The filter as a feed takes it."""
        return DomainLoginWhere(
            domains=alternatives(self.domains), domain_contains=needle(self.domain_contains)
        ).simplified()


@dataclass(frozen=True)
class DomainLoginWhere(Where[DomainLogin]):
    """A `DomainLoginFilter` as a value."""

    domains: frozenset[str] | None = None
    domain_contains: str | None = None

    def matches(self, row: DomainLogin) -> bool:
        """Whether a domain login passes."""
        return is_one_of(row.domain, self.domains) and contains(row.domain, self.domain_contains)


# Its changes


@strawberry.type(description="A domain login that the subscription did not hold.")
class DomainLoginAdded:
    """A member of `DomainLoginChange`."""

    cause: ChangeCause = strawberry.field(description="INITIAL, CREATED or ENTERED_FILTER.")
    domain_login: DomainLogin = strawberry.field(description="The domain login.")
    cursor: str = strawberry.field(description=CURSOR)


@strawberry.type(description="A domain login that the subscription held, with other values.")
class DomainLoginUpdated:
    """A member of `DomainLoginChange`."""

    domain_login: DomainLogin = strawberry.field(description="The domain login as it is now.")
    previous: DomainLoginVersion = strawberry.field(description="Its values before.")
    changed_fields: list[str] = changed_fields_field("domain_login")
    cursor: str = strawberry.field(description=CURSOR)


@strawberry.type(description="A domain login that the subscription held, and holds no longer.")
class DomainLoginDeleted:
    """A member of `DomainLoginChange`."""

    cause: ChangeCause = strawberry.field(description="DELETED or LEFT_FILTER.")
    domain: str = strawberry.field(description="The domain, which is the login's key.")
    previous: DomainLoginVersion = strawberry.field(description="Its last values.")
    cursor: str = strawberry.field(description=CURSOR)


DomainLoginChange: TypeAlias = Annotated[
    DomainLoginAdded | DomainLoginUpdated | DomainLoginDeleted | FeedState,
    strawberry.union(
        "DomainLoginChange", description="What a subscription to domain logins is sent."
    ),
]


# The table


class DomainLoginTable:
    """Starbelly's table `domain_login`."""

    name = "domain_login"
    primary_key = "domain"
    reads: tuple[str, ...] = ()
    sort_keys: Mapping[str, Callable[[DomainLogin], tuple[Any, ...]]] = {
        "domain": lambda login: (login.domain,)
    }
    packing = PackedRows(DomainLogin, decoding=1, filtered=("domain",))

    def decode(self, key: str, document: Document) -> DomainLogin:
        """The domain login that a document is served as."""
        invalid: list[str] = []
        fields = Fields(document, invalid)
        return DomainLogin(
            id=strawberry.ID(key),
            domain=key,
            login_url=fields.url("login_url"),
            login_test=fields.string("login_test"),
            users=fields.nested_list("users", DomainLoginUser.read),
            invalid_fields=tuple(invalid),  # last: the readers above have filled it
        )

    def added(self, cause: ChangeCause, row: DomainLogin, cursor: str) -> DomainLoginChange:
        """The event for a domain login that a subscriber did not hold."""
        return DomainLoginAdded(cause=cause, domain_login=row, cursor=cursor)

    def updated(self, previous: DomainLogin, row: DomainLogin, cursor: str) -> DomainLoginChange:
        """The event for a domain login that a subscriber held as `previous`."""
        return DomainLoginUpdated(
            domain_login=row,
            previous=previous,
            cursor=cursor,
        )

    def deleted(
        self, cause: ChangeCause, key: str, previous: DomainLogin, cursor: str
    ) -> DomainLoginChange:
        """The event for a domain login that a subscriber held, and holds no longer."""
        return DomainLoginDeleted(cause=cause, domain=key, previous=previous, cursor=cursor)

    def state(self, status: FeedStatus, cursor: str) -> DomainLoginChange:
        """The event that tells how the feed stands."""
        return FeedState(status=status, cursor=cursor)


DOMAIN_LOGINS = DomainLoginTable()


# Its root fields

DomainLoginWhereArgument: TypeAlias = Annotated[
    DomainLoginFilter | None,
    strawberry.argument(description="Which domain logins; all, if absent."),
]
DomainLoginKey: TypeAlias = Annotated[str, strawberry.argument(description="The login's domain.")]


async def read_domain_logins(
    info: Info, where: DomainLoginWhereArgument = UNSET, limit: Limit = 100, offset: Offset = 0
) -> Page[DomainLogin]:
    """Some of the domain logins that pass a filter."""
    return await read_page(
        info.context,
        DOMAIN_LOGINS,
        where.condition() if where else None,
        order="domain",
        limit=limit,
        offset=offset,
    )


async def read_domain_login(info: Info, domain: DomainLoginKey) -> DomainLogin | None:
    """The login of a domain."""
    feed = await info.context.ready(DOMAIN_LOGINS)
    return feed.get(domain)


def watch_domain_logins(
    info: Info,
    where: DomainLoginWhereArgument = UNSET,
    include_initial: IncludeInitial = True,
    since: Since = UNSET,
) -> AsyncIterator[DomainLoginChange]:
    """The domain logins that pass a filter, live."""
    condition = where.condition() if where else None
    return watch(
        info.context, DOMAIN_LOGINS, condition, include_initial=include_initial, since=given(since)
    )


DomainLoginInputArgument: TypeAlias = Annotated[
    DomainLoginInput, strawberry.argument(description="Its values.")
]


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
class DomainLoginQuery:
    """Fields of `Query`."""

    domain_logins: Page[DomainLogin] = strawberry.field(
        resolver=read_domain_logins, description="Domain logins, by domain."
    )
    domain_login: DomainLogin | None = strawberry.field(
        resolver=read_domain_login, description="The login of one domain; null if there is none."
    )


@strawberry.type
class DomainLoginSubscription:
    """Fields of `Subscription`."""

    domain_login_changes: AsyncIterator[DomainLoginChange] = strawberry.subscription(
        resolver=watch_domain_logins, description="Domain logins, and every change of them."
    )


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


DOMAIN_LOGIN = TableSchema(
    table=DOMAIN_LOGINS,
    query=DomainLoginQuery,
    subscription=DomainLoginSubscription,
    mutation=DomainLoginMutation,
    scopes=frozenset({Scope.LOGINS}),
)
