"""Changes are compressed once for all equal subscriptions, whatever the id of each; no more."""

from __future__ import annotations

import json
from contextlib import AsyncExitStack
from typing import Any

import pytest

from graphql_api.execution import compressed_payload as payloads
from graphql_api.rethink.url import DatabaseURL
from tests.conformance.conversation import init, subscribe
from tests.conformance.raw_websocket import Frame, RawWebSocket, raw_websocket, text
from tests.server.database import Writer
from tests.server.operations import POLICIES
from tests.server.running import Running, running, settings_for
from tests.server.test_metrics import of, scrape
from tests.unit.schema.documents import POLICY

OFFER = "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits"
SMALL_OFFER = f"{OFFER}; server_max_window_bits=12"
ACCEPTED = "permessage-deflate; server_no_context_takeover; client_no_context_takeover"


async def frames_until(socket: RawWebSocket, word: str) -> list[Frame]:
    """What the server sends up to a message that holds a word."""
    frames: list[Frame] = []
    while not frames or word.encode() not in frames[-1].payload:
        frame = await socket.receive()
        assert frame is not None
        frames.append(frame)
    return frames


def said(frame: Frame) -> Any:
    message = json.loads(frame.payload)
    return message["id"], message["payload"]["data"]["policyChanges"]


async def test_change_is_compressed_once_for_all_who_offer_it(
    server: Running, writer: Writer, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[bytes] = []
    deflate = payloads._deflate

    def counted(content: bytes, window_bits: int) -> bytes:
        made.append(content)
        return deflate(content, window_bits)

    monkeypatch.setattr(payloads, "_deflate", counted)
    async with AsyncExitStack() as stack:
        sockets = [
            await stack.enter_async_context(
                raw_websocket(server.host, server.port, headers=headers)
            )
            for headers in ([OFFER], [OFFER], [SMALL_OFFER], [])
        ]
        assert [socket.extensions for socket in sockets] == [
            ACCEPTED,
            ACCEPTED,
            f"{ACCEPTED}; server_max_window_bits=12",
            None,
        ]
        for number, socket in enumerate(sockets):
            id_ = f"operation {number} of 'ä'"
            await socket.send(text(json.dumps(init())))
            variables = {"includeInitial": False}
            operation = subscribe(POLICIES.subscription, id_, variables=variables)
            await socket.send(text(json.dumps(operation)))
            await frames_until(socket, "READY")
        made.clear()
        before = await scrape(server)
        await writer.insert("policy", POLICY | {"id": "new"})
        await writer.insert("policy", POLICY | {"id": "new", "name": "A second name"})
        changes = [await frames_until(socket, '"PolicyUpdated"') for socket in sockets]
        for number, (added, updated) in enumerate(changes):
            assert said(added)[0] == said(updated)[0] == f"operation {number} of 'ä'"
            assert said(updated)[1]["policy"]["name"] == "A second name"
            is_compressed = number < 3
            assert [added.is_compressed, updated.is_compressed] == [is_compressed] * 2
            assert (updated.size < 0.5 * len(updated.payload)) == is_compressed
        assert len({json.dumps(said(updated)[1]) for _, updated in changes}) == 1
        assert len(made) == 2, "each change once"
        after = await scrape(server)
        sent, written = (
            of(after, f"{name}_bytes_total") - of(before, f"{name}_bytes_total")
            for name in ("sent", "written")
        )
        frames = [frame for pair in changes for frame in pair]
        assert sent == sum(len(frame.payload) for frame in frames)
        assert written == sum(4 + frame.size for frame in frames)


@pytest.mark.parametrize("compress", [False, True])
async def test_nothing_is_compressed_if_a_setting_says_so(
    compress: bool, starbelly: DatabaseURL
) -> None:
    settings = settings_for(starbelly, compress_messages=compress)
    async with (
        running(settings) as server,
        raw_websocket(server.host, server.port, headers=[OFFER]) as socket,
    ):
        assert socket.extensions == (ACCEPTED if compress else None)
        await socket.send(text(json.dumps(init())))
        await socket.send(text(json.dumps(subscribe(POLICIES.subscription))))
        rows = [
            frame
            for frame in await frames_until(socket, "READY")
            if b"PolicyAdded" in frame.payload
        ]
        assert len(rows) == 2
        assert all(frame.is_compressed == compress for frame in rows)


async def test_answers_that_are_one_clients_own_are_not_compressed(server: Running) -> None:
    async with raw_websocket(server.host, server.port, headers=[OFFER]) as socket:
        await socket.send(text(json.dumps(init())))
        await socket.send(text(json.dumps(subscribe(POLICIES.query))))
        frames = await frames_until(socket, '"complete"')
        assert sum(frame.size for frame in frames) > 1000
        assert not any(frame.is_compressed for frame in frames)
