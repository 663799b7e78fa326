"""Policies: how Starbelly crawls. Their types, filter, changes and root fields."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from typing import Annotated, TypeAlias

import strawberry
from strawberry import UNSET

from graphql_api.feeds.table import Document, Filter
from graphql_api.schema.changes import (
    CHANGED_FIELDS,
    CURSOR,
    INVALID_FIELDS,
    FeedState,
    IncludeInitial,
    Since,
    changed_fields,
    watch,
)
from graphql_api.schema.context import Info
from graphql_api.schema.document import Fields
from graphql_api.schema.enums import ChangeCause, FeedStatus
from graphql_api.schema.filters import Where, alternatives, contains, given, is_one_of, needle
from graphql_api.schema.pages import Limit, Offset, Page, by_name, read_page
from graphql_api.schema.table_schema import TableSchema

# The parts of a policy


@strawberry.enum(description="When a rule with a pattern applies.")
class MatchRule(Enum):
    """`match` of a rule."""

    MATCHES = strawberry.enum_value("MATCHES", description="The pattern matches.")
    DOES_NOT_MATCH = strawberry.enum_value(
        "DOES_NOT_MATCH", description="The pattern does not match."
    )


@strawberry.enum(description="What the crawler does about robots.txt.")
class RobotsTxtUsage(Enum):
    """`usage` of robots_txt."""

    OBEY = strawberry.enum_value("OBEY", description="Leaves out what it forbids.")
    INVERT = strawberry.enum_value("INVERT", description="Crawls only what it forbids.")
    IGNORE = strawberry.enum_value("IGNORE", description="Takes no notice of it.")


@strawberry.enum(description="How a URL rule changes the cost of a URL.")
class UrlRuleAction(Enum):
    """`action` of a URL rule."""

    ADD = strawberry.enum_value("ADD", description="Adds the amount to the cost.")
    MULTIPLY = strawberry.enum_value("MULTIPLY", description="Multiplies the cost by the amount.")


PATTERN = "A regular expression; null in the last rule, which applies to everything else."
MATCH = "When the rule applies; null in the last rule, which applies to everything else."


@strawberry.type(description="Whether the crawler logs in.")
class PolicyAuthentication:
    """Stored as `authentication`."""

    enabled: bool | None = strawberry.field(
        description="Whether to log in to domains that have a domain login."
    )

    @classmethod
    def read(cls, fields: Fields) -> PolicyAuthentication:
        """The value of stored fields."""
        return cls(enabled=fields.boolean("enabled"))


@strawberry.type(description="Where a crawl ends. What is null has no limit.")
class PolicyLimits:
    """Stored as `limits`."""

    max_cost: float | None = strawberry.field(
        description="The cost that a URL may have; URL rules say what it costs."
    )
    max_duration: float | None = strawberry.field(
        description="How long a crawl may take, in seconds."
    )
    max_items: int | None = strawberry.field(description="How many items a crawl may download.")

    @classmethod
    def read(cls, fields: Fields) -> PolicyLimits:
        """The value of stored fields."""
        return cls(
            max_cost=fields.number("max_cost"),
            max_duration=fields.number("max_duration"),
            max_items=fields.integer("max_items"),
        )


@strawberry.type(
    description="Which responses are saved, by their MIME type. The first rule that applies counts."
)
class PolicyMimeTypeRule:
    """Stored in `mime_type_rules`."""

    pattern: str | None = strawberry.field(description=PATTERN)
    match: MatchRule | None = strawberry.field(description=MATCH)
    save: bool | None = strawberry.field(description="Whether to save the response.")

    @classmethod
    def read(cls, fields: Fields) -> PolicyMimeTypeRule:
        """The value of stored fields."""
        return cls(
            pattern=fields.string("pattern"),
            match=fields.enum("match", MatchRule),
            save=fields.boolean("save"),
        )


@strawberry.type(description="Which proxy is used, by the URL. The first rule that applies counts.")
class PolicyProxyRule:
    """Stored in `proxy_rules`."""

    pattern: str | None = strawberry.field(description=PATTERN)
    match: MatchRule | None = strawberry.field(description=MATCH)
    proxy_url: str | None = strawberry.field(
        description="The proxy's URL, its password masked; null for none."
    )

    @classmethod
    def read(cls, fields: Fields) -> PolicyProxyRule:
        """The value of stored fields."""
        return cls(
            pattern=fields.string("pattern"),
            match=fields.enum("match", MatchRule),
            proxy_url=fields.url("proxy_url"),
        )


@strawberry.type(description="How the crawler treats robots.txt.")
class PolicyRobotsTxt:
    """Stored as `robots_txt`."""

    usage: RobotsTxtUsage | None = strawberry.field(description="What to do about it.")
    read_sitemaps: bool | None = strawberry.field(
        description="Whether to crawl the sitemaps that it names."
    )
    obey_crawl_delay: bool | None = strawberry.field(
        description="Whether to wait between requests as long as it asks for."
    )

    @classmethod
    def read(cls, fields: Fields) -> PolicyRobotsTxt:
        """The value of stored fields."""
        return cls(
            usage=fields.enum("usage", RobotsTxtUsage),
            read_sitemaps=fields.boolean("read_sitemaps"),
            obey_crawl_delay=fields.boolean("obey_crawl_delay"),
        )


@strawberry.type(description="How URLs are made alike, so that no page is crawled twice.")
class PolicyUrlNormalization:
    """Stored as `url_normalization`."""

    enabled: bool | None = strawberry.field(description="Whether URLs are made alike.")
    strip_parameters: Sequence[str] | None = strawberry.field(
        description="The query parameters that are dropped, such as session ids."
    )

    @classmethod
    def read(cls, fields: Fields) -> PolicyUrlNormalization:
        """The value of stored fields."""
        return cls(
            enabled=fields.boolean("enabled"),
            strip_parameters=fields.strings("strip_parameters"),
        )


@strawberry.type(
    description=(
        "What a URL costs, and so how early it is crawled. The first rule that applies counts."
    )
)
class PolicyUrlRule:
    """Stored in `url_rules`."""

    pattern: str | None = strawberry.field(
        description=PATTERN + " `{SEED_DOMAINS}` in it stands for the hosts of the seeds."
    )
    match: MatchRule | None = strawberry.field(description=MATCH)
    action: UrlRuleAction | None = strawberry.field(
        description="What happens to the cost of the page on which the URL was found."
    )
    amount: float | None = strawberry.field(description="By how much.")

    @classmethod
    def read(cls, fields: Fields) -> PolicyUrlRule:
        """The value of stored fields."""
        return cls(
            pattern=fields.string("pattern"),
            match=fields.enum("match", MatchRule),
            action=fields.enum("action", UrlRuleAction),
            amount=fields.number("amount"),
        )


@strawberry.type(description="A name by which the crawler may introduce itself.")
class PolicyUserAgent:
    """Stored in `user_agents`."""

    name: str | None = strawberry.field(
        description="The User-Agent header. `{VERSION}` in it stands for Starbelly's version."
    )

    @classmethod
    def read(cls, fields: Fields) -> PolicyUserAgent:
        """The value of stored fields."""
        return cls(name=fields.string("name"))


# The policy


@strawberry.type(description="The values that a policy has, or had, at some time.")
class PolicyVersion:
    """A policy without its key, so that a client's cache does not take old values for new ones."""

    name: str | None = strawberry.field(description="What it is called.")
    created_at: datetime | None = strawberry.field(description="When it was created.")
    updated_at: datetime | None = strawberry.field(description="When it was last changed.")
    captcha_solver_id: strawberry.ID | None = strawberry.field(
        description="The CAPTCHA solver to use; null for none."
    )
    authentication: PolicyAuthentication | None = strawberry.field(
        description="Whether the crawler logs in."
    )
    limits: PolicyLimits | None = strawberry.field(description="Where a crawl ends.")
    mime_type_rules: Sequence[PolicyMimeTypeRule] | None = strawberry.field(
        description="Which responses are saved."
    )
    proxy_rules: Sequence[PolicyProxyRule] | None = strawberry.field(
        description="Which proxy is used."
    )
    robots_txt: PolicyRobotsTxt | None = strawberry.field(
        description="How the crawler treats robots.txt."
    )
    url_normalization: PolicyUrlNormalization | None = strawberry.field(
        description="How URLs are made alike."
    )
    url_rules: Sequence[PolicyUrlRule] | None = strawberry.field(description="What a URL costs.")
    user_agents: Sequence[PolicyUserAgent] | None = strawberry.field(
        description="The names by which the crawler introduces itself; it takes one at random."
    )
    invalid_fields: Sequence[str] = strawberry.field(description=INVALID_FIELDS)


