"""The data file: one SQLite database that holds everything.

Reads are answered from memory; the file is read once, when it is opened, and written at every
commit. SQLite's exclusive lock on it is the operating system's, which releases it when the
process dies. In WAL mode a commit is one append and, for hard durability, one fsync.

A file holds: databases, tables, secondary indexes, documents (as JSON), users' hashed passwords
and permissions.
"""

from __future__ import annotations

import os
import secrets
import sqlite3
import uuid
from contextlib import closing, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from graphql_api.embedded.errors import DataFileError
from graphql_api.embedded.users import Credentials

APPLICATION_ID = 0x52454D42
"""Marks the file as ours ("REMB")."""
FORMAT_VERSION = 1
"""Goes up when an older server could not read the file any more."""

_SCHEMA = """
CREATE TABLE server (id TEXT NOT NULL);
CREATE TABLE database (id TEXT PRIMARY KEY, name TEXT NOT NULL UNIQUE) WITHOUT ROWID;
CREATE TABLE table_ (
    id TEXT PRIMARY KEY, database TEXT NOT NULL, name TEXT NOT NULL,
    primary_key TEXT NOT NULL, durability TEXT NOT NULL, UNIQUE (database, name)
) WITHOUT ROWID;
CREATE TABLE secondary_index (
    table_ TEXT NOT NULL, name TEXT NOT NULL, definition BLOB NOT NULL, PRIMARY KEY (table_, name)
) WITHOUT ROWID;
CREATE TABLE document (
    table_ TEXT NOT NULL, key TEXT NOT NULL, body BLOB NOT NULL, PRIMARY KEY (table_, key)
) WITHOUT ROWID;
CREATE TABLE user (
    name TEXT PRIMARY KEY, salt BLOB NOT NULL, iterations INTEGER NOT NULL,
    salted_password BLOB NOT NULL, is_empty INTEGER NOT NULL
) WITHOUT ROWID;
"""

_ADDED_TABLES = """
CREATE TABLE IF NOT EXISTS permission (
    user TEXT NOT NULL, scope TEXT NOT NULL,
    read INTEGER, write INTEGER, config INTEGER, connect INTEGER, PRIMARY KEY (user, scope)
) WITHOUT ROWID
"""
"""What files of the same format have only if a newer server made or opened them."""

_PUT = "INSERT OR REPLACE INTO document VALUES (?, ?, ?)"
_DELETE = "DELETE FROM document WHERE table_ = ? AND key = ?"
_PUT_USER = "INSERT OR REPLACE INTO user VALUES (?, ?, ?, ?, ?)"
_DELETE_USER = "DELETE FROM user WHERE name = ?"
_DELETE_PERMISSIONS = "DELETE FROM permission WHERE user = ?"


@dataclass(slots=True)
class Commit:
    """The writes of one commit: all are made, or none.

    Attributes:
        puts: Documents: table id, key, JSON.
        deletes: Documents: table id, key.
        users: Credentials by user; `None` removes one.
        statements: Changes of the catalog: SQL with its parameters.
        hard: Whether it must survive a crash of the operating system, not only of the process.
    """

    puts: list[tuple[str, str, bytes]] = field(default_factory=list)
    deletes: list[tuple[str, str]] = field(default_factory=list)
    users: dict[str, Credentials | None] = field(default_factory=dict)
    statements: list[tuple[str, tuple[object, ...]]] = field(default_factory=list)
    hard: bool = True


