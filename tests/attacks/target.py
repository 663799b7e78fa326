"""What an attacker knows of the server, and how a process of its own is given it."""

from __future__ import annotations

import json
import socket
import ssl
from dataclasses import asdict, dataclass, replace
from http.client import HTTPConnection, HTTPSConnection
from typing import Any, Self

TIMEOUT_S = 60.0


@dataclass(frozen=True)
class Target:
    """A server, and the tokens for it.

    Attributes:
        host: Where it listens.
        port: The same.
        is_tls: Whether it speaks TLS.
        rows: How many policies there are.
        cursor: A cursor as old as the server.
        reader: A token with the scope `read`.
        writer: One with `read`, `write` and `logins`.
        token: The one of the attacker; none for a stranger.
        forwarded: The address that a trusted proxy names, for an attacker behind one.
    """

    host: str
    port: int
    rows: int
    cursor: str
    reader: str
    writer: str
    is_tls: bool = False
    token: str = ""
    forwarded: str = ""

    @property
    def address(self) -> str:
        """Host and port, as a request names them."""
        return f"{self.host}:{self.port}"

    def headers(self) -> dict[str, str]:
        """Who sends a request."""
        headers = {"Content-Type": "application/json"}
        if self.token:
            headers["Authorization"] = f"Bearer {self.token}"
        if self.forwarded:
            headers["X-Forwarded-For"] = self.forwarded
        return headers

    def http(self) -> HTTPConnection:
        """A connection, which opens itself."""
        context = self.tls_context()
        if context is None:
            return HTTPConnection(self.host, self.port, timeout=TIMEOUT_S)
        return HTTPSConnection(self.host, self.port, timeout=TIMEOUT_S, context=context)

    def tls_context(self) -> ssl.SSLContext | None:
        """What TLS connections are made with; it takes any certificate: the server is our own."""
        if not self.is_tls:
            return None
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        return context

    def socket(self) -> socket.socket:
        """An open TCP connection."""
        return socket.create_connection((self.host, self.port), TIMEOUT_S)

    def execute(self, query: str, **variables: Any) -> dict[str, Any]:
        """The answer to an operation."""
        connection = self.http()
        body = json.dumps({"query": query, "variables": variables})
        connection.request("POST", "/graphql", body, self.headers())
        answer: dict[str, Any] = json.loads(connection.getresponse().read())
        connection.close()
        return answer

    def to_json(self) -> str:
        """As text."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> Self:
        """What `to_json` made."""
        return cls(**json.loads(text))

    def by(self, who: str, number: int) -> Self:
        """The same, for an attacker of a kind; `number` is a different one for each attack."""
        token = {"stranger": "", "writer": self.writer}.get(who, self.reader)
        forwarded = f"203.0.113.{number % 254 + 1}" if who == "proxied" else ""
        return replace(self, token=token, forwarded=forwarded)
