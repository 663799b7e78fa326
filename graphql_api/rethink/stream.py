"""The rows of one query, as the driver's cursor has them."""

from __future__ import annotations

import asyncio
from typing import Any, Protocol

from rethinkdb.errors import ReqlCursorEmpty

from graphql_api.rethink.driver_errors import NamedNode, translated


class OpenConnection(Protocol):
    """The connection of a stream."""

    @property
    def node(self) -> NamedNode:
        """Whose connection it is."""

    @property
    def is_open(self) -> bool:
        """Whether it can be used."""


class RowStream:
    """The rows of one query, taken as they arrive; `DatabaseConnection.stream` makes one.

    The driver reads at most about three batches ahead of their reader.
    """

    def __init__(self, cursor: Any, connection: OpenConnection) -> None:
        self._cursor = cursor
        self._connection = connection
        self._left: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    @property
    def closed(self) -> bool:
        """Whether the context has been left."""
        return self._left.done()

    def has_row(self) -> bool:
        """Whether a row can be taken now. If not, more are asked for.

        Raises:
            StreamEnd: There are no more rows, or the context has been left.
            DatabaseError: Why there are no more rows.
        """
        if self._left.done():
            raise StreamEnd
        if self._cursor.items:
            return True
        if self._connection.is_open:
            # The driver does this in `next`, whose wait it cannot bound safely; see the top.
            self._cursor._maybe_fetch_batch()  # noqa: SLF001
        match self._cursor.error:
            case None:
                return False
            case ReqlCursorEmpty():
                raise StreamEnd
            case error:
                raise translated(error, self._connection.node) from error

    def take_nowait(self) -> Any:
        """The next row; only after `has_row` was true."""
        return self._cursor.items.popleft()

    async def wait(self, timeout_s: float, *others: asyncio.Future[Any]) -> None:
        """Wait for rows, for the end of them or of the context, for `others`, or for the time.

        Cancelling it loses nothing.
        """
        # asyncio.wait leaves the futures alone when it is cancelled; the driver needs its own.
        await asyncio.wait(
            {self._cursor.new_response, self._left, *others},
            timeout=max(0.0, timeout_s),
            return_when=asyncio.FIRST_COMPLETED,
        )

    async def close(self) -> None:
        """Send STOP, and wake another task that waits for a row."""
        # First wake another task that waits for a row: the driver's own close does not, and
        # that task would hang if the connection dropped before the reply to STOP.
        if not self._left.done():
            self._left.set_result(None)
        if self._connection.is_open:
            # Writes STOP and does not wait. The reply is not wanted either: the connection is
            # closed next, and a server that no longer answers would only hold that up.
            await self._cursor.close()


class StreamEnd(Exception):  # noqa: N818 - no error
    """There are no more rows to take."""
