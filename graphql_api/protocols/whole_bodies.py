"""Stored bodies of responses in one piece, for protocols that send a response with its body."""

from __future__ import annotations

import asyncio
import logging
import zlib
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Final, NamedTuple

from graphql_api.errors import DatabaseError
from graphql_api.protocols.bodies import inflated
from graphql_api.store import Bodies

log = logging.getLogger(__name__)

MAX_BYTES: Final = 16 * 1024 * 1024
"""How large a body may be: as a part of a message it is in memory as a whole, for each client."""
_MAX_READS: Final = 2
"""How many bodies are read at once: the reply of the database takes several times a body's size."""
_RETRY_S: Final = 0.5
_LAG: Final = timedelta(seconds=10)
"""How long after a response its body may be missing: the crawler writes the response first."""


class Body(NamedTuple):
    """A body in one piece.

    Attributes:
        content: Its bytes; None if there are none that can be sent.
        is_compressed: Whether they are gzip.
    """

    content: bytes | None
    is_compressed: bool


NO_BODY: Final = Body(content=None, is_compressed=False)


class WholeBodies:
    """Reads bodies, a few at a time.

    Args:
        bodies: Gives where they are, while the server runs.
    """

    def __init__(self, bodies: Callable[[], Bodies]) -> None:
        self._bodies = bodies
        self._reads = asyncio.Semaphore(_MAX_READS)

    async def of(self, sequence: int, ended_at: datetime | None, *, compression_ok: bool) -> Body:
        """The body of a response; an outage of the database is waited for, and so is a new body.

        Args:
            sequence: The response's number.
            ended_at: When it was downloaded, if that is known.
            compression_ok: Whether the body may be gzip.
        """
        while True:
            try:
                async with self._reads:
                    body = await self._read(sequence, compression_ok=compression_ok)
                is_late = ended_at is None or datetime.now(UTC) > ended_at + _LAG
                if body is not None or is_late:
                    return body or NO_BODY
            except DatabaseError:
                log.debug("a body cannot be read now", exc_info=True)
            await asyncio.sleep(_RETRY_S)

    async def _read(self, sequence: int, *, compression_ok: bool) -> Body | None:
        body = await self._bodies().find(sequence)
        if body is None:
            return None
        if body.size <= MAX_BYTES:
            content = await self._bodies().content(body)
            if content is None:
                return None
            if compression_ok or not body.is_compressed:
                return Body(content, body.is_compressed)
            try:
                return Body(await asyncio.to_thread(_inflated, content), is_compressed=False)
            except zlib.error:
                pass
        log.warning("response %d is sent without its body: damaged, or too large", sequence)
        return NO_BODY


def _inflated(content: bytes) -> bytes:
    return b"".join(inflated(content, MAX_BYTES))
