"""Limits on one client's connection, over every protocol."""

from __future__ import annotations

from collections.abc import Callable

from graphql_api.limits.token_bucket import TokenBucket
from graphql_api.settings.connections import ConnectionSettings


class ClientLimits(ConnectionSettings):
    """The settings for connections, and limits that no setting changes.

    Attributes:
        close_timeout_s: How long to wait until a connection takes its last frame, or the end of an
            event stream.
        max_since: How many cursors a `connection_init` may carry.
        retry_s: How long a browser is to wait before it asks for an event stream again.
        write_buffer_bytes: How much may wait for a client before its sink is not writable.
    """

    close_timeout_s: float = 1.0
    max_since: int = 1000
    retry_s: float = 1.0
    write_buffer_bytes: int = 65_536

    def rate(self, clock: Callable[[], float]) -> TokenBucket:
        """Counts the operations that a connection begins."""
        return TokenBucket(self.max_operations_per_s, self.operation_burst, clock)
