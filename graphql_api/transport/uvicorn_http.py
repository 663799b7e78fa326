"""uvicorn's HTTP protocol, with an outlet that writes streamed responses to the transport directly.

It also sets a limit to the head of a request, of which uvicorn keeps all that comes.

```python
uvicorn.Config(app, http=StreamingProtocol.with_limits(SocketLimits(send_timeout_s=30)))
```

Source: uvicorn/protocols/http/httptools_impl.py of uvicorn 0.54; RFC 9112, 7.1 (chunks);
RFC 6585, 5 (431).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from graphql_api.transport.outlet import EXTENSION
from graphql_api.transport.watched import WatchedConnection

_MAX_HEAD_BYTES = 65_536
_HEAD_TOO_LARGE = (
    b"HTTP/1.1 431 Request Header Fields Too Large\r\n"
    b"content-length: 0\r\nconnection: close\r\n\r\n"
)


class StreamingProtocol(WatchedConnection, HttpToolsProtocol):
    """One HTTP connection, which is the outlet of its current response.

    That is: once the application has started a response without a Content-Length, and until it ends
    it, each by its `send`.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._is_in_head = True
        self._head_bytes = 0

    # What uvicorn and its parser call.

    def data_received(self, data: bytes) -> None:
        """Refuse a request whose head does not end."""
        if self._is_in_head:
            self._head_bytes += len(data)
        super().data_received(data)
        if self._head_bytes > _MAX_HEAD_BYTES and not self.is_closed:
            self.transport.write(_HEAD_TOO_LARGE)
            self.transport.close()

    def on_message_begin(self) -> None:
        """Offer the outlet to the application."""
        super().on_message_begin()
        self.scope["extensions"] = {EXTENSION: {"outlet": self}}

    def on_headers_complete(self) -> None:
        """The head of a request has ended."""
        self._is_in_head = False
        self._head_bytes = 0
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        """Another request may begin."""
        self._is_in_head = True
        super().on_message_complete()

    def handle_websocket_upgrade(self) -> None:
        """Let what waits be watched by the connection's next protocol, which is told the rest."""
        super().handle_websocket_upgrade()
        if self._watch is not None:
            self._stop_watch()
            self.transport.get_protocol().pause_writing()

    # The outlet.

    def write_text(self, text: bytes) -> None:
        """As in `Outlet`."""
        if not self.is_closed:
            self._write(b"%x\r\n%b\r\n" % (len(text), text))

    def write_texts(self, prefix: bytes, middles: Sequence[bytes], suffix: bytes) -> None:
        """As in `Outlet`."""
        self.write_text(b"".join(part for middle in middles for part in (prefix, middle, suffix)))
