"""The interfaces between a WebSocket connection and the application behind it.

```
 WebSocketProtocol ── receive, lost ─────────────────────────────▶ Receiver
                   ◀─ write_text, close, pause_reading, … (WebSocketSink) ──
```

The application accepts the handshake by ASGI, and hands over a receiver by the `attach` of the
scope's extension `execution.sink.EXTENSION`. Then its ASGI call returns: an open connection that
has nothing to do has no task.
"""

from __future__ import annotations

from typing import NamedTuple, Protocol, TypeAlias

from graphql_api.execution.sink import Sink


class LongText(NamedTuple):
    """The two ends of a message that was too long.

    Attributes:
        beginning: Its first bytes, as many as `message_head.HEAD_BYTES`.
        end: As many of its last bytes.
        max_bytes: How long it may be.
    """

    beginning: bytes
    end: bytes
    max_bytes: int


Message: TypeAlias = str | bytes | LongText
"""A message of a client: text, binary data, or a message that was too long."""


class Receiver(Protocol):
    """Receives what one client sends. None of its methods waits or raises."""

    def receive(self, message: Message) -> None:
        """Handle the next message.

        More may follow at once, but only from what has been read already. A receiver that has
        enough to do calls `pause_reading`.
        """

    def lost(self, code: int, reason: str) -> None:
        """Take note that the connection is over; called once, and last.

        Args:
            code: Why: the close code of the side that closed first, or 1006 (RFC 6455, 7.1.5).
            reason: The same in words.
        """


class WebSocketSink(Sink, Protocol):
    """The server's side of one WebSocket, as the application uses it."""

    def accept_long_texts(self) -> None:
        """Accept messages up to the server's limit from now on: the client is known."""

    def write_binary(self) -> None:
        """Send what is written from now on as binary messages, not as texts."""

    def pause_reading(self) -> None:
        """Pass on no more messages than those that have been read."""

    def resume_reading(self) -> None:
        """Go on to read."""

    def close(self, code: int, reason: str, timeout_s: float) -> None:
        """Send a close frame behind everything else, and close the connection.

        Args:
            code: Why.
            reason: The same in words, at most 123 bytes.
            timeout_s: How long the client may take to receive what is before the frame; then the
                connection is aborted.
        """
