"""Errors of the driver, translated into those of `graphql_api.errors`.

One class of the driver stands for many things, and one thing is reported by many classes: a lost
connection is a ReqlDriverError on a pending query, a plain ReqlRuntimeError on a cursor, and an
OSError while closing. Only the texts distinguish them; those are the server's and the driver's own.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final, Protocol

from rethinkdb import errors

from graphql_api.errors import (
    DatabaseError,
    DatabaseRefusedError,
    DatabaseStorageError,
    DatabaseUnavailableError,
    FeedLostError,
    TableMissingError,
)

_MAX_CHARACTERS: Final = 300

_MISSING = re.compile(r"(Table|Database) `([^`]*)` does not exist")
_EXISTS = re.compile(r"(Table|Database|Index) `[^`]*` already exists")
_UNEXPECTED: Final = "Unexpected exception: "
"""So RethinkDB begins an internal error; to open a changefeed of a table that the user may not read
is one (src/rdb_protocol/changefeed.cc, `client_t::new_stream`)."""
_FORBIDDEN = re.compile(r"User `[^`]*` does not have the required `\w+` permission")
_AMBIGUOUS = re.compile(r"(Table|Database) `([^`]*)` is ambiguous")
_FEED_ENDED = re.compile(
    r"Changefeed aborted|There is no table with the given name|Token -?\d+ not in stream cache"
)
_NOT_STORED = re.compile(r"Cannot write the data file ")
"""So the embedded database begins; a RethinkDB whose disk is full ends."""
_CONNECTION_LOST = re.compile(r"Connection is closed|Connection interrupted")
_REFUSED = re.compile(r"Connect call failed|[Cc]onnection refused")
CHECK: Final = "; check that RethinkDB runs, and the database URL"
"""So the text of an attempt to connect that failed ends."""
_NOT_CONNECTED = re.compile(r"Could not connect to .*?(?:\. Error: |, )", re.DOTALL)


class NamedNode(Protocol):
    """The node that an error is about."""

    @property
    def address(self) -> str:
        """How messages name it."""

    @property
    def user(self) -> str:
        """The name of the user that is logged in there."""


class AlreadyExistsError(DatabaseError):
    """Somebody else has created the same database, table or index."""


def translated(error: Exception, node: NamedNode) -> DatabaseError:
    """The error of ours that says what an error of the driver, or of its socket, means.

    Its text is one line, without any part of the query.
    """
    text = _one_line(error)
    if _NOT_CONNECTED.match(_message(error)) and not isinstance(error, errors.ReqlAuthError):
        return not_connected(node, f": {_reason(text)}")
    if isinstance(error, OSError | EOFError):
        # Before the driver's classes: a ReqlTimeoutError of a query is a TimeoutError too.
        return DatabaseUnavailableError(f"the connection to {node.address} is lost: {text}")
    is_refused = isinstance(error, errors.ReqlAuthError | errors.ReqlPermissionError)
    if is_refused or _FORBIDDEN.search(text):
        reason = text.removeprefix(_UNEXPECTED)
        return DatabaseRefusedError(
            f"the database at {node.address} refuses the user {node.user!r}: {reason}"
        )
    if ambiguous := _AMBIGUOUS.match(text):
        kind, name = ambiguous[1].lower(), ambiguous[2]
        config = "table_config" if kind == "table" else "db_config"
        return DatabaseError(
            f"there are several {kind}s named {name}; give all but one another name, by their ids, "
            f"in rethinkdb.{config}"
        )
    if missing := _MISSING.match(text):
        kind, name = missing.groups()
        return TableMissingError(
            f"the {kind.lower()} {name} does not exist; `graphql-api init` creates it"
        )
    if _EXISTS.match(text):
        return AlreadyExistsError(text)
    if _FEED_ENDED.match(text):
        return FeedLostError(f"the changefeed has ended: {text}")
    if _CONNECTION_LOST.match(text):
        return DatabaseUnavailableError(f"the connection to {node.address} is lost: {text}")
    if _NOT_STORED.match(text):
        return DatabaseStorageError(text)
    if isinstance(error, errors.ReqlAvailabilityError):
        return DatabaseUnavailableError(f"the database at {node.address} is not available: {text}")
    return DatabaseError(f"the database at {node.address} gave an error: {text}")


def reason_of(result: Mapping[str, Any]) -> str:
    """Why a row was not written, by the result of the write, which is no error of the driver's.

    The lines after the first hold the document, with its passwords.
    """
    reason: str = result["first_error"]
    return reason.partition("\n")[0]


def not_connected(node: NamedNode, reason: str) -> DatabaseUnavailableError:
    """The error of an attempt to connect, with what to check.

    Args:
        node: What was to be reached.
        reason: Why it was not, as the text goes on after the address.
    """
    return DatabaseUnavailableError(f"no connection to {node.address}{reason}{CHECK}")


def _reason(text: str) -> str:
    return "no server listens there" if _REFUSED.search(text) else text.removesuffix(".")


def _message(error: Exception) -> str:
    # str() of a ReqlError draws the query with the failing term underlined, and can itself raise.
    return str(error.message) if isinstance(error, errors.ReqlError) else str(error)


def _one_line(error: Exception) -> str:
    text = " ".join(_NOT_CONNECTED.sub("", _message(error), count=1).split())
    text = text or type(error).__name__
    return text if len(text) <= _MAX_CHARACTERS else text[: _MAX_CHARACTERS - 1] + "…"