@strawberry.type(description="How Starbelly crawls: what, how far, and by which manners.")
class Policy(PolicyVersion):
    """A row of the policy feed."""

    id: strawberry.ID = strawberry.field(description="The policy's key.")


# Its filter


@strawberry.input(
    description="Which policies. What is given must all hold; a null counts as not given."
)
class PolicyFilter:
    """The `where` of policies."""

    ids: list[strawberry.ID] | None = strawberry.field(
        default=UNSET, description="Those with one of these keys; none, if the list is empty."
    )
    name_contains: str | None = strawberry.field(
        default=UNSET, description="Those with this in their name, whatever the case."
    )

    def condition(self) -> Filter[Policy] | None:
        """The filter as a feed takes it."""
        return PolicyWhere(
            ids=alternatives(self.ids), name_contains=needle(self.name_contains)
        ).simplified()


@dataclass(frozen=True)
class PolicyWhere(Where[Policy]):
    """A `PolicyFilter` as a value."""

    ids: frozenset[str] | None = None
    name_contains: str | None = None

    def matches(self, row: Policy) -> bool:
        """Whether a policy passes."""
        return is_one_of(row.id, self.ids) and contains(row.name, self.name_contains)


# Its changes


@strawberry.type(description="A policy that the subscription did not hold.")
class PolicyAdded:
    """A member of `PolicyChange`."""

    cause: ChangeCause = strawberry.field(description="INITIAL, CREATED or ENTERED_FILTER.")
    policy: Policy = strawberry.field(description="The policy.")
    cursor: str = strawberry.field(description=CURSOR)


