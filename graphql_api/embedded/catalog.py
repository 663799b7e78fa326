"""The databases and tables of a server, in memory and in its data file.

A commit goes to the data file first; only then memory changes and changefeeds receive it, all in
one step of the event loop. A write holds `lock` from the first read to the end of the commit, so
writes are serial; reads need no lock.
"""

from __future__ import annotations

import asyncio
import uuid
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from graphql_api.embedded.datum import encode
from graphql_api.embedded.errors import DataFileError, ErrorType, ReqlError, op_failed_error
from graphql_api.embedded.loading import load_credentials, load_databases, load_permissions
from graphql_api.embedded.permissions import (
    GLOBAL,
    NO_PERMISSIONS,
    Permissions,
    UserPermissions,
    scope_of,
)
from graphql_api.embedded.storage import Commit
from graphql_api.embedded.stored_table import SYSTEM_DATABASE, Database, Index, StoredTable
from graphql_api.embedded.users import ADMIN, Credentials, credentials_for, user_row

if TYPE_CHECKING:
    from collections.abc import Callable

    from graphql_api.embedded.datum import Datum, Document
    from graphql_api.embedded.storage import Storage
    from graphql_api.embedded.transaction import Transaction

USERS_TABLE = "users"
DEFAULT_DATABASE = "test"
SERVER_NAME = "embedded"


