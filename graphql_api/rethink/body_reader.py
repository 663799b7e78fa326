"""Reads stored bodies, which are large: first their size and type, later their content in parts."""

from __future__ import annotations

import base64
from typing import Any

from graphql_api.rethink.driver import r
from graphql_api.rethink.log_source import RethinkLogSource
from graphql_api.store import BodyLayout, StoredBody


class BodyReader:
    """The bodies that rows of a log name.

    Args:
        source: Reads the log.
        layout: How bodies are stored.
    """

    def __init__(self, source: RethinkLogSource, layout: BodyLayout) -> None:
        self._source = source
        self._layout = layout

    async def find(self, sequence: int) -> StoredBody | None:
        """The body of a row, without its content; None if there is no such row, owner or body.

        Raises:
            DatabaseError: The database cannot be read.
        """
        layout = self._layout
        row = self._source.table(layout.table).get(sequence)
        named = await self._source.run(
            r.branch(row.eq(None), None, row.pluck(layout.partition, layout.body_key, layout.type))
        )
        key = None if named is None else _binary(named.get(layout.body_key))
        owner = None if named is None else named.get(layout.partition)
        if key is None or not isinstance(owner, str):
            return None
        body = self._source.table(layout.body_table).get(r.binary(key))
        has_owner, size, is_compressed = await self._source.run(
            r.expr(
                [
                    self._source.table(layout.owner).get(owner).eq(None).not_(),
                    body[layout.content].count().default(None),
                    body[layout.is_compressed].default(False),
                ]
            )
        )
        if not has_owner or type(size) is not int:
            return None
        content_type = named.get(layout.type)
        return StoredBody(
            key=key,
            size=size,
            is_compressed=is_compressed is True,
            content_type=content_type if isinstance(content_type, str) else None,
        )

    async def part(self, body: StoredBody, begin: int, end: int) -> bytes | None:
        """The bytes [begin, end) of a body; None if it is not there any more.

        Raises:
            DatabaseError: The database cannot be read.
        """
        row = self._source.table(self._layout.body_table).get(r.binary(body.key))
        content = row[self._layout.content]
        return _binary(await self._source.run(content.slice(begin, end).default(None)))


def _binary(value: Any) -> bytes | None:
    """The bytes of a BINARY."""
    if isinstance(value, dict) and value.get("$reql_type$") == "BINARY":
        data = value.get("data")
        if isinstance(data, str):
            return base64.b64decode(data)
    return None
