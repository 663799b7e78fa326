"""A variant of uvicorn's HTTP protocol, whose sink writes streamed responses directly.

What it adds to uvicorn's, besides what `flow_control` does:

- `ConnectionLimits` decide which connections are let in; see `uvicorn_admission`.
- The head and the trailers of a request, of which uvicorn keeps everything, are limited, and a
  request must have come as a whole within `request_timeout_s`; uvicorn would wait for ever.
- What comes behind a request that is not answered yet waits for its answer: another request, the
  refusal of one, and the handshake of a WebSocket.
- Trailers are dropped. uvicorn adds them to the headers: a token, a Host or an X-Forwarded-For that
  a proxy has not seen in the head would count.
- A request that offers another protocol than a WebSocket is answered; see `upgrade`.
- HTTP/1.0 gets no chunks, and idle connections end late and announced; see `uvicorn_cycle`. Before
  one is closed, a last look shows whether a request has arrived: then it is answered.

```python
uvicorn.Config(app, http=StreamingProtocol.with_limits(ClientLimits(send_timeout_s=30)))
```

Source: uvicorn/protocols/http/httptools_impl.py of uvicorn 0.54; RFC 9112, 7.1 (chunks) and 9.3
(persistence); RFC 6585, 5 (431); RFC 9110, 6.5.1 (trailers) and 15.5.9 (408).
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from functools import partial
from itertools import chain
from typing import Any, cast
from urllib.parse import unquote

import httptools
from uvicorn._types import ASGI3Application
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from graphql_api.execution.parts import Parts, parts_of
from graphql_api.execution.sink import EXTENSION
from graphql_api.limits.answer_memory import ANSWERS
from graphql_api.limits.origin_check import Refusal
from graphql_api.server.flow_control import WatchedConnection
from graphql_api.server.http_refusals import HEAD_TOO_LARGE, MAX_HEAD_BYTES, NOT_HTTP, TOO_SLOW
from graphql_api.server.request_size import RequestSize
from graphql_api.server.upgrade import head, head_bytes, is_handshake, without_offers
from graphql_api.server.uvicorn_admission import AdmittedConnection
from graphql_api.server.uvicorn_cycle import Cycle

_CLOSING_MARGIN_S = 5.0
"""How much longer an idle connection is kept than announced: requests travel for a while."""

_REFUSED_WAIT_S = 2.0
"""How long a refused connection may take to send a request, which gets the refusal as answer."""


class _HeadTooLargeError(Exception):
    """The complete head of a request is too long; this error stops the parser."""


class StreamingProtocol(AdmittedConnection, HttpToolsProtocol):
    """One HTTP connection, which is the sink of its current response.

    That is: once the application has started a response without a Content-Length, and until it ends
    it, each by its `send`.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._size = RequestSize()
        self._is_complete = False  # a request, in the part that is being read
        self._has_begun = False
        self._is_last = False
        self._request_timer: asyncio.TimerHandle | None = None
        self._current: Cycle | None = None
        self._next: Callable[[], None] | None = None  # behind the answers; nothing more is read
        self._keep_alive_s = float(self.timeout_keep_alive)
        self.timeout_keep_alive = self._keep_alive_s + _CLOSING_MARGIN_S  # type: ignore[assignment]

    # What uvicorn and its parser call.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Let a connection in, or refuse it."""
        super().connection_made(transport)
        if self._is_let_in():
            self._await_request()

    def connection_lost(self, exc: Exception | None) -> None:
        """Wait for nothing any more, and inform the response that is under way."""
        self._await_no_request()
        # uvicorn informs only the request that has come last, which may still wait for its turn.
        if self._current is not None:
            self.cycle = self._current
        self.pipeline.clear()
        self._next = None
        super().connection_lost(exc)
        self._current = None
        self._break_cycles()

    def _read(self, data: bytes) -> None:
        """Refuse a request whose head or trailers do not end."""
        self._has_begun = True
        if not self._is_answering:
            self._await_request()
        if self._size.is_origin_wanted:
            self._look_for_origin(data)
            return
        self._unset_keepalive_if_required()
        self._size.begin_part()
        self._is_complete = False
        try:
            self._parse(data)
        except httptools.HttpParserError as error:
            if isinstance(error.__context__, _HeadTooLargeError):
                self._give_up(HEAD_TOO_LARGE)
            else:
                self.logger.warning(NOT_HTTP.reason)
                self._give_up(NOT_HTTP)
        is_reading = not self.is_closed and self.transport.get_protocol() is self
        if is_reading and self._next is None and not self._is_complete:
            self._count(data)

    def _count(self, data: bytes) -> None:
        """Count a part of a request which it does not complete, and end a request of too many."""
        refusal = self._size.excess(data, has_headers=bool(self.headers))
        if refusal is not None:
            self._give_up(refusal)
        elif self._is_answered_early and self._size.is_drained(data):
            self.transport.close()

    @property
    def _is_answered_early(self) -> bool:
        """Whether a request is answered of which more may come."""
        return not self._size.is_in_head and self.cycle.response_complete

    def _look_for_origin(self, data: bytes) -> None:
        """Refuse a head whose URL is too long once its origin is known, which may read why."""
        headers, is_all = self._size.origin(data)
        self.headers += headers
        if is_all and not self.is_closed:
            self._give_up(HEAD_TOO_LARGE)

    def _parse(self, data: bytes) -> None:
        """Read requests. The parser stops at each that offers another protocol.

        Raises:
            HttpParserError: What has come is not HTTP.
        """
        while True:
            try:
                self.parser.feed_data(data)
            except httptools.HttpParserUpgrade as stopped:
                data = data[stopped.args[0] :]
            else:
                return
            method, version = self.scope["method"], self.scope["http_version"]
            if is_handshake(method, version, self.headers):
                self._await_no_request()
                self._behind_answers(self.handle_websocket_upgrade)
                return
            if method == "CONNECT":
                raise httptools.HttpParserError("this is no proxy")
            headers = without_offers(self.headers)
            self.parser = httptools.HttpRequestParser(self)
            self.parser.set_dangerous_leniencies(lenient_data_after_close=True)
            self.parser.feed_data(head(method, self.url, version, headers))

    def on_message_begin(self) -> None:
        """Offer the sink to the application, and say which limit the connection is beyond."""
        super().on_message_begin()
        self._has_begun = True
        self._size.is_in_head = True
        extensions: dict[str, dict[object, object]] = {
            EXTENSION: {"sink": self},
            ANSWERS: self._answers_offer(),
            **self._limit(),
        }
        self.scope["extensions"] = extensions

    def on_header(self, name: bytes, value: bytes) -> None:
        """Keep a header; drop a trailer."""
        if self._size.is_in_head:
            super().on_header(name, value)

    def on_headers_complete(self) -> None:
        """Begin to answer, or have the answer wait for its turn; as uvicorn does."""
        version = self.parser.get_http_version()
        self.scope["method"] = self.parser.get_method().decode("ascii")
        self.scope["http_version"] = version
        # What its last part completes, and what began in a part with another request's end.
        if head_bytes(self.scope["method"], self.url, self.headers) > MAX_HEAD_BYTES:
            raise _HeadTooLargeError
        # The parser stops behind this head, or an answer has ended the connection before it.
        if self.parser.should_upgrade() or self.transport.is_closing():
            return
        url = httptools.parse_url(self.url)
        path = url.path or b"/"
        self.scope["path"] = self.root_path + unquote(path.decode("ascii"))
        self.scope["raw_path"] = self.root_path.encode("ascii") + path
        self.scope["query_string"] = url.query or b""
        is_answering = self._is_answering
        self._size.is_in_head = False  # its faults up to here are those of no cycle
        self.cycle = self._cycle()
        if is_answering:
            self.flow.pause_reading()
            self.pipeline.appendleft((self.cycle, self.app))
        else:
            self._start_asgi_task(self.cycle, self.app)

    def _cycle(self) -> Cycle:
        return Cycle(
            announced_s=self._keep_alive_s,
            may_keep=self._may_keep,
            answers=self.answers,
            taker_of=self._taker_of,
            scope=self.scope,
            transport=self.transport,
            flow=self.flow,
            logger=self.logger,
            access_logger=self.access_logger,
            access_log=self.access_log,
            default_headers=self.server_state.default_headers,
            message_event=asyncio.Event(),
            expect_100_continue=self.expect_100_continue,
            keep_alive=self.parser.should_keep_alive() and not self._is_limited,
            on_response=self.on_response_complete,
        )

    def on_body(self, body: bytes) -> None:
        """Pass on a part of a request's body."""
        self._size.add_body(len(body))
        if not self.parser.should_upgrade():
            super().on_body(body)

    def on_message_complete(self) -> None:
        """Another request may begin."""
        if self.parser.should_upgrade():
            return
        self._is_complete = True
        self._size.end()
        self._has_begun = False
        self._await_no_request()
        self._may_give_way(False)
        super().on_message_complete()
        if self._current is not None and self._current.is_lingering:
            self.transport.close()
            return
        # A `Connection: close` among the trailers, which makes the parser skip all that follows.
        if not self.parser.should_keep_alive():
            self.cycle.keep_alive = False
            if self.cycle.response_complete:
                self.transport.close()

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: ASGI3Application) -> None:
        self._current = cast("Cycle", cycle)
        super()._start_asgi_task(cycle, app)

    def on_response_complete(self) -> None:
        """Go on with what waits, and read more once nothing does."""
        self._may_give_way(True)  # a TLS connection waits for its client to close it, too
        super().on_response_complete()
        if self._next is not None and not self._is_answering:
            self._go_on()
            return
        self.flow.resume_reading()
        if self._has_begun and not self._is_answering and not self.is_closed:
            self._unset_keepalive_if_required()
            self._await_request()

    def _behind_answers(self, action: Callable[[], None]) -> None:
        """Do something once all requests before it are answered, and read nothing more until then.

        It is not done if an answer ends the connection.
        """
        self._next = action
        if self._is_answering:
            self.flow.pause_reading()
        else:
            self._go_on()

    def _go_on(self) -> None:
        action, self._next = self._next, None
        self._unset_keepalive_if_required()
        if action is not None and not self.is_closed:
            action()

    # How a connection ends that is kept between requests.

    def _may_keep(self) -> bool:
        is_draining = self.admission is not None and self.admission.is_draining
        return not (self._is_last or is_draining) and self._keep_alive_s > 0

    def timeout_keep_alive_handler(self) -> None:
        """End the connection, unless a request has arrived at this moment."""
        if self.has_unread and not self.is_closed:
            self._is_last = True  # its answer announces the end
            self._await_request()
        else:
            super().timeout_keep_alive_handler()

    def shutdown(self) -> None:
        """End with the server, behind the answer to a request that has arrived.

        Once only, for a TLS transport forgets itself at the second time.
        """
        self._is_last = True
        if self.is_closed:
            return
        if not self._is_answering and (self._has_begun or self.has_unread):
            self._await_request()
        else:
            super().shutdown()

    # What is read.

    def resume_reading(self) -> None:
        """Read on, unless something waits for its turn. uvicorn calls this, too."""
        if self.pipeline or self._next is not None:
            self.flow.read_paused = True  # still
        else:
            super().resume_reading()

    def _arrange_reading(self) -> None:
        if self.transport.get_protocol() is self:  # and not a WebSocket's
            super()._arrange_reading()

    def handle_websocket_upgrade(self) -> None:
        """Hand the connection, and the data that waits, over to its next protocol."""
        if self._refuse_websocket():
            return
        self.headers[:] = [*without_offers(self.headers), (b"upgrade", b"websocket")]
        super().handle_websocket_upgrade()
        protocol = self.transport.get_protocol()
        assert isinstance(protocol, WatchedConnection), "the server serves by no other"
        protocol.take_over(self)
        self._current = None
        self._break_cycles()

    # How long a request may take to arrive.

    @property
    def _is_answering(self) -> bool:
        cycle: RequestResponseCycle | None = self.cycle
        return cycle is not None and not cycle.response_complete

    def _await_request(self) -> None:
        if self._request_timer is None:
            wait_s = self.limits.request_timeout_s
            if self._refusal is not None:
                wait_s = min(wait_s, _REFUSED_WAIT_S)
            self._request_timer = self.loop.call_later(wait_s, self._request_is_late)

    def _await_no_request(self) -> None:
        if self._request_timer is not None:
            self._request_timer.cancel()
            self._request_timer = None

    def _request_is_late(self) -> None:
        self._request_timer = None
        if self.is_closed:
            return
        if self._refusal is not None:
            self._refuse(self._refusal)
            return
        if self._has_begun:
            self._give_up(TOO_SLOW)
        elif self.has_unread and not self._is_last:
            self._is_last = True
            self._await_request()
        else:
            self.transport.close()

    # Refusals that wait for no request, or for no more of it.

    def _give_up(self, refusal: Refusal) -> None:
        """End the connection for a request, behind the answers to those before it."""
        if not self._size.is_in_head:
            if self.cycle.response_started:  # some answer a request before its body has come
                self.transport.close()
                return
            if not self.pipeline:  # the refusal is the answer to the only one
                self._refuse(refusal)
                return
            self.pipeline.popleft()
            earlier = self.pipeline[0][0] if self.pipeline else self._current
            assert earlier is not None  # what has waited has waited for it
            self.cycle = earlier
        self._behind_answers(partial(self._refuse, refusal))

    # The sink.

    def write_text(self, text: bytes) -> None:
        """Send this text, as one chunk if the response is chunked."""
        if not self.is_closed:
            is_chunked = self._current is None or self._current.is_chunked
            self._write(b"%x\r\n%b\r\n" % (len(text), text) if is_chunked else text)

    def write_texts(self, prefix: bytes, middles: Sequence[bytes | Parts], suffix: bytes) -> None:
        """Send a text of `prefix + middle + suffix` for each of `middles`."""
        texts = ((prefix, *parts_of(middle), suffix) for middle in middles)
        self.write_text(b"".join(chain.from_iterable(texts)))
