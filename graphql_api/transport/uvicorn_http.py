"""uvicorn's HTTP protocol, with an outlet that writes streamed responses to the transport directly.

It also decides by an `Admission` which connections are let in, and sets limits to what comes on
them: a request's head, of which uvicorn keeps everything, may not be endless, and a request must
have come as a whole within `request_timeout_s`, for which uvicorn would wait for ever.

```python
uvicorn.Config(app, http=StreamingProtocol.with_limits(SocketLimits(send_timeout_s=30)))
```

Source: uvicorn/protocols/http/httptools_impl.py of uvicorn 0.54; RFC 9112, 7.1 (chunks);
RFC 6585, 5 (431); RFC 9110, 15.5.9 (408).
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from http import HTTPStatus
from typing import Any, ClassVar, Self, cast

from uvicorn._types import ASGI3Application
from uvicorn.protocols.http.flow_control import FlowControl
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from graphql_api.transport.admission import Admission, ProbesOnly
from graphql_api.transport.guard import Refusal
from graphql_api.transport.outlet import EXTENSION
from graphql_api.transport.watched import WatchedConnection

_MAX_HEAD_BYTES = 65_536
_HEAD_TOO_LARGE = Refusal(431, f"the head of a request may have {_MAX_HEAD_BYTES} bytes")
_TOO_SLOW = Refusal(408, "the request did not come as a whole in time")


class StreamingProtocol(WatchedConnection, HttpToolsProtocol):
    """One HTTP connection, which is the outlet of its current response.

    That is: once the application has started a response without a Content-Length, and until it ends
    it, each by its `send`.
    """

    admission: ClassVar[Admission | None] = None

    @classmethod
    def with_admission(cls, admission: Admission) -> type[Self]:
        """The same class with something that decides which connections are let in."""
        return type(cls.__name__, (cls,), {"admission": admission})

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._is_in_head = True
        self._head_bytes = 0
        self._has_begun = False
        self._request_timer: asyncio.TimerHandle | None = None
        self._current: RequestResponseCycle | None = None

    # What uvicorn and its parser call.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Let a connection in, or refuse it."""
        super().connection_made(transport)
        self.flow = FlowControl(cast("asyncio.Transport", self))  # pauses what this one reads
        if self.admission is not None:
            connections = len(self.connections)
            decision = self.admission.connected(self._peer, connections)
            if isinstance(decision, Refusal):
                self._refuse(decision)
                return
            self._leave = decision
            if self.admission.is_spare(connections):
                self.app = ProbesOnly(self.app, self.admission)
        self._await_request()

    def connection_lost(self, exc: Exception | None) -> None:
        """Wait for nothing any more, and tell whoever answers a request."""
        self._await_no_request()
        # uvicorn tells only the request that has come last, which may still wait for its turn.
        if self._current is not None:
            self.cycle = self._current
        self.pipeline.clear()
        super().connection_lost(exc)

    def _read(self, data: bytes) -> None:
        """Refuse a request whose head does not end."""
        self._has_begun = True
        if not self._is_answering:
            self._await_request()
        if self._is_in_head:
            self._head_bytes += len(data)
        super()._read(data)
        if self._head_bytes > _MAX_HEAD_BYTES and not self.is_closed:
            self._refuse(_HEAD_TOO_LARGE)

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
        self._has_begun = False
        self._await_no_request()
        super().on_message_complete()

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: ASGI3Application) -> None:
        self._current = cycle
        super()._start_asgi_task(cycle, app)

    def on_response_complete(self) -> None:
        """Go on with what waits, and read more once nothing does."""
        super().on_response_complete()
        self.flow.resume_reading()

    def shutdown(self) -> None:
        """End with the server; once only, for a TLS transport forgets itself at the second time."""
        if not self.is_closed:
            super().shutdown()

    # What is read.

    def resume_reading(self) -> None:
        """Read on, unless requests wait for their turn, whoever asks."""
        if self.pipeline:
            self.flow.read_paused = True  # still
        else:
            super().resume_reading()

    def _arrange_reading(self) -> None:
        if self.transport.get_protocol() is self:  # and not a WebSocket's
            super()._arrange_reading()

    def handle_websocket_upgrade(self) -> None:
        """Let what waits be watched by the connection's next protocol, which is told the rest."""
        self._await_no_request()
        if self._is_answering:  # uvicorn would write the rest of the answer into the WebSocket
            self.transport.close()
            return
        if isinstance(self.app, ProbesOnly) and self.admission is not None:
            self._refuse(self.admission.full(self._peer))
            return
        super().handle_websocket_upgrade()
        protocol = self.transport.get_protocol()
        if isinstance(protocol, WatchedConnection):
            protocol.take_over(self)
        else:
            self.transport.resume_reading()  # for one that knows nothing of turns

    # How long a request may take to arrive.

    @property
    def _is_answering(self) -> bool:
        cycle: RequestResponseCycle | None = self.cycle
        return cycle is not None and not cycle.response_complete

    def _await_request(self) -> None:
        if self._request_timer is None:
            self._request_timer = self.loop.call_later(
                self.limits.request_timeout_s, self._request_is_late
            )

    def _await_no_request(self) -> None:
        if self._request_timer is not None:
            self._request_timer.cancel()
            self._request_timer = None

    def _request_is_late(self) -> None:
        self._request_timer = None
        if self.is_closed:
            return
        # Some answer a request before its body has come.
        is_answered = not self._is_in_head and self.cycle.response_started
        if self._has_begun and not is_answered:
            self._refuse(_TOO_SLOW)
        else:
            self.transport.close()

    # Refusals that wait for no request, or for no more of it.

    @property
    def _peer(self) -> str | None:
        return None if self.client is None else self.client[0]

    def _refuse(self, refusal: Refusal) -> None:
        self.transport.write(_response(refusal))
        self.transport.close()

    # The outlet.

    def write_text(self, text: bytes) -> None:
        """As in `Outlet`."""
        if not self.is_closed:
            self._write(b"%x\r\n%b\r\n" % (len(text), text))

    def write_texts(self, prefix: bytes, middles: Sequence[bytes], suffix: bytes) -> None:
        """As in `Outlet`."""
        self.write_text(b"".join(part for middle in middles for part in (prefix, middle, suffix)))


def _response(refusal: Refusal) -> bytes:
    body = f"{refusal.reason}\n".encode()
    return b"HTTP/1.1 %d %b\r\ncontent-type: text/plain; charset=utf-8\r\n" % (
        refusal.status,
        HTTPStatus(refusal.status).phrase.encode(),
    ) + b"content-length: %d\r\nconnection: close\r\n\r\n%b" % (len(body), body)
