"""The server: opens the data file, listens, and closes everything again."""

from __future__ import annotations

import asyncio
import errno
import logging
import socket
from typing import TYPE_CHECKING

from graphql_api.embedded import terms as _terms  # noqa: F401  registers them
from graphql_api.embedded.catalog import Catalog
from graphql_api.embedded.connection import Connection
from graphql_api.embedded.errors import AddressInUseError
from graphql_api.embedded.storage import open_storage
from graphql_api.embedded.terms.indexes import build_index

if TYPE_CHECKING:
    from pathlib import Path
    from types import TracebackType
    from typing import Self

_LOGGER = logging.getLogger(__name__)

_READ_LIMIT = 1024 * 1024
DEFAULT_HANDSHAKE_TIMEOUT_S = 10.0
_CLOSE_TIMEOUT_S = 5.0


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

    async def __aenter__(self) -> Self:
        """Open the data file and listen.

        Raises:
            DataFileError: The data file cannot be used.
            AddressInUseError: Another program listens there.
            OSError: The address cannot be listened on for another reason.
        """
        storage = open_storage(self._data)
        try:
            self._catalog = Catalog(storage, build_index)
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

    async def _listen(self) -> asyncio.Server:
        try:
            listener = await asyncio.start_server(
                self._accept, self.host, self.port, limit=_READ_LIMIT
            )
        except OSError as error:
            if error.errno == errno.EADDRINUSE:
                raise AddressInUseError(
                    f"Cannot listen on {self.host}:{self.port}: another program does; stop it, "
                    "or choose another port."
                ) from error
            raise
        self.port = listener.sockets[0].getsockname()[1]
        return listener

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Close everything; bounded in time."""
        assert self._listener is not None
        assert self._catalog is not None
        self._listener.close()
        try:
            for task in self._connections:
                task.cancel()
            if self._connections:
                await asyncio.wait(self._connections, timeout=_CLOSE_TIMEOUT_S)
        finally:
            self._catalog.close()

    async def serve_forever(self) -> None:
        """Wait until cancelled; connections are served meanwhile, as they are without this."""
        await asyncio.get_running_loop().create_future()

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        # asyncio makes this a task; it is noted so that leaving the server can end it.
        task = asyncio.current_task()
        assert task is not None
        assert self._catalog is not None
        self._connections.add(task)
        try:
            peer = writer.get_extra_info("socket")
            if peer is not None and peer.family in (socket.AF_INET, socket.AF_INET6):
                peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            connection = Connection(reader, writer, self._catalog, self._handshake_timeout_s)
            await connection.serve()
        except asyncio.CancelledError:
            pass  # the server closes; asyncio would log a task of its own that ends cancelled
        except Exception:
            _LOGGER.exception("A connection failed unexpectedly")
        finally:
            writer.transport.abort()
            self._connections.discard(task)