@strawberry.type(description="A policy that the subscription held, with other values.")
class PolicyUpdated:
    """A member of `PolicyChange`."""

    policy: Policy = strawberry.field(description="The policy as it is now.")
    previous: PolicyVersion = strawberry.field(description="Its values before.")
    changed_fields: list[str] = strawberry.field(description=CHANGED_FIELDS)
    cursor: str = strawberry.field(description=CURSOR)


@strawberry.type(description="A policy that the subscription held, and holds no longer.")
class PolicyDeleted:
    """A member of `PolicyChange`."""

    cause: ChangeCause = strawberry.field(description="DELETED or LEFT_FILTER.")
    policy_id: strawberry.ID = strawberry.field(description="The policy's key.")
    previous: PolicyVersion = strawberry.field(description="Its last values.")
    cursor: str = strawberry.field(description=CURSOR)


PolicyChange: TypeAlias = Annotated[
    PolicyAdded | PolicyUpdated | PolicyDeleted | FeedState,
    strawberry.union("PolicyChange", description="What a subscription to policies is sent."),
]


# The table


class PolicyTable:
    """Starbelly's table `policy`."""

    name = "policy"
    primary_key = "id"
    reads: tuple[str, ...] = ()

    def decode(self, key: str, document: Document) -> Policy:
        """The policy that a document is served as."""
        invalid: list[str] = []
        fields = Fields(document, invalid)
        return Policy(
            id=strawberry.ID(key),
            name=fields.string("name"),
            created_at=fields.time("created_at"),
            updated_at=fields.time("updated_at"),
            captcha_solver_id=fields.id("captcha_solver_id"),
            authentication=fields.nested("authentication", PolicyAuthentication.read),
            limits=fields.nested("limits", PolicyLimits.read),
            mime_type_rules=fields.nested_list("mime_type_rules", PolicyMimeTypeRule.read),
            proxy_rules=fields.nested_list("proxy_rules", PolicyProxyRule.read),
            robots_txt=fields.nested("robots_txt", PolicyRobotsTxt.read),
            url_normalization=fields.nested("url_normalization", PolicyUrlNormalization.read),
            url_rules=fields.nested_list("url_rules", PolicyUrlRule.read),
            user_agents=fields.nested_list("user_agents", PolicyUserAgent.read),
            invalid_fields=tuple(invalid),  # last: the readers above have filled it
        )

    def added(self, cause: ChangeCause, row: Policy, cursor: str) -> PolicyChange:
        """The event for a policy that a subscriber did not hold."""
        return PolicyAdded(cause=cause, policy=row, cursor=cursor)

    def updated(self, previous: Policy, row: Policy, cursor: str) -> PolicyChange:
        """The event for a policy that a subscriber held as `previous`."""
        return PolicyUpdated(
            policy=row,
            previous=previous,
            changed_fields=changed_fields(previous, row),
            cursor=cursor,
        )

    def deleted(self, cause: ChangeCause, key: str, previous: Policy, cursor: str) -> PolicyChange:
        """The event for a policy that a subscriber held as `previous`, and holds no longer."""
        return PolicyDeleted(
            cause=cause, policy_id=strawberry.ID(key), previous=previous, cursor=cursor
        )

    def state(self, status: FeedStatus, cursor: str) -> PolicyChange:
        """The event that tells how the feed stands."""
        return FeedState(status=status, cursor=cursor)


