"""docs/close-codes.md lists the codes with which sockets end, and each row is as it says."""

from __future__ import annotations

import asyncio
import json
import re
import subprocess
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

import pytest

from graphql_api.limits.client_limits import ClientLimits
from graphql_api.protocols.graphql_transport_ws import CloseCode
from graphql_api.server.websocket_protocol import WebSocketProtocol
from tests.conformance.raw_websocket import (
    WAIT_S,
    Opcode,
    RawWebSocket,
    frame,
    raw_websocket,
    text,
)
from tests.for_each import for_each
from tests.patience import LONGEST_S
from tests.server.transport.test_websocket import Bouncer
from tests.server.transport.toy import Running, serve

_PAGE = Path(__file__).parents[2] / "docs" / "close-codes.md"
_ROW = re.compile(r"\| (\d{4}) \| (.+) \| (.+) \| (.+) \| (yes|no) \|")


class Row(NamedTuple):
    when: str
    fault: str
    named: str
    comes_back: bool


ROWS = {
    int(match[1]): Row(match[2], match[3], match[4], match[5] == "yes")
    for match in map(_ROW.fullmatch, _PAGE.read_text(encoding="utf-8").splitlines())
    if match
}

INIT = text('{"type":"connection_init"}')
SILENCE = text('{"type":"subscribe","id":"a","payload":{"query":"subscription{silence}"}}')
FLOOD = text('{"type":"subscribe","id":"a","payload":{"query":"subscription{flood(size:9999)}"}}')


class Scenario(NamedTuple):
    """What a client does until its socket is closed, on a server of this kind."""

    data: tuple[bytes, ...]
    serve: Mapping[str, Any] = MappingProxyType({})
    subprotocol: str = "graphql-transport-ws"
    then: Callable[[Running, RawWebSocket], Awaitable[None]] | None = None


async def shut_down(server: Running, socket: RawWebSocket) -> None:
    await socket.receive()  # the acknowledgement
    await server.app.close_all()


async def wait_for_the_cut(server: Running, _: RawWebSocket) -> None:
    """Take nothing until the server has dropped the connection."""
    await server.toys.wait_for(lambda: server.toys.open == 1)
    await server.toys.wait_for(lambda: server.app.connections == 0)


def impatient(**limits: float) -> dict[str, Any]:
    return {"uvicorn_options": {"ws": WebSocketProtocol.with_limits(ClientLimits(**limits))}}  # type: ignore[arg-type]


SCENARIOS: dict[int, list[Scenario]] = {
    1002: [Scenario((INIT, frame(3, b"x"))), Scenario((frame(Opcode.PING, b"x" * 126),))],
    1006: [
        Scenario(
            (INIT, FLOOD),
            impatient(send_timeout_s=0.2, send_buffer_bytes=4096),
            then=wait_for_the_cut,
        )
    ],
    1007: [Scenario((INIT, SILENCE, frame(Opcode.TEXT, b'{"a":"\xff"}')))],
    1009: [
        Scenario((INIT, SILENCE, text('{"type":"ping","payload":{"a":"%s"}}' % ("x" * 65_536)))),
        Scenario((text(" " * 65_537),)),
        Scenario((INIT, SILENCE, frame(Opcode.TEXT, length=2**30))),
    ],
    1012: [Scenario((INIT, SILENCE), then=shut_down)],
    1013: [
        Scenario((INIT,), {"uvicorn_options": {"ws_ping_interval": 0.1, "ws_ping_timeout": 0.1}})
    ],
    4400: [
        Scenario((INIT, SILENCE, text("{"))),
        Scenario((INIT, SILENCE, text('{"type":"next","id":"a"}'))),
        Scenario((INIT, SILENCE, text('{"type":"complete"}'))),
        Scenario((INIT, SILENCE, frame(Opcode.BINARY, b"{}"))),
        Scenario((text('{"type":"ping"}') * 33,)),
    ],
    4401: [Scenario((SILENCE,))],
    4403: [
        Scenario(
            (text('{"type":"connection_init","payload":{"am":"unwelcome"}}'),),
            {"authenticator": Bouncer()},
        )
    ],
    4406: [Scenario((INIT,), subprotocol="graphql-ws")],
    4408: [Scenario((), {"limits": ClientLimits(connection_init_timeout_s=0.05)})],
    4409: [Scenario((INIT, SILENCE, SILENCE))],
    4429: [Scenario((INIT, SILENCE, INIT))],
    4500: [
        Scenario(
            (text('{"type":"connection_init","payload":{"am":"crashing"}}'),),
            {"authenticator": Bouncer()},
        )
    ],
}


def test_every_code_that_the_server_uses_is_listed_and_tried() -> None:
    assert len(ROWS) == 14
    assert ROWS.keys() == SCENARIOS.keys()
    assert ROWS.keys() >= {int(code) for code in CloseCode}


@for_each(
    ("code", "number"),
    [(code, number) for code, scenarios in SCENARIOS.items() for number in range(len(scenarios))],
)
async def test_socket_ends_with_the_code_that_is_listed(code: int, number: int) -> None:
    scenario = SCENARIOS[code][number]
    async with (
        serve(**scenario.serve) as server,
        raw_websocket("127.0.0.1", server.port, (scenario.subprotocol,)) as socket,
    ):
        for data in scenario.data:
            await socket.send(data)
        if scenario.then is not None:
            await scenario.then(server, socket)
        async with asyncio.timeout(WAIT_S):
            while (received := await socket.receive()) and received.opcode != Opcode.CLOSE:
                pass
        assert (int.from_bytes(received.payload[:2], "big") if received else 1006) == code
        await server.toys.wait_for(lambda: server.app.connections + server.toys.open == 0)


@pytest.mark.usefixtures("packages")
def test_stock_client_comes_back_where_it_is_listed() -> None:
    program = Path(__file__).with_name("close-codes.mjs")
    result = subprocess.run(
        ["node", program, *map(str, ROWS)],
        capture_output=True,
        text=True,
        timeout=LONGEST_S,
        check=True,
    )
    answers = {int(code): answer for code, answer in json.loads(result.stdout).items()}
    assert answers == {code: row.comes_back for code, row in ROWS.items()}
