"""From the input of a policy to its document; `graphql_api.tables.policy_rules` checks that.

Starbelly reads a missing member of a document and a null in different ways: a pattern that is there
at all is not allowed in a last rule. So what is absent or null in a rule is absent in the document.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final, Protocol

from strawberry import UNSET

from graphql_api.feeds.table import Document
from graphql_api.schema.filters import given
from graphql_api.schema.inputs import (
    has_text,
    merged,
    stored_list,
    stored_object,
    with_stored_password,
)
from graphql_api.schema.problems import Place, is_storable
from graphql_api.tables.policy_input import (
    PolicyAuthenticationInput,
    PolicyLimitsInput,
    PolicyMimeTypeRuleInput,
    PolicyProxyRuleInput,
    PolicyUrlNormalizationInput,
    PolicyUrlRuleInput,
    PolicyUserAgentInput,
    UpdatePolicyInput,
    UpdatePolicyRobotsTxtInput,
)
from graphql_api.tables.policy_parts import MatchRule
from graphql_api.tables.policy_rules import NO_SOLVER, check_policy

_AUTHENTICATION: Final[Document] = {"enabled": False}
_NO_LIMITS: Final[Document] = {}
_NO_PROXY: Final[Sequence[Document]] = ({},)
"""One rule without a proxy, as Starbelly's own policies have it: its dashboard needs a rule."""
_URL_NORMALIZATION: Final[Document] = {"enabled": True, "strip_parameters": []}
_DEFAULTS: Final[Document] = {
    "captcha_solver_id": None,
    "authentication": _AUTHENTICATION,
    "limits": _NO_LIMITS,
    "proxy_rules": [*_NO_PROXY],
    "url_normalization": _URL_NORMALIZATION,
}


def policy_document(
    values: UpdatePolicyInput,
    stored: Document | None,
    at: Place,
    *,
    has_solver: bool,
    original: Document | None = None,
) -> Document:
    """The document that a policy becomes, apart from its key and times.

    Args:
        values: What shall be in it.
        stored: The document as it is; None for a new one. What `values` do not give stays in it,
            whether or not this API knows it, and is not checked.
        at: The place of `values` in the request; takes what is wrong.
        has_solver: Whether there is a CAPTCHA solver with the key that `values` give, or that a
            copy has from its original.
        original: The document of which a new one is a copy, in what `values` do not give.
    """
    if not is_storable(values, at):
        return {}
    before = _DEFAULTS if stored is None else stored
    if original is not None:
        before = original
    document: dict[str, Any] = dict(before)
    written = {
        name: _WRITERS[name](value, before.get(name), at)
        for name, value in vars(values).items()
        if value is not UNSET
    }
    document.update(written)
    if solver_key(values, original) is not None and not has_solver:
        (at / "captchaSolverId").refuse(NO_SOLVER)
    check_policy(document, at, members=None if stored is None else written.keys())
    return document


def solver_key(values: UpdatePolicyInput, original: Document | None) -> object:
    """The key of the CAPTCHA solver that an input or its original names; None for none."""
    if values.captcha_solver_id is UNSET and original is not None:
        return original.get("captcha_solver_id")
    return given(values.captcha_solver_id)


# Nested objects, of which an input gives what shall change


def _authentication(values: PolicyAuthenticationInput | None, stored: object, _: Place) -> Document:
    if values is None:
        return _AUTHENTICATION
    enabled = False if values.enabled is None else values.enabled
    return {**_AUTHENTICATION, **merged(stored, enabled=enabled)}


def _limits(values: PolicyLimitsInput | None, stored: object, _: Place) -> Document:
    if values is None:
        return _NO_LIMITS
    return merged(
        stored,
        max_cost=values.max_cost,
        max_duration=values.max_duration,
        max_items=values.max_items,
    )


def _robots_txt(values: UpdatePolicyRobotsTxtInput | None, stored: object, _: Place) -> Document:
    if values is None:
        values = UpdatePolicyRobotsTxtInput(usage=None)
    return merged(
        stored,
        usage=values.usage and values.usage.name,
        read_sitemaps=values.read_sitemaps,
        obey_crawl_delay=values.obey_crawl_delay,
    )


def _url_normalization(
    values: PolicyUrlNormalizationInput | None, stored: object, _: Place
) -> Document:
    if values is None:
        return _URL_NORMALIZATION
    return merged(
        stored,
        enabled=True if values.enabled is None else values.enabled,
        strip_parameters=[] if values.strip_parameters is None else values.strip_parameters,
    )


# Lists, which an input replaces


def _mime_type_rules(
    rules: Iterable[PolicyMimeTypeRuleInput] | None, _: object, __: Place
) -> list[Document]:
    return [{**_condition(rule), **_present(save=rule.save)} for rule in rules or ()]


def _url_rules(rules: Iterable[PolicyUrlRuleInput] | None, _: object, __: Place) -> list[Document]:
    return [
        {
            **_condition(rule),
            **_present(action=rule.action.name, amount=rule.amount),
        }
        for rule in rules or ()
    ]


def _proxy_rules(
    rules: Sequence[PolicyProxyRuleInput] | None, stored: object, at: Place
) -> list[Document]:
    if rules is None:
        return [dict(rule) for rule in _NO_PROXY]
    urls = [stored_object(rule).get("proxy_url") for rule in stored_list(stored)]
    documents: list[Document] = []
    for index, rule in enumerate(rules):
        document = {**_condition(rule), **_present(proxy_url=rule.proxy_url)}
        if has_text(rule.proxy_url):
            where = "last proxy rule" if index == len(rules) - 1 else f"proxy rule #{index + 1}"
            place = (at / "proxyRules" / index / "proxyUrl").called(where)
            document["proxy_url"] = with_stored_password(rule.proxy_url, index, urls, place)
        documents.append(document)
    return documents


def _user_agents(
    agents: Iterable[PolicyUserAgentInput] | None, _: object, __: Place
) -> list[Document]:
    return [_present(name=agent.name) for agent in agents or ()]


class _Rule(Protocol):
    """An input of a rule."""

    pattern: str | None
    match: MatchRule | None


def _condition(rule: _Rule) -> dict[str, Any]:
    return _present(pattern=rule.pattern, match=rule.match and rule.match.name)


def _present(**members: object) -> dict[str, Any]:
    """The members that are neither absent nor null."""
    return {
        name: value for name, value in members.items() if value is not None and value is not UNSET
    }


def _as_given(value: object, _: object, __: Place) -> object:
    return value


_WRITERS: Final[Mapping[str, Callable[[Any, Any, Place], object]]] = {
    "name": _as_given,
    "captcha_solver_id": _as_given,
    "authentication": _authentication,
    "limits": _limits,
    "mime_type_rules": _mime_type_rules,
    "proxy_rules": _proxy_rules,
    "robots_txt": _robots_txt,
    "url_normalization": _url_normalization,
    "url_rules": _url_rules,
    "user_agents": _user_agents,
}
"""What each member of an input is written as: from its value, what is stored, and its place."""