class Storage:
    """An open data file.

    At most one call at a time, from any thread.

    Attributes:
        in_memory: True if there is no file, and so nothing to wait for.
        server_id: The UUID that the server has as long as the file exists.
    """

    def __init__(self, connection: sqlite3.Connection, path: Path | None) -> None:
        self._connection = connection
        self._path = path
        self._hard = True
        self.in_memory = path is None
        row = connection.execute("SELECT id FROM server").fetchone()
        if row is None or not isinstance(row[0], str):
            raise DataFileError(
                f"The data file {path} is damaged: it does not hold the server's id. Restore it "
                "from a copy, or name another one."
            )
        self.server_id: str = row[0]

    def commit(self, commit: Commit) -> None:
        """Write, and return once it is written.

        Raises:
            DataFileError: Nothing was written: the disk is full, or fails.
        """
        connection = self._connection
        try:
            if commit.hard is not self._hard:
                connection.execute(f"PRAGMA synchronous = {'FULL' if commit.hard else 'NORMAL'}")
                self._hard = commit.hard
            connection.execute("BEGIN IMMEDIATE")
            for sql, parameters in commit.statements:
                connection.execute(sql, parameters)
            if commit.deletes:
                connection.executemany(_DELETE, commit.deletes)
            if commit.puts:
                connection.executemany(_PUT, commit.puts)
            for name, credentials in commit.users.items():
                self._write_user(name, credentials)
            connection.execute("COMMIT")
        except sqlite3.Error as error:
            with suppress(sqlite3.Error):
                connection.execute("ROLLBACK")
            raise DataFileError(_explain_write(error, self._path)) from error

    def sync(self) -> None:
        """Return once all soft commits are on disk too; a checkpoint begins with an fsync.

        Raises:
            DataFileError: The disk is full, or fails.
        """
        try:
            self._connection.execute("PRAGMA wal_checkpoint(FULL)").fetchall()
        except sqlite3.Error as error:
            raise DataFileError(_explain_write(error, self._path)) from error

    def _write_user(self, name: str, credentials: Credentials | None) -> None:
        if credentials is None:
            self._connection.execute(_DELETE_USER, (name,))
            self._connection.execute(_DELETE_PERMISSIONS, (name,))
            return
        row = (
            name,
            credentials.salt,
            credentials.iterations,
            credentials.salted_password,
            credentials.is_empty,
        )
        self._connection.execute(_PUT_USER, row)

    def databases(self) -> list[tuple[str, str]]:
        """Return the id and name of each database."""
        return self._read("SELECT id, name FROM database ORDER BY name")

    def tables(self) -> list[tuple[str, str, str, str, str]]:
        """Return the id, database, name, primary key and durability of each table."""
        return self._read(
            "SELECT id, database, name, primary_key, durability FROM table_ ORDER BY name"
        )

    def indexes(self, table_id: str) -> list[tuple[str, bytes]]:
        """Return the name and definition (JSON) of each secondary index of a table."""
        return self._read(
            "SELECT name, definition FROM secondary_index WHERE table_ = ? ORDER BY name", table_id
        )

    def documents(self, table_id: str) -> list[tuple[str, bytes]]:
        """Return the key and JSON of each document of a table."""
        return self._read("SELECT key, body FROM document WHERE table_ = ?", table_id)

    def users(self) -> list[tuple[str, Credentials]]:
        """Return the name and credentials of each user."""
        rows = self._read("SELECT * FROM user ORDER BY name")
        return [
            (name, Credentials(salt, iterations, salted_password, bool(is_empty)))
            for name, salt, iterations, salted_password, is_empty in rows
        ]

    def permissions(self) -> list[tuple[Any, ...]]:
        """Return, of each scope in which a user has permissions: user, scope, and the four flags.

        A flag is 1, 0, or `None` where the wider scope decides.
        """
        return self._read("SELECT * FROM permission ORDER BY user, scope")

    def _read(self, sql: str, *parameters: str) -> list[Any]:
        with closing(self._connection.execute(sql, parameters)) as cursor:
            return cursor.fetchall()

    def close(self) -> None:
        """Close the file and release its lock."""
        self._connection.close()


def open_storage(path: Path | None) -> Storage:
    """Open a data file, and create it if there is none.

    Args:
        path: The file; `None` keeps everything in memory.

    Raises:
        DataFileError: It is in use, not ours, from a newer version, damaged, or cannot be read
            or written.
    """
    if path is None:
        return _open(":memory:", path)
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        # A file that exists is not opened here: closing it again would drop the lock of a server
        # in this process.
        if not path.exists():
            _create(path)
        elif not path.is_file():
            raise DataFileError(f"Cannot open the data file {path}: it is not a file.")
        elif not path.stat().st_size:
            raise DataFileError(
                f"The data file {path} is empty: what it held is lost. Restore it from a copy, or "
                "delete it to begin with a new one."
            )
        storage = _open(str(path), path)
        path.chmod(0o600)  # only now is it known to be ours
    except OSError as error:
        reason = error.strerror or str(error)
        raise DataFileError(f"Cannot open the data file {path}: {reason}.") from error
    return storage


