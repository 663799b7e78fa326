"""The proxies of the tests leave no connection open."""

from __future__ import annotations

import asyncio
import socket

import pytest

from tests import ports
from tests.clients.tcp_proxy import TCPProxy
from tests.fault.proxy import Proxy


@pytest.mark.parametrize("turns", range(4))
@pytest.mark.parametrize("make", [TCPProxy, Proxy])
async def test_connection_that_is_accepted_while_a_proxy_closes_is_aborted(
    make: type[TCPProxy | Proxy], turns: int
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        async with make(*silent.getsockname()) as proxy:
            late = socket.create_connection((proxy.host, proxy.port))
            for _ in range(turns):  # accepting takes some turns of the event loop
                await asyncio.sleep(0)
        for _ in range(5):
            await asyncio.sleep(0)
        with late:
            assert ports.is_ended(late)
