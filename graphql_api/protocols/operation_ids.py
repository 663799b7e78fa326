"""The operations of one connection by their ids, which are free again when they are over."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass

from graphql import GraphQLError

from graphql_api.execution.responder import Framing


class Operation:
    """The reservation of an id, from `subscribe` until the operation is over.

    Two of them are never the same, though a client may use an id again. The code that serves an
    operation holds this object, and so cannot reach a later one with the same id.

    Attributes:
        id: The client's name for it.
        length: How many characters the message had that began it; so much is kept of it, or more.
    """

    __slots__ = ("id", "length")

    def __init__(self, id_: str, length: int) -> None:
        self.id = id_
        self.length = length


@dataclass(frozen=True, slots=True)
class Reply:
    """Send this text."""

    text: bytes


class OperationIds(ABC):
    """The ids that are in use on a connection; a subclass says what its protocol writes."""

    connection: str
    """What the connection is called in errors: a socket, or an event stream."""

    def __init__(self) -> None:
        self._operations: dict[str, Operation] = {}

    @property
    def held_chars(self) -> int:
        """How many characters the messages have that began the operations which are not over."""
        return sum(operation.length for operation in self._operations.values())

    def is_reserved(self, id_: str) -> bool:
        """Whether an id is in use."""
        return id_ in self._operations

    def reserve(self, id_: str, length: int) -> Operation | None:
        """Reserve an id for an operation; None, if it is in use.

        Args:
            id_: The id.
            length: How many characters the message has that begins the operation.
        """
        if id_ in self._operations:
            return None
        operation = self._operations[id_] = Operation(id_, length)
        return operation

    def release(self, id_: str) -> Operation | None:
        """Free the id of an operation that its client ends; None, if there is none."""
        return self._operations.pop(id_, None)

    def clear(self) -> None:
        """Free all ids."""
        self._operations.clear()

    def is_active(self, operation: Operation) -> bool:
        """Whether an operation is not over; its server must ask again whenever it has waited."""
        return self._operations.get(operation.id) is operation

    def error(self, operation: Operation, errors: Sequence[GraphQLError]) -> Reply | None:
        """End an operation that has failed, and free its id; None, if it is over."""
        if not self.is_active(operation):
            return None
        del self._operations[operation.id]
        return Reply(self._failure(operation.id, errors))

    def complete(self, operation: Operation) -> Reply | None:
        """End an operation that has no more results, and free its id; None, if it is over."""
        if not self.is_active(operation):
            return None
        del self._operations[operation.id]
        return Reply(self._completion(operation.id))

    @abstractmethod
    def framing(self, operation: Operation) -> Framing:
        """How the results of an operation are written."""

    @abstractmethod
    def _failure(self, id_: str, errors: Sequence[GraphQLError]) -> bytes:
        """The message that an operation has failed; nothing of it follows."""

    @abstractmethod
    def _completion(self, id_: str) -> bytes:
        """The message that an operation has no more results."""
