"""The responder of an operation on a connection that has several, whatever the protocol."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Generic, Protocol, TypeVar

from graphql import GraphQLError

from graphql_api.execution.responder import Framing
from graphql_api.execution.sink import Sink
from graphql_api.limits.cpu_budget import ClientBudget

OperationT = TypeVar("OperationT")
OperationT_contra = TypeVar("OperationT_contra", contravariant=True)


class Operations(Protocol[OperationT_contra]):
    """Interface of the operations of one connection, as their responders use it."""

    @property
    def sink(self) -> Sink:
        """The sink that results are written to."""

    @property
    def budget(self) -> ClientBudget:
        """The budget that the client's work is charged to."""

    def next(self, operation: OperationT_contra, framing: Framing, payload: bytes) -> None:
        """Send one result, unless the operation is over."""

    def fail(self, operation: OperationT_contra, errors: Sequence[GraphQLError]) -> None:
        """End an operation, unless it is over, and send the client the reason."""

    def complete(self, operation: OperationT_contra) -> None:
        """End an operation, unless it is over, as the client expects."""


class ConnectionResponder(Generic[OperationT]):
    """Writes the results of one operation as messages of its connection.

    Args:
        operations: Those of the connection.
        operation: The operation.
        framing: How results that are shared are written.
    """

    __slots__ = ("_operation", "_operations", "framing")

    def __init__(
        self, operations: Operations[OperationT], operation: OperationT, framing: Framing
    ) -> None:
        self._operations = operations
        self._operation = operation
        self.framing = framing

    @property
    def sink(self) -> Sink:
        """The sink that the results are written to."""
        return self._operations.sink

    @property
    def budget(self) -> ClientBudget:
        """The budget that is charged for work done for this client alone."""
        return self._operations.budget

    def next(self, payload: bytes) -> None:
        """Write one result."""
        self._operations.next(self._operation, self.framing, payload)

    def fail(self, errors: Sequence[GraphQLError]) -> None:
        """End the operation with these errors."""
        self._operations.fail(self._operation, errors)

    def complete(self) -> None:
        """End the operation, which has no more results."""
        self._operations.complete(self._operation)
