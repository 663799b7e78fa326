"""Whatever a connection has used is freed when it ends: the search for cycles finds nothing of it.

A search that finds the remains of thousands of connections takes 0.1 s, in which nothing else is
done.
"""

from __future__ import annotations

import asyncio
import gc
import json
import socket
from collections import Counter
from collections.abc import Sequence

import uvloop

from graphql_api.protocols.socket_connection import SocketConnection
from graphql_api.rethink.url import DatabaseURL
from graphql_api.server.flow_control import WatchedConnection
from tests.conformance.raw_websocket import close, text
from tests.cycles import no_search
from tests.database_servers import DatabaseServer
from tests.server.client import WAIT_S
from tests.server.running import Running, running, settings_for, until_ready
from tests.server.test_http import JSON, request

CONNECTIONS = 5
UPGRADE = [
    *(("Upgrade", "websocket"), ("Connection", "Upgrade"), ("Sec-WebSocket-Version", "13")),
    ("Sec-WebSocket-Key", "MDEyMzQ1Njc4OTAxMjM0NQ=="),
]
HANDSHAKE = request(
    "GET", "/graphql", [*UPGRADE, ("Sec-WebSocket-Protocol", "graphql-transport-ws")]
)
INIT = text('{"type":"connection_init"}')
WATCH = "subscription { policyChanges { __typename } }"
PAGE = "subscription { livePolicies { items { name } } }"
FORGED_FIELD = 'jobResponses(jobId: "x", after: "y") { cursor }'
FORGED = f"{{ a: {FORGED_FIELD} b: {FORGED_FIELD} }}"
POLICIES = "{ policies { items { name problems { path } } total } }"


def posted(query: str, *headers: tuple[str, str]) -> bytes:
    body = json.dumps({"query": query}).encode()
    return request("POST", "/graphql", [("Content-Type", JSON), *headers], body)


def subscribe(query: str) -> bytes:
    return text(json.dumps({"type": "subscribe", "id": "1", "payload": {"query": query}}))


TALKS: dict[str, Sequence[bytes]] = {
    "nothing": [],
    "half a head": [b"GET / HTTP/1.1\r\nHost:"],
    "half a body": [request("POST", "/graphql", [("Content-Type", JSON)], b"{", length=100)],
    "no HTTP": [b"?\r\n\r\n", b""],
    "a probe": [request("GET", "/healthz"), b""],
    "two requests": [posted(POLICIES), b"", posted("{ nothing }"), b""],
    "errors of several fields": [posted(FORGED), b""],
    "an event stream": [posted(WATCH, ("Accept", "text/event-stream")), b""],
    "a handshake that is refused": [request("GET", "/graphql", UPGRADE[:-1]), b""],
    "a handshake": [HANDSHAKE, b""],
    "a closing handshake": [HANDSHAKE, b"", close(), b""],
    "a stranger's subscription": [HANDSHAKE, b"", subscribe(WATCH), b""],
    "no message": [HANDSHAKE, b"", text("[]"), b""],
    "a query": [HANDSHAKE, b"", INIT, b"", subscribe(POLICIES), b""],
    "errors of several fields on a socket": [HANDSHAKE, b"", INIT, b"", subscribe(FORGED), b""],
    "a subscription": [HANDSHAKE, b"", INIT, b"", subscribe(WATCH), b""],
    "a live page": [HANDSHAKE, b"", INIT, b"", subscribe(PAGE), b""],
    "a subscription that fails": [HANDSHAKE, b"", INIT, b"", subscribe("{"), b""],
}
"""What clients send before they leave; at an empty part they wait for an answer."""


async def talk(server: Running, parts: Sequence[bytes]) -> None:
    loop = asyncio.get_running_loop()
    with socket.socket() as sock:
        sock.setblocking(False)
        await loop.sock_connect(sock, (server.host, server.port))
        for part in parts:
            if part:
                await loop.sock_sendall(sock, part)
            else:
                await loop.sock_recv(sock, 1_000_000)


def connections() -> int:
    kinds = (WatchedConnection, SocketConnection)
    return sum(isinstance(each, kinds) for each in gc.get_objects())


def found() -> Counter[str]:
    """What a search finds: how many objects of each type."""
    gc.set_debug(gc.DEBUG_SAVEALL)
    gc.collect()
    gc.set_debug(0)
    kinds = Counter(type(each).__qualname__ for each in gc.garbage)
    gc.garbage.clear()
    return kinds


def test_connection_leaves_no_cycles(
    database_server: DatabaseServer, database: DatabaseURL
) -> None:
    async def leave(server: Running, parts: Sequence[bytes]) -> Counter[str]:
        await talk(server, parts)
        with no_search():
            async with asyncio.timeout(WAIT_S):
                for _ in range(CONNECTIONS):
                    await talk(server, parts)
                while connections():
                    await asyncio.sleep(0)
            return found()

    async def main() -> dict[str, Counter[str]]:
        await database_server.create(database)
        async with running(settings_for(database, database_heartbeat_s=WAIT_S)) as server:
            await until_ready(server)
            left = {name: await leave(server, parts) for name, parts in TALKS.items()}
        return {name: kinds for name, kinds in left.items() if kinds.total() >= CONNECTIONS}

    # Each connection of asyncio's own loop is a cycle.
    assert uvloop.run(main()) == {}
