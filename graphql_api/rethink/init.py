"""Creating what a Starbelly database holds, where it is missing."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, Protocol, TypeAlias
from uuid import uuid4

from rethinkdb.errors import ReqlOpFailedError

from graphql_api.errors import DatabaseError, DatabaseUnavailableError, OutcomeUnknownError
from graphql_api.rethink.database_connection import DatabaseConnection, Timeouts
from graphql_api.rethink.driver import r
from graphql_api.rethink.driver_errors import AlreadyExistsError, reason_of
from graphql_api.rethink.failover import connect
from graphql_api.rethink.nodes import Nodes, says_that_node_fails
from graphql_api.rethink.url import DatabaseURL

INIT_TIMEOUTS: Final = Timeouts(query_s=60.0)
"""A cluster takes its time to create a table and to agree on who serves it."""

Contents: TypeAlias = Callable[[Mapping[str, str]], Mapping[str, Sequence[Mapping[str, Any]]]]
"""Documents by their table's name, made from the keys of the last table's first documents by their
names: those of the standard policies."""


Index: TypeAlias = str | tuple[str, tuple[str, ...]]
"""A secondary index: the field that it is on and called like, or its name and several fields."""


class TableLayout(Protocol):
    """A table, as far as creating it goes."""

    @property
    def name(self) -> str:
        """Its name."""

    @property
    def primary_key(self) -> str:
        """The field that holds a document's key."""

    @property
    def indexes(self) -> Sequence[Index]:
        """Its secondary indexes."""

    @property
    def first_documents(self) -> Callable[[Any], Sequence[Mapping[str, Any]]] | None:
        """The first documents of a table, made of the term for the present time.

        The documents have names. One without a key is given a random one. One that has its own is
        needed, and is put back where it is missing.
        """


async def initialise(
    url: DatabaseURL,
    tables: Sequence[TableLayout],
    *,
    timeouts: Timeouts = INIT_TIMEOUTS,
    contents: Contents | None = None,
) -> list[str]:
    """Create the database, its tables, their indexes and their first documents, where missing.

    What exists is not touched. So the first documents of a table are inserted only when this call
    created it: in an older one, an operator may have deleted them on purpose. Those that have a key
    of their own are needed, and are inserted where they are missing. Tables are created in the
    reverse of their order, those with first documents last. Tables and indexes are ready for use
    when it returns.

    At most one call at a time, from anywhere: a RethinkDB that is asked by two for the same table
    at the same moment makes two of that name, and then serves neither (rethinkdb issue #4898).
    Calls where nothing is missing do no harm. When a node is lost on the way, the rest is done on
    another.

    Args:
        url: The database.
        tables: Its tables.
        timeouts: Those of the connection.
        contents: What else a new database gets, in the place of documents with the same keys. It
            is inserted before the last table is created: a call that ended half-way is repeated in
            full by the next one.

    Returns:
        What was created, one line each, in the order of creation; empty when nothing was missing.

    Raises:
        DatabaseUnavailableError: No connection, it is lost, or the server does not answer.
        OutcomeUnknownError: The connection is lost while something is created; call it again.
        DatabaseRefusedError: Wrong credentials, or the `config` or `write` permission is missing.
        DatabaseError: Any other error that the server answers with.
    """
    # The last one is what makes a database new: see `contents`.
    layouts = list(reversed(tables))
    layouts.sort(key=lambda layout: layout.first_documents is not None)
    creation = _Creation(url.database, layouts, contents)
    nodes, tries = Nodes(), 0
    while True:
        try:
            async with connect(url, timeouts=timeouts, nodes=nodes) as connection:
                await creation.go_on(connection)
                return creation.created
        except DatabaseError as error:
            tries += 1
            is_over = isinstance(error, OutcomeUnknownError) or not says_that_node_fails(error)
            if is_over or tries >= nodes.number:
                raise


