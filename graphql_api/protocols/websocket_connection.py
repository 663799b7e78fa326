"""One WebSocket that speaks graphql-transport-ws, from its handshake to its end."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from typing import assert_never

from graphql import GraphQLError, OperationType
from starlette.types import Message, Receive, Scope, Send

from graphql_api.auth.authenticator import Hold
from graphql_api.documents.request import Members, Request, refusal
from graphql_api.errors import OverBudgetError, UnauthenticatedError
from graphql_api.execution.operation import RequestError
from graphql_api.execution.responder import Framing
from graphql_api.execution.runner import Asked, Results
from graphql_api.execution.sink import ASGIOutlet, Outlet, outlet_of, writable
from graphql_api.limits.cpu_budget import ClientBudget, charged
from graphql_api.limits.rate_limit import RATE_LIMITED, TokenBucket, rate_limit_text
from graphql_api.protocols import messages
from graphql_api.protocols.backend import Backend
from graphql_api.protocols.graphql_transport_ws import (
    Action,
    Close,
    CloseCode,
    Connect,
    Operation,
    Reply,
    ServerProtocol,
    Start,
    Stop,
)
from graphql_api.protocols.messages import SUBPROTOCOL
from graphql_api.protocols.websocket_limits import Limits
from graphql_api.schema.errors import internal_error
from graphql_api.server.incoming import LONG_TEXT, accept_long_texts

log = logging.getLogger(__name__)

_LOST = Close(1006, "the connection was lost")
"""The end of a connection without a closing handshake, as RFC 6455, 7.1.5 numbers it."""

TOO_MANY_OPERATIONS = "TOO_MANY_OPERATIONS"


class Connection:
    """One socket, from its handshake to its end."""

    __slots__ = (
        "_backend",
        "_began_at_s",
        "_deadline",
        "_end_seen",
        "_hold",
        "_is_ending",
        "_last_word",
        "_limits",
        "_protocol",
        "_queries",
        "_rate",
        "_receive",
        "_scope",
        "_send",
        "_subscriptions",
        "_tasks",
        "_traffic",
        "budget",
        "outlet",
    )

    def __init__(
        self, backend: Backend, limits: Limits, scope: Scope, receive: Receive, send: Send
    ) -> None:
        self._backend = backend
        self._scope = scope
        self._receive = receive
        self._send = send
        self._limits = limits
        self._traffic = backend.traffic
        self._began_at_s = backend.clock()
        # How the other side ended it, unless this side does.
        self._end_seen = _LOST
        self._protocol = ServerProtocol(max_since=limits.max_since)
        self._hold: Hold | None = None
        # Each operation that is being served, and how to stop it.
        self._subscriptions: dict[Operation, Callable[[], object]] = {}
        self._queries: dict[Operation, Callable[[], object]] = {}
        self.budget = backend.budgets.of(scope)
        self._rate = TokenBucket(limits.max_operations_per_s, limits.operation_burst, backend.clock)
        self._tasks = asyncio.TaskGroup()
        self.outlet = outlet_of(
            self._scope,
            self._send,
            write_buffer_bytes=self._limits.write_buffer_bytes,
            send_timeout_s=self._limits.send_timeout_s,
        )
        # The reader waits until then at most: for `connection_init`, or no longer than now.
        self._deadline: asyncio.Timeout | None = None
        self._is_ending = False
        self._last_word: Close | None = None

    @property
    def operations(self) -> int:
        """How many operations are being served."""
        return len(self._subscriptions) + len(self._queries)

    async def run(self) -> None:
        """Serve until the socket is closed, by whomever."""
        if SUBPROTOCOL not in self._scope.get("subprotocols", ()):
            await self._send({"type": "websocket.accept"})
            reason = "Subprotocol not acceptable"
            refusal = Close(CloseCode.SUBPROTOCOL_NOT_ACCEPTABLE, reason)
            await self._close(refusal)
            self._note_end(refusal)
            return
        await self._send({"type": "websocket.accept", "subprotocol": SUBPROTOCOL})
        async with self._tasks:
            writer = None
            if isinstance(self.outlet, ASGIOutlet):
                write = self._write(self.outlet)
                writer = self._tasks.create_task(write, name="WebSocket writer")
            try:
                last_word = await self._read()
            except Exception as error:  # noqa: BLE001 - it is logged there
                internal_error(error, "a WebSocket connection, which ends")
                last_word = self._protocol.close(
                    CloseCode.INTERNAL_SERVER_ERROR, "Internal server error"
                )
            finally:
                self._free()
            if last_word is not None:
                await self._close(last_word)
            if writer is not None:
                writer.cancel()
            self._note_end(last_word or self._end_seen)

    def _note_end(self, end: Close) -> None:
        """Count the end of the connection, and tell the operator why it came."""
        self._traffic.closes[int(end.code)] += 1
        host, port = self._scope.get("client") or ("somewhere", 0)
        lasted_s = round(self._backend.clock() - self._began_at_s, 3)
        reason = self.outlet.lost_because or end.reason
        log.info(
            "the WebSocket of %s port %d ended after %g s: %d %r",
            host,
            port,
            lasted_s,
            end.code,
            reason,
            extra={"client": host, "code": int(end.code), "lasted_s": lasted_s, "reason": reason},
        )

    def close(self, code: int, reason: str) -> None:
        """Free everything, tell the client why, and close the socket; soon, without waiting."""
        if not self._is_ending:
            self._end(self._protocol.close(code, reason))

    def _end(self, last_word: Close | None) -> None:
        """Have the reader stop, unless it does already."""
        self._is_ending = True
        self._last_word = last_word
        if self._deadline is not None and not self._deadline.expired():
            self._deadline.reschedule(asyncio.get_running_loop().time())

    def _free(self) -> None:
        self._is_ending = True
        self._deadline = None
        self._protocol.connection_lost()
        if self._hold is not None:
            self._hold.release()
        stops = [*self._subscriptions.values(), *self._queries.values()]
        self._subscriptions.clear()
        self._queries.clear()
        for stop in stops:
            stop()

    # Reading.

    async def _read(self) -> Close | None:
        """Do what the client asks for, until it has gone (None) or is to be sent away."""
        try:
            async with asyncio.timeout(self._limits.connection_init_timeout_s) as deadline:
                if self._is_ending:
                    return self._last_word
                self._deadline = deadline
                turns = self.budget.listening_turns()
                while True:
                    message = await self._receive()
                    if message["type"] == "websocket.disconnect":
                        # Of a connection that is lost uvicorn says 1005, and no reason at all.
                        if "reason" in message:
                            self._end_seen = Close(message["code"], message["reason"] or "")
                        return None
                    if deadline.expired():
                        continue  # it has come too late
                    with self.budget.measured():
                        action = self._take(message)
                    close = await self._act(action)
                    if close is not None:
                        return close
                    await turns.take()
                    # One that has used its budget is not listened to, either.
                    await self.budget.settle()
                    # A client that asks for more than it takes is not listened to.
                    await writable(self.outlet)
        except TimeoutError:
            if not deadline.expired():
                raise  # not ours
            return self._last_word if self._is_ending else self._protocol.init_timeout()

    def _take(self, message: Message) -> Action | None:
        self._traffic.messages_received += 1
        text = message.get("text")
        long_text = message.get(LONG_TEXT)
        if long_text is not None:
            return self._protocol.receive_long_text(*long_text)
        if text is None:
            return self._protocol.receive_bytes()
        return self._protocol.receive_text(text)

    async def _act(self, action: Action | None) -> Close | None:
        match action:
            case None:
                pass
            case Reply():
                self._reply(action)
            case Start(operation, request, resume_from):
                try:
                    # Until its document is read, this client is not listened to.
                    prepared = await request.prepared(self._backend.documents, self.budget)
                    if self._is_ending:
                        return None
                    with self.budget.measured():
                        self._start(operation, request, resume_from)
                    del prepared  # it is the document, or none
                except OverBudgetError as error:
                    self.fail(operation, [refusal(str(error), error.code)])
                except GraphQLError as error:
                    self.fail(operation, [error])
                except Exception as error:  # noqa: BLE001 - it is logged there
                    self.fail(operation, [internal_error(error, "an operation over WebSocket")])
            case Stop(operation):
                self._stop(operation)
            case Connect(payload):
                return await self._connect(payload)
            case Close():
                return action
            case _:
                assert_never(action)
        return None

    async def _connect(self, payload: Members | None) -> Close | None:
        try:
            principal = await self._backend.access.admit(self._scope, payload)
        except UnauthenticatedError as error:
            return self._protocol.forbid(str(error))
        if not self._is_ending:
            assert self._deadline is not None
            self._deadline.reschedule(None)
            accept_long_texts(self._scope)
            self._reply(self._protocol.acknowledge())
            self._hold = self._backend.access.hold(principal, self._forbid)
        return None

    def _forbid(self, why: str) -> None:
        if not self._is_ending:
            self._end(self._protocol.forbid(why))

    # Operations.

    def _start(self, operation: Operation, request: Request, resume_from: str | None) -> None:
        """Begin to serve an operation whose id has been reserved."""
        if not self._rate.take():
            text = rate_limit_text(self._limits.max_operations_per_s)
            self.fail(operation, [refusal(text, RATE_LIMITED)])
            return
        limit = self._limits.max_held_chars
        if self._protocol.held_chars > limit:
            text = f"the operations of this socket may have {limit} characters together"
            self.fail(operation, [refusal(text, TOO_MANY_OPERATIONS)])
            return
        try:
            document, definition = request.operation(self._backend.documents)
        except GraphQLError as error:
            self.fail(operation, [error])
            return
        is_subscription = definition.operation is OperationType.SUBSCRIPTION
        if is_subscription:
            running, limit = self._subscriptions, self._limits.max_subscriptions
        else:
            running, limit = self._queries, self._limits.max_queries
        if len(running) >= limit:
            kind = "subscriptions" if is_subscription else "queries and mutations"
            text = f"this socket has {limit} {kind} already, and may not have more"
            self.fail(operation, [refusal(text, TOO_MANY_OPERATIONS)])
            return
        assert self._hold is not None, "the client has been acknowledged"
        asked = self._backend.asked(
            request,
            document,
            definition.operation,
            principal=self._hold.principal,
            budget=self.budget,
            resume_from=resume_from,
        )
        task = self._tasks.create_task(
            self._serve(operation, asked), name=f"operation {operation.id}"
        )
        running[operation] = task.cancel

    def _stop(self, operation: Operation) -> None:
        for running in (self._subscriptions, self._queries):
            stop = running.pop(operation, None)
            if stop is not None:
                stop()

    async def _serve(self, operation: Operation, asked: Asked) -> None:
        """Serve an operation to its end; a shared subscription until it is begun."""
        try:
            await self.budget.pause()
            await charged(self._run(operation, asked), self.budget)
        except RequestError as error:
            self.fail(operation, error.errors)
        except OverBudgetError as error:
            self.fail(operation, [refusal(str(error), error.code)])
        except Exception as error:  # noqa: BLE001 - it is logged there
            self.fail(operation, [internal_error(error, "an operation over WebSocket")])
        finally:
            if not self._protocol.is_active(operation):
                self._queries.pop(operation, None)
                self._subscriptions.pop(operation, None)

    async def _run(self, operation: Operation, asked: Asked) -> None:
        begun = await self._backend.runner.begin(asked)
        responder = _Responder(self, operation)
        if isinstance(begun, Results):
            await begun.send(responder)
            return
        stop = begun.send(responder)
        if self._protocol.is_active(operation):
            self._subscriptions[operation] = stop
        else:  # the socket is about to be closed
            stop()

    # Writing.

    async def _write(self, outlet: ASGIOutlet) -> None:
        try:
            await outlet.run()
        except (OSError, RuntimeError):
            pass  # as in `_close`
        except Exception:
            log.exception("a WebSocket connection ends, since its server does not send")
        self._end(None)

    def next(self, operation: Operation, framing: Framing, payload: bytes) -> None:
        """Send one result, unless the operation is over."""
        if self._protocol.is_active(operation):
            self._write_text(framing.prefix + payload + framing.suffix)

    def fail(self, operation: Operation, errors: Sequence[GraphQLError]) -> None:
        """End an operation, unless it is over, and tell the client why."""
        self._subscriptions.pop(operation, None)
        self._reply(self._protocol.error(operation, errors))

    def complete(self, operation: Operation) -> None:
        """End an operation, unless it is over, as the client expects."""
        self._reply(self._protocol.complete(operation))

    def _reply(self, reply: Reply | None) -> None:
        if reply is not None:
            self._write_text(reply.text)

    def _write_text(self, text: bytes) -> None:
        self._traffic.messages_sent += 1
        self._traffic.bytes_sent += len(text)
        self.outlet.write_text(text)

    async def _close(self, close: Close) -> None:
        message = {"type": "websocket.close", "code": int(close.code), "reason": close.reason}
        try:
            async with asyncio.timeout(self._limits.close_timeout_s):
                await self.outlet.flush()
                if not self.outlet.is_closed:
                    await self._send(message)
        except (OSError, RuntimeError):
            # It has gone, or takes nothing any more (TimeoutError is an OSError), or the server has
            # closed it by itself, at a frame that is broken, which uvicorn's RuntimeError says.
            self.outlet.abort()


class _Responder:
    """Writes the results of one operation as messages."""

    __slots__ = ("_connection", "_operation", "framing")

    def __init__(self, connection: Connection, operation: Operation) -> None:
        self._connection = connection
        self._operation = operation
        self.framing = Framing(messages.next_prefix(operation.id), messages.NEXT_SUFFIX)

    @property
    def outlet(self) -> Outlet:
        return self._connection.outlet

    @property
    def budget(self) -> ClientBudget:
        return self._connection.budget

    def next(self, payload: bytes) -> None:
        self._connection.next(self._operation, self.framing, payload)

    def fail(self, errors: Sequence[GraphQLError]) -> None:
        self._connection.fail(self._operation, errors)

    def complete(self) -> None:
        self._connection.complete(self._operation)