class Catalog:
    """Everything that a server holds.

    Attributes:
        databases: The databases by name, `rethinkdb` included.
        credentials: The users' passwords, by name.
        permissions: The users' permissions, by name.
        users: The table `rethinkdb.users`.
        lock: Held while a query writes.
        server_id: The server's UUID.
    """

    def __init__(
        self, storage: Storage, build_index: Callable[[str, Document, Catalog], Index]
    ) -> None:
        self._storage = storage
        # One thread: commits are serial anyway, and the loop must not wait for a disk.
        self._executor = None if storage.in_memory else ThreadPoolExecutor(1, "embedded-commit")
        self.lock = asyncio.Lock()
        self.server_id = storage.server_id
        self.credentials: dict[str, Credentials] = load_credentials(storage)
        self.permissions: dict[str, UserPermissions] = load_permissions(storage)
        self.users = StoredTable(str(uuid.UUID(int=0)), SYSTEM_DATABASE, USERS_TABLE)
        self.databases: dict[str, Database] = {
            SYSTEM_DATABASE: Database(
                str(uuid.UUID(int=0)), SYSTEM_DATABASE, {USERS_TABLE: self.users}
            )
        }
        self._load(build_index)

    def _load(self, build_index: Callable[[str, Document, Catalog], Index]) -> None:
        for name, credentials in self.credentials.items():
            self.users.documents["S" + name] = user_row(name, credentials)
        self.databases |= load_databases(
            self._storage, lambda name, definition: build_index(name, definition, self)
        )

    def prepare(self, password: str) -> None:
        """Set the administrator's password, and create the database `test` in a new file.

        Raises:
            DataFileError: The data file cannot be written.
        """
        commit = Commit()
        admin = self.credentials.get(ADMIN)
        if admin is None and DEFAULT_DATABASE not in self.databases:
            database = Database(str(uuid.uuid4()), DEFAULT_DATABASE)
            self.databases[database.name] = database
            commit.statements.append(_insert_database(database))
        if admin is None or not admin.matches(password):
            self._set_credentials(ADMIN, credentials_for(password))
            commit.users[ADMIN] = self.credentials[ADMIN]
        if commit.statements or commit.users:
            self._storage.commit(commit)

    def _set_credentials(self, name: str, credentials: Credentials | None) -> None:
        if credentials is None:
            self.credentials.pop(name, None)
            self.permissions.pop(name, None)
        else:
            self.credentials[name] = credentials
            self.users.documents["S" + name] = user_row(name, credentials)

    def close(self) -> None:
        """Close the data file."""
        if self._executor is not None:
            self._executor.shutdown()
        self._storage.close()

    # --- commits ---

    async def commit(self, transaction: Transaction) -> None:
        """Commit a transaction, then show it to all readers; the caller holds the lock.

        Cancellation waits for it: what the file holds, memory must hold too.

        Raises:
            ReqlError: The data file cannot be written; nothing was changed.
            asyncio.CancelledError: The caller was cancelled; the commit was carried out.
        """
        if not transaction.writes and not transaction.credentials:
            return
        commit = _commit_of(transaction)
        cancelled = None
        if self._executor is None:
            self._write(commit)
        else:
            loop = asyncio.get_running_loop()
            done = loop.run_in_executor(self._executor, self._write, commit)
            while not done.done():
                try:
                    await asyncio.wait([done])
                except asyncio.CancelledError as error:
                    cancelled = error.args
            done.result()
        self._apply(transaction)
        if cancelled is not None:
            raise asyncio.CancelledError(*cancelled)

    def commit_now(self, transaction: Transaction) -> None:
        """Commit a transaction without leaving the event loop; see `commit`.

        A query that changes the catalog after it wrote documents is rare, and so is the catalog's
        change itself: waiting for the disk keeps both in order without more machinery.
        """
        if transaction.writes or transaction.credentials:
            self._write(_commit_of(transaction))
            self._apply(transaction)

    def sync(self) -> None:
        """Make sure that everything committed so far is on disk.

        Raises:
            ReqlError: The data file cannot be written.
        """
        try:
            self._storage.sync()
        except DataFileError as error:
            raise ReqlError(ErrorType.OP_FAILED, str(error), ()) from error

    def _write(self, commit: Commit) -> None:
        try:
            self._storage.commit(commit)
        except DataFileError as error:
            raise ReqlError(ErrorType.OP_FAILED, str(error), ()) from error

    def _apply(self, transaction: Transaction) -> None:
        for name, credentials in transaction.credentials.items():
            self._set_credentials(name, credentials)
        touched: dict[StoredTable, None] = {}
        for write in transaction.writes:
            documents = write.table.documents
            if write.new is None:
                documents.pop(write.key, None)
            else:
                documents[write.key] = write.new
            for order in write.table.orders.values():
                order.on_change(write.key, write.old, write.new)
            for changefeed in write.table.changefeeds:
                changefeed.on_change(write.key, write.old, write.new)
            touched[write.table] = None
        transaction.clear()
        for table in touched:
            for changefeed in list(table.changefeeds):
                changefeed.on_commit()

    # --- databases ---

    def database(self, name: str) -> Database:
        """Return a database.

        Raises:
            ReqlError: It does not exist.
        """
        try:
            return self.databases[name]
        except KeyError:
            raise op_failed_error(f"Database `{name}` does not exist.") from None

    def create_database(self, name: str) -> Database:
        """Create a database.

        Raises:
            ReqlError: It exists already, or the data file cannot be written.
        """
        if name in self.databases:
            raise op_failed_error(f"Database `{name}` already exists.")
        database = Database(str(uuid.uuid4()), name)
        self._write(Commit(statements=[_insert_database(database)]))
        self.databases[name] = database
        return database

    def drop_database(self, name: str) -> Database:
        """Drop a database, its tables, and their changefeeds.

        Raises:
            ReqlError: It does not exist, is `rethinkdb`, or the data file cannot be written.
        """
        if name == SYSTEM_DATABASE:
            raise op_failed_error(f"Database `{name}` is special; you can't delete it.")
        database = self.database(name)
        statements: list[tuple[str, tuple[object, ...]]] = [
            ("DELETE FROM database WHERE id = ?", (database.id,)),
            _delete_permissions(database),
        ]
        for table in database.tables.values():
            statements.extend(_delete_table(table))
        self._write(Commit(statements=statements))
        del self.databases[name]
        self._forget_permissions(database)
        for table in database.tables.values():
            self._forget_permissions(table)
            _abort_changefeeds(table)
        return database

    # --- tables ---

    def table(self, database: Database, name: str) -> StoredTable:
        """Return a table.

        Raises:
            ReqlError: It, or its database, does not exist.
        """
        try:
            return self.database(database.name).tables[name]
        except KeyError:
            raise op_failed_error(f"Table `{database.name}.{name}` does not exist.") from None

    def create_table(
        self, database: Database, name: str, primary_key: str, durability: str
    ) -> StoredTable:
        """Create a table.

        Raises:
            ReqlError: It exists already, is in `rethinkdb`, or the data file cannot be written.
        """
        if database.name == SYSTEM_DATABASE:
            raise op_failed_error(
                f"Database `{database.name}` is special; you can't create new tables in it."
            )
        if name in self.database(database.name).tables:
            raise op_failed_error(f"Table `{database.name}.{name}` already exists.")
        table = StoredTable(str(uuid.uuid4()), database.name, name, primary_key, durability)
        row = (table.id, database.name, name, primary_key, durability)
        self._write(Commit(statements=[("INSERT INTO table_ VALUES (?, ?, ?, ?, ?)", row)]))
        self.databases[database.name].tables[name] = table
        return table

    def drop_table(self, database: Database, name: str) -> StoredTable:
        """Drop a table and its changefeeds.

        Raises:
            ReqlError: It does not exist, is in `rethinkdb`, or the data file cannot be written.
        """
        if database.name == SYSTEM_DATABASE:
            raise op_failed_error(
                f"Database `{database.name}` is special; you can't drop tables in it."
            )
        table = self.table(database, name)
        self._write(Commit(statements=_delete_table(table)))
        del self.databases[database.name].tables[name]
        self._forget_permissions(table)
        _abort_changefeeds(table)
        return table

    # --- permissions ---

    def grant(
        self, user: str, scope: Database | StoredTable | None, change: Datum
    ) -> tuple[Permissions, Permissions]:
        """Change what a user may do, and return the permissions before and after.

        Args:
            user: The name of the user.
            scope: Where; `None` for the global permissions.
            change: What to grant (`true`), to refuse (`false`), or to leave to the wider scope.

        Raises:
            ReqlError: There is no such user, it is no object of permissions, or the data file
                cannot be written.
        """
        if user not in self.credentials:
            raise op_failed_error(f"User `{user}` not found.")
        key = GLOBAL if scope is None else scope_of(scope)
        before = self.permissions.get(user, {}).get(key, NO_PERMISSIONS)
        after = before.granted(change, globally=scope is None)
        row = (user, key, after.read, after.write, after.config, after.connect)
        sql = "INSERT OR REPLACE INTO permission VALUES (?, ?, ?, ?, ?, ?)"
        self._write(Commit(statements=[(sql, row)]))
        self.permissions.setdefault(user, {})[key] = after
        return before, after

    def _forget_permissions(self, value: Database | StoredTable) -> None:
        for scopes in self.permissions.values():
            scopes.pop(scope_of(value), None)

    # --- secondary indexes ---

    def create_index(self, table: StoredTable, index: Index) -> None:
        """Create a secondary index.

        Raises:
            ReqlError: There is one of that name, or the data file cannot be written.
        """
        if table is self.users:
            raise op_failed_error(
                f"Database `{table.database}` is special; you can't create secondary indexes on "
                "the tables in it."
            )
        if index.name in table.indexes:
            raise op_failed_error(
                f"Index `{index.name}` already exists on table `{table.display_name}`."
            )
        row = (table.id, index.name, encode(index.definition))
        self._write(Commit(statements=[("INSERT INTO secondary_index VALUES (?, ?, ?)", row)]))
        table.indexes[index.name] = index

    def drop_index(self, table: StoredTable, name: str) -> None:
        """Drop a secondary index.

        Raises:
            ReqlError: It does not exist, or the data file cannot be written.
        """
        if name not in table.indexes:
            raise op_failed_error(f"Index `{name}` does not exist on table `{table.display_name}`.")
        sql = "DELETE FROM secondary_index WHERE table_ = ? AND name = ?"
        self._write(Commit(statements=[(sql, (table.id, name))]))
        del table.indexes[name]
        table.orders.pop(name, None)


