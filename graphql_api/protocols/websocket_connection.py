"""One WebSocket connection of graphql-transport-ws, from its handshake to its end."""

from __future__ import annotations

import asyncio
from typing import assert_never

from starlette.types import Scope

from graphql_api.documents.request import Members
from graphql_api.errors import UnauthenticatedError
from graphql_api.protocols.close import Close
from graphql_api.protocols.connection_operations import ConnectionOperations
from graphql_api.protocols.graphql_transport_ws import (
    Action,
    CloseCode,
    Connect,
    ServerProtocol,
    Start,
    Stop,
)
from graphql_api.protocols.messages import SUBPROTOCOL
from graphql_api.protocols.operation_ids import Reply
from graphql_api.protocols.socket_connection import AcceptedSocket, SocketConnection
from graphql_api.server.receiver import LongText, Message


class WebSocketConnection(SocketConnection):
    """One WebSocket connection of graphql-transport-ws.

    Args:
        accepted: The WebSocket.
    """

    __slots__ = ("_init_timer", "_operations", "_protocol", "_scope")

    def __init__(self, accepted: AcceptedSocket) -> None:
        super().__init__(accepted)
        self._scope: Scope | None = accepted.scope  # until the client is known
        self._protocol = ServerProtocol(max_since=accepted.limits.max_since)
        self._operations = ConnectionOperations(
            self._backend, self._limits, self._protocol, self.sink, self.budget
        )
        self._init_timer: asyncio.TimerHandle | None = None

    @property
    def operations(self) -> int:
        """How many operations are being served."""
        return len(self._operations)

    def begin(self) -> None:
        """Wait for `connection_init`."""
        if SUBPROTOCOL not in (self._scope or {}).get("subprotocols", ()):
            reason = "Subprotocol not acceptable"
            self._end(self._protocol.close(CloseCode.SUBPROTOCOL_NOT_ACCEPTABLE, reason))
            return
        self._init_timer = asyncio.get_running_loop().call_later(
            self._limits.connection_init_timeout_s, self._init_is_late
        )

    def _init_is_late(self) -> None:
        self._end(self._protocol.init_timeout())

    def bookmark(self) -> None:
        """Send each subscription that is not behind the newest cursor; returns at once."""
        self._operations.bookmark()

    def _stop_init_timer(self) -> None:
        if self._init_timer is not None:
            self._init_timer.cancel()
            self._init_timer = None

    def _free(self) -> None:
        self._protocol.connection_lost()
        self._stop_init_timer()
        self._operations.stop_all()

    def _broken(self) -> Close:
        return self._protocol.close(CloseCode.INTERNAL_SERVER_ERROR, "Internal server error")

    async def _handle(self, message: Message) -> Close | None:
        with self.budget.measured():
            action = self._take(message)
        return await self._act(action)

    def _take(self, message: Message) -> Action | None:
        if isinstance(message, str):
            return self._protocol.receive_text(message)
        if isinstance(message, LongText):
            return self._protocol.receive_long_text(*message)
        return self._protocol.receive_bytes()

    async def _act(self, action: Action | None) -> Close | None:
        match action:
            case None:
                pass
            case Reply():
                self._operations.reply(action)
            case Start():
                # Until its document is read, this client is not listened to.
                assert self._session is not None, "the client has been acknowledged"
                await self._operations.begin(action, self._session.principal, self._create_task)
            case Stop(operation):
                self._operations.stop(operation)
            case Connect(payload):
                return await self._connect(payload)
            case Close():
                return action
            case _:
                assert_never(action)
        return None

    async def _connect(self, payload: Members | None) -> Close | None:
        assert self._scope is not None, "the client is not known yet"
        try:
            principal = await self._backend.authenticator.admit(self._scope, payload)
        except UnauthenticatedError as error:
            return self._protocol.forbid(str(error))
        if not self._is_ending:
            self._stop_init_timer()
            self._scope = None
            self.sink.accept_long_texts()
            self._operations.reply(self._protocol.acknowledge())
            self._admit(principal)
        return None

    def _forbid(self, why: str) -> None:
        self._end(self._protocol.forbid(why))