class _Creation:
    """The work of one call of `initialise`: what is to be created, and what is by now.

    Attributes:
        created: What was created, one line each.
    """

    def __init__(
        self, database: str, layouts: Sequence[TableLayout], contents: Contents | None
    ) -> None:
        self.created: list[str] = []
        self._database = database
        self._layouts = layouts
        self._contents = contents
        self._first = {
            layout.name: layout.first_documents(r.now())
            for layout in layouts
            if layout.first_documents is not None
        }
        names = (document["name"] for each in self._first.values() for document in each)
        self._ids = {name: str(uuid4()) for name in names}
        self._empty: set[str] = set()
        """The tables of its own that lack their first documents."""

    async def go_on(self, connection: DatabaseConnection) -> None:
        """Create what is still missing."""
        database = self._database
        is_missing = database not in await connection.run(r.db_list())
        if is_missing and await _creates(connection, r.db_create(database)):
            self.created.append(f"database {database}")
        existing = await connection.run(r.db(database).table_list())
        for layout in self._layouts:
            table = r.db(database).table(layout.name)
            if layout.name not in existing:
                await self._create_table(connection, layout)
            if layout.name in self._empty or layout.name not in existing:
                await connection.run(table.wait(wait_for="ready_for_writes"))
            await self._insert_first(connection, table, layout)
            await self._create_indexes(connection, table, layout)

    async def _create_table(self, connection: DatabaseConnection, layout: TableLayout) -> None:
        if layout is self._layouts[-1] and self._contents is not None:
            for other, documents in self._contents(self._ids).items():
                await _insert(connection, self._database, other, documents)
        term = r.db(self._database).table_create(layout.name, primary_key=layout.primary_key)
        if await _creates(connection, term):
            self._empty.add(layout.name)
            self.created.append(f"table {self._database}.{layout.name}")

    async def _insert_first(
        self, connection: DatabaseConnection, table: Any, layout: TableLayout
    ) -> None:
        name, key = layout.name, layout.primary_key
        documents = self._first.get(name, ())
        if name in self._empty:
            new = [document for document in documents if key not in document]
            keyed = [{key: self._ids[document["name"]], **document} for document in new]
            await _insert(connection, self._database, name, keyed)
            self._empty.discard(name)
            self.created += [f"{name} {document['name']}" for document in new]
        for document in documents:
            if key in document and await _puts_back(connection, table, document, document[key]):
                self.created.append(f"{name} {document['name']}")

    async def _create_indexes(
        self, connection: DatabaseConnection, table: Any, layout: TableLayout
    ) -> None:
        for declared in layout.indexes:
            index, fields = (declared, ()) if isinstance(declared, str) else declared
            is_missing = index not in await connection.run(table.index_list())
            term = table.index_create(index, *([[r.row[field] for field in fields]] * bool(fields)))
            if is_missing and await _creates(connection, term):
                self.created.append(f"index {self._database}.{layout.name}.{index}")
            await connection.run(table.index_wait(index))


async def _puts_back(
    connection: DatabaseConnection, table: Any, document: Mapping[str, Any], key: object
) -> bool:
    """Insert a document that is needed, if it is missing; whether it was this call that did."""
    if await connection.run(table.get(key)) is not None:
        return False
    result = await connection.run(table.insert(dict(document), conflict=lambda _, old, __: old))
    if result["errors"]:
        raise DatabaseError(f"{document['name']} was not inserted: {reason_of(result)}")
    return bool(result["inserted"])


async def _creates(connection: DatabaseConnection, term: Any) -> bool:
    """Whether it was this call that created something; if not, another one just has.

    Raises:
        OutcomeUnknownError: The connection was lost: to ask another node at once could make two.
    """
    try:
        await connection.run(term)
    except AlreadyExistsError:
        return False
    except DatabaseUnavailableError as error:
        if isinstance(error.__cause__, ReqlOpFailedError):
            raise
        raise OutcomeUnknownError(f"{error}; what was being created may be there or not") from error
    return True


async def _insert(
    connection: DatabaseConnection, database: str, name: str, documents: Sequence[Mapping[str, Any]]
) -> None:
    table = r.db(database).table(name)
    result = await connection.run(table.insert(list(documents), conflict="replace"))
    if result["errors"]:
        raise DatabaseError(
            f"documents were not inserted into the table {name}: {reason_of(result)}"
        )
