"""The driver's connection, which is led to one address of a node.

The driver resolves a host by itself, takes whichever of its addresses comes first, and checks the
certificate for what it has connected to. Here the caller chooses the address, and the certificate
must be for the name that the operator wrote.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
from typing import Any, Final

from rethinkdb.asyncio_net import net_asyncio
from rethinkdb.errors import ReqlAuthError, ReqlDriverError

from graphql_api.rethink.decoder import PlainDecoder
from graphql_api.rethink.nodes import Node

_HANDSHAKE_V1_0: Final = 10


class DriverConnection(net_asyncio.Connection):  # type: ignore[misc]
    """A connection of the driver to one node; `reconnect` opens it.

    Args:
        node: Where to.
        password: That of the node's user.
        ca_certs: A file of CA certificates, for TLS.
    """

    def __init__(self, node: Node, password: str, ca_certs: str | None) -> None:
        super().__init__(
            node.host,
            node.port,
            None,  # queries name their database
            None,
            node.user,
            # RethinkDB has hashed the password in UTF-8; the driver hashes it in latin-1. So it
            # gets a text whose latin-1 is the password's UTF-8.
            password.encode().decode("latin-1"),
            None,  # the caller has a time limit
            {},
            _HANDSHAKE_V1_0,
            json_decoder=PlainDecoder,
        )
        self.node = node
        self.ca_certs = ca_certs
        self._conn_type = _Instance


class _Instance(net_asyncio.ConnectionInstance):  # type: ignore[misc]
    """The driver's socket, and what reads from it."""

    async def connect(self, timeout: float | None) -> Any:  # noqa: ARG002, ASYNC109 - the driver's
        """Connect to the node's address, and shake hands (V1_0)."""
        node: Node = self._parent.node
        try:
            tls: dict[str, Any] = {}
            if self._parent.ca_certs is not None:
                context = ssl.create_default_context(cafile=self._parent.ca_certs)
                tls = {"ssl": context, "server_hostname": node.host}
            self._streamreader, self._streamwriter = await asyncio.open_connection(
                node.ip, node.port, **tls
            )
            peer = self._streamwriter.get_extra_info("socket")
            peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            peer.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
            await self._shake_hands()
        except ReqlAuthError:
            raise
        except Exception as error:
            # In the driver's words, which `driver_errors` knows.
            reason = f"Could not connect to {node.host}:{node.port}. Error: {error}"
            raise ReqlDriverError(reason) from error
        self._reader_task = asyncio.ensure_future(self._reader())
        return self._parent

    async def _shake_hands(self) -> None:
        handshake = self._parent.handshake
        handshake.reset()
        message = handshake.next_message(None)
        while message is not None:
            if message != "":  # two messages go up at once, and are answered one by one
                self._streamwriter.write(message)
            try:
                answer = (await self._streamreader.readuntil(b"\0"))[:-1]
            except asyncio.IncompleteReadError as error:
                answer = error.partial  # which the decoder says something about
            message = handshake.next_message(answer)
