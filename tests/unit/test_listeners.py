"""What listens ends without the loss of a connection that comes in that moment."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable, Coroutine
from typing import Any, TypeAlias

import pytest
import uvloop

from graphql_api.listeners import stop_listening
from tests import ports
from tests.for_each import for_each

Run: TypeAlias = Callable[[Coroutine[Any, Any, None]], None]


@for_each("run", [asyncio.run, uvloop.run])
def test_connection_that_comes_just_when_its_listener_closes_is_served_or_refused(run: Run) -> None:
    async def test(steps: int) -> None:
        listener = await asyncio.start_server(lambda _, writer: writer.close(), "127.0.0.1", 0)
        with socket.create_connection(listener.sockets[0].getsockname()) as client:
            for _ in range(steps):
                await asyncio.sleep(0)
            await stop_listening(listener)
            assert not listener.is_serving()
            await asyncio.sleep(0)
            assert ports.is_ended(client)

    for steps in range(6):
        run(test(steps))


async def test_listener_is_closed_even_if_that_is_cancelled() -> None:
    listener = await asyncio.start_server(lambda _, writer: writer.close(), "127.0.0.1", 0)
    closing = asyncio.create_task(stop_listening(listener))
    await asyncio.sleep(0)
    closing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await closing
    assert not listener.is_serving()
