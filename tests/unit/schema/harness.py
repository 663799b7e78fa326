"""A schema over real feeds, whose database is a list of documents."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, aclosing, asynccontextmanager
from functools import cache
from typing import Any

from graphql import (
    GraphQLNamedType,
    GraphQLObjectType,
    GraphQLSchema,
    GraphQLUnionType,
    get_named_type,
    is_leaf_type,
)
from strawberry.extensions import ParserCache, ValidationCache
from strawberry.types import ExecutionResult

from graphql_api.errors import TableMissingError
from graphql_api.feeds.archive import ArchivePlace, Lookup, Outside, Spot, WantedValue
from graphql_api.feeds.feed import Feed
from graphql_api.feeds.feeds import Feeds
from graphql_api.feeds.keys import Key
from graphql_api.feeds.part import WHOLE, TablePart
from graphql_api.feeds.source import DocumentChange, SourceReady
from graphql_api.schema import APISchema, Context, TableDeclaration, build_schema
from graphql_api.schema.document import stored_value
from graphql_api.scopes import ALL_SCOPES, Scope
from graphql_api.store import Rewrite, Run, Write, at_once
from graphql_api.tables import TABLES

Document = Mapping[str, Any]
KEYS = {table.name: table.primary_key for table in TABLES}


class FakeSource:
    """Some documents, and then the changes that a test makes.

    A table that is absent from `documents` is never ready.
    """

    def __init__(self, documents: Mapping[str, Sequence[Document]]) -> None:
        self.stored = {table: list(rows) for table, rows in documents.items()}
        self._changes: dict[str, asyncio.Queue[DocumentChange]] = {}

    @asynccontextmanager
    async def changes(
        self, table: str, part: TablePart = WHOLE
    ) -> AsyncIterator[AsyncIterator[DocumentChange | SourceReady]]:
        async with aclosing(self._read(table)) as changes:
            yield changes

    def documents(
        self, table: str, keys: Collection[Key] | None = None, part: TablePart = WHOLE
    ) -> AbstractAsyncContextManager[AsyncIterator[Document]]:
        raise NotImplementedError("no test checks this source")

    def change(self, table: str, old: Document | None, new: Document | None) -> None:
        self._queue(table).put_nowait(DocumentChange(old, new))

    async def _read(self, table: str) -> Any:
        if table not in self.stored:
            await asyncio.Event().wait()
        for document in list(self.stored[table]):
            yield DocumentChange(None, document)
        yield SourceReady()
        while True:
            yield await self._queue(table).get()

    def _queue(self, table: str) -> asyncio.Queue[DocumentChange]:
        return self._changes.setdefault(table, asyncio.Queue())


class FakeStore:
    """The same documents, to write to; the source tells every change."""

    def __init__(self, source: FakeSource) -> None:
        self._source = source
        self.is_reported = True
        """Whether the source tells what is written."""

    def documents(self, table: str) -> list[Document]:
        return self._source.stored[table]

    async def get(self, table: str, key: Key) -> Document | None:
        if table not in self._source.stored:
            raise TableMissingError(table)
        return next((d for d in self.documents(table) if d[KEYS[table]] == stored_value(key)), None)

    async def find(self, table: str, field: str, value: str) -> list[Document]:
        documents = self._source.stored.get(table, [])
        return [document for document in documents if document.get(field) == value]

    async def read(self, table: str, keys: Sequence[Key], part: TablePart) -> list[Document]:
        found = [await self.get(table, key) for key in keys]
        return [document for document in found if document is not None]

    async def look_outside(self, outside: Outside, spot: Spot | None, *, limit: int) -> Lookup:
        return Lookup([], 0, None)

    async def look_at_keys(self, outside: Outside, keys: Sequence[str]) -> list[ArchivePlace]:
        return []

    async def delete_if(self, table: str, key: Key, wanted: WantedValue) -> bool:
        raise NotImplementedError

    async def delete_some(
        self,
        table: str,
        index: str,
        first: str,
        *,
        limit: int,
    ) -> int:
        return 0

    async def write(self, table: str, key: Key, change: Rewrite, *, run: Run = at_once) -> Write:
        old = await self.get(table, key)
        new = await run(lambda: change(old))
        documents = self.documents(table)
        documents[:] = [document for document in documents if document is not old]
        if new is not None:
            documents.append(new)
        if self.is_reported:
            self._source.change(table, old, new)
        return Write(old, new)


class Server:
    """What a client reaches: the schema, and the feeds behind it."""

    def __init__(
        self, schema: APISchema, context: Context, source: FakeSource, store: FakeStore
    ) -> None:
        self.schema = schema
        self.context = context
        self.source = source
        self.store = store

    def feed(self, name: str) -> Feed[Any, Any]:
        return next(feed for feed in self.context.feeds if feed.table.name == name)

    async def execute(self, query: str, **variables: Any) -> ExecutionResult:
        return await self.schema.execute(
            query, variable_values=variables, context_value=self.context
        )

    async def data(self, query: str, **variables: Any) -> Any:
        result = await self.execute(query, **variables)
        assert result.errors is None
        return result.data

    @asynccontextmanager
    async def subscribe(
        self, query: str, **variables: Any
    ) -> AsyncIterator[AsyncIterator[ExecutionResult]]:
        results = await self.schema.subscribe(
            query, variable_values=variables, context_value=self.context
        )
        async with aclosing(results):
            yield results


@cache
def _schema(tables: tuple[TableDeclaration[Any], ...]) -> APISchema:
    """Made once, as is each parsed and validated document: most tests do less work than that."""
    return build_schema(tables, extensions=(ParserCache, ValidationCache))


@asynccontextmanager
async def serve(
    documents: Mapping[str, Sequence[Document]],
    *,
    tables: Sequence[TableDeclaration[Any]] = TABLES,
    feed_wait_s: float = 5,
    scopes: frozenset[Scope] = ALL_SCOPES,
) -> AsyncIterator[Server]:
    """A running server, whose feeds are ready if their tables are in `documents`.

    A table that one of them depends on is empty if it is absent.
    """
    depends_on = {table.name: table.depends_on for table in tables}
    there = list(documents)
    for name in there:  # which grows
        there += [other for other in depends_on.get(name, ()) if other not in there]
    source = FakeSource({**dict.fromkeys(there, ()), **documents})
    # No turn ends early, however slow the machine.
    feeds = Feeds(tables, lambda table: Feed(table, source, turn_clock=lambda: 0.0))
    running = asyncio.create_task(feeds.run())
    try:
        for feed in feeds:
            if feed.table.name in documents:
                await feed.ready(3600)
        store = FakeStore(source)
        context = Context(feeds, store, feed_wait_s, scopes)
        yield Server(_schema(tuple(tables)), context, source, store)
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


def everything(
    type_: GraphQLNamedType, schema: GraphQLSchema, above: frozenset[str] = frozenset()
) -> str:
    """A selection of all fields of a type that need no arguments, all the way down.

    Where it leads back to a type that it is in, it ends.
    """
    if is_leaf_type(type_):
        return ""
    if isinstance(type_, GraphQLUnionType):
        members = (f"... on {m.name} {everything(m, schema)}" for m in type_.types)
        return f"{{ __typename {' '.join(members)} }}"
    assert isinstance(type_, GraphQLObjectType)
    above |= {type_.name}
    fields = (
        f"{name} {everything(get_named_type(field.type), schema, above)}"
        for name, field in type_.fields.items()
        if get_named_type(field.type).name not in above
    )
    return f"{{ {' '.join(fields)} }}"
