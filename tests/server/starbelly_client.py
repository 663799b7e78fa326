"""A client of Starbelly's protocol, by trio-websocket: it runs in a thread, with a loop of trio."""

from __future__ import annotations

import asyncio
import threading
from collections import defaultdict
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from itertools import count
from typing import Any
from uuid import UUID

import trio
from trio_websocket import ConnectionClosed, ConnectionRejected, open_websocket_url

from tests.patience import LONGEST_S
from tests.server.client import WAIT_S
from tests.starbelly_numbers import ADDED, DELETED, ERROR, Request, ServerMessage


class RefusedRequest(Exception):  # noqa: N818 - it is what the protocol calls `is_success = false`
    """A request was answered by `is_success = false`."""


class Closed(Exception):  # noqa: N818 - the end of a connection is no error
    """The server has closed the connection."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(code, reason)
        self.code, self.reason = code, reason


class Ended(Exception):  # noqa: N818 - the end of a subscription need not be one
    """A subscription is over."""

    def __init__(self, reason: int, message: str) -> None:
        super().__init__(reason, message)
        self.reason, self.message = reason, message


class Subscription:
    """The events of one subscription, in their order."""

    def __init__(self, client: StarbellyClient, id_: int) -> None:
        self.client = client
        self.id = id_

    async def event(self) -> Any:
        """The next event.

        Raises:
            Ended: There is none.
            Closed: The connection is over.
        """
        event = await self.client.event(self.id)
        if event.HasField("subscription_closed"):
            closed = event.subscription_closed
            raise Ended(closed.reason, closed.message)
        return event

    async def row(self) -> tuple[int, str, str]:
        """The next event of a list: its type, the row's key, and its name."""
        event = await self.event()
        if event.HasField("policy_event"):
            row = event.policy_event
            return row.event_type, str(UUID(bytes=row.policy_id)), row.name
        if event.HasField("schedule_event"):
            row = event.schedule_event
            return row.event_type, str(UUID(bytes=row.schedule_id)), row.schedule_name
        return event.domain_login_event.event_type, event.domain_login_event.domain, ""

    async def rows(self, number: int) -> list[tuple[int, str, str]]:
        return [await self.row() for _ in range(number)]

    async def unsubscribe(self) -> None:
        await self.client.ask(unsubscribe={"subscription_id": self.id})


