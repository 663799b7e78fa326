"""Inputs for CAPTCHA solvers, and the rules for them."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any, Final

import strawberry
from strawberry import UNSET

from graphql_api.feeds.table import Document
from graphql_api.schema.described import optional
from graphql_api.schema.inputs import has_text, merged, required, with_stored_password
from graphql_api.schema.problems import Place, is_storable
from graphql_api.schema.urls import goes_elsewhere, why_not_a_page
from graphql_api.tables.captcha_solver import CaptchaCharacters

_DEFAULTS: Final[Document] = {
    "require_phrase": False,
    "case_sensitive": False,
    "characters": CaptchaCharacters.ALPHANUMERIC.name,
    "require_math": False,
}
"""What the crawler reads of every solver."""

_NEW: Final[Document] = {"type": "antigate", **_DEFAULTS}
"""The one kind that there is; Starbelly's own API cannot list a solver that does not say it."""

_UNUSABLE: Final = {
    "NUMBERS_ONLY": "the crawler does not know it, and could not log in",
    "NUMERIC_ONLY": "Starbelly's own API does not know it, and could not list any solver",
}

_LENGTHS: Final = (
    ("min_length", "minLength", "Min length"),
    ("max_length", "maxLength", "Max length"),
)


@strawberry.input(description=("What changes of a CAPTCHA solver; what is absent stays."))
class UpdateCaptchaSolverInput:
    """The input of `updateCaptchaSolver`."""

    name: str | None = optional("What it is called; not blank.")
    service_url: str | None = optional(
        "The absolute http or https URL of a service with the interface of Anti-Captcha: the "
        "crawler puts `createTask` and `getTaskResult` after its last slash. A password masked "
        "as it is served, `user:***@host`, stands for the stored one of the same user and host."
    )
    api_key: str | None = optional(
        "The key of your account with the service; not blank. It is only written: absent, the "
        "stored one stays. A `serviceUrl` with another scheme, host or port needs it again."
    )
    require_phrase: bool | None = optional(
        "Whether a solution has several words; null for no, the default."
    )
    case_sensitive: bool | None = optional(
        "Whether upper and lower case differ in a solution; null for no, the default."
    )
    characters: CaptchaCharacters | None = optional(
        "Of which characters a solution consists; null for ALPHANUMERIC, the default. Both "
        "words for digits are refused: Starbelly's API and its crawler know one each."
    )
    require_math: bool | None = optional(
        "Whether the solution is the result of a calculation; null for no, the default."
    )
    min_length: int | None = optional(
        "How many characters a solution has at least; null for no limit, the default."
    )
    max_length: int | None = optional(
        "How many characters a solution has at most; null for no limit, the default."
    )


@strawberry.input(description="The values of a new CAPTCHA solver.")
class CreateCaptchaSolverInput(UpdateCaptchaSolverInput):
    """The input of `createCaptchaSolver`."""

    name: str = required(UpdateCaptchaSolverInput, "name")
    service_url: str = required(UpdateCaptchaSolverInput, "service_url")
    api_key: str = required(UpdateCaptchaSolverInput, "api_key")


def captcha_solver_document(
    values: UpdateCaptchaSolverInput, stored: Document | None, at: Place
) -> Document:
    """The document that a CAPTCHA solver becomes, apart from its key and times.

    Args:
        values: What shall be in it.
        stored: The document as it is; None for a new one. What `values` do not give stays in it,
            whether or not this API knows it, and is not checked.
        at: The place of `values` in the request; takes what is wrong.
    """
    if not is_storable(values, at):
        return {}
    before = _NEW if stored is None else stored
    written = {name: value for name, value in vars(values).items() if value is not UNSET}
    for name, default in _DEFAULTS.items():
        if name in written and written[name] is None:
            written[name] = default
    if isinstance(written.get("characters"), CaptchaCharacters):
        written["characters"] = written["characters"].name
    if has_text(written.get("service_url")):
        written["service_url"] = with_stored_password(
            written["service_url"], 0, [before.get("service_url")], at / "serviceUrl"
        )
    document = merged(before, **written)
    _check(document, at, written.keys(), is_new=stored is None)
    keeps_key = "api_key" not in written and has_text(before.get("api_key"))
    if keeps_key and goes_elsewhere(written.get("service_url"), before.get("service_url")):
        (at / "apiKey").refuse(
            "API key is required for another service", "the stored one is not sent there"
        )
    return document


def _check(document: Document, at: Place, written: Collection[str], *, is_new: bool) -> None:
    """Check what is written of a solver; of a new one all."""
    if (is_new or "name" in written) and not has_text(document.get("name")):
        (at / "name").refuse("Name is required")
    if is_new or "service_url" in written:
        _check_service_url(document.get("service_url"), at / "serviceUrl")
    if (is_new or "api_key" in written) and not has_text(document.get("api_key")):
        (at / "apiKey").refuse(
            "API key is required"
            if is_new
            else "API key cannot be blank (leave it out to keep the stored one)"
        )
    if "characters" in written and document["characters"] in _UNUSABLE:
        why = _UNUSABLE[document["characters"]]
        (at / "characters").refuse("Characters cannot be digits only", why)
    _check_lengths(document, at, written)


def _check_service_url(url: Any, at: Place) -> None:
    if not has_text(url):
        at.refuse("Service URL is required")
    elif (why := why_not_a_page(url)) is not None:
        at.refuse("Invalid service URL", why)


def _check_lengths(document: Document, at: Place, written: Collection[str]) -> None:
    lengths = {name: document.get(name) for name in ("min_length", "max_length")}
    if lengths.keys().isdisjoint(written):
        return
    for name, graphql, what in _LENGTHS:
        if name in written and (lengths[name] or 0) < 0:
            (at / graphql).refuse(f"{what} must be ≥0")
    least, most = (length if type(length) is int else 0 for length in lengths.values())
    if 0 < most < least:
        (at / "maxLength").refuse("Max length must not be below min length")
