"""A connection to the database whose every wait is bounded, and that leaves nothing behind.

The driver's connection is a socket, a task that reads replies from it, and futures that wait for
them. Three of its habits shape this file:

- To cancel a pending query breaks it: the reply finds a cancelled future, the reader task
  fails on it and closes everything. So a query that is cancelled, or out of time, takes its
  connection with it here, at once and knowingly (`_discard`).
- Its `close` can hang, raise, or leave the reader task behind. So closing is a job with a time
  limit, and afterwards the socket is aborted and the tasks are ended whatever came of it (`_end`).
- Its timeouts are asyncio.wait_for, which on Python 3.11 can swallow a cancellation. So none of
  them runs in a caller's task: connecting has a task of its own, and a stream waits without it.

All that reaches for the driver's internals is here and in `stream`, marked `SLF001`, each with its
reason.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rethinkdb.errors import ReqlError

from graphql_api.cancellation import to_its_end
from graphql_api.errors import DatabaseUnavailableError
from graphql_api.files import UnreadableFileError, read_file
from graphql_api.rethink.driver_connection import DriverConnection
from graphql_api.rethink.driver_errors import not_connected, translated
from graphql_api.rethink.nodes import Node
from graphql_api.rethink.query_names import Observe, names_of
from graphql_api.rethink.stream import RowStream
from graphql_api.rethink.url import DatabaseURL
from graphql_api.settings.database import DatabaseSettings

logger = logging.getLogger(__name__)


_DEFAULT = DatabaseSettings()


@dataclass(frozen=True, slots=True, kw_only=True)
class Timeouts:
    """The time limits of a connection, in seconds.

    Attributes:
        connect_s: For name, TCP, TLS and handshake together.
        query_s: For the reply to one query, or for one more batch of its rows.
        close_s: For a clean end, after which the socket is aborted.
    """

    connect_s: float = _DEFAULT.database_timeout_s
    query_s: float = _DEFAULT.database_timeout_s
    close_s: float = 2.0


DEFAULT_TIMEOUTS = Timeouts()


@asynccontextmanager
async def connected(
    node: Node, url: DatabaseURL, timeouts: Timeouts
) -> AsyncIterator[DatabaseConnection]:
    """A connection to one node, until the context is left.

    Raises:
        DatabaseUnavailableError: It does not come about within `connect_s`.
        DatabaseRefusedError: The user is not known, or the password is wrong.
    """
    if url.ca_certs:
        try:
            # The driver would open whatever is there by now, and wait for a FIFO for ever.
            read_file(Path(url.ca_certs))
        except UnreadableFileError as error:
            raise not_connected(node, f": the file of ca_certs: {error}") from error
    # Not `r.connect`: it hands out the connection only once that is up, and there would be no hold
    # on the socket of one that is cancelled half-way.
    driver = DriverConnection(node, url.password, url.ca_certs)
    attempt = asyncio.ensure_future(driver.reconnect(noreply_wait=False))
    connection = DatabaseConnection(driver, attempt, node, timeouts)
    try:
        await asyncio.wait({attempt}, timeout=timeouts.connect_s)
        if not attempt.done():
            raise not_connected(node, f" within {timeouts.connect_s:g} s")
        try:
            attempt.result()
        except ReqlError as error:
            raise translated(error, node) from error
        except OSError as error:  # the driver's own clean-up can fail, and hide why it began
            raise not_connected(node, f": {error}") from error
        yield connection
    finally:
        await to_its_end(connection._end())  # noqa: SLF001 - a part of it, in its file


class DatabaseConnection:
    """An open connection; `graphql_api.rethink.failover.connect` makes one.

    Queries may run side by side. The first that is cancelled or gets no reply in time ends them
    all: every later one raises DatabaseUnavailableError.

    Attributes:
        node: Where it leads to.
        observe: Surrounds each query of `run`, by its names; nothing does, if absent.
    """

    def __init__(
        self, driver: Any, attempt: asyncio.Task[Any], node: Node, timeouts: Timeouts
    ) -> None:
        self.node = node
        self.observe: Observe | None = None
        self._driver = driver
        self._timeouts = timeouts
        self._attempt = attempt
        self._answers: set[asyncio.Task[Any]] = set()

    async def run(self, term: Any, **options: Any) -> Any:
        """The value that a query answers with; for a sequence use `stream`.

        Args:
            term: A ReQL term, made from `graphql_api.rethink.driver.r`.
            options: Global arguments of the query, such as `max_batch_rows`.

        Raises:
            DatabaseUnavailableError: No reply within `query_s`, or the connection is lost.
            DatabaseRefusedError: A permission is missing.
            TableMissingError: The database or table does not exist.
            DatabaseError: Any other error that the server answers with.
        """
        if self.observe is None:
            return await self._run(term, options)
        with self.observe(*names_of(term)):
            return await self._run(term, options)

    async def _run(self, term: Any, options: Mapping[str, Any]) -> Any:
        self._check_open()
        try:
            async with asyncio.timeout(self._timeouts.query_s):
                return await term.run(self._driver, **options)
        except ReqlError as error:
            raise translated(error, self.node) from error
        except TimeoutError as error:
            self._discard()
            raise DatabaseUnavailableError(
                f"no answer from {self.node.address} within {self._timeouts.query_s:g} s"
            ) from error
        except asyncio.CancelledError:
            self._discard()
            raise

    @asynccontextmanager
    async def stream(self, term: Any, **options: Any) -> AsyncIterator[RowStream]:
        """The rows of a sequence or a changefeed, until the context is left; sends STOP then.

        Raises:
            DatabaseError: As from `run`.
        """
        stream = RowStream(await self.run(term, **options), self)
        try:
            yield stream
        finally:
            await stream.close()

    def ask_server(self) -> asyncio.Future[Any]:
        """Ask the server for its name, which costs it nothing: the answer shows that it lives.

        Returns:
            The answer, or DatabaseUnavailableError when the connection is lost. There is no time
            limit. The connection owns the task behind it: wait for it with `asyncio.wait`, which
            leaves it alone when the waiter is cancelled.
        """
        answer = asyncio.ensure_future(self._server())
        self._answers.add(answer)
        answer.add_done_callback(self._answers.discard)
        answer.add_done_callback(_retrieve)
        return answer

    async def _server(self) -> Any:
        self._check_open()
        try:
            return await self._driver.server()
        except ReqlError as error:
            raise translated(error, self.node) from error

    @property
    def is_open(self) -> bool:
        """Whether it can be used, as far as is known: neither side has closed it or given it up."""
        # The driver notices a reset one step of the loop later; until then it would write to a
        # closed transport, which on uvloop is a RuntimeError.
        instance = self._driver._instance  # noqa: SLF001
        if instance is None or instance._streamwriter.transport.is_closing():  # noqa: SLF001
            return False
        return bool(self._driver.is_open())

    def _check_open(self) -> None:
        if not self.is_open:
            raise DatabaseUnavailableError(f"the connection to {self.node.address} is lost")

    def _discard(self) -> None:
        # The reader task sees the end of its stream, and fails whatever else is pending.
        _abort(self._driver._instance)  # noqa: SLF001 - see there

    async def _end(self) -> None:
        """Free the socket and every task of the driver, within `close_s` and a little."""
        limit_s = self._timeouts.close_s
        if not self._attempt.done():
            # Aborted too: its wait_for may swallow the cancellation, and wait for a reply again.
            self._attempt.cancel()
            _abort(self._driver._instance)  # noqa: SLF001 - see there
            await asyncio.wait({self._attempt}, timeout=limit_s)
        tasks = {self._attempt}
        # `close` makes the driver forget this object, and with it the reader task.
        instance = self._driver._instance  # noqa: SLF001
        if instance is not None and instance._streamwriter is not None:  # noqa: SLF001 - the socket
            closing = asyncio.ensure_future(self._driver.close(noreply_wait=False))
            await asyncio.wait({closing}, timeout=limit_s)
            closing.cancel()
            _abort(instance)
            tasks |= {closing, *self._answers}
            if instance._reader_task is not None:  # noqa: SLF001 - see above
                tasks.add(instance._reader_task)  # noqa: SLF001
        await asyncio.wait(tasks, timeout=limit_s)
        for task in tasks:
            if task.done():
                _retrieve(task)
            else:
                logger.error("a task of the driver does not end: %r", task)


def _abort(instance: Any) -> None:
    """Drop the socket, if there is one yet; the driver only closes politely."""
    if instance is not None and instance._streamwriter is not None:  # noqa: SLF001
        # A TLS transport that has been closed twice forgets its protocol, and Python 3.11.2
        # stumbles over that here; its end has begun then.
        with suppress(AttributeError):
            instance._streamwriter.transport.abort()  # noqa: SLF001


def _retrieve(task: asyncio.Task[Any]) -> None:
    """Look at the exception of a task, so that asyncio does not report it as never retrieved."""
    if not task.cancelled() and (error := task.exception()) is not None:
        logger.debug("a connection's task ended with %r", type(error))
