"""Determinism: whether a term gives the same value each time it is evaluated."""

from __future__ import annotations

from enum import IntEnum


class Determinism(IntEnum):
    """The degree to which a term gives the same each time; of several, the greatest counts."""

    ALWAYS = 0
    CONSTANT_NOW = 1
    """The same within one query, because `r.now()` is."""
    NO = 2
    """It reads tables or the catalog, which may change between two calls."""

    @property
    def needs_tables(self) -> bool:
        """True if it may differ even within one query."""
        return self is Determinism.NO
