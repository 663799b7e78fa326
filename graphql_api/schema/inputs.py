"""Members of inputs, and stored values beneath them, for the mutations of all tables."""

from __future__ import annotations

from collections.abc import Sequence
from enum import Enum
from typing import Any, TypeGuard

import strawberry
from strawberry import UNSET

from graphql_api.masking import is_masked, unmask_password
from graphql_api.schema.document import is_object
from graphql_api.schema.problems import Place


def has_text(value: object) -> TypeGuard[str]:
    """Whether it is text with something to read."""
    return isinstance(value, str) and bool(value.strip())


def is_enum_value(value: object, values: type[Enum]) -> bool:
    """Whether a stored value is the name of an enum's value."""
    return isinstance(value, str) and value in values.__members__


def required(update: Any, name: str) -> Any:
    """A member that a new document needs: not null in the input that creates one.

    Args:
        update: The input that updates, which has the member with its description.
        name: The member's name in Python.
    """
    fields = {field.python_name: field for field in update.__strawberry_definition__.fields}
    return strawberry.field(description=fields[name].description)


def stored_object(value: object) -> dict[str, Any]:
    """A copy of a stored nested object; empty, if it is none."""
    return dict(value) if is_object(value) else {}


def merged(stored: object, **members: object) -> dict[str, Any]:
    """A stored nested object with some members changed: those that are None are taken out of it.

    What is UNSET stays as it is, and so does what is not named.
    """
    document = stored_object(stored)
    document.update((name, value) for name, value in members.items() if value is not UNSET)
    for name, value in members.items():
        if value is None:
            del document[name]
    return document


def stored_list(value: object) -> list[Any]:
    """A stored list; empty, if it is none."""
    return value if isinstance(value, list) else []


def with_stored_password(url: str, index: int, stored: Sequence[object], at: Place) -> str:
    """A URL, its password the stored one if it is masked.

    Args:
        url: As the client gives it.
        index: Its place in its list.
        stored: The values of that list now.
        at: Takes what is wrong.
    """
    if not is_masked(url):
        return url
    urls = [value if isinstance(value, str) else "" for value in stored]
    found = unmask_password(url, urls[index : index + 1]) or unmask_password(url, urls)
    if found is None:
        at.refuse("Password is masked, and not one is stored for this user and host")
        return url
    return found
