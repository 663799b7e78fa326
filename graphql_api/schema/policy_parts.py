"""The parts of a policy: its enums, and the types of its nested objects and rules."""

from __future__ import annotations

from collections.abc import Sequence
from enum import Enum

import strawberry

from graphql_api.schema.document import Fields


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
        description="How long a crawl may take, in seconds; 0 is no limit."
    )
    max_items: int | None = strawberry.field(
        description="How many items a crawl may download; 0 is reached at once."
    )

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
        description=(
            PATTERN
            + " `{SEED_DOMAINS}` in it stands for the hosts of the seeds; every other brace is "
            "written twice."
        )
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
