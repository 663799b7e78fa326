"""Ports of the loopback address, and what listens there."""

from __future__ import annotations

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


def is_ended(client: socket.socket) -> bool:
    """Whether the other side of a connection, which has sent nothing, has closed or refused it."""
    client.setblocking(False)
    try:
        return client.recv(1) == b""
    except ConnectionResetError:
        return True
    except BlockingIOError:
        return False
