"""`--where name=crawl`: the conditions that an operator gives, as the schema's filters."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any

from graphql_api.errors import ConfigurationError

_YES_OR_NO = {"true": True, "yes": True, "false": False, "no": False}


class Kind(Enum):
    """The kind of value that a condition takes."""

    TEXT = "text"
    YES_OR_NO = "yes or no"
    ANY_OF = "text, any of several"


@dataclass(frozen=True, slots=True)
class Condition:
    """A key of `--where`.

    Attributes:
        member: The member of the schema's filter that it is.
        kind: What its value is; one of the kind ANY_OF may be given several times.
        words: What its value is one of, in upper case; anything, if there are none.
    """

    member: str
    kind: Kind = Kind.TEXT
    words: tuple[str, ...] = ()


def parse_where(conditions: Mapping[str, Condition], texts: Iterable[str]) -> dict[str, Any] | None:
    """The filter that these conditions make together; None, if there are none.

    Args:
        conditions: What there is to choose from, by key.
        texts: What was given, each `key=value`.

    Raises:
        ConfigurationError: One of them is none of these.
    """
    where: dict[str, Any] = {}
    for text in texts:
        key, equals, value = (part.strip() for part in text.partition("="))
        condition = conditions.get(key)
        if condition is None or not equals:
            # It is not repeated: it may be anything, a URL with a password too.
            raise _problem("there is a condition that these rows do not have", conditions)
        if condition.words:
            value = value.upper()
            if value not in condition.words:
                raise _problem(f"{key} has no such value", conditions)
        member = condition.member
        if condition.kind is Kind.ANY_OF:
            where.setdefault(member, []).append(value)
        elif member in where:
            raise _problem(f"{key} is given twice", conditions)
        elif condition.kind is Kind.TEXT:
            where[member] = value
        elif value.lower() in _YES_OR_NO:
            where[member] = _YES_OR_NO[value.lower()]
        else:
            raise _problem(f"{key} is neither yes nor no", conditions)
    return where or None


def _problem(text: str, conditions: Mapping[str, Condition]) -> ConfigurationError:
    forms = []
    for key, condition in conditions.items():
        value = "yes|no" if condition.kind is Kind.YES_OR_NO else "|".join(condition.words) or "…"
        again = " (may be repeated)" if condition.kind is Kind.ANY_OF else ""
        forms.append(f"{key}={value}{again}")
    return ConfigurationError(f"--where: {text}; there are {', '.join(forms)}")
