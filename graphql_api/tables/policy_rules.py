"""Starbelly's rules for policies, for documents that are to be written and those that are stored.

A policy that breaks one ends the crawler's process when a job starts with it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator, Mapping
from math import isfinite
from typing import Any, Final, TypeAlias

from graphql_api.feeds.table import Document
from graphql_api.schema.document import is_object
from graphql_api.schema.inputs import has_text, is_enum_value
from graphql_api.schema.problems import Place
from graphql_api.schema.regular_expressions import why_not_portable
from graphql_api.schema.templates import TemplateError, filled_in
from graphql_api.schema.urls import PROXY_SCHEMES, is_proxy_url
from graphql_api.tables.policy_parts import MatchRule, RobotsTxtUsage, UrlRuleAction

MAX_RULES: Final = 500
"""How many rules of one kind a policy may have; Starbelly tries them one after the other."""

MAX_PATTERN_CHARACTERS: Final = 20_000
"""How long all patterns of one kind of rules may be together: compiling takes up to 6 µs for each
character, in which the server does nothing else."""

WIDE_RANGE_CHARACTERS: Final = 1000
"""What counts as so many: a range beyond ASCII, for which compiling can take 20 ms."""

_LIMITS: Final = (
    ("max_duration", "maxDuration", "Max duration"),
    ("max_items", "maxItems", "Max items"),
)

NO_SOLVER: Final = "CAPTCHA solver does not exist"
NO_POLICY: Final = "Policy does not exist"

SEED_DOMAINS: Final = "SEED_DOMAINS"
VERSION: Final = "VERSION"

_SEED_HOSTS: Final = tuple(
    {SEED_DOMAINS: hosts} for hosts in ("e.ex", "test1.com|shop.z-a.test2.org", "9.0.0.1|::1")
)
"""Seeds' hosts as Starbelly joins them: one of four characters, names, addresses."""

_VERSIONS: Final = ({VERSION: "2.0.0"}, {VERSION: "10.1.2-dev"})

_WIDE_RANGE = re.compile(r"-(?:[^\x00-\x7f]|\\[xuUN0-7])")

Rule: TypeAlias = Mapping[str, Any]
Check: TypeAlias = Callable[[Any, Place], None]


def check_policy(document: Document, at: Place, *, members: Collection[str] | None = None) -> None:
    """Check a policy's document by Starbelly's rules.

    Args:
        document: The document.
        at: Its place; takes what is wrong.
        members: The names of the stored members to check; all, if absent.
    """
    for name, graphql, check in _MEMBERS:
        if members is None or name in members:
            check(document.get(name), at / graphql)


# Members


def _check_name(name: Any, at: Place) -> None:
    if not has_text(name):
        at.refuse("Policy name cannot be blank")


def _check_authentication(authentication: Any, at: Place) -> None:
    if not is_object(authentication):
        at.refuse("Authentication is required")
    elif not isinstance(authentication.get("enabled", False), bool):
        (at / "enabled").refuse("Enabled must be true or false")


def _check_limits(limits: Any, at: Place) -> None:
    if not is_object(limits):
        at.refuse("Limits are required")
        return
    for name, graphql, what in _LIMITS:
        limit = limits.get(name)
        if limit is not None and not (_is_number(limit) and limit >= 0):
            (at / graphql).refuse(f"{what} must be ≥0")
    if limits.get("max_cost") is not None and not _is_number(limits["max_cost"]):
        (at / "maxCost").refuse("Max cost must be a number")


def _check_mime_type_rules(rules: Any, at: Place) -> None:
    if not rules:
        at.refuse("At least one MIME type rule is required")
    for place, rule, _ in _rules(rules, at, "MIME type rule", _check_pattern):
        if rule.get("save") is None:
            (place / "save").refuse("Save selector is required")


def _check_proxy_rules(rules: Any, at: Place) -> None:
    if not isinstance(rules, list):
        at.refuse("Proxy rules are required")
    for place, rule, is_last in _rules(rules, at, "proxy rule", _check_pattern):
        url = rule.get("proxy_url")
        if url is None and is_last:
            continue
        if not url and not is_last:
            (place / "proxyUrl").refuse("Proxy URL is required")
        elif not isinstance(url, str) or not is_proxy_url(url):
            (place / "proxyUrl").refuse(
                "Must have a valid URL with one of the following schemes: "
                + ", ".join(PROXY_SCHEMES),
                "write a scheme, `://`, a host, and a port from 0 to 65535 if it needs one",
            )


def _check_robots_txt(robots_txt: Any, at: Place) -> None:
    usage = robots_txt.get("usage") if is_object(robots_txt) else None
    if not is_enum_value(usage, RobotsTxtUsage):
        (at / "usage").refuse("Robots.txt usage is required")


def _check_url_normalization(url_normalization: Any, at: Place) -> None:
    if not is_object(url_normalization):
        at.refuse("URL normalization is required")
        return
    if not isinstance(url_normalization.get("enabled", True), bool):
        (at / "enabled").refuse("Enabled must be true or false")
    parameters = url_normalization.get("strip_parameters", [])
    if not isinstance(parameters, list) or not all(isinstance(name, str) for name in parameters):
        (at / "stripParameters").refuse("Parameters to strip must be a list of text")


