"""The end of a WebSocket, as the server says it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Close:
    """Action: stop every operation and close the socket.

    Attributes:
        code: The close code.
        reason: The same in words, at most 123 bytes.
    """

    code: int
    reason: str
