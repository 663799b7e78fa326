"""Loading a data file, checked: a damaged row is one clear error, not a fault much later."""

from __future__ import annotations

from typing import TYPE_CHECKING

from graphql_api.embedded import deep
from graphql_api.embedded.datum import as_object
from graphql_api.embedded.errors import ReqlError
from graphql_api.embedded.permissions import Permissions
from graphql_api.embedded.primary_key import primary_key
from graphql_api.embedded.pseudo_types import from_json
from graphql_api.embedded.stored_table import Database, Index, StoredTable
from graphql_api.embedded.users import Credentials

if TYPE_CHECKING:
    from collections.abc import Callable

    from graphql_api.embedded.datum import Document
    from graphql_api.embedded.permissions import UserPermissions
    from graphql_api.embedded.storage import Storage

_DURABILITIES = ("hard", "soft")


class DamagedError(Exception):
    """A row of the data file cannot be what this server wrote; the text names it."""


def load_credentials(storage: Storage) -> dict[str, Credentials]:
    """The users' credentials, by name.

    Raises:
        DamagedError: A row is damaged.
        sqlite3.Error: The file is.
    """
    users = storage.users()
    for name, credentials in users:
        is_whole = (
            _are(str, name)
            and _are(bytes, credentials.salt, credentials.salted_password)
            and _are(int, credentials.iterations)
            and credentials.iterations > 0
        )
        if not is_whole:
            raise DamagedError(f"the user {name!r} has no valid password entry")
    return dict(users)


def load_permissions(storage: Storage) -> dict[str, UserPermissions]:
    """The users' permissions, by name.

    Raises:
        DamagedError: A row is damaged.
        sqlite3.Error: The file is.
    """
    permissions: dict[str, UserPermissions] = {}
    for user, scope, *flags in storage.permissions():
        if not _are(str, user, scope) or not all(flag in (None, 0, 1) for flag in flags):
            raise DamagedError(f"the user {user!r} has no valid permissions of {scope!r}")
        given = (None if flag is None else bool(flag) for flag in flags)
        permissions.setdefault(user, {})[scope] = Permissions(*given)
    return permissions


def load_databases(
    storage: Storage, build_index: Callable[[str, Document], Index]
) -> dict[str, Database]:
    """The databases with their tables, indexes and documents, by name.

    Raises:
        DamagedError: A row is damaged.
        sqlite3.Error: The file is.
    """
    databases: dict[str, Database] = {}
    for id_, name in storage.databases():
        if not _are(str, id_, name):
            raise DamagedError(f"the database {name!r} has no valid entry")
        databases[name] = Database(id_, name)
    for id_, database, name, primary_key_, durability in storage.tables():
        if not _are(str, id_, database, name, primary_key_) or durability not in _DURABILITIES:
            raise DamagedError(f"the table {name!r} has no valid entry")
        if database not in databases:
            raise DamagedError(
                f"the table {name!r} is of a database {database!r} that is not there"
            )
        table = StoredTable(id_, database, name, primary_key_, durability)
        for key, body in storage.documents(id_):
            table.documents[key] = _document(table, key, body)
        for index_name, raw in storage.indexes(id_):
            table.indexes[index_name] = _index(table, index_name, raw, build_index)
        databases[database].tables[name] = table
    return databases


def _are(kind: type, *values: object) -> bool:
    """Whether SQLite, which keeps any value in any column, has given values of a type."""
    return all(isinstance(value, kind) for value in values)


def _document(table: StoredTable, key: object, body: object) -> Document:
    where = f"the document {key!r} of the table {table.display_name}"
    # Damage is written as text by hand, and as anything by a failing disk.
    if isinstance(body, str):
        body = body.encode("utf-8", "surrogatepass")
    if not isinstance(body, bytes):
        raise DamagedError(f"{where} is no JSON")
    try:
        document = deep.loads(body)
        if b'"$reql_type$"' in body:
            document = from_json(document)
    except (ValueError, ReqlError):
        raise DamagedError(f"{where} is no JSON that can be stored") from None
    if not isinstance(document, dict):
        raise DamagedError(f"{where} is no object")
    try:
        found = primary_key(document[table.primary_key])
    except (KeyError, ReqlError):
        raise DamagedError(f"{where} has no valid primary key") from None
    if found != key:
        raise DamagedError(f"{where} has another primary key in it")
    return document


def _index(
    table: StoredTable, name: str, raw: bytes, build_index: Callable[[str, Document], Index]
) -> Index:
    try:
        return build_index(name, as_object(from_json(deep.loads(raw))))
    except Exception:  # noqa: BLE001 - whatever compiling and running a damaged term raises
        raise DamagedError(
            f"the index {name!r} of the table {table.display_name} has no valid definition"
        ) from None