def _insert_database(database: Database) -> tuple[str, tuple[object, ...]]:
    return ("INSERT INTO database VALUES (?, ?)", (database.id, database.name))


def _delete_table(table: StoredTable) -> list[tuple[str, tuple[object, ...]]]:
    return [
        ("DELETE FROM document WHERE table_ = ?", (table.id,)),
        ("DELETE FROM secondary_index WHERE table_ = ?", (table.id,)),
        ("DELETE FROM table_ WHERE id = ?", (table.id,)),
        _delete_permissions(table),
    ]


def _delete_permissions(value: Database | StoredTable) -> tuple[str, tuple[object, ...]]:
    return ("DELETE FROM permission WHERE scope = ?", (scope_of(value),))


def _abort_changefeeds(table: StoredTable) -> None:
    for changefeed in list(table.changefeeds):
        changefeed.abort()
    table.changefeeds.clear()


def _commit_of(transaction: Transaction) -> Commit:
    commit = Commit(users=dict(transaction.credentials), hard=transaction.hard)
    for table, bodies in transaction.bodies().items():
        if table.database == SYSTEM_DATABASE:
            continue  # a user's row is made of the credentials
        for key, body in bodies.items():
            if body is None:
                commit.deletes.append((table.id, key))
            else:
                commit.puts.append((table.id, key, body))
    return commit
