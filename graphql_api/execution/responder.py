"""The interface by which a protocol writes the results of an operation."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from graphql import GraphQLError

from graphql_api.execution.parts import Parts
from graphql_api.execution.scheduler import EVENTS_AT_ONCE
from graphql_api.execution.sink import Sink
from graphql_api.limits.cpu_budget import ClientBudget


@dataclass(frozen=True, slots=True)
class Framing:
    """The bytes around a payload for the client of one subscription.

    Attributes:
        prefix: What comes before it.
        suffix: What comes after it.
        identify: Makes of the event and its payload what is framed; the payload itself, if absent.
        frames: Makes of some payloads what is framed, for a protocol that puts several into one
            frame, or their lengths before them; each payload itself, if absent.
        events_at_once: How many payloads are written at once, and given to `frames` together.
    """

    prefix: bytes = b""
    suffix: bytes = b""
    identify: Callable[[object, bytes], bytes] | None = None
    frames: Callable[[Sequence[bytes | Parts]], list[bytes | Parts]] | None = None
    events_at_once: int = EVENTS_AT_ONCE

    @property
    def is_plain(self) -> bool:
        """Whether each payload is written as it is, between prefix and suffix."""
        return self.identify is None and self.frames is None


class Responder(Protocol):
    """Writes the results of one operation as its protocol frames them."""

    @property
    def sink(self) -> Sink:
        """The sink that the results are written to."""

    @property
    def framing(self) -> Framing:
        """How a result that is shared is written."""

    @property
    def budget(self) -> ClientBudget | None:
        """The budget that is charged for work done for this client alone."""

    def next(self, payload: bytes) -> None:
        """Write one result."""

    def fail(self, errors: Sequence[GraphQLError]) -> None:
        """End the operation with these errors."""

    def complete(self) -> None:
        """End the operation, which has no more results."""
