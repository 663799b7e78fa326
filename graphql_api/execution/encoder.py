"""The interface of an encoder: it makes of an event what all members of a group are sent."""

from __future__ import annotations

from collections.abc import Awaitable, Hashable, Mapping, Sequence
from types import MappingProxyType
from typing import Any, Final, NamedTuple, Protocol, TypeAlias

from graphql import GraphQLError

from graphql_api.errors import GraphQLAPIError
from graphql_api.execution.parts import Parts
from graphql_api.execution.read_feeds import Positions
from graphql_api.feeds.view import Event
from graphql_api.schema.errors import expose

GroupKey: TypeAlias = Hashable
"""What all members of a group have in common: whatever can make their payloads differ."""

_NO_FEEDS: Final[Mapping[Any, object]] = MappingProxyType({})


class RequestError(GraphQLAPIError):
    """A subscription cannot begin, or cannot go on; `errors` are for the client."""

    def __init__(self, errors: Sequence[GraphQLError]) -> None:
        super().__init__(errors)
        self.errors = errors


def exposed(error: Exception) -> RequestError:
    """An error as its client sees it: its own mistake in words, or "Internal error".

    The latter is logged.
    """
    made = GraphQLError(str(error), original_error=error)
    expose(made)
    return RequestError([made])


class Encoded(NamedTuple):
    """The payload of an event.

    Attributes:
        payload: What each member is sent, before it is framed. If it is in parts, it is not
            remembered, but made again for members that come to the event later.
        positions: Where the feeds stood that it was made from, besides the event's own.
        content: Equal for payloads of which a member need not be sent one after the other; None for
            one that is always sent.
    """

    payload: bytes | Parts
    positions: Positions = _NO_FEEDS
    content: bytes | None = None

    @property
    def memory_bytes(self) -> int:
        """How much memory it takes, about."""
        # The compressed form of a payload is shorter than half of it, most often.
        return len(self.payload) * 3 // 2


class Encoder(Protocol):
    """Makes the payloads of events for one group: equal subscriptions have equal encoders."""

    @property
    def key(self) -> GroupKey:
        """Equal for two encoders that make the same payloads."""

    def encode(self, event: Event[Any]) -> Encoded | Awaitable[Encoded]:
        """The payload of an event, now or later. An error ends the subscriptions that need it."""

    def failed(self, error: Exception) -> RequestError:
        """The error for a client whose source of events, or whose event, has failed."""
