"""Endpoint of a server, parsed from the URL that people write."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from urllib.parse import urlsplit, urlunsplit

from graphql_api.errors import ConfigurationError

_SCHEMES = {"http": "ws", "https": "wss", "ws": "ws", "wss": "wss"}
_DEFAULT_PORTS = {"ws": 80, "wss": 443}


@dataclass(frozen=True, slots=True)
class Endpoint:
    """The address at which a server speaks GraphQL over WebSocket.

    Attributes:
        url: What to connect to: `ws://…` or `wss://…`.
        shown: How people know it: `http://…` or `https://…`, without a query.
        host: The host alone.
        address: Host and port.
    """

    url: str
    shown: str
    host: str
    address: str

    @classmethod
    def parse(cls, text: str) -> Endpoint:
        """Parse what people give: a URL, or a host, with or without a port and a path.

        Without a path it is `/graphql`.

        Raises:
            ConfigurationError: It is none of these. The text does not repeat it, for it may hold a
                password.
        """
        if "://" not in text:
            text = f"http://{text}"
        try:
            parts = urlsplit(text)
            host, port = parts.hostname, parts.port
        except ValueError:
            host = None
        if not host or not text.isprintable() or " " in text:
            raise ConfigurationError("url: not a URL such as http://127.0.0.1:8000/graphql")
        if parts.scheme not in _SCHEMES:
            raise ConfigurationError("url: its scheme is none of http, https, ws and wss")
        if "@" in parts.netloc + parts.path:  # or what another program takes for these
            raise ConfigurationError("url: no user and password belong here; a token is for that")
        scheme = _SCHEMES[parts.scheme]
        path = "/graphql" if parts.path in {"", "/"} else parts.path
        http = scheme.replace("ws", "http")
        in_url = f"[{host}]" if ":" in host else host
        return cls(
            url=urlunsplit((scheme, parts.netloc, path, parts.query, "")),
            shown=urlunsplit((http, parts.netloc, path, "", "")),
            host=host,
            address=f"{in_url}:{port or _DEFAULT_PORTS[scheme]}",
        )

    @property
    def is_loopback(self) -> bool:
        """Whether it is on this machine."""
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return self.host == "localhost"
