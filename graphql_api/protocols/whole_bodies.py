"""Stored bodies of responses in one piece, for protocols that send a response with its body."""

from __future__ import annotations

import asyncio
import logging
import zlib
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Final, NamedTuple

from graphql_api.errors import DatabaseError
from graphql_api.protocols.inflater import Inflater
from graphql_api.store import PART_BYTES, Bodies, StoredBody

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
        self._is_lost = False

    async def of(self, sequence: int, ended_at: datetime | None, *, compression_ok: bool) -> Body:
        """The body of a response; an outage of the database is waited for, and so is a new body.

        Args:
            sequence: The response's number.
            ended_at: When it was downloaded, if that is known.
            compression_ok: Whether the body may be gzip.
        """
        now = datetime.now(UTC)
        # A crawler's clock may be ahead, and a document may say any time.
        late_at = now if ended_at is None else min(ended_at, now) + _LAG
        while True:
            try:
                async with self._reads:
                    body = await self._read(sequence, compression_ok=compression_ok)
                self._is_lost = False
                if body is not None or datetime.now(UTC) >= late_at:
                    return body or NO_BODY
            except DatabaseError as error:
                if not self._is_lost:
                    log.warning("stored bodies cannot be read: %s; trying until it works", error)
                self._is_lost = True
            await asyncio.sleep(_RETRY_S)

    async def _read(self, sequence: int, *, compression_ok: bool) -> Body | None:
        body = await self._bodies().find(sequence)
        if body is None:
            return None
        if body.size <= MAX_BYTES:
            inflates = body.is_compressed and not compression_ok
            try:
                content = await self._content(body, Inflater(MAX_BYTES) if inflates else None)
            except zlib.error:
                pass
            else:
                is_compressed = body.is_compressed and not inflates
                return None if content is None else Body(content, is_compressed)
        log.warning("response %d is sent without its body: damaged, or too large", sequence)
        return NO_BODY

    async def _content(self, body: StoredBody, inflater: Inflater | None) -> bytes | None:
        parts: list[bytes] = []
        for begin in range(0, body.size, PART_BYTES):
            end = min(begin + PART_BYTES, body.size)
            part = await self._bodies().part(body, begin, end)
            if part is None or len(part) != end - begin:
                return None
            if inflater is None:
                parts.append(part)
            else:
                parts += await asyncio.to_thread(list, inflater.parts(part))
        if inflater is not None:
            inflater.end()
        return b"".join(parts)