POLICIES = PolicyTable()


# Its root fields

PolicyWhereArgument: TypeAlias = Annotated[
    PolicyFilter | None, strawberry.argument(description="Which policies; all, if absent.")
]
PolicyKey: TypeAlias = Annotated[
    strawberry.ID, strawberry.argument(description="The policy's key.")
]


async def read_policies(
    info: Info, where: PolicyWhereArgument = UNSET, limit: Limit = 100, offset: Offset = 0
) -> Page[Policy]:
    """Some of the policies that pass a filter."""
    return await read_page(
        info.context,
        POLICIES,
        where.condition() if where else None,
        order=lambda policy: by_name(policy.name, policy.id),
        limit=limit,
        offset=offset,
    )


async def read_policy(info: Info, id: PolicyKey) -> Policy | None:  # noqa: A002
    """The policy with a key."""
    feed = await info.context.ready(POLICIES)
    return feed.get(id)


def watch_policies(
    info: Info,
    where: PolicyWhereArgument = UNSET,
    include_initial: IncludeInitial = True,
    since: Since = UNSET,
) -> AsyncIterator[PolicyChange]:
    """The policies that pass a filter, live."""
    condition = where.condition() if where else None
    return watch(
        info.context, POLICIES, condition, include_initial=include_initial, since=given(since)
    )


@strawberry.type
class PolicyQuery:
    """Fields of `Query`."""

    policies: Page[Policy] = strawberry.field(
        resolver=read_policies, description="Policies, by name."
    )
    policy: Policy | None = strawberry.field(
        resolver=read_policy, description="One policy; null if there is none."
    )


@strawberry.type
class PolicySubscription:
    """Fields of `Subscription`."""

    policy_changes: AsyncIterator[PolicyChange] = strawberry.subscription(
        resolver=watch_policies, description="Policies, and every change of them."
    )


POLICY = TableSchema(table=POLICIES, query=PolicyQuery, subscription=PolicySubscription)
