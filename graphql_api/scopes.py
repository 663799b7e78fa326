"""Scopes: what a client may do, as tokens and the command line name it."""

from __future__ import annotations

from collections.abc import Collection
from enum import Enum


class Scope(Enum):
    """A right of a client; the value is its name in tokens and on the command line."""

    READ = "read"
    LOGINS = "logins"
    WRITE = "write"


ALL_SCOPES = frozenset(Scope)


def names(scopes: Collection[Scope]) -> str:
    """Scopes as a text, in the order of their declaration: `read, write`."""
    return ", ".join(scope.value for scope in Scope if scope in scopes)
