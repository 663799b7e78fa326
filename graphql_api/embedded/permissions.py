"""Permissions: what each user may do, and where.

A permission is granted, refused, or left to the next wider scope: a table's to its database's,
that one to the user's global ones. What is granted nowhere is refused. The administrator may do
everything. The database `rethinkdb` does not inherit the global permissions.

Source: src/clustering/administration/auth/permissions.cc, user.cc, user_context.cc, grant.cc.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final, TypeAlias

from graphql_api.embedded.datum import Datum, Document, pretty_print, type_name
from graphql_api.embedded.errors import ErrorType, ReqlError, op_failed_error
from graphql_api.embedded.stored_table import SYSTEM_DATABASE, Database, StoredTable
from graphql_api.embedded.users import ADMIN

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

GLOBAL: Final = ""
"""The scope of the global permissions."""
_NAMES: Final = ("read", "write", "config", "connect")


@dataclass(frozen=True, slots=True)
class Permissions:
    """The permissions of one user in one scope; `None` leaves one to the next wider scope."""

    read: bool | None = None
    write: bool | None = None
    config: bool | None = None
    connect: bool | None = None

    def document(self) -> Document | None:
        """Return what is granted or refused; null if nothing is."""
        pairs = ((name, getattr(self, name)) for name in _NAMES)
        return {name: value for name, value in pairs if value is not None} or None

    def granted(self, change: Datum, *, globally: bool) -> Permissions:
        """Return the permissions after a `grant`.

        Args:
            change: Its last argument.
            globally: Whether the scope is the global one, which alone has `connect`.

        Raises:
            ReqlError: It is no object of permissions.
        """
        if not isinstance(change, dict) or type_name(change) == "PTYPE<BINARY>":
            raise op_failed_error(f"Expected an object, got {pretty_print(change)}.")
        result = self
        for name in _NAMES:
            if name not in change:
                continue
            if name == "connect" and not globally:
                raise op_failed_error("The `connect` permission is only valid at the global scope.")
            value = change[name]
            if value is not None and not isinstance(value, bool):
                raise op_failed_error(
                    f"Expected a boolean or null for `{name}`, got {pretty_print(value)}."
                )
            result = replace(result, **{name: value})
        others = sorted(set(change) - set(_NAMES))
        if others:
            raise op_failed_error(f"Unexpected key(s) `{'`, `'.join(others)}`.")
        return result


NO_PERMISSIONS: Final = Permissions()


UserPermissions: TypeAlias = dict[str, Permissions]
"""The permissions of one user, by scope."""


class Access:
    """The permissions of one user, asked at each operation, so that a change counts at once.

    Args:
        user: The name of the user.
        users: The permissions of all users, by name.
    """

    __slots__ = ("_user", "_users")

    def __init__(self, user: str, users: Mapping[str, UserPermissions]) -> None:
        self._user = user
        self._users = users

    def require_read(self, table: StoredTable) -> None:
        """Check that the user may read a table.

        Raises:
            ReqlError: The user may not.
        """
        if not self._allows("read", *_table_scopes(table)):
            raise self._denied("read")

    def require_write(self, table: StoredTable) -> None:
        """Check that the user may write to a table, which takes the right to read it too.

        Raises:
            ReqlError: The user may not.
        """
        scopes = _table_scopes(table)
        if not (self._allows("read", *scopes) and self._allows("write", *scopes)):
            raise self._denied("write")

    def require_config(
        self, database: Database | None = None, tables: Iterable[StoredTable] = ()
    ) -> None:
        """Check that the user may configure a database and tables in it, or the server.

        Raises:
            ReqlError: The user may not.
        """
        scopes = (GLOBAL,) if database is None else _database_scopes(database.name)
        allowed = self._allows("config", *scopes)
        if not allowed or not all(
            self._allows("config", *_table_scopes(table)) for table in tables
        ):
            raise self._denied("config")

    def require_table_config(self, table: StoredTable) -> None:
        """Check that the user may configure one table.

        Raises:
            ReqlError: The user may not.
        """
        if not self._allows("config", *_table_scopes(table)):
            raise self._denied("config")

    def require_grant(self) -> None:
        """Check that the user may change permissions, which are rows of the system's database.

        Raises:
            ReqlError: The user may not.
        """
        for permission in ("read", "write"):
            if not self._allows(permission, *_database_scopes(SYSTEM_DATABASE)):
                raise self._denied(permission)

    def _allows(self, name: str, *scopes: str) -> bool:
        if self._user == ADMIN:
            return True
        permissions = self._users.get(self._user, {})
        for scope in scopes:
            value = getattr(permissions.get(scope, NO_PERMISSIONS), name)
            if value is not None:
                return bool(value)
        return False

    def _denied(self, permission: str) -> ReqlError:
        return ReqlError(
            ErrorType.PERMISSION_ERROR,
            f"User `{self._user}` does not have the required `{permission}` permission.",
        )


EVERYTHING: Final = Access(ADMIN, {})
"""The access of the administrator, and of the server itself."""


def scope_of(value: Database | StoredTable) -> str:
    """Return the scope of a database's or a table's own permissions."""
    return f"table {value.id}" if isinstance(value, StoredTable) else _database_scope(value.name)


def _database_scope(name: str) -> str:
    return f"database {name}"


def _database_scopes(name: str) -> tuple[str, ...]:
    scope = _database_scope(name)
    return (scope,) if name == SYSTEM_DATABASE else (scope, GLOBAL)


def _table_scopes(table: StoredTable) -> tuple[str, ...]:
    return (scope_of(table), *_database_scopes(table.database))
