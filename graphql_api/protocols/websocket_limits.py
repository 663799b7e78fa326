"""Limits on one connection that has several operations: a WebSocket, or an event stream."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from graphql_api.execution.sink import WRITE_BUFFER_BYTES
from graphql_api.limits.rate_limit import TokenBucket
from graphql_api.settings.connections import ConnectionSettings

_DEFAULT = ConnectionSettings.defaults()


@dataclass(frozen=True, slots=True, kw_only=True)
class WebSocketLimits:
    """Limits on one connection: numbers of operations, sizes, and times.

    Attributes:
        connection_init_timeout_s: How long to wait for `connection_init`.
        max_subscriptions: How many subscriptions it may have at a time.
        max_queries: How many queries and mutations it may have at a time.
        max_held_chars: How many characters the messages may have together that began the operations
            of it; that much of them is kept, for as long as they run.
        max_operations_per_s: How many operations it may begin in a second, in the long run.
        operation_burst: How many at once, after a pause.
        max_since: How many cursors a `connection_init` may carry.
        close_timeout_s: How long to wait until the socket takes its last frame.
        send_timeout_s: How long a client may take nothing, on a server without sinks; on others
            the sink's own limit counts.
        write_buffer_bytes: How much may wait for a client before it is not writable, the same.
    """

    connection_init_timeout_s: float = _DEFAULT.connection_init_timeout_s
    max_subscriptions: int = _DEFAULT.max_subscriptions
    max_queries: int = _DEFAULT.max_queries
    max_held_chars: int = _DEFAULT.max_message_bytes
    max_operations_per_s: float = _DEFAULT.max_operations_per_s
    operation_burst: float = _DEFAULT.operation_burst
    max_since: int = 1000
    close_timeout_s: float = 1.0
    send_timeout_s: float = _DEFAULT.send_timeout_s
    write_buffer_bytes: int = WRITE_BUFFER_BYTES

    def rate(self, clock: Callable[[], float]) -> TokenBucket:
        """Counts the operations that a socket begins."""
        return TokenBucket(self.max_operations_per_s, self.operation_burst, clock)
