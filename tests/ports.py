"""Ports of the loopback address, and what listens there."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def reserved() -> Iterator[int]:
    """A port that refuses connections in the body, until something listens there that it starts.

    The system gives it to no other program: to none that listens on any port, and to no connection,
    which, if it tries again and again to reach that very port, could even become one to itself.
    """
    with socket.socket() as holder:
        # Others may listen where this one is only bound, if they set this as well; servers do.
        holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        holder.bind(("127.0.0.1", 0))
        port: int = holder.getsockname()[1]
        yield port


async def stop_listening(listener: asyncio.Server) -> None:
    """Close a listener when all that it has accepted has come through.

    Python 3.11 loses a connection, and does not close it, whose listener is closed between the
    moment at which it is accepted and the one at which it gets a transport.
    """
    loop = asyncio.get_running_loop()
    for sock in listener.sockets:
        loop.remove_reader(sock.fileno())
    for _ in range(5):
        await asyncio.sleep(0)
    listener.close()
