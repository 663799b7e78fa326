"""Links to what is not GraphQL, for clients that cannot send a header with them."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Protocol


class Links(Protocol):
    """Makes the links of one client."""

    @property
    def identity(self) -> Hashable:
        """Equal for clients that may use each other's links."""

    def signed(self, path: str) -> str:
        """A relative URL that leads to a path below the API for a while, without a token."""


class PlainLinks:
    """Links that are not signed: for those who need no token."""

    identity: Hashable = None

    def signed(self, path: str) -> str:
        """The path itself."""
        return path


LINK_FIELDS = frozenset({"bodyUrl"})
"""The fields whose values hold links: what an operation that names one gives is for one client."""
