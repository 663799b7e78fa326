"""Inputs for policies, as GraphQL has them.

An update leaves alone what is absent. What a new policy needs, and each item of a list, is not
null; all other rules are in `graphql_api.tables.policy_rules`.
"""

from __future__ import annotations

import strawberry

from graphql_api.schema.described import optional
from graphql_api.schema.inputs import required
from graphql_api.tables.policy_parts import MatchRule, RobotsTxtUsage, UrlRuleAction

PATTERN = "A regular expression that compiles on every Python from 3.9 on; none in the last rule."
MATCH = "When the rule applies; none in the last rule, which applies to everything else."


@strawberry.input(description="Whether the crawler logs in. Members that are absent stay.")
class PolicyAuthenticationInput:
    """The input of `PolicyAuthentication`."""

    enabled: bool | None = optional(
        "Whether to log in to domains that have a domain login; null for no."
    )


@strawberry.input(description="Where a crawl ends. Members that are absent stay; null: no limit.")
class PolicyLimitsInput:
    """The input of `PolicyLimits`."""

    max_cost: float | None = optional("The cost that a URL may have.")
    max_duration: float | None = optional(
        "How long a crawl may take, in seconds; not negative. 0 is no limit."
    )
    max_items: int | None = optional(
        "How many items a crawl may download; not negative. 0 is reached at once."
    )


@strawberry.input(description="Which responses are saved, by their MIME type.")
class PolicyMimeTypeRuleInput:
    """The input of `PolicyMimeTypeRule`."""

    pattern: str | None = optional(PATTERN)
    match: MatchRule | None = optional(MATCH)
    save: bool = strawberry.field(description="Whether to save the response.")


@strawberry.input(description="Which proxy is used, by the URL.")
class PolicyProxyRuleInput:
    """The input of `PolicyProxyRule`."""

    pattern: str | None = optional(PATTERN)
    match: MatchRule | None = optional(MATCH)
    proxy_url: str | None = optional(
        "The proxy's URL: http, https, socks4, socks4a or socks5, with a host. A password "
        "masked as it is served, `user:***@host`, stands for the stored one of the same user "
        "and host. In the last rule null for none."
    )


@strawberry.input(description="How the crawler treats robots.txt. Members that are absent stay.")
class UpdatePolicyRobotsTxtInput:
    """The input of `PolicyRobotsTxt`."""

    usage: RobotsTxtUsage | None = optional("What to do about it.")
    read_sitemaps: bool | None = optional(
        "Whether to crawl the sitemaps that it names; null for what is usual."
    )
    obey_crawl_delay: bool | None = optional(
        "Whether to wait between requests as long as it asks for; null for what is usual."
    )


@strawberry.input(description="How the crawler treats robots.txt.")
class CreatePolicyRobotsTxtInput(UpdatePolicyRobotsTxtInput):
    """The same of a new policy."""

    usage: RobotsTxtUsage = required(UpdatePolicyRobotsTxtInput, "usage")


@strawberry.input(description="How URLs are made alike. Members that are absent stay.")
class PolicyUrlNormalizationInput:
    """The input of `PolicyUrlNormalization`."""

    enabled: bool | None = optional("Whether URLs are made alike; null for yes.")
    strip_parameters: list[str] | None = optional(
        "The query parameters that are dropped; null for none."
    )


@strawberry.input(description="What a URL costs.")
class PolicyUrlRuleInput:
    """The input of `PolicyUrlRule`."""

    pattern: str | None = optional(
        f"{PATTERN} `{{SEED_DOMAINS}}` in it stands for the hosts of the seeds. Every other "
        f"brace "
        r"is written twice: `\d{{4}}`."
    )
    match: MatchRule | None = optional(MATCH)
    action: UrlRuleAction = strawberry.field(description="What happens to the cost of the page.")
    amount: float = strawberry.field(description="By how much.")


@strawberry.input(description="A name by which the crawler may introduce itself.")
class PolicyUserAgentInput:
    """The input of `PolicyUserAgent`."""

    name: str = strawberry.field(
        description=(
            "The User-Agent header. `{VERSION}` in it stands for Starbelly's version; "
            "every other brace is written twice."
        ),
    )


@strawberry.input(
    description=(
        "What changes of a policy; what is absent stays. Null sets back to nothing, or to the "
        "default, what a policy need not have. Lists are replaced as a whole."
    )
)
class UpdatePolicyInput:
    """The input of `updatePolicy`."""

    name: str | None = optional("What it is called; not blank.")
    captcha_solver_id: strawberry.ID | None = optional(
        "The key of a stored CAPTCHA solver; null for none."
    )
    authentication: PolicyAuthenticationInput | None = optional(
        "Whether the crawler logs in; null for no, the default."
    )
    limits: PolicyLimitsInput | None = optional(
        "Where a crawl ends; null for no limits, the default."
    )
    mime_type_rules: list[PolicyMimeTypeRuleInput] | None = optional(
        "Which responses are saved: at least one rule, the last without a pattern."
    )
    proxy_rules: list[PolicyProxyRuleInput] | None = optional(
        "Which proxy is used: the last rule has no pattern. Null for the default, one rule "
        "without a proxy: Starbelly's dashboard needs a rule."
    )
    robots_txt: UpdatePolicyRobotsTxtInput | None = optional("How the crawler treats robots.txt.")
    url_normalization: PolicyUrlNormalizationInput | None = optional(
        "How URLs are made alike; null for the default: they are, nothing dropped."
    )
    url_rules: list[PolicyUrlRuleInput] | None = optional(
        "What a URL costs: at least one rule, the last without a pattern."
    )
    user_agents: list[PolicyUserAgentInput] | None = optional(
        "The names by which the crawler introduces itself: at least one."
    )


@strawberry.input(description="The values of a new policy.")
class CreatePolicyInput(UpdatePolicyInput):
    """The input of `createPolicy`."""

    name: str = required(UpdatePolicyInput, "name")
    mime_type_rules: list[PolicyMimeTypeRuleInput] = required(UpdatePolicyInput, "mime_type_rules")
    robots_txt: CreatePolicyRobotsTxtInput = required(UpdatePolicyInput, "robots_txt")
    url_rules: list[PolicyUrlRuleInput] = required(UpdatePolicyInput, "url_rules")
    user_agents: list[PolicyUserAgentInput] = required(UpdatePolicyInput, "user_agents")
