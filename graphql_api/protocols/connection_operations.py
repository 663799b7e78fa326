"""The operations of one connection: begun within its limits, answered, and stopped."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from contextlib import closing
from typing import Any, TypeAlias

from graphql import GraphQLError, OperationType

from graphql_api.auth.principal import Principal
from graphql_api.documents.request import refusal
from graphql_api.errors import OverBudgetError
from graphql_api.execution.encoder import RequestError
from graphql_api.execution.group import Member
from graphql_api.execution.responder import Framing
from graphql_api.execution.runner import RequestedOperation, Results
from graphql_api.execution.sink import Sink
from graphql_api.limits.client_limits import ClientLimits
from graphql_api.limits.cpu_budget import ClientBudget, charged
from graphql_api.limits.token_bucket import RATE_LIMITED, rate_limit_text
from graphql_api.protocols.backend import Backend
from graphql_api.protocols.connection_responder import ConnectionResponder
from graphql_api.protocols.graphql_transport_ws import Start
from graphql_api.protocols.operation_ids import Operation, OperationIds, Reply
from graphql_api.schema.errors import internal_error

TOO_MANY_OPERATIONS = "TOO_MANY_OPERATIONS"

QUERIES_AT_ONCE = 8
"""How many queries of one connection are executed, or wait until it has room for their answers, at
the same time. The others wait in their order, and take little memory. A browser sends a server six
requests at the same time."""

CreateTask: TypeAlias = Callable[[Coroutine[Any, Any, None], str], asyncio.Task[None]]
"""Makes a task of the connection, with a name."""
_Server: TypeAlias = asyncio.Task[None] | Member
"""What serves an operation."""


def _stop(server: _Server) -> None:
    if isinstance(server, Member):
        server.leave()
    else:
        server.cancel()


class ConnectionOperations:
    """The operations of one WebSocket, or of one event stream that has several.

    Args:
        backend: What stands behind it.
        limits: What the connection may use.
        protocol: The state of the connection, which knows the ids in use.
        sink: What messages are written to.
        budget: What the client's operations are charged to.
    """

    __slots__ = (
        "_backend",
        "_executing",
        "_limits",
        "_protocol",
        "_queries",
        "_rate",
        "_subscriptions",
        "_traffic",
        "budget",
        "sink",
    )

    def __init__(
        self,
        backend: Backend,
        limits: ClientLimits,
        protocol: OperationIds,
        sink: Sink,
        budget: ClientBudget,
    ) -> None:
        self._backend = backend
        self._limits = limits
        self._protocol = protocol
        self._traffic = backend.traffic
        self.sink = sink
        self.budget = budget
        self._rate = limits.rate(backend.clock)
        self._executing: asyncio.Semaphore | None = None  # few connections have queries
        # Each operation that is being served, and what serves it.
        self._subscriptions: dict[Operation, _Server] = {}
        self._queries: dict[Operation, _Server] = {}

    def __len__(self) -> int:
        return len(self._subscriptions) + len(self._queries)

    # Beginning.

    async def begin(self, start: Start, principal: Principal, create_task: CreateTask) -> None:
        """Begin to serve an operation whose id has been reserved; until its document is read.

        Args:
            start: The operation.
            principal: The client.
            create_task: Makes the task that serves it.
        """
        operation, request = start.operation, start.request
        try:
            prepared = await request.prepare(self._backend.documents, self.budget)
            if not self._protocol.is_active(operation):  # the connection has been closed
                return
            with self.budget.measured():
                asked = self._admitted(start, principal)
                task = create_task(self._serve(operation, asked), f"operation {operation.id}")
                self._of_kind(asked.kind)[operation] = task
            del prepared  # it is the document, or none
        except OverBudgetError as error:
            self.fail(operation, [refusal(str(error), error.code)])
        except GraphQLError as error:
            self.fail(operation, [error])
        except Exception as error:  # noqa: BLE001 - it is logged there
            self.fail(operation, [internal_error(error, self._place)])

    def _admitted(self, start: Start, principal: Principal) -> RequestedOperation:
        """The operation to execute, if the limits allow another one.

        Raises:
            GraphQLError: They do not, or the document is none.
        """
        if not self._rate.take():
            raise refusal(rate_limit_text(self._limits.max_operations_per_s), RATE_LIMITED)
        limit = self._limits.max_message_bytes
        if self._protocol.held_chars > limit:
            connection = self._protocol.connection
            text = f"the operations of this {connection} may have {limit} characters together"
            raise refusal(text, TOO_MANY_OPERATIONS)
        document, definition = start.request.operation(self._backend.documents)
        kind = definition.operation
        is_subscription = kind is OperationType.SUBSCRIPTION
        limit = self._limits.max_subscriptions if is_subscription else self._limits.max_queries
        if len(self._of_kind(kind)) >= limit:
            kinds = "subscriptions" if is_subscription else "queries and mutations"
            connection = self._protocol.connection
            text = f"this {connection} has {limit} {kinds} already, and may not have more"
            raise refusal(text, TOO_MANY_OPERATIONS)
        return self._backend.operation(
            start.request,
            document,
            kind,
            principal=principal,
            budget=self.budget,
            resume_from=start.resume_from,
        )

    @property
    def _place(self) -> str:
        return f"an operation of one {self._protocol.connection}"

    def _of_kind(self, kind: OperationType) -> dict[Operation, _Server]:
        return self._subscriptions if kind is OperationType.SUBSCRIPTION else self._queries

    async def _serve(self, operation: Operation, asked: RequestedOperation) -> None:
        """Serve an operation to its end; a shared subscription until it is begun."""
        try:
            await self.budget.pause()
            await charged(self._run(operation, asked), self.budget)
        except RequestError as error:
            self.fail(operation, error.errors)
        except OverBudgetError as error:
            self.fail(operation, [refusal(str(error), error.code)])
        except Exception as error:  # noqa: BLE001 - it is logged there
            self.fail(operation, [internal_error(error, self._place)])
        finally:
            if not self._protocol.is_active(operation):
                self._queries.pop(operation, None)
                self._subscriptions.pop(operation, None)

    async def _run(self, operation: Operation, asked: RequestedOperation) -> None:
        with closing(asked):
            if asked.kind is not OperationType.QUERY:
                await self._begin(operation, asked)
                return
            if self._executing is None:
                self._executing = asyncio.Semaphore(QUERIES_AT_ONCE)
            async with self._executing:
                await self._begin(operation, asked)

    async def _begin(self, operation: Operation, asked: RequestedOperation) -> None:
        begun = await self._backend.runner.begin(asked)
        responder = ConnectionResponder(self, operation, self._protocol.framing(operation))
        if isinstance(begun, Results):
            await begun.send(responder, self._backend.answers)
            return
        member = begun.send(responder)
        if self._protocol.is_active(operation):
            self._subscriptions[operation] = member
        else:  # the connection is about to be closed
            member.leave()

    def bookmark(self) -> None:
        """Send each subscription that is not behind the newest cursor; returns at once."""
        for server in [*self._subscriptions.values()]:
            if isinstance(server, Member):
                server.bookmark()

    # Ending.

    def stop(self, operation: Operation) -> None:
        """Free all that an operation holds, for its client has ended it."""
        for running in (self._subscriptions, self._queries):
            server = running.pop(operation, None)
            if server is not None:
                _stop(server)

    def stop_all(self) -> None:
        """Free all that the operations hold; the protocol has been closed."""
        servers = [*self._subscriptions.values(), *self._queries.values()]
        self._subscriptions.clear()
        self._queries.clear()
        for server in servers:
            _stop(server)

    # Writing.

    def next(self, operation: Operation, framing: Framing, payload: bytes) -> None:
        """Send one result, unless the operation is over."""
        if self._protocol.is_active(operation):
            self._write_text(framing.prefix + payload + framing.suffix)

    def fail(self, operation: Operation, errors: Sequence[GraphQLError]) -> None:
        """End an operation, unless it is over, and send the client the reason."""
        self._subscriptions.pop(operation, None)
        self.reply(self._protocol.error(operation, errors))

    def complete(self, operation: Operation) -> None:
        """End an operation, unless it is over, as the client expects."""
        self._subscriptions.pop(operation, None)
        self.reply(self._protocol.complete(operation))

    def reply(self, reply: Reply | None) -> None:
        """Send what the protocol says, if it says something."""
        if reply is not None:
            self._write_text(reply.text)

    def _write_text(self, text: bytes) -> None:
        self._traffic.messages_sent += 1
        self._traffic.bytes_sent += len(text)
        self.sink.write_text(text)
