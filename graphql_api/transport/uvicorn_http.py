"""uvicorn's HTTP protocol, with an outlet that writes streamed responses to the transport directly.

```python
uvicorn.Config(app, http=StreamingProtocol.with_limits(SocketLimits(send_timeout_s=30)))
```

Source: uvicorn/protocols/http/httptools_impl.py of uvicorn 0.54; RFC 9112, 7.1 (chunks).
"""

from __future__ import annotations

from collections.abc import Sequence

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from graphql_api.transport.outlet import EXTENSION
from graphql_api.transport.watched import WatchedConnection


class StreamingProtocol(WatchedConnection, HttpToolsProtocol):
    """One HTTP connection, which is the outlet of its current response.

    That is: once the application has started a response without a Content-Length, and until it ends
    it, each by its `send`.
    """

    def on_message_begin(self) -> None:
        """Offer the outlet to the application."""
        super().on_message_begin()
        self.scope["extensions"] = {EXTENSION: {"outlet": self}}

    def handle_websocket_upgrade(self) -> None:
        """Let what waits be watched by the connection's next protocol, which is told the rest."""
        super().handle_websocket_upgrade()
        if self._watch is not None:
            self._stop_watch()
            self.transport.get_protocol().pause_writing()

    def write_text(self, text: bytes) -> None:
        """As in `Outlet`."""
        if not self.is_closed:
            self._write(b"%x\r\n%b\r\n" % (len(text), text))

    def write_texts(self, prefix: bytes, middles: Sequence[bytes], suffix: bytes) -> None:
        """As in `Outlet`."""
        self.write_text(b"".join(part for middle in middles for part in (prefix, middle, suffix)))
