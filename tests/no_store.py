"""The store of a server that nobody writes to."""

from __future__ import annotations

from graphql_api.store import Change, Document, Key, Run, Written, at_once


class NoStore:
    async def get(self, table: str, key: Key) -> Document | None:
        raise NotImplementedError

    async def find(self, table: str, field: str, value: str) -> list[Document]:
        raise NotImplementedError

    async def write(self, table: str, key: Key, change: Change, *, run: Run = at_once) -> Written:
        raise NotImplementedError
