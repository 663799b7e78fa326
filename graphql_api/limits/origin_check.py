"""The check of the Host and Origin headers, which keeps out other web sites.

A server on a loopback address is not private. Any web page can make its visitor's browser open
connections to it, in two ways, and each has its header:

- DNS rebinding: the page's own name is made to resolve to 127.0.0.1. The browser takes the server
  for the page's own site, so Origin proves nothing; but Host carries the attacker's name.
- A plain cross-site request or WebSocket, which no browser's same-origin policy forbids to open.
  The browser names the page's site in Origin, and the page cannot change that.

A program without a browser sends what it likes, which is no loss: it needs no browser to connect.

Sources: RFC 9110, 7.2 (Host); RFC 9112, 3.2 (400 unless there is one valid Host); RFC 6454, 7 and
RFC 6455, 10.2 (Origin); RFC 6761, 6.3 (localhost).
"""

from __future__ import annotations

import ipaddress
import logging
import re
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from starlette.types import ASGIApp, Receive, Scope, Send

from graphql_api.errors import ConfigurationError
from graphql_api.masking import mask_password

_logger = logging.getLogger(__name__)

_AUTHORITY = re.compile(r"(?P<name>[a-z0-9._-]{1,253}|\[[0-9a-f:.]+\])(?::(?P<port>[0-9]{1,5}))?")
_ORIGIN = re.compile(r"(?P<scheme>[a-z][a-z0-9+.-]{0,30})://(?P<authority>[^/]+)")
_DEFAULT_PORTS = {"http": 80, "https": 443}


class Authority(NamedTuple):
    """A host and perhaps a port, as equal hosts are equal: lower case, without a last dot."""

    host: str
    port: int | None

    @classmethod
    def parse(cls, text: str) -> Authority | None:
        """The value of a Host header, or None if it is not one.

        An address is taken only in the one form that browsers send; others, such as `127.1`, stay
        names, which no setting allows.
        """
        match = _AUTHORITY.fullmatch(text.lower())
        if match is None:
            return None
        name, port = match["name"], match["port"]
        if name.startswith("["):
            try:
                name = str(ipaddress.IPv6Address(name[1:-1]))
            except ipaddress.AddressValueError:
                return None
        else:
            name = name.removesuffix(".")
        if not name or (port is not None and int(port) > 65535):
            return None
        return cls(name, None if port is None else int(port))

    @property
    def is_loopback(self) -> bool:
        """Whether this is a name that only this machine itself has."""
        if self.host == "localhost" or self.host.endswith(".localhost"):
            return True
        address = _address(self.host)
        if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None:
            address = address.ipv4_mapped
        return address is not None and address.is_loopback


