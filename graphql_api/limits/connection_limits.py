"""Limits on connections: in all, and from one address.

```
 TCP connection ──▶ StreamingProtocol ──▶ ConnectionLimits.connected: in all, and from its peer
 request        ──▶ ConnectionLimitsMiddleware ─▶ ConnectionLimits.clients: from the client that
                    it names, which behind a trusted proxy is another than the peer
```

A connection that is refused is closed with a reason: the first few in answer to a request, which a
page of an allowed origin can read, others at once. The first few beyond the limit in all may ask
one thing, how the server is: a full server can be watched, and is not taken for dead. Of those, the
oldest that asks nothing makes way for the next.
"""

from __future__ import annotations

import ipaddress
from collections import Counter
from collections.abc import Callable, Collection, Hashable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TypeAlias

from starlette.types import ASGIApp, Receive, Scope, Send

from graphql_api.errors import ConfigurationError
from graphql_api.headers import RawHeaders
from graphql_api.limits.origin_check import Refusal, refuse
from graphql_api.limits.refusal_log import RefusalLog
from graphql_api.limits.traffic import Traffic
from graphql_api.masking import mask_password
from graphql_api.paths import without_last_slash
from graphql_api.settings.connections import ConnectionSettings

_SPARE_CONNECTIONS = 16
"""How many there may be beyond the limit, for the probes alone."""

_REFUSED_CONNECTIONS = 8
"""How many connections that are refused may wait for a request at a time."""

_RETRY_AFTER_S = 5

LIMITED = "graphql_api.limited"
"""The key among an ASGI scope's extensions of a connection that is beyond a limit: it has a
`refusal`, or None for one that may ask for the probes."""

UNTIL_LOST = "graphql_api.until_lost"
"""The key among an ASGI scope's extensions of a WebSocket that outlives its ASGI call: the value
has a member `call`, which has a function called when the connection is lost."""

Leave: TypeAlias = Callable[[], None]
"""Makes room for another; to be called once."""


@dataclass(eq=False, slots=True)
class SparePlace:
    """A place for one connection beyond the limit in all, for probes.

    Attributes:
        peer: Where the connection comes from.
        give_way: Ends the connection for a reason; None while it has an answer to get.
    """

    peer: str | None
    give_way: Callable[[Refusal], None] | None = None


@dataclass(frozen=True, slots=True)
class Entry:
    """The admission of a TCP connection, which may send a request.

    Attributes:
        leave: What to call when it ends.
        refusal: What its first request is answered by, whatever that is; None for most.
        spare: Its place, if it may ask for the probes alone.
    """

    leave: Leave
    refusal: Refusal | None = None
    spare: SparePlace | None = None

    @property
    def is_limited(self) -> bool:
        """Whether the connection is beyond a limit."""
        return self.refusal is not None or self.spare is not None


_Network: TypeAlias = ipaddress.IPv4Network | ipaddress.IPv6Network


class AddressLimit:
    """Counts how many there are from each address, and refuses those beyond the limit. Pure.

    Loopback addresses are not counted: a proxy on this machine has one for all its clients. Of an
    IPv6 address the first 64 bits count, since one client has all addresses that share them.

    Args:
        max_per_address: How many there may be from one.
        uncounted: Addresses that are not counted, or networks of them.
    """

    def __init__(self, max_per_address: int, uncounted: Sequence[_Network] = ()) -> None:
        self._max_per_address = max_per_address
        self._uncounted = uncounted
        self._numbers: Counter[Hashable] = Counter()

    def __len__(self) -> int:
        """From how many addresses there are any."""
        return len(self._numbers)

    def enter(self, address: str | None) -> Leave | None:
        """Count one more, until it leaves; None if that is one too many.

        Args:
            address: Where it is from; what is no IP address is not counted.
        """
        key = self.key(address)
        if key is None:
            return _nothing
        if self._numbers[key] >= self._max_per_address:
            return None
        self._numbers[key] += 1
        return lambda: self._leave(key)

    def _leave(self, key: Hashable) -> None:
        self._numbers[key] -= 1
        if not self._numbers[key]:
            del self._numbers[key]

    def key(self, text: str | None) -> Hashable | None:
        """The key that stands for an address; None, if the address is not counted."""
        try:
            address = ipaddress.ip_address((text or "").partition("%")[0])
        except ValueError:
            return None
        if isinstance(address, ipaddress.IPv6Address):
            address = address.ipv4_mapped or address
        if address.is_loopback or any(address in network for network in self._uncounted):
            return None
        return ipaddress.ip_network((address, 32 if address.version == 4 else 64), strict=False)


def _nothing() -> None:
    pass