def _check_url_rules(rules: Any, at: Place) -> None:
    if not rules:
        at.refuse("At least one URL rule is required")
    for place, rule, is_last in _rules(rules, at, "URL rule", _check_url_pattern):
        if not is_enum_value(rule.get("action"), UrlRuleAction):
            (place / "action").refuse(
                "Action is required" if is_last else "Action selector is required"
            )
        if not _is_number(rule.get("amount")):
            (place / "amount").refuse("Amount is required")


def _check_user_agents(agents: Any, at: Place) -> None:
    if not isinstance(agents, list) or not agents:
        at.refuse("At least one user agent is required")
        return
    for place, agent in at.items(agents, "User agent"):
        if not is_object(agent):
            continue  # listed as a value that does not fit
        if not has_text(agent.get("name")):
            (place / "name").refuse("Name is required")
            continue
        try:
            filled_in(agent["name"], _VERSIONS)
        except TemplateError as error:
            (place / "name").refuse("Invalid user agent", str(error))


_MEMBERS: Final[tuple[tuple[str, str, Check], ...]] = (
    ("name", "name", _check_name),
    ("authentication", "authentication", _check_authentication),
    ("limits", "limits", _check_limits),
    ("mime_type_rules", "mimeTypeRules", _check_mime_type_rules),
    ("proxy_rules", "proxyRules", _check_proxy_rules),
    ("robots_txt", "robotsTxt", _check_robots_txt),
    ("url_normalization", "urlNormalization", _check_url_normalization),
    ("url_rules", "urlRules", _check_url_rules),
    ("user_agents", "userAgents", _check_user_agents),
)
"""Each member with a rule: its stored name, its name in GraphQL, and its check."""


# Rules with patterns


def _rules(
    rules: Any, at: Place, kind: str, check_pattern: Check
) -> Iterator[tuple[Place, Rule, bool]]:
    """Each rule with its place, and whether it is the last, its pattern and match checked."""
    if not isinstance(rules, list):
        return
    if len(rules) > MAX_RULES:
        at.refuse(f"There are more than {MAX_RULES} {kind}s")
        return
    if sum(_compile_cost(rule) for rule in rules) > MAX_PATTERN_CHARACTERS:
        at.refuse(f"The patterns of all {kind}s are too long together")
        return
    for index, (place, rule) in enumerate(at.items(rules, kind)):
        is_last = index == len(rules) - 1
        if not is_object(rule):
            continue  # listed as a value that does not fit
        if is_last:
            last = place.called(f"last {kind}")
            _check_last(rule, last, kind)
            yield last, rule, True
            return
        check_pattern(rule.get("pattern"), place / "pattern")
        if not is_enum_value(rule.get("match"), MatchRule):
            (place / "match").refuse("Match selector is required")
        yield place, rule, False


def _check_last(rule: Rule, at: Place, kind: str) -> None:
    """Check that the last rule, which applies to everything else, has no condition.

    Starbelly calls a match selector a pattern in proxy rules, and a match in URL rules.
    """
    if "pattern" in rule:
        (at / "pattern").refuse("Pattern is not allowed")
    if "match" in rule:
        what = {"proxy rule": "Pattern", "URL rule": "Match"}.get(kind, "Match selector")
        (at / "match").refuse(f"{what} is not allowed", "leave `match` out")


def _check_pattern(pattern: Any, at: Place) -> None:
    if not has_text(pattern):
        at.refuse("Pattern is required")
    elif (why := why_not_portable(pattern)) is not None:
        at.refuse("Invalid regular expression", why)


def _check_url_pattern(pattern: Any, at: Place) -> None:
    """Check a pattern with `{SEED_DOMAINS}`, once it is filled in."""
    if not has_text(pattern):
        at.refuse("Pattern is required")
        return
    try:
        expressions = dict.fromkeys(filled_in(pattern, _SEED_HOSTS))
    except TemplateError as error:
        at.refuse("Invalid regular expression", str(error))
        return
    for expression in expressions:
        if len(expression) > MAX_PATTERN_CHARACTERS:
            at.refuse("Invalid regular expression", "it is too long with the hosts filled in")
            return
        why = why_not_portable(expression)
        if why is not None:
            filled = " (with hosts of seeds filled in)" if len(expressions) > 1 else ""
            at.refuse("Invalid regular expression", why + filled)
            return


def _compile_cost(rule: Any) -> int:
    """How long it may take to compile a rule's pattern, in characters of a plain one."""
    pattern = rule.get("pattern") if is_object(rule) else None
    if not isinstance(pattern, str):
        return 0
    if len(pattern) > MAX_PATTERN_CHARACTERS:
        return len(pattern)
    return len(pattern) + WIDE_RANGE_CHARACTERS * len(_WIDE_RANGE.findall(pattern))


def _is_number(value: object) -> bool:
    return type(value) is int or (type(value) is float and isfinite(value))
