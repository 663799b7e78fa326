"""One client's connection: handshake, then frames until either side hangs up.

Queries of one connection run one after the other, in the order in which they came; only the
CONTINUEs of changefeeds are answered when there is something to say. So a noreply write is done
before the next query starts, and NOREPLY_WAIT has nothing to wait for.

What is written is bounded: responses to queries wait for the client to read (`drain`), and a
changefeed has at most one batch under way for each CONTINUE.
"""

from __future__ import annotations

import asyncio
import logging
import time
from typing import TYPE_CHECKING

from graphql_api.embedded import frames
from graphql_api.embedded.catalog import SERVER_NAME
from graphql_api.embedded.datum import encode
from graphql_api.embedded.errors import ErrorType, HandshakeError, ReqlError, client_error
from graphql_api.embedded.handshake import (
    MAX_MESSAGE_SIZE,
    check_magic_number,
    final_reply,
    first_reply,
    plain_refusal,
    refusal,
)
from graphql_api.embedded.permissions import Access
from graphql_api.embedded.ql2 import QueryType, ResponseType
from graphql_api.embedded.query import AtomResult, run_query
from graphql_api.embedded.scram import ScramServer
from graphql_api.embedded.stream_cache import OpenChangefeed, OpenSequence, OpenStream, StreamCache

if TYPE_CHECKING:
    from collections.abc import Callable

    from graphql_api.embedded.catalog import Catalog
    from graphql_api.embedded.datum import Document
    from graphql_api.embedded.frames import Query

_LOGGER = logging.getLogger(__name__)

_DISCARD_CHUNK = 1024 * 1024
_DISCARD_TIMEOUT_S = 10.0