class ConnectionLimits:
    """The limits on the connections of one server.

    Args:
        limits: How many TCP connections there may be in all, and from one address, which may have
            as many requests under way.
        trusted_proxies: The addresses of proxies, or networks of them, which are not counted.
        probes: Paths that are answered even when there are as many connections as there may be.
        cross_origin: Gives the headers by which a page may read a refusal, by its request's.
        log: Logs the clients that are refused.
        traffic: Where to count them.

    Raises:
        ConfigurationError: What should be a proxy's address is none.
    """

    def __init__(
        self,
        limits: ConnectionSettings | None = None,
        *,
        trusted_proxies: Sequence[str] = (),
        probes: Collection[str] = frozenset(),
        cross_origin: Callable[[RawHeaders], RawHeaders] = lambda _: (),
        log: RefusalLog | None = None,
        traffic: Traffic | None = None,
    ) -> None:
        proxies = [_network(text) for text in trusted_proxies]
        limits = limits or ConnectionSettings()
        self._max_connections = limits.max_connections
        self._max_per_address = limits.max_connections_per_address
        self._peers = AddressLimit(self._max_per_address, proxies)
        self._clients = AddressLimit(self._max_per_address, proxies)
        self.probes = probes
        self.cross_origin = cross_origin
        self.log = log or RefusalLog("connection limits")
        self._traffic = traffic or Traffic()
        self._waiting = 0
        self._spare: dict[SparePlace, None] = {}  # the oldest first
        self.is_draining = False
        """Whether the server is about to end: then no connection is kept for another request."""

    def lower(self, max_connections: int) -> None:
        """Lower the limit on all connections to what the system allows."""
        self._max_connections = min(self._max_connections, max_connections)

    def address_key(self, address: str | None) -> Hashable | None:
        """The key that stands for a client's address in all limits; None, if it has none."""
        return self._clients.key(address)

    def admit(self, peer: str | None, connections: int) -> Entry | Refusal:
        """Decide on a new TCP connection, and on whether it may send a request if it is refused.

        Args:
            peer: Where it comes from.
            connections: How many there are with it.

        Returns:
            The entry; or why the connection is to be closed at once.
        """
        decision = self.admit_connection(peer, connections)
        if isinstance(decision, Entry):
            return decision
        leave = self.refused_in_time()
        return decision if leave is None else Entry(leave, decision)

    def admit_connection(self, peer: str | None, connections: int) -> Entry | Refusal:
        """Decide on a new TCP connection.

        One beyond the limit gets a spare place, for which the oldest that has nothing to get gives
        up its own: a client that holds connections and sends nothing keeps no probe out.

        Args:
            peer: Where it comes from.
            connections: How many there are with it.

        Returns:
            The entry; or why it is refused.
        """
        is_spare = connections > self._max_connections
        oldest = None
        if is_spare and len(self._spare) >= _SPARE_CONNECTIONS:
            oldest = next((place for place in self._spare if place.give_way is not None), None)
            if oldest is None:
                return self.full(peer)
        leave = self._enter(self._peers, peer, "connections")
        if isinstance(leave, Refusal):
            return leave
        if not is_spare:
            return Entry(leave)
        if oldest is not None and oldest.give_way is not None:
            del self._spare[oldest]
            oldest.give_way(self.full(oldest.peer))
        place = SparePlace(peer)
        self._spare[place] = None
        return Entry(partial(self._leave_spare, place, leave), spare=place)

    def _leave_spare(self, place: SparePlace, leave: Leave) -> None:
        self._spare.pop(place, None)
        leave()

    def refused_in_time(self) -> Leave | None:
        """Keep a refused connection open until its first request, which the refusal answers.

        Returns:
            What to call when it ends; None, if too many wait already.
        """
        if self._waiting >= _REFUSED_CONNECTIONS:
            return None
        self._waiting += 1
        return self._stop_waiting

    def _stop_waiting(self) -> None:
        self._waiting -= 1

    def full(self, peer: str | None) -> Refusal:
        """The refusal of a connection when there are as many as there may be."""
        return self._refused(503, peer, f"there are {self._max_connections} connections")

    def admit_request(self, client: str | None) -> Leave | Refusal:
        """Decide on a request, or on the handshake of a WebSocket; as `admit_connection`."""
        return self._enter(self._clients, client, "requests and WebSockets")

    def _enter(self, limit: AddressLimit, address: str | None, what: str) -> Leave | Refusal:
        leave = limit.enter(address)
        if leave is not None:
            return leave
        return self._refused(429, address, f"your address has {self._max_per_address} {what}")

    def _refused(self, status: int, address: str | None, reason: str) -> Refusal:
        self._traffic.refused += 1
        self.log.record(address or "somewhere", reason)
        return Refusal(
            status,
            f"{reason} already, and may not have more; try again later",
            ((b"retry-after", b"%d" % _RETRY_AFTER_S),),
        )


class ConnectionLimitsMiddleware:
    """Answers requests beyond a limit by refusals, and passes on the others.

    Beyond a limit is an address that has too many under way, and a connection that is one too many
    itself: those that are let in for the probes get nothing else.

    Args:
        app: The application behind it.
        admission: What decides.
    """

    def __init__(self, app: ASGIApp, admission: ConnectionLimits) -> None:
        self._app = app
        self._admission = admission

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one connection, as ASGI has it."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        client = scope["client"][0] if scope.get("client") else None
        extensions = scope.get("extensions") or {}
        limited = extensions.get(LIMITED)
        if limited is not None:
            decision: Leave | Refusal = limited["refusal"] or self._spare(scope, client)
        else:
            decision = self._admission.admit_request(client)
        if isinstance(decision, Refusal):
            await refuse(scope, send, decision)
            return
        if UNTIL_LOST in extensions:
            extensions[UNTIL_LOST]["call"](decision)
            await self._app(scope, receive, send)
            return
        try:
            await self._app(scope, receive, send)
        finally:
            decision()

    def _spare(self, scope: Scope, client: str | None) -> Leave | Refusal:
        is_probe = without_last_slash(scope["path"]) in self._admission.probes
        return _nothing if is_probe else self._admission.full(client)


def _network(text: str) -> _Network:
    try:
        return ipaddress.ip_network(text)
    except ValueError as error:
        raise ConfigurationError(
            f"--trusted-proxy {mask_password(text)!r}: not an IP address, or a network such as "
            "10.0.0.0/8"
        ) from error