class Origin(NamedTuple):
    """A web page's site: its scheme, host and port."""

    scheme: str
    host: str
    port: int | None

    @classmethod
    def parse(cls, text: str) -> Origin | None:
        """The value of an Origin header, or None if it names no site, as `null` does not."""
        match = _ORIGIN.fullmatch(text.lower())
        if match is None:
            return None
        authority = Authority.parse(match["authority"])
        if authority is None:
            return None
        default_port = _DEFAULT_PORTS.get(match["scheme"])
        return cls(match["scheme"], authority.host, authority.port or default_port)

    def __str__(self) -> str:
        """The value of the Origin header, as browsers send it."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        is_default = self.port in (None, _DEFAULT_PORTS.get(self.scheme))
        return f"{self.scheme}://{host}" if is_default else f"{self.scheme}://{host}:{self.port}"

    def is_served_at(self, host: Authority) -> bool:
        """Whether a page of this origin came from the server that `host` names.

        The scheme is not compared, for a proxy that ends TLS hides it; the port, whose default
        depends on the page's scheme, is.
        """
        return self.scheme in _DEFAULT_PORTS and (self.host, self.port) == (
            host.host,
            host.port or _DEFAULT_PORTS[self.scheme],
        )


@dataclass(frozen=True, slots=True)
class Refusal:
    """The refusal of a request: its status, its reason, and its headers.

    Attributes:
        status: The HTTP status: 400 for a request that is malformed, 403 for one that is not
            allowed, 429 and 503 for one too many.
        reason: One line for the client: what is refused, and what would allow it.
        headers: Further headers of the answer.
    """

    status: int
    reason: str
    headers: tuple[tuple[bytes, bytes], ...] = ()


@dataclass(frozen=True, slots=True)
class OriginCheck:
    """Decides by the allowed hosts and origins, beside loopback names and the same origin."""

    hosts: frozenset[str] = frozenset()
    origins: frozenset[Origin] = frozenset()

    @classmethod
    def of(
        cls, *, bound_hosts: Iterable[str], allow_hosts: Iterable[str], allow_origins: Iterable[str]
    ) -> OriginCheck:
        """The guard that the settings ask for.

        Args:
            bound_hosts: The addresses that the server listens on; each is allowed as a host unless
                it is a wildcard, which is no usable name.
            allow_hosts: Host names or addresses, without a port.
            allow_origins: Origins, such as `https://app.example.org`.

        Raises:
            ConfigurationError: One of them is not what it should be.
        """
        hosts = {_allowed_host(text) for text in allow_hosts}
        for bound_host in bound_hosts:
            name = bound_host.partition("%")[0]  # which link it is of is in no Host header
            bound = _address(name)
            if bound is None or not bound.is_unspecified:
                hosts.add(_allowed_host(name))
        return cls(frozenset(hosts), frozenset(_allowed_origin(text) for text in allow_origins))

    def refusal(self, hosts: Sequence[str], origins: Sequence[str]) -> Refusal | None:
        """Why a request is refused, or None if it is allowed.

        Args:
            hosts: The values of its Host headers.
            origins: The values of its Origin headers.
        """
        host = Authority.parse(hosts[0]) if len(hosts) == 1 else None
        if host is None:
            return Refusal(400, "the request needs one Host header that names a host")
        if not host.is_loopback and host.host not in self.hosts:
            return Refusal(403, f"host {host.host} is refused; --allow-host {host.host} allows it")
        if not origins:
            return None
        origin = Origin.parse(origins[0]) if len(origins) == 1 else None
        if origin is None:
            return Refusal(403, "this origin is refused: it names no site that could be allowed")
        if not origin.is_served_at(host) and origin not in self.origins:
            site = origins[0].lower()
            return Refusal(403, f"origin {site} is refused; --allow-origin {site} allows it")
        return None


class OriginCheckMiddleware:
    """Answers the requests that its guard refuses, HTTP and WebSocket, and passes on the others.

    A WebSocket is refused during the handshake: it is never open.

    Args:
        app: The application behind it.
        guard: What decides.
        probes: Paths that are answered under any Host, as long as no web page asks: a health
            probe knows a server by its address alone. They must reveal nothing worth hiding.
    """

    def __init__(
        self, app: ASGIApp, guard: OriginCheck, *, probes: Collection[str] = frozenset()
    ) -> None:
        self._app = app
        self._guard = guard
        self._probes = probes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one connection, as ASGI has it."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        origins = _values(scope, b"origin")
        if scope["type"] == "http" and scope["path"] in self._probes and not origins:
            await self._app(scope, receive, send)
            return
        refusal = self._guard.refusal(_values(scope, b"host"), origins)
        if refusal is None:
            await self._app(scope, receive, send)
            return
        _logger.info("refused a request to %r: %s", scope["path"], refusal.reason)
        await refuse(scope, send, refusal)


async def refuse(scope: Scope, send: Send, refusal: Refusal) -> None:
    """Answer a request, or the handshake of a WebSocket, by a refusal."""
    if scope["type"] == "http":
        prefix = "http.response"
    elif "websocket.http.response" in scope.get("extensions", {}):
        prefix = "websocket.http.response"
    else:
        await send({"type": "websocket.close"})  # before accepting: the server answers 403
        return
    body = f"{refusal.reason}\n".encode()
    headers = [
        (b"content-type", b"text/plain; charset=utf-8"),
        (b"content-length", b"%d" % len(body)),
        (b"x-content-type-options", b"nosniff"),
        *refusal.headers,
    ]
    if scope.get("http_version", "1.1") in ("1.0", "1.1"):  # later ones share their connections
        headers.append((b"connection", b"close"))
    await send({"type": f"{prefix}.start", "status": refusal.status, "headers": headers})
    await send({"type": f"{prefix}.body", "body": body})


def _values(scope: Scope, name: bytes) -> list[str]:
    return [value.decode("latin-1") for key, value in scope["headers"] if key == name]


def _address(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        return None


def _allowed_host(text: str) -> str:
    bare_ipv6 = isinstance(_address(text), ipaddress.IPv6Address)
    authority = Authority.parse(f"[{text}]" if bare_ipv6 else text)
    if authority is None or authority.port is not None:
        raise ConfigurationError(
            f"--allow-host {mask_password(text)!r}: not a host name or address (without scheme "
            "and port)"
        )
    return authority.host


def _allowed_origin(text: str) -> Origin:
    origin = Origin.parse(text.removesuffix("/"))
    if origin is None:
        raise ConfigurationError(
            f"--allow-origin {mask_password(text)!r}: not an origin such as https://app.example.org"
        )
    return origin