class StarbellyClient:
    """One connection. What comes is kept until it is asked for."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._token: trio.lowlevel.TrioToken | None = None
        self._outgoing: Any = None
        self._ids = count(1)
        self._responses: dict[int, asyncio.Queue[Any]] = defaultdict(asyncio.Queue)
        self._events: dict[int, asyncio.Queue[Any]] = defaultdict(asyncio.Queue)
        self.opened: asyncio.Future[None] = self._loop.create_future()
        self.closed: asyncio.Future[Closed] = self._loop.create_future()
        self.events = 0
        """How many events have come."""

    async def send(self, data: bytes | str | None) -> None:
        """Send a message as it is; None closes the connection.

        Raises:
            Closed: The connection is over.
        """
        assert self._token is not None
        try:
            self._token.run_sync_soon(self._outgoing.send_nowait, data)
        except trio.RunFinishedError:
            raise await self.closed from None

    async def ask(self, request_id: int | None = None, **command: Any) -> Any:
        """The response to a request.

        Raises:
            RefusedRequest: It is not a success.
            Closed: The connection is over.
        """
        id_ = next(self._ids) if request_id is None else request_id
        await self.send(Request(request_id=id_, **command).SerializeToString())
        return await self.response(id_)

    async def response(self, request_id: int) -> Any:
        """The response to a request that was sent."""
        response = await self._next(self._responses[request_id])
        if not response.is_success:
            raise RefusedRequest(response.error_message)
        return response

    async def subscribe(self, command: str, **fields: Any) -> Subscription:
        """Begin a subscription."""
        response = await self.ask(None, **{command: fields})
        return Subscription(self, response.new_subscription.subscription_id)

    async def event(self, subscription_id: int) -> Any:
        """The next event of a subscription."""
        return await self._next(self._events[subscription_id])

    async def _next(self, queue: asyncio.Queue[Any]) -> Any:
        got = asyncio.ensure_future(queue.get())
        async with asyncio.timeout(WAIT_S):
            await asyncio.wait({got, self.closed}, return_when=asyncio.FIRST_COMPLETED)
        if got.done():
            return got.result()
        got.cancel()
        raise self.closed.result()

    # In the thread of trio.

    async def run(self, url: str, headers: dict[str, str], subprotocols: Sequence[str]) -> None:
        extra = [(name.encode(), value.encode()) for name, value in headers.items()]
        self._token = trio.lowlevel.current_trio_token()
        self._outgoing, outgoing = trio.open_memory_channel[bytes | str | None](1000)
        end, failure = Closed(1006, ""), None
        try:
            async with (
                open_websocket_url(
                    url,
                    extra_headers=extra,
                    subprotocols=subprotocols or None,
                    max_message_size=2**25,
                    connect_timeout=LONGEST_S,  # as in `tests.patience`
                    disconnect_timeout=LONGEST_S,
                ) as socket,
                trio.open_nursery() as nursery,
            ):
                self._loop.call_soon_threadsafe(self.opened.set_result, None)
                nursery.start_soon(self._send, socket, outgoing)
                try:
                    while True:
                        data = await socket.get_message()
                        self._loop.call_soon_threadsafe(self._received, data)
                except ConnectionClosed as closed:
                    if closed.reason is not None:
                        end = Closed(int(closed.reason.code), closed.reason.reason or "")
                nursery.cancel_scope.cancel()
                # It leaves that to the garbage collector where the server has closed first.
                await trio.aclose_forcefully(socket._stream)
        except BaseException as error:  # noqa: BLE001 - it is raised in the other thread
            if isinstance(error, ConnectionRejected):
                end = Closed(error.status_code, "")
            else:
                failure = error
        self._loop.call_soon_threadsafe(self._ended, end, failure)

    async def _send(self, socket: Any, outgoing: Any) -> None:
        try:
            async for data in outgoing:
                if data is None:
                    await socket.aclose()
                    return
                await socket.send_message(data)
        except ConnectionClosed:
            pass

    def _received(self, data: Any) -> None:
        message = ServerMessage.FromString(data)
        if message.HasField("response"):
            self._responses[message.response.request_id].put_nowait(message.response)
        else:
            self.events += 1
            self._events[message.event.subscription_id].put_nowait(message.event)

    def _ended(self, end: Closed, failure: BaseException | None) -> None:
        self.closed.set_result(end)
        if self.opened.done():
            return
        if failure is None:
            self.opened.set_result(None)
        else:
            self.opened.set_exception(failure)


@asynccontextmanager
async def starbelly_client(
    url: str, *, headers: dict[str, str] | None = None, subprotocols: Sequence[str] = ()
) -> AsyncIterator[StarbellyClient]:
    """A connection, until the context is left."""
    client = StarbellyClient()
    thread = threading.Thread(
        target=trio.run, args=(client.run, url, headers or {}, subprotocols), name="trio"
    )
    thread.start()
    try:
        async with asyncio.timeout(WAIT_S):
            await client.opened
        yield client
    finally:
        if client.opened.done() and not client.closed.done():
            with suppress(Closed):
                await client.send(None)
        await asyncio.to_thread(thread.join)


class HeldNames:
    """What a client holds of a list: applying its events leaves the table."""

    def __init__(self) -> None:
        self.names: dict[str, str] = {}

    def apply(self, kind: int, key: str, name: str) -> None:
        if kind == DELETED:
            del self.names[key]
            return
        assert (key in self.names) == (kind != ADDED)
        self.names[key] = name


__all__ = ["ERROR", "Closed", "Ended", "HeldNames", "RefusedRequest", "starbelly_client"]
