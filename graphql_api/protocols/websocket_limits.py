"""Limits on one WebSocket of graphql-transport-ws."""

from __future__ import annotations

from dataclasses import dataclass

from graphql_api.execution.sink import WRITE_BUFFER_BYTES


@dataclass(frozen=True, slots=True, kw_only=True)
class WebSocketLimits:
    """Limits on one socket: numbers of operations, sizes, and times.

    Attributes:
        connection_init_timeout_s: How long to wait for `connection_init`.
        max_subscriptions: How many subscriptions one socket may have at a time.
        max_queries: How many queries and mutations one socket may have at a time.
        max_held_chars: How many characters the messages may have together that began the operations
            of one socket; that much of them is kept, for as long as they run.
        max_operations_per_s: How many operations one socket may begin in a second, in the long run.
        operation_burst: How many at once, after a pause.
        max_since: How many cursors a `connection_init` may carry.
        close_timeout_s: How long to wait until the socket takes its last frame.
        send_timeout_s: How long a client may take nothing, on a server without sinks; on others
            the sink's own limit counts.
        write_buffer_bytes: How much may wait for a client before it is not writable, the same.
    """

    connection_init_timeout_s: float = 3.0
    max_subscriptions: int = 100
    max_queries: int = 100
    max_held_chars: int = 1_048_576
    max_operations_per_s: float = 100.0
    operation_burst: float = 200.0
    max_since: int = 1000
    close_timeout_s: float = 1.0
    send_timeout_s: float = 10.0
    write_buffer_bytes: int = WRITE_BUFFER_BYTES
