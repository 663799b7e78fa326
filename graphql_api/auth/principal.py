"""Authenticated clients, and the interface of the files that know their tokens."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass
from hashlib import blake2b
from typing import Protocol, runtime_checkable

from graphql_api.errors import GraphQLAPIError
from graphql_api.scopes import ALL_SCOPES, Scope


@dataclass(frozen=True, slots=True)
class Principal:
    """An authenticated client: its name, its scopes, and when its credentials end.

    Attributes:
        name: Who it is, for logs; holds nothing that is secret, and no line breaks.
        scopes: What it may do.
        expires_at_s: When its credentials end, in seconds since 1970; None for never.
        grant: What its credentials rest on: when that is withdrawn, they are void.
    """

    name: str
    scopes: frozenset[Scope]
    expires_at_s: float | None = None
    grant: Hashable = None


ANYBODY = Principal("anybody", ALL_SCOPES)
"""Every client of a server without access control."""


@runtime_checkable
class Grant(Protocol):
    """The token or key behind a client's credentials. Links depend on it after the connection."""

    @property
    def identity(self) -> str:
        """Its text: the same on every server that has it, and another one when it is changed."""


def grant_digest(grant: Hashable) -> str:
    """Make the digest that stands for a grant in a link; it reveals nothing of the grant."""
    identity = grant.identity if isinstance(grant, Grant) else repr(grant)
    return blake2b(identity.encode(), digest_size=12, person=b"grant").hexdigest()


class InvalidTokenError(GraphQLAPIError):
    """A token is not valid; the text says why, for the log, and holds no part of the token."""


class Verifier(Protocol):
    """Finds the principal of a token. It never changes."""

    @property
    def grants(self) -> frozenset[Hashable]:
        """Every grant on which a principal of this verifier can rest."""

    def verify(self, token: str, now_s: float) -> Principal:
        """The principal of a token.

        Args:
            token: What the client has sent.
            now_s: The time, in seconds since 1970.

        Raises:
            InvalidTokenError: It is not a valid token of this kind now.
        """