def _create(path: Path) -> None:
    """Make a new data file, at once with all that it needs: it is never seen empty.

    Raises:
        DataFileError: There is a log of a file that is not there, or the file cannot be written.
        OSError: The same.
    """
    log = path.with_name(f"{path.name}-wal")
    if log.exists() and log.stat().st_size:
        raise DataFileError(
            f"The data file {path} is not there, but its log {log} is: restore the file, or move "
            "the log away to begin with a new one."
        )
    draft = path.with_name(f"{path.name}.{secrets.token_hex(8)}")
    # Before SQLite opens it, which would create it readable by others.
    os.close(os.open(draft, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))
    try:
        with closing(sqlite3.connect(draft, isolation_level=None)) as connection:
            _write_format(connection)
        # Unlike a rename, a link fails if another process was faster.
        with suppress(FileExistsError):
            os.link(draft, path)
    except sqlite3.Error as error:
        raise DataFileError(_explain_write(error, path)) from error
    finally:
        draft.unlink()


def _open(database: str, path: Path | None) -> Storage:
    connection = sqlite3.connect(database, timeout=0, isolation_level=None, check_same_thread=False)
    try:
        connection.execute("PRAGMA locking_mode = EXCLUSIVE")
        if path is None:
            _write_format(connection)
        else:
            _check_format(connection, path)
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        # The first write takes the lock, which is kept until the file is closed.
        connection.execute("BEGIN IMMEDIATE")
        connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        connection.execute(_ADDED_TABLES)
        connection.execute("COMMIT")
        return Storage(connection, path)
    except sqlite3.Error as error:
        connection.close()
        raise DataFileError(_explain(error, path)) from error
    except BaseException:
        connection.close()
        raise


def _explain(error: sqlite3.Error, path: Path | None) -> str:
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    if code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
        return (
            f"The data file {path} is in use by another process; stop that one, or name another "
            "file with --data."
        )
    if code == sqlite3.SQLITE_NOTADB:
        return f"The file {path} is not a data file of the embedded database; name another one."
    if code in _WRITE_PROBLEMS:
        return _explain_write(error, path)
    if code == sqlite3.SQLITE_CORRUPT:
        return (
            f"The data file {path} is damaged: {error}. Restore it from a copy, or name another "
            "one."
        )
    return f"Cannot open the data file {path}: {error}."


_WRITE_PROBLEMS = {
    sqlite3.SQLITE_FULL: "the disk is full; free some space there",
    sqlite3.SQLITE_IOERR: "the disk fails; look at the system's log, and check it",
    sqlite3.SQLITE_READONLY: "it is read-only; check its permissions and those of its folder",
}


def _explain_write(error: sqlite3.Error, path: Path | None) -> str:
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    problem = _WRITE_PROBLEMS.get(code)
    return f"Cannot write the data file {path}: {f'{problem} ({error})' if problem else error}."


def _write_format(connection: sqlite3.Connection) -> None:
    connection.execute("BEGIN EXCLUSIVE")
    for statement in filter(str.strip, _SCHEMA.split(";")):
        connection.execute(statement)
    connection.execute("INSERT INTO server VALUES (?)", (str(uuid.uuid4()),))
    connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
    connection.execute(f"PRAGMA user_version = {FORMAT_VERSION}")
    connection.execute("COMMIT")


def _check_format(connection: sqlite3.Connection, path: Path) -> None:
    with closing(connection.execute("PRAGMA application_id")) as cursor:
        application_id = cursor.fetchone()[0]
    with closing(connection.execute("PRAGMA user_version")) as cursor:
        version = cursor.fetchone()[0]
    if application_id != APPLICATION_ID:
        raise DataFileError(
            f"The file {path} is not a data file of the embedded database; name another one."
        )
    if version > FORMAT_VERSION:
        raise DataFileError(
            f"The data file {path} is from a newer version (format {version}, this one reads up "
            f"to {FORMAT_VERSION}); use that version, or another file."
        )
