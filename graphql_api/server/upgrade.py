"""`Upgrade` offers of clients: a WebSocket handshake is accepted, every other offer is ignored.

A server may ignore `Upgrade` (RFC 9110, 7.8); the request counts then, with its body. Several
stock clients offer something with every request over plain HTTP: Java's HttpClient and curl
`--http2` offer h2c, Apache's HttpClient TLS. The parser stops at any offer, so a request whose
offer is ignored is given to it again without one.

Source: RFC 9110, 7.6.1 and 7.8; RFC 6455, 4.1 and 4.2.1.
"""

from __future__ import annotations

from graphql_api.headers import RawHeaders, list_members


def is_handshake(method: str, http_version: str, headers: RawHeaders) -> bool:
    """Whether a request is the handshake of a WebSocket.

    A handshake that offers other protocols too is one if it is complete. HTTP/1.0 has no
    `Upgrade`, and a request with another method than GET, or with a body, is no handshake.
    """
    if method != "GET" or http_version == "1.0" or _has_body(headers):
        return False
    if b"upgrade" not in list_members(headers, b"connection"):
        return False
    offered = set(list_members(headers, b"upgrade"))
    if offered == {b"websocket"}:
        return True
    return b"websocket" in offered and any(name == b"sec-websocket-key" for name, _ in headers)


def _has_body(headers: RawHeaders) -> bool:
    lengths = set(list_members(headers, b"content-length"))
    return bool(lengths - {b"0"} or list_members(headers, b"transfer-encoding"))


def without_offers(headers: RawHeaders) -> list[tuple[bytes, bytes]]:
    """The headers without `Upgrade`."""
    return [(name, value) for name, value in headers if name != b"upgrade"]


def head(method: str, target: bytes, http_version: str, headers: RawHeaders) -> bytes:
    """The head of a request as it is sent."""
    lines = [b"%b %b HTTP/%b\r\n" % (method.encode(), target, http_version.encode())]
    lines += (b"%b: %b\r\n" % header for header in headers)
    return b"".join((*lines, b"\r\n"))


def head_bytes(method: str, target: bytes, headers: RawHeaders) -> int:
    """How long the head of a request is, without the spaces that may be around values."""
    request_line = len(method) + len(target) + len(b"  HTTP/1.1\r\n")
    return request_line + sum(len(name) + len(value) + 4 for name, value in headers) + 2
