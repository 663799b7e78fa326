"""Clients as they are read what is compressed once for all of them."""

from __future__ import annotations

import asyncio
import json
from asyncio.subprocess import PIPE
from typing import Any

import pytest
from websockets.asyncio.client import connect
from websockets.typing import Subprotocol

from graphql_api.rethink.url import DatabaseURL
from tests.clients.program import PACKAGE, WAIT_S
from tests.server.database import Writer
from tests.server.operations import POLICIES
from tests.server.running import running, settings_for
from tests.unit.schema.documents import POLICY

pytestmark = pytest.mark.usefixtures("packages")

ID = "an 'id' of “any” length " * 20


async def node(kind: str, options: dict[str, Any]) -> dict[str, Any]:
    process = await asyncio.create_subprocess_exec(
        "node",
        *([] if kind == "ws" else ["--experimental-websocket"]),
        PACKAGE / "programs/read.js",
        kind,
        json.dumps(options),
        stdout=PIPE,
    )
    async with asyncio.timeout(WAIT_S):
        output, _ = await process.communicate()
    answer: dict[str, Any] = json.loads(output)
    return answer


async def python(options: dict[str, Any]) -> dict[str, Any]:
    async with connect(
        options["url"], subprotocols=[Subprotocol("graphql-transport-ws")], proxy=None
    ) as socket:
        await socket.send(json.dumps({"type": "connection_init"}))
        payload = {"query": options["query"]}
        await socket.send(
            json.dumps({"id": options["id"], "type": "subscribe", "payload": payload})
        )
        texts: list[Any] = []
        while not texts or options["until"] not in texts[-1]:
            texts.append(await socket.recv())
        extensions = [extension.name for extension in socket.protocol.extensions]
        return {"extensions": ", ".join(extensions), "texts": texts}


async def test_clients_read_what_is_compressed_for_all_of_them(
    starbelly: DatabaseURL, writer: Writer
) -> None:
    for number in range(20):  # from some hundred bytes to more than a window of 32 KB
        name = "".join(chr(0x20 + i * i * number % 0x700) for i in range(3**number % 20_000))
        await writer.insert("policy", POLICY | {"id": f"policy {number:02}", "name": name})
    settings = settings_for(starbelly)
    async with (
        running(settings) as server,
        running(settings.model_copy(update={"compress_messages": False})) as plain,
    ):
        options = {"id": ID, "query": POLICIES.subscription, "until": "READY"}
        expected = await python(options | {"url": plain.ws})
        assert expected["extensions"] == ""
        for answer in await asyncio.gather(
            python(options | {"url": server.ws}),
            node("ws", options | {"url": server.ws}),
            node("built-in", options | {"url": server.ws}),
        ):
            assert "permessage-deflate" in answer["extensions"]
            assert [rows(text) for text in answer["texts"]] == [
                rows(text) for text in expected["texts"]
            ]


def rows(text: str) -> Any:
    """What a message says; the cursors of two servers differ."""
    message = json.loads(text)
    for event in message.get("payload", {}).get("data", {}).values():
        event.pop("cursor")
    return message
