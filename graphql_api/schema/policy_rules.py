"""Starbelly's rules for policies: from an input to a document, or to all that is wrong with it.

Starbelly reads a missing member of a document and a null in different ways: a pattern that is there
at all is not allowed in a last rule. So what is absent or null in a rule is absent in the document.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterator, Sequence
from typing import Any, Final, Protocol, TypeVar

from strawberry import UNSET

from graphql_api.schema.filters import given
from graphql_api.schema.inputs import (
    has_text,
    merged,
    stored_list,
    stored_object,
    with_stored_password,
)
from graphql_api.schema.policy_input import (
    PolicyAuthenticationInput,
    PolicyInput,
    PolicyLimitsInput,
    PolicyMimeTypeRuleInput,
    PolicyProxyRuleInput,
    PolicyRobotsTxtInput,
    PolicyUrlNormalizationInput,
    PolicyUrlRuleInput,
    PolicyUserAgentInput,
)
from graphql_api.schema.policy_parts import MatchRule
from graphql_api.schema.problems import Place
from graphql_api.store import Document

MAX_RULES: Final = 500
"""How many rules of one kind a policy may have; Starbelly tries them one after the other."""

MAX_PATTERN_CHARACTERS: Final = 20_000
"""How long all patterns of one kind of rules may be together: compiling takes up to 6 µs for each
character, in which the server does nothing else."""

WIDE_RANGE_CHARACTERS: Final = 1000
"""What counts as so many: a range beyond ASCII, for which compiling can take 20 ms."""

PROXY_SCHEMES: Final = ("http", "https", "socks4", "socks4a", "socks5")

_WIDE_RANGE = re.compile(r"-(?:[^\x00-\x7f]|\\[xuUN0-7])")
_PROXY_URL = re.compile(rf"\s*(?:{'|'.join(PROXY_SCHEMES)})://[^/?#\s]", re.IGNORECASE)

_AUTHENTICATION: Final[Document] = {"enabled": False}
_NO_LIMITS: Final[Document] = {}
_URL_NORMALIZATION: Final[Document] = {"enabled": True, "strip_parameters": []}
_DEFAULTS: Final[Document] = {
    "captcha_solver_id": None,
    "authentication": _AUTHENTICATION,
    "limits": _NO_LIMITS,
    "proxy_rules": [],
    "url_normalization": _URL_NORMALIZATION,
}


class _Rule(Protocol):
    """An input of a rule."""

    pattern: str | None
    match: MatchRule | None


RuleT = TypeVar("RuleT", bound=_Rule)


def policy_document(values: PolicyInput, stored: Document | None, at: Place) -> Document:
    """The document that a policy becomes, apart from its key and times.

    Args:
        values: What shall be in it.
        stored: The document as it is; None for a new one. What `values` do not give stays in it,
            whether or not this API knows it.
        at: The place of `values` in the request; takes what is wrong.
    """
    new = stored is None
    before = _DEFAULTS if stored is None else stored
    document: dict[str, Any] = dict(before)
    if new or values.name is not UNSET:
        document["name"] = given(values.name)
        if not has_text(values.name):
            (at / "name").refuse("Policy name cannot be blank")
    if values.captcha_solver_id is not UNSET:
        document["captcha_solver_id"] = values.captcha_solver_id
    if values.authentication is not UNSET:
        document["authentication"] = _authentication(
            values.authentication, before.get("authentication")
        )
    if values.limits is not UNSET:
        document["limits"] = _limits(values.limits, before.get("limits"), at / "limits")
    if new or values.mime_type_rules is not UNSET:
        document["mime_type_rules"] = _mime_type_rules(
            given(values.mime_type_rules) or (), at / "mimeTypeRules"
        )
    if values.proxy_rules is not UNSET:
        document["proxy_rules"] = _proxy_rules(
            values.proxy_rules or (), before.get("proxy_rules"), at / "proxyRules"
        )
    if new or values.robots_txt is not UNSET:
        document["robots_txt"] = _robots_txt(
            given(values.robots_txt), before.get("robots_txt"), at / "robotsTxt"
        )
    if values.url_normalization is not UNSET:
        document["url_normalization"] = _url_normalization(
            values.url_normalization, before.get("url_normalization")
        )
    if new or values.url_rules is not UNSET:
        document["url_rules"] = _url_rules(given(values.url_rules) or (), at / "urlRules")
    if new or values.user_agents is not UNSET:
        document["user_agents"] = _user_agents(given(values.user_agents) or (), at / "userAgents")
    return document


# Nested objects, of which an input gives what shall change


def _authentication(values: PolicyAuthenticationInput | None, stored: object) -> Document:
    if values is None:
        return _AUTHENTICATION
    return merged(stored, enabled=False if values.enabled is None else values.enabled)


def _limits(values: PolicyLimitsInput | None, stored: object, at: Place) -> Document:
    if values is None:
        return _NO_LIMITS
    if (given(values.max_duration) or 0) < 0:
        (at / "maxDuration").refuse("Max duration must be ≥0")
    if (given(values.max_items) or 0) < 0:
        (at / "maxItems").refuse("Max items must be ≥0")
    return merged(
        stored,
        max_cost=values.max_cost,
        max_duration=values.max_duration,
        max_items=values.max_items,
    )


def _robots_txt(values: PolicyRobotsTxtInput | None, stored: object, at: Place) -> Document:
    if values is None:
        values = PolicyRobotsTxtInput(usage=None)
    document = merged(
        stored,
        usage=values.usage and values.usage.name,
        read_sitemaps=values.read_sitemaps,
        obey_crawl_delay=values.obey_crawl_delay,
    )
    if document.get("usage") is None:
        (at / "usage").refuse("Robots.txt usage is required")
    return document


def _url_normalization(values: PolicyUrlNormalizationInput | None, stored: object) -> Document:
    if values is None:
        return _URL_NORMALIZATION
    return merged(
        stored,
        enabled=True if values.enabled is None else values.enabled,
        strip_parameters=[] if values.strip_parameters is None else values.strip_parameters,
    )


# Lists, which an input replaces


def _mime_type_rules(rules: Sequence[PolicyMimeTypeRuleInput], at: Place) -> list[dict[str, Any]]:
    if not rules:
        at.refuse("At least one MIME type rule is required")
    documents = []
    for place, rule, document in _rules(rules, at, "MIME type rule"):
        if given(rule.save) is None:
            (place / "save").refuse("Save selector is required")
        documents.append({**document, "save": given(rule.save)})
    return documents


def _url_rules(rules: Sequence[PolicyUrlRuleInput], at: Place) -> list[dict[str, Any]]:
    if not rules:
        at.refuse("At least one URL rule is required")
    documents = []
    for place, rule, document in _rules(rules, at, "URL rule"):
        action, amount = given(rule.action), given(rule.amount)
        if action is None:
            (place / "action").refuse("Action selector is required")
        if amount is None:
            (place / "amount").refuse("Amount is required")
        documents.append({**document, "action": action and action.name, "amount": amount})
    return documents


def _proxy_rules(
    rules: Sequence[PolicyProxyRuleInput], stored: object, at: Place
) -> list[dict[str, Any]]:
    urls = [stored_object(rule).get("proxy_url") for rule in stored_list(stored)]
    documents = []
    for index, (place, rule, document) in enumerate(_rules(rules, at, "proxy rule")):
        url = given(rule.proxy_url)
        if not url:
            if index < len(rules) - 1:
                (place / "proxyUrl").refuse("Proxy URL is required")
            documents.append(document)
            continue
        if not _PROXY_URL.match(url):
            (place / "proxyUrl").refuse(
                "Must have a valid URL with one of the following schemes: "
                + ", ".join(PROXY_SCHEMES)
            )
        document["proxy_url"] = with_stored_password(url, index, urls, place / "proxyUrl")
        documents.append(document)
    return documents


def _user_agents(agents: Sequence[PolicyUserAgentInput], at: Place) -> list[dict[str, Any]]:
    if not agents:
        at.refuse("At least one user agent is required")
    for place, agent in at.items(agents, "User agent"):
        if not has_text(agent.name):
            (place / "name").refuse("Name is required")
    return [{"name": given(agent.name)} for agent in agents]


def _rules(
    rules: Sequence[RuleT], at: Place, kind: str
) -> Iterator[tuple[Place, RuleT, dict[str, Any]]]:
    """Each rule with its place, and a document that holds its pattern and match."""
    if len(rules) > MAX_RULES:
        at.refuse(f"There are more than {MAX_RULES} {kind}s")
        return
    if sum(_compile_cost(given(rule.pattern) or "") for rule in rules) > MAX_PATTERN_CHARACTERS:
        at.refuse(f"The patterns of all {kind}s are too long together")
        return
    for index, (place, rule) in enumerate(at.items(rules, kind)):
        if index < len(rules) - 1:
            yield place, rule, _condition(rule, place)
            continue
        last = place.called(f"last {kind}")
        if given(rule.pattern) is not None:
            (last / "pattern").refuse("Pattern is not allowed")
        if given(rule.match) is not None:
            (last / "match").refuse("Match selector is not allowed")
        yield last, rule, {}


def _condition(rule: _Rule, at: Place) -> dict[str, Any]:
    pattern, match = given(rule.pattern), given(rule.match)
    if not has_text(pattern):
        (at / "pattern").refuse("Pattern is required")
    elif not _compiles(pattern):
        (at / "pattern").refuse("Invalid regular expression")
    if match is None:
        (at / "match").refuse("Match selector is required")
    return {"pattern": pattern, "match": match and match.name}


def _compile_cost(pattern: str) -> int:
    """How long it may take to compile a pattern, in characters of a plain one."""
    return len(pattern) + WIDE_RANGE_CHARACTERS * len(_WIDE_RANGE.findall(pattern))


def _compiles(pattern: str) -> bool:
    """Whether Starbelly can use a pattern, once it knows the hosts of the seeds."""
    try:
        with warnings.catch_warnings(action="ignore"):
            re.compile(pattern.replace("{SEED_DOMAINS}", "example.com|example.org"))
    except (re.error, OverflowError, RecursionError):
        return False
    return True
