"""The server: opens the data file, listens, and closes everything again."""

from __future__ import annotations

import asyncio
import errno
import logging
import socket
import sqlite3
from typing import TYPE_CHECKING

from graphql_api.embedded import terms as _terms  # noqa: F401  registers them
from graphql_api.embedded.catalog import Catalog
from graphql_api.embedded.client_connection import ClientConnection
from graphql_api.embedded.errors import AddressInUseError, DataFileError, ListenError
from graphql_api.embedded.loading import DamagedError
from graphql_api.embedded.storage import open_storage
from graphql_api.embedded.terms.indexes import build_index
from graphql_api.listeners import stop_listening
from graphql_api.masking import mask_password

if TYPE_CHECKING:
    from pathlib import Path
    from typing import Self

    from graphql_api.embedded.storage import Storage

_LOGGER = logging.getLogger(__name__)

_READ_LIMIT = 1024 * 1024
DEFAULT_HANDSHAKE_TIMEOUT_S = 10.0
_CLOSE_TIMEOUT_S = 5.0
_FLUSH_TIMEOUT_S = 5.0


class EmbeddedServer:
    """A small RethinkDB in this process.

    Use it as an async context manager: entering opens the data file and listens; leaving closes
    every connection and changefeed, and the file, and leaves no task behind.

    Args:
        data: The data file, made if there is none; `None` keeps everything in memory.
        host: The address to listen on.
        port: The port to listen on; 0 takes a free one.
        password: The password of the user `admin`, whatever the data file says; `None` is the
            empty one, as in a new RethinkDB.
        handshake_timeout_s: How long a client has to authenticate, in seconds.

    Attributes:
        host: The address it listens on.
        port: The port it listens on.
    """

    def __init__(
        self,
        data: Path | None,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        password: str | None = None,
        handshake_timeout_s: float = DEFAULT_HANDSHAKE_TIMEOUT_S,
    ) -> None:
        self.host = host
        self.port = port
        self._data = data
        self._password = password or ""
        self._handshake_timeout_s = handshake_timeout_s
        self._catalog: Catalog | None = None
        self._listener: asyncio.Server | None = None
        self._connections: set[asyncio.Task[None]] = set()
        self._closing = False

    async def __aenter__(self) -> Self:
        """Open the data file and listen.

        Raises:
            DataFileError: The data file cannot be used.
            AddressInUseError: Another program listens there.
            ListenError: The address cannot be listened on for another reason.
        """
        storage = open_storage(self._data)
        try:
            self._catalog = self._load(storage)
        except BaseException:
            storage.close()
            raise
        try:
            self._catalog.prepare(self._password)
            self._listener = await self._listen()
        except BaseException:
            self._catalog.close()
            raise
        return self

    def _load(self, storage: Storage) -> Catalog:
        try:
            return Catalog(storage, build_index)
        except (sqlite3.Error, DamagedError) as error:
            raise DataFileError(
                f"The data file {self._data} is damaged: {error}. Restore it from a copy, or name "
                "another one."
            ) from error

    async def _listen(self) -> asyncio.Server:
        try:
            listener = await asyncio.start_server(
                self._accept, self.host, self.port, limit=_READ_LIMIT
            )
        except OSError as error:
            where = f"Cannot listen on {mask_password(self.host)}:{self.port}"
            if error.errno == errno.EADDRINUSE:
                raise AddressInUseError(
                    f"{where}: another program does; stop it, or choose another port."
                ) from error
            raise ListenError(f"{where}: {error.strerror or error}.") from error
        self.port = listener.sockets[0].getsockname()[1]
        return listener

    async def __aexit__(self, *_: object) -> None:
        """Close everything; bounded in time."""
        assert self._listener is not None
        assert self._catalog is not None
        self._closing = True
        for task in self._connections:
            task.cancel()
        try:
            await stop_listening(self._listener)
            if self._connections:
                await asyncio.wait(self._connections, timeout=_CLOSE_TIMEOUT_S)
        finally:
            self._catalog.close()

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self._closing:
            writer.transport.abort()
            return
        # Owned by this server: `__aexit__` ends it. Noted in the same step of the loop, so that
        # no connection is ever without an owner.
        task = asyncio.get_running_loop().create_task(self._serve(reader, writer))
        self._connections.add(task)
        task.add_done_callback(self._connections.discard)
        # Not by the task itself: one that is cancelled before its first step does nothing.
        task.add_done_callback(lambda _: writer.transport.abort())

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        assert self._catalog is not None
        try:
            client = writer.get_extra_info("socket")
            client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            client.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
            await ClientConnection(reader, writer, self._catalog, self._handshake_timeout_s).serve()
            writer.close()
            async with asyncio.timeout(_FLUSH_TIMEOUT_S):
                await writer.wait_closed()
        except (OSError, TimeoutError):
            pass  # the client is gone, or does not read what it was sent
        except Exception:
            _LOGGER.exception("A connection failed unexpectedly")
