"""Rate limits: how long the crawler waits between two requests. Their rows, filter and table."""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import blake2b
from typing import Final

import strawberry

from graphql_api.feeds.keys import BINARY, is_text
from graphql_api.feeds.table import Document
from graphql_api.schema.changes import invalid_fields
from graphql_api.schema.columns import Column, Editing, ForPeople, Look
from graphql_api.schema.declaration import TableDeclaration
from graphql_api.schema.document import Fields
from graphql_api.schema.filters import RowFilter, by_keys, contains, equals, one_of
from graphql_api.schema.orders import SortedBy
from graphql_api.schema.stored import key, stored

TOKEN_BYTES: Final = 16
GLOBAL_TOKEN: Final = bytes(TOKEN_BYTES)
"""The key of the limit that holds for every domain without one of its own."""

NAME_PREFIX: Final = "domain:"
"""What Starbelly's own API puts before the domain in a limit's name."""


def token_of(domain: str | None) -> bytes:
    """The key of a domain's limit; null for the global one."""
    if domain is None:
        return GLOBAL_TOKEN
    return blake2b(domain.encode("utf-8", "surrogatepass"), digest_size=TOKEN_BYTES).digest()


def _name(fields: Fields, field: str) -> str | None:
    name = fields.string(field)
    return None if name is None else name.removeprefix(NAME_PREFIX)


def _domain(fields: Fields, token: str) -> str | None:
    """The domain in a limit's name, if the limit's token is that of the domain."""
    name = fields.stored("name")
    if not is_text(name):
        return None
    domain = name.removeprefix(NAME_PREFIX)
    return domain if BINARY.served(fields.stored(token)) == token_of(domain).hex() else None


def _is_global(fields: Fields, token: str) -> bool:
    return BINARY.served(fields.stored(token)) == GLOBAL_TOKEN.hex()


def _delay(fields: Fields, name: str) -> float | None:
    return fields.number(name, served_as="delay_s")


@strawberry.type(
    description=(
        "How long the crawler waits between two requests to a domain. It reads the limits when it "
        "starts: a change that is made here is in force from its next start on."
    )
)
class RateLimit:
    """A row of the rate limit feed."""

    name: str | None = stored(
        "What it is called: the domain, without the `domain:` that Starbelly stores before it, or "
        "something like Global Limit.",
        read=_name,
    )
    domain: str | None = stored(
        "The host to which it applies, as it stands in URLs; null for the global limit, and where "
        "the limit's key is not that of the domain in its name.",
        name="token",
        read=_domain,
    )
    delay_s: float | None = stored(
        "The time between two requests to one domain, in seconds.", name="delay", read=_delay
    )
    is_global: bool = stored(
        "Whether it applies to every domain without a limit of its own.",
        name="token",
        read=_is_global,
    )
    invalid_fields: Sequence[str] = invalid_fields()
    id: strawberry.ID = key(
        "The limit's key: Starbelly's token, which is 16 bytes of BLAKE2b of the domain, in "
        "hexadecimal digits; zeros for the global limit."
    )


@strawberry.input(
    description="Which rate limits. What is given must all hold; a null counts as not given."
)
class RateLimitFilter(RowFilter[RateLimit]):
    """The `where` of rate limits."""

    ids: list[strawberry.ID] | None = by_keys()
    domains: list[str] | None = one_of(
        "domain", "Those of one of these domains; none, if the list is empty.", key="domains"
    )
    domain_contains: str | None = contains(
        "domain", "Those with this in their domain, whatever the case.", key="domain"
    )
    is_global: bool | None = equals(
        "is_global", "The global limit, or those of domains.", key="global"
    )


def _sort_value(limit: RateLimit) -> str | None:
    return "" if limit.is_global else limit.domain


def global_limit(_: object) -> Sequence[Document]:
    """Starbelly's own, without which the crawler's process ends after its first download."""
    return ({"token": GLOBAL_TOKEN, "name": "Global Limit", "delay": 5.0, "type": "global"},)


RATE_LIMITS = TableDeclaration(
    RateLimit,
    RateLimitFilter,
    name="rate_limit",
    plural="rate_limits",
    primary_key="token",
    key_kind=BINARY,
    indexes=("name",),
    first_documents=global_limit,
    orders=(SortedBy("domain", _sort_value, "The global one counts as less than every domain."),),
    people=ForPeople(
        name="limits",
        singular="limit",
        title="Rate limits",
        named_by="name",
        columns=(
            Column(Look.NUMBER, ("delay_s",), live="Delay (s)", width=10, terminal="DELAY (S)"),
            Column(Look.YES_OR_NO, ("is_global",), live="Global", width=8, terminal="GLOBAL"),
        ),
        editing=Editing(
            fields=(("delay_s", "Delay, in seconds"),),
            what="limits",
            note="The crawler reads the limits when it starts.",
            needs=("domain", "is_global"),
        ),
    ),
)
