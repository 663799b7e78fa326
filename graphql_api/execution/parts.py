"""A long payload in parts that are written as they are: none is copied for a client."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Parts:
    """A payload whose parts are not joined.

    Attributes:
        parts: Its bytes, in order.
    """

    parts: tuple[bytes, ...]

    def __len__(self) -> int:
        return sum(map(len, self.parts))

    def __bytes__(self) -> bytes:
        return b"".join(self.parts)


def parts_of(payload: bytes | Parts) -> tuple[bytes, ...]:
    """The parts of any payload."""
    return payload.parts if isinstance(payload, Parts) else (payload,)
