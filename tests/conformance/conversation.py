"""What a client says to a server, step by step, and what it hears, in words that can be compared.

The words are `ack`, `pong`, `next a`, `error a`, `complete a` for the messages; `a` is an id. To
`next` is added what its payload lacks or has: `null` (its data), `no data`, `errors`. The answer to
a WebSocket ping is `control pong`. The last word is one of

- `open`: the socket stands, and the server answers,
- `close 4400 Invalid message received`; with the reason where the protocol defines it,
- `cut`: the connection ended without a close frame,
- `silence`: a message that the client waited for did not come.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Any, TypeAlias

from tests.conformance import raw_websocket
from tests.conformance.raw_websocket import WAIT_S, Frame, Opcode, RawWebSocket, frame

_FENCE = {"fence": True}


class Conversation:
    """One socket, and what was heard on it.

    Attributes:
        end_init_time: Lets the time be over in which the client was to send `connection_init`.
        words: What was heard.
        payloads: The payloads of `next`, the data and the errors' paths, with the operation's id,
            and how many errors each `error` had.
        is_over: Whether nothing can be heard any more.
    """

    def __init__(
        self, socket: RawWebSocket, end_init_time: Callable[[], None] | None = None
    ) -> None:
        self.socket = socket
        self.end_init_time = end_init_time
        self.words: list[str] = []
        self.payloads: list[tuple[str, Any]] = []
        self.is_over = False

    async def until(self, *beginnings: str) -> None:
        """Listen until a word that begins in one of these ways, or the end."""
        while not self.is_over:
            word = await self._hear()
            if word is not None:
                self.words.append(word)
                if word.startswith(beginnings):
                    return

    async def fence(self) -> None:
        """Listen until the server answers a ping that it is sent now, or the end."""
        await self.socket.send(raw_websocket.text(json.dumps({"type": "ping", "payload": _FENCE})))
        while not self.is_over:
            word = await self._hear()
            if word is None:
                return
            self.words.append(word)

    async def _hear(self) -> str | None:
        """The next word; None for the answer to a fence."""
        try:
            async with asyncio.timeout(WAIT_S):
                frame = await self.socket.receive()
        except TimeoutError:
            self.is_over = True
            return "silence"
        if frame is None:
            self.is_over = True
            return "cut"
        match frame.opcode:
            case Opcode.TEXT:
                return self._message(json.loads(frame.payload.decode()))
            case Opcode.PONG:
                return f"control pong {frame.payload.decode()}"
            case Opcode.CLOSE:
                return await self._closed(frame)
            case opcode:
                return f"control {opcode.name}"

    async def _closed(self, last: Frame) -> str:
        """Answer the close frame, and see that nothing follows but the end of the connection."""
        self.is_over = True
        await self.socket.send(frame(Opcode.CLOSE, last.payload[:2]))
        async with asyncio.timeout(WAIT_S):
            assert await self.socket.receive() is None, "nothing follows a close frame"
        return f"close {last.code}{f' {last.reason}' if last.code >= 4000 else ''}"

    def _message(self, message: dict[str, Any]) -> str | None:
        type_, id_, payload = (message.pop(name, None) for name in ("type", "id", "payload"))
        assert not message, "no unknown members"
        match type_:
            case "connection_ack" | "pong":
                if payload == _FENCE:
                    return None
                assert id_ is None
                word: str = type_.removeprefix("connection_")
                return word if payload is None else f"{word} {json.dumps(payload)}"
            case "next":
                self.payloads.append((id_, _result(payload)))
                return f"next {id_}{_remark(payload)}"
            case "error":
                assert payload
                assert all(isinstance(error["message"], str) for error in payload)
                self.payloads.append((id_, len(payload)))
            case "complete":
                assert payload is None
            case _:
                raise AssertionError(f"a server sends no {type_!r}")
        return f"{type_} {id_}"


def _result(payload: dict[str, Any]) -> dict[str, Any]:
    """A result without what two servers tell in words of their own."""
    errors = payload.get("errors", [])
    return {"data": payload.get("data"), "paths": [error.get("path") for error in errors]}


def _remark(payload: dict[str, Any]) -> str:
    remark = "" if "data" in payload else " no data"
    if payload.get("data", 0) is None:
        remark = " null"
    return remark + (" errors" if "errors" in payload else "")


Step: TypeAlias = Callable[[Conversation], Awaitable[None]]


# Steps


def bytes_(*frames: bytes) -> Step:
    """Send bytes as they are, all at once."""
    return lambda conversation: conversation.socket.send(b"".join(frames))


def say(*messages: object) -> Step:
    """Send messages, or texts, a frame for each, all at once."""
    return bytes_(
        *(
            raw_websocket.text(message if isinstance(message, str) else json.dumps(message))
            for message in messages
        )
    )


def hear(*beginnings: str) -> Step:
    """Listen until a word that begins in one of these ways."""
    return lambda conversation: conversation.until(*beginnings)


async def fence(conversation: Conversation) -> None:
    """Let the server take what was sent so far."""
    await conversation.fence()


async def end_init_time(conversation: Conversation) -> None:
    """Let the time be over for `connection_init`; the server has taken the connection before."""
    assert conversation.end_init_time is not None
    conversation.end_init_time()


async def end(conversation: Conversation) -> None:
    """End the sending half of the TCP connection."""
    conversation.socket.end()


# Messages


def init(*payload: object) -> dict[str, object]:
    return _message("connection_init", *payload)


def ping(*payload: object) -> dict[str, object]:
    return _message("ping", *payload)


def pong(*payload: object) -> dict[str, object]:
    return _message("pong", *payload)


def complete(id_: object = "a") -> dict[str, object]:
    return {"type": "complete", "id": id_}


def subscribe(query: object, id_: object = "a", **payload: object) -> dict[str, object]:
    return {"type": "subscribe", "id": id_, "payload": {"query": query, **payload}}


def _message(type_: str, *payload: object) -> dict[str, object]:
    return {"type": type_, **({"payload": payload[0]} if payload else {})}
