"""Users and their passwords: the table `rethinkdb.users`.

A row reads `{id, password}`, where `password` only says whether there is one. What is kept of a
password is its salted hash, apart from the row. What a user may do is in `permissions.py`.

Source: src/clustering/administration/auth/user.cc, password.cc,
users_artificial_table_backend.cc.
"""

from __future__ import annotations

import hashlib
import hmac
import os
from dataclasses import dataclass

from graphql_api.embedded.datum import Datum, Document, pretty_print
from graphql_api.embedded.errors import op_failed_error

ADMIN = "admin"
DEFAULT_ITERATIONS = 4096
SALT_LENGTH = 16
MAX_ITERATIONS = 1_000_000
"""A limit of this server: hashing holds up its event loop, for about half a second at most."""


@dataclass(frozen=True, slots=True)
class Credentials:
    """The salted hash that is kept of a password.

    Attributes:
        salt: Random bytes.
        iterations: How often it was hashed.
        salted_password: The result (RFC 5802).
        is_empty: Whether the password is the empty one.
    """

    salt: bytes
    iterations: int
    salted_password: bytes
    is_empty: bool

    def matches(self, password: str) -> bool:
        """Return whether this was made of a password."""
        salted = hashlib.pbkdf2_hmac("sha256", password.encode(), self.salt, self.iterations)
        return hmac.compare_digest(salted, self.salted_password)


def credentials_for(password: str, iterations: int | None = None) -> Credentials:
    """Return credentials of a new password; hashing an empty one once is enough."""
    if iterations is None:
        iterations = DEFAULT_ITERATIONS if password else 1
    salt = os.urandom(SALT_LENGTH)
    salted = hashlib.pbkdf2_hmac("sha256", password.encode(), salt, iterations)
    return Credentials(salt, iterations, salted, not password)


def unknown_user_credentials() -> Credentials:
    """Return credentials that nothing matches, for a handshake that reveals no user names."""
    return Credentials(os.urandom(SALT_LENGTH), DEFAULT_ITERATIONS, bytes(32), is_empty=False)


def user_row(name: str, credentials: Credentials) -> Document:
    """Return the row of the table `users`."""
    return {"id": name, "password": not credentials.is_empty}


def accept_user(
    row: Document, current: Credentials | None, *, generated_key: bool
) -> tuple[str, Credentials]:
    """Check a row that is to be written.

    Args:
        row: The row.
        current: The user's credentials, `None` for a new user.
        generated_key: Whether the row came without an `id`.

    Returns:
        The user's name and credentials.

    Raises:
        ReqlError: The row is not one of a user.
    """
    name = row["id"]
    if not isinstance(name, str) or not name or generated_key:
        raise op_failed_error(f"Expected a username as the primary key, got {pretty_print(name)}.")
    if "password" not in row:
        raise op_failed_error("Expected a field named `password`.")
    _refuse_others(row, {"id", "password"})
    return name, _accept_password(row["password"], current)


def _accept_password(password: Datum, current: Credentials | None) -> Credentials:
    if isinstance(password, bool):
        if not password:
            return credentials_for("")
        if current is None or current.is_empty:
            raise op_failed_error(
                "Expected an object or string to set the password, or `false` to keep it unset, "
                "got true."
            )
        return current
    if isinstance(password, str):
        return credentials_for(password)
    if isinstance(password, dict):
        return _accept_password_object(password)
    raise op_failed_error(
        f"Expected an object, string or boolean for `password`, got {pretty_print(password)}."
    )


def _accept_password_object(value: Document) -> Credentials:
    if "iterations" not in value:
        raise op_failed_error("Expected a field named `iterations`.")
    iterations = value["iterations"]
    if isinstance(iterations, bool) or not isinstance(iterations, int) or iterations < 1:
        raise op_failed_error(
            "Expected `iterations` to be an integer greater than zero, got "
            f"{pretty_print(iterations)}."
        )
    if iterations > MAX_ITERATIONS:
        raise op_failed_error(
            f"Expected `iterations` to be at most {MAX_ITERATIONS}, got {iterations}."
        )
    if "password" not in value:
        raise op_failed_error("Expected a field named `password`.")
    password = value["password"]
    if not isinstance(password, str):
        raise op_failed_error(f"Expected `password` to be a string, got {pretty_print(password)}.")
    _refuse_others(value, {"iterations", "password"})
    return credentials_for(password, iterations)


def _refuse_others(value: Document, known: set[str]) -> None:
    others = sorted(set(value) - known)
    if others:
        raise op_failed_error(f"Unexpected key(s) `{'`, `'.join(others)}`.")
