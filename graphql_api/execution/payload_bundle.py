"""Payloads that are sent together, to all members of a group that keep up: framed once for all.

The frames of two clients differ only in their prefixes. If these are equally long, what stands
between the prefixes is the same, headers included. So it is made once, and the bytes of all
messages for a client are its prefix, put between the pieces:

```
 header │ prefix │ payload, suffix, header │ prefix │ payload, suffix, header │ prefix │ payload …
 piece             piece                              piece                              piece
```
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import Any, Final, NamedTuple, Self, cast

from graphql_api.execution.compressed_payload import Payload
from graphql_api.execution.encoder import Encoded
from graphql_api.execution.read_feeds import Positions

MAX_FRAMINGS: Final = 4
"""For so many framings pieces are remembered; most clients have ids of one length."""


class PayloadBundle(tuple[Payload, ...]):  # noqa: SLOT001 - a tuple may have none
    """Payloads, which know the pieces of their frames once some were asked for."""

    _pieces: dict[Hashable, Sequence[bytes]] | None = None

    def pieces(self, framing: Hashable) -> Sequence[bytes] | None:
        """What stands before, between and behind the prefixes; None if that is not known.

        Args:
            framing: What it depends on beside the payloads: the length of the prefix, and more.
        """
        return None if self._pieces is None else self._pieces.get(framing)

    def remember(self, framing: Hashable, pieces: Sequence[bytes]) -> None:
        """Keep the pieces for a framing, for all clients whose framing is equal."""
        if self._pieces is None or len(self._pieces) == MAX_FRAMINGS:
            self._pieces = {}
        self._pieces[framing] = pieces


class EncodedBundle(NamedTuple):
    """The payloads of the events of a bundle.

    Attributes:
        payloads: One for each event.
        size: How many bytes they have together.
        positions: Where the feeds stood that they were made from.
    """

    payloads: PayloadBundle
    size: int
    positions: Positions

    @classmethod
    def of(cls, encodings: Sequence[Encoded]) -> Self:
        """The payloads of some events together, all of which are still true."""
        payloads = PayloadBundle(cast("Payload", encoded.payload) for encoded in encodings)
        positions: dict[Any, object] = {}
        for encoded in encodings:
            positions |= encoded.positions
        return cls(payloads, sum(map(len, payloads)), positions)

    @property
    def memory_bytes(self) -> int:
        """How much memory it takes at most, about: the payloads, and a copy for each framing."""
        return self.size * (MAX_FRAMINGS + 1)
