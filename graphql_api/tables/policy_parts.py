"""The parts of a policy: its enums, and the types of its nested objects and rules."""

from __future__ import annotations

from collections.abc import Sequence
from enum import Enum

import strawberry

from graphql_api.schema.document import Fields
from graphql_api.schema.stored import stored


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

    enabled: bool | None = stored("Whether to log in to domains that have a domain login.")


@strawberry.type(description="Where a crawl ends. What is null has no limit.")
class PolicyLimits:
    """Stored as `limits`."""

    max_cost: float | None = stored("The cost that a URL may have; URL rules say what it costs.")
    max_duration: float | None = stored("How long a crawl may take, in seconds; 0 is no limit.")
    max_items: int | None = stored("How many items a crawl may download; 0 is reached at once.")


@strawberry.type(
    description="Which responses are saved, by their MIME type. The first rule that applies counts."
)
class PolicyMimeTypeRule:
    """Stored in `mime_type_rules`."""

    pattern: str | None = stored(PATTERN)
    match: MatchRule | None = stored(MATCH)
    save: bool | None = stored("Whether to save the response.")


@strawberry.type(description="Which proxy is used, by the URL. The first rule that applies counts.")
class PolicyProxyRule:
    """Stored in `proxy_rules`."""

    pattern: str | None = stored(PATTERN)
    match: MatchRule | None = stored(MATCH)
    proxy_url: str | None = stored(
        "The proxy's URL, its password masked; null for none.", read=Fields.url
    )


@strawberry.type(description="How the crawler treats robots.txt.")
class PolicyRobotsTxt:
    """Stored as `robots_txt`."""

    usage: RobotsTxtUsage | None = stored("What to do about it.")
    read_sitemaps: bool | None = stored("Whether to crawl the sitemaps that it names.")
    obey_crawl_delay: bool | None = stored(
        "Whether to wait between requests as long as it asks for."
    )


@strawberry.type(description="How URLs are made alike, so that no page is crawled twice.")
class PolicyUrlNormalization:
    """Stored as `url_normalization`."""

    enabled: bool | None = stored("Whether URLs are made alike.")
    strip_parameters: Sequence[str] | None = stored(
        "The query parameters that are dropped, such as session ids."
    )


@strawberry.type(
    description=(
        "What a URL costs, and so how early it is crawled. The first rule that applies counts."
    )
)
class PolicyUrlRule:
    """Stored in `url_rules`."""

    pattern: str | None = stored(
        PATTERN + " `{SEED_DOMAINS}` in it stands for the hosts of the seeds; every other brace is "
        "written twice."
    )
    match: MatchRule | None = stored(MATCH)
    action: UrlRuleAction | None = stored(
        "What happens to the cost of the page on which the URL was found."
    )
    amount: float | None = stored("By how much.")


@strawberry.type(description="A name by which the crawler may introduce itself.")
class PolicyUserAgent:
    """Stored in `user_agents`."""

    name: str | None = stored(
        "The User-Agent header. `{VERSION}` in it stands for Starbelly's version."
    )
