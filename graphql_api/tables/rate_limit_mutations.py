"""Rate limits: their fields of `Mutation`, and the rules for them."""

from __future__ import annotations

from typing import Annotated, TypeAlias

import strawberry
from strawberry import UNSET

from graphql_api.feeds.table import Document
from graphql_api.schema.context import Info
from graphql_api.schema.described import argument
from graphql_api.schema.filters import given
from graphql_api.schema.inputs import has_text
from graphql_api.schema.problems import Place, is_storable
from graphql_api.schema.urls import is_punycode, why_not_a_domain
from graphql_api.schema.writing import delete, put
from graphql_api.tables.rate_limit import (
    NAME_PREFIX,
    RATE_LIMITS,
    RateLimit,
    global_limit,
    token_of,
)

LimitedDomain: TypeAlias = Annotated[
    str | None,
    argument(
        "A bare host in lower case, as it stands in URLs; null for the limit that applies to "
        "every domain without one of its own."
    ),
]
FreedDomain: TypeAlias = Annotated[str, argument("The domain. The global limit cannot be deleted.")]
Delay: TypeAlias = Annotated[
    float,
    argument("The time between two requests to one domain, in seconds; above 0."),
]

AT_NEXT_START = (
    " The crawler reads the limits when it starts: this is in force from its next start on."
)


async def set_rate_limit(
    info: Info, *, domain: LimitedDomain = UNSET, delay_s: Delay
) -> RateLimit | None:
    """Write the rate limit of a domain, or the global one."""
    domain = given(domain)

    def make(stored: Document | None, at: Place) -> Document:
        if domain is not None:
            _check_domain(domain, at / "domain")
        if is_storable(delay_s, at / "delayS") and not delay_s > 0:
            (at / "delayS").refuse("Delay must be above 0")
        return {**_named(domain, stored), "delay": delay_s}

    return await put(info.context, RATE_LIMITS, token_of(domain).hex(), make)


def _named(domain: str | None, stored: Document | None) -> Document:
    """A limit with the name that Starbelly's own API gives it; the global one keeps its name."""
    if domain is not None:
        return {**(stored or {}), "name": NAME_PREFIX + domain}
    if stored is not None:
        return stored
    (document,) = global_limit(None)
    return document


def _check_domain(domain: str, at: Place) -> None:
    """Check that the crawler can find a limit by the host of a URL."""
    if not has_text(domain):
        at.refuse("Domain is required", "leave it out for the global limit")
        return
    why, better = why_not_a_domain(domain)
    if is_punycode(better or domain):
        at.refuse(
            "Domain never matches",
            "Starbelly cannot crawl internationalised hosts, in punycode (`xn--`) as little as in "
            "letters",
        )
    elif better is not None:
        at.refuse("Domain never matches", f"{why}: write {better}")
    elif why:
        at.refuse("Domain never matches", why)


async def delete_rate_limit(info: Info, domain: FreedDomain) -> strawberry.ID | None:
    """Delete the rate limit of a domain."""
    key = token_of(domain).hex()
    await delete(info.context, RATE_LIMITS, key)
    return strawberry.ID(key)


@strawberry.type
class RateLimitMutation:
    """Fields of `Mutation`."""

    set_rate_limit: RateLimit | None = strawberry.mutation(
        resolver=set_rate_limit,
        description=(
            "Sets the rate limit of a domain, or the global one, and returns it." + AT_NEXT_START
        ),
    )
    delete_rate_limit: strawberry.ID | None = strawberry.mutation(
        resolver=delete_rate_limit,
        description=(
            "Deletes the rate limit of a domain, to which the global one applies then; returns its "
            "key." + AT_NEXT_START
        ),
    )
