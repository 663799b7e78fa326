"""The ways in which clients come and go."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from itertools import count
from random import Random
from typing import TypeAlias

import httpx
from websockets.asyncio.client import connect
from websockets.typing import Subprotocol

from tests.server.client import Client, connected
from tests.server.operations import POLICIES, WATCHES
from tests.soak.server import SEND_TIMEOUT_S

WAIT_S = 30.0
_SUBPROTOCOLS = [Subprotocol("graphql-transport-ws")]


@dataclass
class Place:
    """Where clients come to.

    Attributes:
        host: The server's address.
        port: Its port.
        rng: What happens by chance.
        numbers: Never the same twice.
    """

    host: str
    port: int
    rng: Random
    numbers: count[int] = field(default_factory=count)

    @property
    def ws(self) -> str:
        return f"ws://{self.host}:{self.port}/graphql"

    @property
    def http(self) -> str:
        return f"http://{self.host}:{self.port}/graphql"


Visit: TypeAlias = Callable[[Place], Awaitable[None]]


async def _watch(place: Place, client: Client, changes: int) -> str:
    """Subscribe to policies, and read some changes; the cursor of the last one."""
    operation = await client.subscribe(POLICIES.subscription)
    cursor: str = (await operation.until_status("READY"))[-1]["cursor"]
    for _ in range(changes):
        cursor = (await operation.change())["cursor"]
    return cursor


async def watches_and_leaves(place: Place) -> None:
    """Completes what it has subscribed to, and closes its socket."""
    async with connected(place.ws) as client:
        operations = [await client.subscribe(watch.subscription) for watch in WATCHES]
        for operation in operations:
            await operation.until_status("READY")
        for operation in operations:
            await operation.complete()
        assert "data" in await client.execute("{ feeds { subscribers } }")


async def is_cut_off(place: Place) -> None:
    """Its connection is reset while changes are on their way."""
    async with connected(place.ws) as client:
        await _watch(place, client, place.rng.randrange(20))
        client.socket.transport.abort()


async def resumes(place: Place) -> None:
    """Is cut off, and comes again with its cursor."""
    async with connected(place.ws) as client:
        cursor = await _watch(place, client, 3)
        client.socket.transport.abort()
    async with connected(place.ws, init={"since": {"again": cursor}}) as client:
        operation = await client.subscribe(POLICIES.subscription, operation_id="again")
        await operation.until_status("READY")
        await operation.change()


async def filters(place: Place) -> None:
    """Has a filter that is new."""
    async with connected(place.ws) as client:
        where = {"ids": [f"nobody's {next(place.numbers)}"]}
        operation = await client.subscribe(POLICIES.subscription, where=where)
        statuses = [change["status"] for change in await operation.until_status("READY")]
        assert statuses == ["INITIALIZING", "READY"], statuses


def _new_document(place: Place) -> str:
    return f"query Q{next(place.numbers)} {POLICIES.query.partition(')')[2]}".replace(
        "where: $where, limit: 1000", "limit: 3"
    )


async def asks_over_a_socket(place: Place) -> None:
    """Sends documents that are new; some are wrong."""
    async with connected(place.ws) as client:
        for _ in range(5):
            assert "errors" not in await client.execute(_new_document(place))
        wrong = await client.subscribe(f"{{ no{next(place.numbers)} }}")
        assert (await wrong.messages.get())["type"] == "error"


async def asks_over_http(place: Place) -> None:
    """The same, with requests."""
    async with httpx.AsyncClient(trust_env=False, verify=False, timeout=WAIT_S) as client:
        for _ in range(5):
            answer = await client.post(place.http, json={"query": _new_document(place)})
            assert "errors" not in answer.json()
        wrong = await client.post(place.http, json={"query": f"{{ no{next(place.numbers)} }}"})
        assert wrong.json()["errors"]


async def reads_an_event_stream(place: Place) -> None:
    """Subscribes with a request, reads up to the first change, and hangs up."""
    async with (
        httpx.AsyncClient(trust_env=False, verify=False, timeout=WAIT_S) as client,
        client.stream(
            "POST",
            place.http,
            json={"query": POLICIES.subscription},
            headers={"accept": "text/event-stream"},
        ) as stream,
    ):
        async for line in stream.aiter_lines():
            if "PolicyUpdated" in line:
                return
        raise AssertionError("the stream has ended")


async def scrapes_metrics(place: Place) -> None:
    """Is a monitoring system."""
    async with httpx.AsyncClient(trust_env=False, verify=False, timeout=WAIT_S) as client:
        for path in ("/metrics", "/readyz"):
            answer = await client.get(f"http://{place.host}:{place.port}{path}")
            assert answer.status_code == 200, answer.text


async def _is_closed(place: Place, message: str | None) -> int:
    """Send a message, if any, and wait for the server to close; its code."""
    async with (
        asyncio.timeout(WAIT_S),
        connect(place.ws, subprotocols=_SUBPROTOCOLS, proxy=None) as client,
    ):
        if message is not None:
            await client.send(message)
        await client.wait_closed()
        assert client.close_code is not None
        return client.close_code


async def breaks_the_protocol(place: Place) -> None:
    """Sends what is no message, and is closed."""
    assert await _is_closed(place, "[]") == 4400


async def says_nothing(place: Place) -> None:
    """Never says who it is, and is closed."""
    assert await _is_closed(place, None) == 4408


async def stops_reading(place: Place) -> None:
    """Asks for far more than its buffers hold, and reads nothing of it for too long."""
    sock = socket.socket()
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    sock.setblocking(False)
    await asyncio.get_running_loop().sock_connect(sock, (place.host, place.port))
    async with (
        asyncio.timeout(WAIT_S),
        connect(
            place.ws,
            sock=sock,
            subprotocols=_SUBPROTOCOLS,
            max_queue=1,
            ping_interval=None,
            close_timeout=0.1,
            proxy=None,
        ) as client,
    ):
        await client.send('{"type": "connection_init"}')
        assert "connection_ack" in str(await client.recv())
        for number in range(20):
            payload = {"query": POLICIES.subscription}
            message = {"id": str(number), "type": "subscribe", "payload": payload}
            await client.send(json.dumps(message))
        await asyncio.sleep(2 * SEND_TIMEOUT_S)
        client.transport.abort()


QUICK: Sequence[Visit] = (
    watches_and_leaves,
    is_cut_off,
    resumes,
    filters,
    asks_over_a_socket,
    asks_over_http,
    reads_an_event_stream,
    scrapes_metrics,
    breaks_the_protocol,
)
SLOW: Sequence[Visit] = (says_nothing, stops_reading)
"""Those that take seconds."""