class ClientConnection:
    """A connection that was accepted.

    Args:
        reader: Where frames come from.
        writer: Where frames go.
        catalog: The databases.
        handshake_timeout_s: How long the client has to authenticate.
    """

    def __init__(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        catalog: Catalog,
        handshake_timeout_s: float,
    ) -> None:
        self._reader = reader
        self._writer = writer
        self._catalog = catalog
        self._handshake_timeout_s = handshake_timeout_s
        self._streams = StreamCache()
        self._access = Access("", {})

    async def serve(self) -> None:
        """Serve the client until it hangs up, or breaks the protocol."""
        try:
            async with asyncio.timeout(self._handshake_timeout_s):
                authenticated = await self._handshake()
            if authenticated:
                await self._serve_queries()
        except (TimeoutError, ConnectionError, asyncio.IncompleteReadError):
            pass  # the client is gone, or never came
        finally:
            self._streams.close()

    # --- handshake ---

    async def _handshake(self) -> bool:
        """Return whether the client is authenticated; if it is not, it has received the reason."""
        magic = int.from_bytes(await self._reader.readexactly(4), "little")
        try:
            self._writer.write(check_magic_number(magic))
        except HandshakeError as error:
            await self._refuse(plain_refusal(error))
            return False
        scram = ScramServer(self._catalog.credentials)
        try:
            self._writer.write(first_reply(scram, await self._read_handshake_message()))
            self._writer.write(final_reply(scram, await self._read_handshake_message()))
            await self._writer.drain()
        except HandshakeError as error:
            await self._refuse(refusal(error))
            return False
        self._access = Access(scram.user, self._catalog.permissions)
        return True

    async def _read_handshake_message(self) -> bytes:
        # Byte by byte, as RethinkDB does: queries may follow, and must stay in the buffer.
        message = bytearray()
        while len(message) < MAX_MESSAGE_SIZE:
            byte = await self._reader.readexactly(1)
            if byte == b"\0":
                return bytes(message)
            message += byte
        raise HandshakeError(7, "Limited read buffer size.")

    async def _refuse(self, message: bytes) -> None:
        self._writer.write(message)
        await self._writer.drain()
        await self._discard(None)

    async def _discard(self, size: int | None) -> None:
        """Read what the client still sends, for a while.

        Closing a socket that holds unread data resets it, and the client might lose the error
        that it was just sent.
        """
        if self._writer.can_write_eof():
            self._writer.write_eof()
        try:
            async with asyncio.timeout(_DISCARD_TIMEOUT_S):
                while size is None or size > 0:
                    data = await self._reader.read(_DISCARD_CHUNK)
                    if not data:
                        return
                    if size is not None:
                        size -= len(data)
        except TimeoutError:
            return

    # --- queries ---

    async def _serve_queries(self) -> None:
        while True:
            header = await self._reader.readexactly(frames.HEADER.size)
            token, size = frames.HEADER.unpack(header)
            if size >= frames.MAX_QUERY_SIZE:
                self._send(token, frames.error(frames.query_too_large(size)))
                await self._writer.drain()
                await self._discard(size)
                return
            await self._answer(token, await self._reader.readexactly(size))
            await self._writer.drain()
            # Neither of these waits while there is more to read and room to write: a client that
            # sends many queries at once would have the event loop to itself.
            await asyncio.sleep(0)

    async def _answer(self, token: int, data: bytes) -> None:
        try:
            query = frames.parse_query(token, data)
        except ReqlError as error:
            self._send(token, frames.error(error))
            return
        reply = self._replier(query)
        try:
            await self._dispatch(query, reply)
        except ReqlError as error:
            reply(frames.error(error))
        except RecursionError:
            self._streams.remove(token)
            message = "A value is nested too deeply for this term."
            reply(frames.error(ReqlError(ErrorType.RESOURCE_LIMIT, message, ())))
        except Exception as error:
            # A fault of this server must not take the connection with it; RethinkDB says the same.
            _LOGGER.exception("A query failed unexpectedly")
            self._streams.remove(token)
            message = f"Unexpected exception: {error}"
            reply(frames.error(ReqlError(ErrorType.INTERNAL, message, ())))

    def _replier(self, query: Query) -> Callable[[bytes], None]:
        if query.noreply:
            return lambda _: None
        token = query.token
        if query.profile:
            return lambda response: self._send(token, frames.with_profile(response))
        return lambda response: self._send(token, response)

    def _send(self, token: int, response: bytes) -> None:
        if not self._writer.is_closing():
            self._writer.write(frames.frame(token, response))

    async def _dispatch(self, query: Query, reply: Callable[[bytes], None]) -> None:
        token = query.token
        if query.type is QueryType.START:
            await self._start(query, reply)
        elif query.type is QueryType.CONTINUE:
            stream = self._streams.get(token)
            if stream is None:
                raise _not_in_stream_cache(token)
            self._continue(token, stream)
        elif query.type is QueryType.STOP:
            if token not in self._streams:
                raise _not_in_stream_cache(token)
            for _ in range(self._streams.remove(token) + 1):
                reply(frames.EMPTY_SEQUENCE)
        elif query.type is QueryType.NOREPLY_WAIT:
            self._check_new(token)
            reply(frames.WAIT_COMPLETE)
        else:
            info: Document = {"id": self._catalog.server_id, "name": SERVER_NAME, "proxy": False}
            reply(b'{"t":%d,"r":[%b]}' % (ResponseType.SERVER_INFO, encode(info)))

    def _check_new(self, token: int) -> None:
        if token in self._streams:
            raise client_error(f"ERROR: duplicate token {token}")

    def _continue(self, token: int, stream: OpenStream) -> None:
        try:
            stream.continue_()
        except ReqlError:
            self._streams.remove(token)  # it has ended with this error
            raise

    async def _start(self, query: Query, reply: Callable[[bytes], None]) -> None:
        token = query.token
        self._check_new(token)
        result = await run_query(query, self._catalog, time.time(), self._access)
        if isinstance(result, AtomResult):
            reply(frames.atom(result.value))
            return
        if query.noreply:
            return

        def finished() -> None:
            # A client that sent several CONTINUEs gets an error for each that came too late.
            for _ in range(self._streams.remove(token)):
                reply(frames.error(_not_in_stream_cache(token)))

        stream = result.stream
        if stream.source is None:
            sequence = OpenSequence(iter(stream.rows()), result.spec, reply, finished)
            self._streams.add(token, sequence)
            self._continue(token, sequence)
        else:
            loop = asyncio.get_running_loop()
            feed = OpenChangefeed(stream.source, result.spec, loop, reply, finished)
            self._streams.add(token, feed)
            feed.open()


def _not_in_stream_cache(token: int) -> ReqlError:
    return client_error(f"Token {token} not in stream cache.")
