"""Creating what a Starbelly database holds, where it is missing."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, Protocol, TypeAlias
from uuid import uuid4

from graphql_api.errors import DatabaseError
from graphql_api.rethink.connection import Connection, Timeouts, connect
from graphql_api.rethink.driver import r
from graphql_api.rethink.driver_errors import AlreadyExistsError, reason_of
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
        """What a new table gets, made of the term for the present time.

        The documents have names. They are given random keys, as `id`.
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
    created it: in an older one, an operator may have deleted them on purpose. Tables are created in
    the reverse of their order, those with first documents last. Tables and indexes are ready for
    use when it returns.

    At most one call at a time, from anywhere: a RethinkDB that is asked by two for the same table
    at the same moment makes two of that name, and then serves neither (rethinkdb issue #4898).
    Calls where nothing is missing do no harm.

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
        DatabaseRefusedError: Wrong credentials, or the `config` or `write` permission is missing.
        DatabaseError: Any other error that the server answers with.
    """
    created: list[str] = []
    # The last one is what makes a database new: see `contents`.
    layouts = list(reversed(tables))
    layouts.sort(key=lambda layout: layout.first_documents is not None)
    first = {
        layout.name: [
            {"id": str(uuid4()), **document} for document in layout.first_documents(r.now())
        ]
        for layout in layouts
        if layout.first_documents is not None
    }
    async with connect(url, timeouts=timeouts) as connection:
        database = url.database
        is_missing = database not in await connection.run(r.db_list())
        if is_missing and await _creates(connection, r.db_create(database)):
            created.append(f"database {database}")
        existing = await connection.run(r.db(database).table_list())
        for layout in layouts:
            name = layout.name
            table = r.db(database).table(name)
            if name not in existing:
                if layout is layouts[-1] and contents is not None:
                    ids = {document["name"]: document["id"] for document in first.get(name, ())}
                    for other, documents in contents(ids).items():
                        await _insert(connection, database, other, documents)
                term = r.db(database).table_create(name, primary_key=layout.primary_key)
                is_ours = await _creates(connection, term)
                await connection.run(table.wait(wait_for="ready_for_writes"))
                if is_ours:
                    created.append(f"table {database}.{name}")
                    if name in first:
                        await _insert(connection, database, name, first[name])
                        created += [f"{name} {document['name']}" for document in first[name]]
            for declared in layout.indexes:
                index, fields = (declared, ()) if isinstance(declared, str) else declared
                is_missing = index not in await connection.run(table.index_list())
                term = table.index_create(
                    index, *([[r.row[field] for field in fields]] * bool(fields))
                )
                if is_missing and await _creates(connection, term):
                    created.append(f"index {database}.{name}.{index}")
                await connection.run(table.index_wait(index))
    return created


async def _creates(connection: Connection, term: Any) -> bool:
    """Whether it was this call that created something; if not, somebody else just has."""
    try:
        await connection.run(term)
    except AlreadyExistsError:
        return False
    return True


async def _insert(
    connection: Connection, database: str, name: str, documents: Sequence[Mapping[str, Any]]
) -> None:
    table = r.db(database).table(name)
    result = await connection.run(table.insert(list(documents), conflict="replace"))
    if result["errors"]:
        raise DatabaseError(
            f"documents were not inserted into the table {name}: {reason_of(result)}"
        )
