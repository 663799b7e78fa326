"""Writing documents, for the mutations of all tables.

A mutation's checks and its write are one atomic step: `Store.write` asks again what to write, and
so checks again, if the document has changed since.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from functools import partial
from typing import Annotated, Any, TypeAlias, TypeVar
from uuid import uuid4

from strawberry import UNSET

from graphql_api.errors import (
    ClientError,
    ConflictError,
    DatabaseError,
    DatabaseStorageError,
    DatabaseUnavailableError,
    MaybeWrittenError,
    NotFoundError,
    NotWrittenError,
    OutcomeUnknownError,
    WriteError,
    WriteRefusedError,
)
from graphql_api.feeds.keys import TEXT
from graphql_api.feeds.table import Document, FeedTable
from graphql_api.schema.context import Context
from graphql_api.schema.described import argument
from graphql_api.schema.document import Fields, in_milliseconds, in_words, stored_time, stored_value
from graphql_api.schema.problems import Place
from graphql_api.schema.row_json import as_json
from graphql_api.store import Rewrite, Run, Write, at_once

log = logging.getLogger(__name__)

RowT = TypeVar("RowT")

MakeDocument: TypeAlias = Callable[[Document | None, Place], Document]
"""Makes a document from the stored one, None for a new one; says what is wrong with the arguments
of the mutation, whose place it is given."""

Confirm: TypeAlias = Callable[[Document], Awaitable[ClientError | None]]
"""Looks after a write at what the document depends on in other tables: the error, if that is gone.
RethinkDB has no transaction over two tables, so that no look before the write is enough."""

IfUpdatedAt: TypeAlias = Annotated[
    datetime | None,
    argument(
        "The `updatedAt` that you have read: if it is another one by now, somebody else has "
        "made a change, and you get the error CONFLICT with the current value instead of "
        "overwriting it. Null, if you have read null; absent, the change is made anyway."
    ),
]


async def get(context: Context, table: str, key: str | None) -> Document | None:
    """The document with a text as its key, at this moment, in the database; None if there is none.

    Raises:
        WriteError: The database cannot be read. Nothing was written.
    """
    if not key or TEXT.stored(key) is None:
        return None
    try:
        return await context.store.get(table, key)
    except DatabaseError as error:
        raise failed_write(error) from error


async def find(context: Context, table: str, field: str, value: str) -> list[Document]:
    """The documents that have a value in a field, at this moment, in the database.

    Raises:
        WriteError: The database cannot be read. Nothing was written.
    """
    try:
        return await context.store.find(table, field, value)
    except DatabaseError as error:
        raise failed_write(error) from error


async def create(
    context: Context,
    table: FeedTable[RowT, Any],
    make: MakeDocument,
    *,
    confirm: Confirm | None = None,
) -> RowT:
    """Write a new document, with a new key.

    Raises:
        InvalidInputError: Its values break rules.
        ClientError: That of `confirm`; the document is deleted again.
        WriteError: It was not written, or may not have been.
    """
    key = str(uuid4())
    now = stored_time(in_milliseconds(context.now()))
    document = await context.apart(partial(_made, make, None))
    new = {**document, table.primary_key: key, "created_at": now, "updated_at": now}
    return _row(table, key, await _write_confirmed(context, table, key, lambda _: new, confirm))


async def update(
    context: Context,
    table: FeedTable[RowT, Any],
    key: str,
    make: MakeDocument,
    *,
    if_updated_at: datetime | None,
    confirm: Confirm | None = None,
) -> RowT:
    """Change a document that is there.

    Raises:
        ClientError: That of `confirm`; the document is as it was before.
        ConflictError: It is not the one that `if_updated_at` was read from.
        InvalidInputError: Its new values break rules.
        NotFoundError: There is no such document.
        WriteError: It was not written, or may not have been.
    """

    def change(stored: Document | None) -> Document:
        found = _expected(table, key, stored, if_updated_at)
        return {**_made(make, found), "updated_at": _next_update(found, context.now())}

    _check_key(table, key)
    run = context.apart
    written = await _write_confirmed(context, table, key, change, confirm, run=run)
    return _row(table, key, written)


async def delete(
    context: Context,
    table: FeedTable[RowT, Any],
    key: str,
    *,
    if_updated_at: datetime | None = UNSET,
    check: Callable[[], None] = lambda: None,
) -> Write:
    """Delete a document that is there.

    Args:
        context: Has the database.
        table: Which table.
        key: Which document.
        if_updated_at: As for `update`.
        check: Raises what speaks against it, if it is there.

    Raises:
        ConflictError: It is not the one that `if_updated_at` was read from.
        NotFoundError: There is no such document.
        WriteError: It was not deleted, or may not have been.
    """

    def change(stored: Document | None) -> None:
        _expected(table, key, stored, if_updated_at)
        check()

    _check_key(table, key)
    return await write(context, table, key, change)


async def put(context: Context, table: FeedTable[RowT, Any], key: str, make: MakeDocument) -> RowT:
    """Write a document, whether or not it is there, in a table that keeps no times.

    `make` refuses a key that no document can have.

    Raises:
        InvalidInputError: Its values break rules.
        WriteError: It was not written, or may not have been.
    """
    stored_key = table.key_kind.stored(key)

    def change(stored: Document | None) -> Document:
        return {**_made(make, stored), table.primary_key: stored_value(stored_key)}

    if stored_key is None:
        change(None)  # which raises
    return _row(table, key, await write(context, table, key, change, run=context.apart))


async def write(
    context: Context,
    table: FeedTable[Any, Any],
    key: str,
    change: Rewrite,
    *,
    run: Run = at_once,
) -> Write:
    """Write, and wait until the table's feed has seen it, so that the next query shows it.

    It waits `feed_wait_s` at most, and then goes on as well: the write is done, and the feed is
    late or away.

    Raises:
        WriteError: It was not written, or may not have been.
        ClientError: Whatever `change` raises.
    """
    stored_key = table.key_kind.stored(key)
    assert stored_key is not None, "the caller has looked"
    with context.feeds[table].expect(key) as expected:
        try:
            written = await context.store.write(table.name, stored_key, change, run=run)
        except DatabaseError as error:
            raise failed_write(error) from error
        if not await expected.is_seen(written.old, written.new, context.feed_wait_s):
            log.info("table %s: a write was not seen in %g s", table.name, context.feed_wait_s)
    return written


async def _write_confirmed(
    context: Context,
    table: FeedTable[Any, Any],
    key: str,
    change: Rewrite,
    confirm: Confirm | None,
    *,
    run: Run = at_once,
) -> Write:
    """Write, and take it back if what it depends on is gone by then."""
    written = await write(context, table, key, change, run=run)
    error = None if confirm is None or written.new is None else await confirm(written.new)
    if error is None:
        return written
    await take_back(
        context, table, key, lambda stored: written.old if stored == written.new else stored
    )
    raise error


async def take_back(
    context: Context, table: FeedTable[Any, Any], key: str, change: Rewrite
) -> None:
    """Undo a write.

    Raises:
        MaybeWrittenError: It cannot be undone, or may not have been.
    """
    try:
        await write(context, table, key, change)
    except WriteError as error:
        raise MaybeWrittenError(
            "somebody else has made a change at the same moment that does not go with yours, and "
            "yours could not be taken back: look at what there is before you try again"
        ) from error


def failed_write(error: DatabaseError) -> WriteError:
    """The error that a client gets for a failed write; the reason goes to the log."""
    log.warning("a mutation failed: %s", error)
    if isinstance(error, OutcomeUnknownError):
        return MaybeWrittenError(
            "the connection to the database was lost: whether it was written is not known; look at "
            "what there is before you try again"
        )
    if isinstance(error, DatabaseUnavailableError):
        return NotWrittenError(
            "the database cannot be reached: nothing was written; try again later"
        )
    if isinstance(error, DatabaseStorageError):
        return NotWrittenError(
            "the database cannot store anything, because its disk is full or fails: nothing was "
            "written; its operator must look at it"
        )
    return WriteRefusedError("the database has refused it: nothing was written")


def _made(make: MakeDocument, stored: Document | None) -> Document:
    at = Place(())
    document = make(stored, at)
    at.check()
    return document


def _row(table: FeedTable[RowT, Any], key: str, written: Write) -> RowT:
    assert written.new is not None, "it was not deleted"
    return table.decode(key, written.new)


def _check_key(table: FeedTable[Any, Any], key: str) -> None:
    if table.key_kind.stored(key) is None:
        raise not_found(table)


def not_found(table: FeedTable[Any, Any]) -> NotFoundError:
    """The error of a key that no row has."""
    return NotFoundError(f"there is no {in_words(table.name)} with this key")


def _expected(
    table: FeedTable[Any, Any], key: str, stored: Document | None, if_updated_at: datetime | None
) -> Document:
    """The stored document, if it is there, and as the client has read it."""
    if stored is None:
        raise not_found(table)
    if if_updated_at is not UNSET and if_updated_at != _updated_at(stored):
        raise ConflictError(
            "somebody else has changed it since you have read it",
            current=as_json(table.decode(key, stored)),
        )
    return stored


def _updated_at(stored: Document) -> datetime | None:
    return Fields(stored, []).time("updated_at")


def _next_update(stored: Document, now: datetime) -> Document:
    """The time of an update: later than that of the last one, even within one millisecond."""
    now = in_milliseconds(now)
    last = _updated_at(stored)
    if last is None:
        return stored_time(now)
    try:
        return stored_time(max(now, last + timedelta(milliseconds=1)))
    except OverflowError:
        return stored_time(now)  # the last moment of the year 9999 is no time that anybody has set
