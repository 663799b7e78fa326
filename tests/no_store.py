"""The store of a server that no client writes to."""

from __future__ import annotations

from collections.abc import Sequence

from graphql_api.feeds.archive import ArchivePlace, Lookup, Outside, Spot, WantedValue
from graphql_api.feeds.keys import Key
from graphql_api.feeds.part import TablePart
from graphql_api.feeds.table import Document
from graphql_api.store import Rewrite, Run, Write, at_once


class NoStore:
    async def get(self, table: str, key: Key) -> Document | None:
        raise NotImplementedError

    async def find(self, table: str, field: str, value: str) -> list[Document]:
        raise NotImplementedError

    async def read(self, table: str, keys: Sequence[Key], part: TablePart) -> list[Document]:
        raise NotImplementedError

    async def look_outside(self, outside: Outside, spot: Spot | None, *, limit: int) -> Lookup:
        raise NotImplementedError

    async def look_at_keys(self, outside: Outside, keys: Sequence[str]) -> list[ArchivePlace]:
        raise NotImplementedError

    async def delete_if(self, table: str, key: Key, wanted: WantedValue) -> bool:
        raise NotImplementedError

    async def delete_some(self, table: str, index: str, first: str, *, limit: int) -> int:
        raise NotImplementedError

    async def write(self, table: str, key: Key, change: Rewrite, *, run: Run = at_once) -> Write:
        raise NotImplementedError
