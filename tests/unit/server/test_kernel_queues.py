"""What the kernel says of a socket's queues."""

from __future__ import annotations

import socket
import sys

import pytest

from graphql_api.server.flow_control import ask_kernel


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells it")
def test_socket_has_what_came_and_nothing_once_it_is_closed() -> None:
    from termios import FIONREAD

    ours, theirs = socket.socketpair()
    with theirs:
        theirs.sendall(b"12345")
        assert ask_kernel(ours, FIONREAD) == 5
        ours.close()
        assert ask_kernel(ours, FIONREAD) == 0
