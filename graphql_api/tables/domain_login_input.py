"""Inputs for domain logins, and Starbelly's rules for them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import strawberry
from strawberry import UNSET

from graphql_api.feeds.keys import MAX_KEY_BYTES, TEXT
from graphql_api.feeds.table import Document
from graphql_api.schema.described import optional
from graphql_api.schema.filters import given
from graphql_api.schema.inputs import (
    has_text,
    merged,
    stored_list,
    stored_object,
    with_stored_password,
)
from graphql_api.schema.problems import Place, is_storable
from graphql_api.schema.urls import goes_elsewhere, why_not_a_domain, why_not_a_page

_DEFAULTS: Final[Document] = {"login_test": None, "users": []}


@strawberry.input(description="A user account with which the crawler can log in.")
class DomainLoginUserInput:
    """The input of `DomainLoginUser`."""

    username: str = strawberry.field(description="The user's name; another one for each user.")
    password: str | None = optional(
        "The password. If it is absent, the stored one of this user name stays."
    )
    working: bool | None = optional(
        "Whether logging in works, as people note it: the crawler neither reads nor writes it. "
        "Absent or null, it stays, and becomes true with a new user or password."
    )


@strawberry.input(
    description=(
        "The values of a domain login. A new one needs `loginUrl`. Of one that is there, what is "
        "given changes, and the rest stays."
    )
)
class DomainLoginInput:
    """The input of `setDomainLogin`."""

    login_url: str | None = optional(
        "The absolute http or https URL of the page with the form. A password masked as it is "
        "served, `user:***@host`, stands for the stored one of the same user and host. A URL "
        "with another scheme, host or port needs the passwords of all users again."
    )
    login_test: str | None = optional(
        "Text that is on a page only for those who have logged in, as a note by people: the "
        "crawler does not read it. Null for none."
    )
    users: list[DomainLoginUserInput] | None = optional(
        "The user accounts with which the crawler can log in: the whole list; null for none."
    )


def domain_login_document(values: DomainLoginInput, stored: Document | None, at: Place) -> Document:
    """The document that a domain login becomes, apart from its key.

    Args:
        values: What shall be in it.
        stored: The document as it is; None for a new one. What `values` do not give stays in it,
            whether or not this API knows it.
        at: The place of `values` in the request; takes what is wrong.
    """
    if not is_storable(values, at):
        return {}
    before = _DEFAULTS if stored is None else stored
    document: dict[str, Any] = dict(before)
    if stored is None and not has_text(values.login_url):
        (at / "loginUrl").refuse("Login URL is required to create a domain login")
    elif values.login_url is not UNSET:
        if has_text(values.login_url):
            document["login_url"] = with_stored_password(
                values.login_url, 0, [before.get("login_url")], at / "loginUrl"
            )
            if (why := why_not_a_page(values.login_url)) is not None:
                (at / "loginUrl").refuse("Invalid login URL", why)
        else:
            (at / "loginUrl").refuse("Login URL cannot be blank")
    if values.login_test is not UNSET:
        document["login_test"] = values.login_test
    if values.users is not UNSET:
        document["users"] = _users(values.users or (), before.get("users"), at / "users")
    if goes_elsewhere(given(values.login_url), before.get("login_url")):
        _check_who_gets_passwords(values, before.get("users"), at / "users")
    return document


def check_domain(domain: str, at: Place) -> None:
    """Check that the key of a domain login can match the host of a URL."""
    if not has_text(domain):
        at.refuse("Domain is required")
        return
    why, better = why_not_a_domain(domain)
    if better is not None:
        at.refuse("Domain never matches", f"{why}: write {better}")
    elif TEXT.stored(domain) is None:
        at.refuse(f"Domain is longer than {MAX_KEY_BYTES} bytes, or no text")
    elif why:
        at.refuse("Domain never matches", why)


def _users(
    users: Sequence[DomainLoginUserInput], stored: object, at: Place
) -> list[dict[str, Any]]:
    before_by_name = {
        user["username"]: user
        for user in map(stored_object, stored_list(stored))
        if isinstance(user.get("username"), str)
    }
    documents = []
    names: set[str] = set()
    for place, user in at.items(users, "user"):
        name = user.username
        before = before_by_name.get(name)
        if not has_text(name):
            (place / "username").refuse("Username is required")
        elif name in names:
            (place / "username").refuse("Username is there twice")
        elif user.password is UNSET:
            if before is None:
                (place / "password").refuse("Password is required")
        elif not user.password:
            (place / "password").refuse(
                "Password cannot be blank (leave it out to keep the stored one)"
            )
        names.add(name)
        working = given(user.working)
        if working is None and (before is None or user.password is not UNSET):
            working = True
        elif working is None:
            working = UNSET
        documents.append(merged(before, username=name, password=user.password, working=working))
    return documents


def _check_who_gets_passwords(values: DomainLoginInput, stored: object, at: Place) -> None:
    """Check that stored passwords, which no client can read, are not sent to another site."""
    users = map(stored_object, stored_list(stored))
    names = [user.get("username") for user in users if has_text(user.get("password"))]
    if values.users is UNSET:
        if names:
            at.refuse(
                "Passwords are required for another site", "the stored ones are not sent there"
            )
        return
    for place, user in at.items(values.users or (), "user"):
        if user.password is UNSET and user.username in names:
            (place / "password").refuse(
                "Password is required for another site", "the stored one is not sent there"
            )
