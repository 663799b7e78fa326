"""Sends the same bytes for ever: what the load client is measured against, before anything else.

Usage: python -m tests.benchmarks.peers.ready_made SUBSCRIBERS MESSAGE_BYTES

It speaks just as much of the protocol as the load client does.
"""

from __future__ import annotations

import socket
import struct
import sys

_SWITCHING = (
    b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Protocol: graphql-transport-ws\r\n\r\n"
)
_AT_ONCE = 2
"""How many messages are sent to one client in one go."""


def main(subscribers: int, message_bytes: int) -> None:
    frame = struct.pack("!BBH", 0x81, 126, message_bytes) + b"x" * message_bytes
    acknowledgement = b'\x81\x19{"type":"connection_ack"}'
    with socket.create_server(("127.0.0.1", 0), backlog=2048) as listener:
        print(f"ws://127.0.0.1:{listener.getsockname()[1]}/graphql", flush=True)  # noqa: T201
        clients = []
        for _ in range(subscribers):
            client, _ = listener.accept()
            client.recv(4096)  # the handshake
            client.sendall(_SWITCHING + acknowledgement)
            client.settimeout(30)
            clients.append(client)
        for client in clients:
            asked = b""
            while b"subscri" not in asked:
                asked += client.recv(4096)
        data = frame * _AT_ONCE
        try:
            while True:
                for client in clients:
                    client.sendall(data)
        except OSError:
            return  # the load client has gone


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))
