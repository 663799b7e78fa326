"""Keepalive of WebSockets: pings that detect clients which are gone (RFC 6455, 5.5.2).

A client that reads slowly but steadily is not mistaken for one, for the sake of an unanswered ping
that waits behind what it has not read.
"""

from __future__ import annotations

import asyncio
import struct
from typing import Protocol


class PingedConnection(Protocol):
    """Interface of a connection, as its keepalive uses it."""

    loop: asyncio.AbstractEventLoop

    @property
    def is_watched(self) -> bool:
        """Whether something waits for the client, so that `flow_control.StallWatch` decides."""

    @property
    def taken_bytes(self) -> int:
        """How much the client has taken of what was written, as far as can be known."""

    def send_ping(self, payload: bytes) -> None:
        """Send a ping."""

    def client_is_gone(self) -> None:
        """End the connection: the client answers no ping."""


class Keepalive:
    """Sends pings on one connection, and ends it when no pong comes.

    Args:
        connection: The connection.
        interval_s: How often there is a ping; never, if absent or 0.
        timeout_s: How long its answer may take; for ever, if absent.
    """

    __slots__ = (
        "_connection",
        "_interval_s",
        "_number",
        "_payload",
        "_sent_at_s",
        "_taken_bytes",
        "_timeout_s",
        "_timer",
    )

    def __init__(
        self, connection: PingedConnection, *, interval_s: float | None, timeout_s: float | None
    ) -> None:
        self._connection = connection
        self._interval_s = interval_s or 0.0
        self._timeout_s = timeout_s
        self._number = 0
        self._payload: bytes | None = None  # of the ping that is not answered
        self._sent_at_s = 0.0
        self._taken_bytes = 0
        self._timer: asyncio.TimerHandle | None = None

    def start(self) -> None:
        """Send the first ping after the interval."""
        if self._interval_s:
            self._sent_at_s = self._connection.loop.time()
            self._send_later()

    def stop(self) -> None:
        """Send no more pings, and wait for no answer."""
        self._payload = None
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def end(self) -> None:
        """Stop for good, and forget the connection, so that it is freed without a search."""
        self.stop()
        del self._connection

    def pong_received(self, payload: bytes) -> None:
        """Take an answer; one to an earlier ping says nothing, nor one that nothing asked for."""
        if payload == self._payload:
            self._payload = None
            if self._timeout_s is not None:
                self.stop()
                self._send_later()

    def _send_later(self) -> None:
        loop = self._connection.loop
        waited_s = loop.time() - self._sent_at_s
        self._timer = loop.call_later(max(0.0, self._interval_s - waited_s), self._send)

    def _send(self) -> None:
        connection = self._connection
        self._number += 1
        self._payload = struct.pack("!I", self._number)
        self._sent_at_s = connection.loop.time()
        self._taken_bytes = connection.taken_bytes
        connection.send_ping(self._payload)
        if self._timeout_s is None:
            self._send_later()
        else:
            self._timer = connection.loop.call_later(self._timeout_s, self._pong_is_late)

    def _pong_is_late(self) -> None:
        """Do not take a client for gone while it takes what is before the ping.

        While something waits the watch decides; it is quicker, too.
        """
        connection = self._connection
        taken_bytes = connection.taken_bytes
        if connection.is_watched or taken_bytes > self._taken_bytes:
            assert self._timeout_s is not None
            self._taken_bytes = taken_bytes
            self._timer = connection.loop.call_later(self._timeout_s, self._pong_is_late)
        else:
            self._timer = None
            connection.client_is_gone()
