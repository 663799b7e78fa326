"""Random frames: good messages, messages with something odd in them, and broken frames."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from random import Random
from typing import Any, TypeAlias

from tests.conformance import raw_websocket
from tests.conformance.conversation import complete, init, ping, pong, subscribe
from tests.conformance.raw_websocket import Opcode, frame
from tests.server.operations import WATCHES

_IDS = ["a", "b", "c", "d"]
_QUERIES: list[tuple[str, dict[str, Any]]] = [
    ("{ hello }", {}),
    ("query Q($n: String!) { hello(name: $n) }", {"n": "x"}),
    ("{ blocked }", {}),
    ("{ large(size: 5000) }", {}),
    ("{ feeds { table status documents subscribers lastChangeAt } }", {}),
    ("mutation { set(value: 1) }", {}),
    ("subscription { count }", {}),
    ("subscription { silence }", {}),
    ("subscription { refused }", {}),
    ("{ hello", {}),
    ("{ nothing }", {}),
    *((watch.subscription, {}) for watch in WATCHES),
    *((watch.subscription, {"includeInitial": False}) for watch in WATCHES),
    *((watch.query, {"where": None}) for watch in WATCHES),
    (WATCHES[0].subscription, {"where": {"nameContains": "alpha", "ids": ["policy 1"]}}),
    (WATCHES[0].subscription, {"since": "a cursor of nobody"}),
]
_ODD: list[Any] = [
    *(None, True, False, 0, -1, 1.5, 10**30, "", "a", "\ud800", "\0", "{", [], [[]], {}, {"a": 1}),
    "x" * 1000,
    {"__proto__": None},
]


@dataclass(frozen=True)
class Sent:
    """What is sent at once.

    Attributes:
        data: The bytes.
        may_swallow: Whether the server may take what follows for a part of it.
    """

    data: bytes
    may_swallow: bool = False


Kind: TypeAlias = Callable[[Random], Sent]


def anything(rng: Random) -> Sent:
    """A frame, or something like it; mostly one that a good client could send."""
    (kind,) = rng.choices(list(_KINDS), list(_KINDS.values()))
    return kind(rng)


def message(rng: Random) -> dict[str, Any]:
    """A good message, though perhaps at the wrong time."""
    query, variables = rng.choice(_QUERIES)
    id_ = rng.choice(_IDS)
    return rng.choice(
        [
            *[subscribe(query, id_, variables=variables)] * 5,
            *[complete(id_)] * 3,
            ping(),
            ping({"a": [1, None, "ä"]}),
            pong(),
            *[init({"since": {"a": "x"}})] * (rng.random() < 0.1),
        ]
    )


def mutated(rng: Random, value: Any) -> Any:
    """A JSON value with something odd somewhere in it."""
    if isinstance(value, dict) and value and rng.random() < 0.8:
        key = rng.choice(list(value))
        if rng.random() < 0.2:
            return {name: member for name, member in value.items() if name != key}
        return value | {key: mutated(rng, value[key])}
    return rng.choice(_ODD)


def _good(rng: Random) -> Sent:
    return Sent(raw_websocket.text(json.dumps(message(rng))))


def _odd(rng: Random) -> Sent:
    return Sent(raw_websocket.text(json.dumps(mutated(rng, message(rng)))))


def _misspelt(rng: Random) -> Sent:
    """A message with a few letters changed, lost or repeated."""
    text = json.dumps(message(rng))
    for _ in range(rng.randrange(1, 4)):
        at = rng.randrange(len(text))
        some = rng.choice(['"', "{", "}", "[", "]", ",", ":", "\\", "\0", "ä", "1", text[at:]])
        text = text[:at] + some + text[at + rng.randrange(3) :]
    return Sent(raw_websocket.text(text))


def _nested(rng: Random) -> Sent:
    """A message that holds something nested as deep as will do, or much deeper."""
    levels = rng.choice([10, 62, 63, 64, 65, 252, 253, 1000, 1024, 10_000])
    opening, closing = rng.choice([("[", "]"), ('{"a":', "}")])
    value = opening * levels + "0" + closing * levels
    text = json.dumps(mutated(rng, message(rng) | {"payload": {"variables": {"a": "@"}}}))
    return Sent(raw_websocket.text(text.replace('"@"', value)))


def _random_text(rng: Random) -> Sent:
    letters = (rng.choice([rng.randrange(0x80), rng.randrange(0xD800)]) for _ in range(20))
    return Sent(raw_websocket.text("".join(map(chr, letters))))


def _binary(rng: Random) -> Sent:
    payload = rng.choice([rng.randbytes(20), b"", json.dumps(message(rng)).encode()])
    return Sent(frame(Opcode.BINARY, payload))


def _fragments(rng: Random) -> Sent:
    """A message in fragments with control frames between; now and then it does not end."""
    payload = json.dumps(message(rng)).encode()
    cuts = sorted(rng.randrange(len(payload) + 1) for _ in range(rng.randrange(1, 5)))
    parts = [payload[a:b] for a, b in zip([0, *cuts], [*cuts, len(payload)], strict=True)]
    is_whole = rng.random() < 0.9
    data = b""
    for i, part in enumerate(parts):
        is_last = i == len(parts) - 1 and is_whole
        data += frame(Opcode.CONTINUATION if i else Opcode.TEXT, part, fin=is_last)
        if rng.random() < 0.3:
            data += frame(rng.choice([Opcode.PING, Opcode.PONG]), rng.randbytes(5))
    return Sent(data)


def _control(rng: Random) -> Sent:
    return Sent(frame(rng.choice([Opcode.PING, Opcode.PONG]), rng.randbytes(rng.randrange(126))))


def _close(rng: Random) -> Sent:
    code = rng.choice([None, 1000, 1001, 1005, 1006, 4000, 4499, rng.randrange(2**16)])
    reason = rng.choice([b"", b"because", b"\xff"])
    return Sent(raw_websocket.close(code, reason))


def _broken(rng: Random) -> Sent:
    """A frame that breaks a rule of RFC 6455."""
    payload = json.dumps(message(rng)).encode()
    return rng.choice(
        [
            Sent(frame(rng.choice([3, 4, 5, 6, 7, 11, 12, 13, 14, 15]), payload[:125])),
            Sent(frame(Opcode.TEXT, payload, reserved=rng.randrange(1, 8))),
            Sent(frame(Opcode.TEXT, payload, mask=None), may_swallow=True),
            Sent(frame(Opcode.CONTINUATION, payload)),
            Sent(frame(Opcode.PING, b"x" * 126)),
            Sent(frame(Opcode.PING, b"x", fin=False)),
            Sent(frame(Opcode.CLOSE, rng.randbytes(1))),
            Sent(frame(Opcode.TEXT, payload, length=2 ** rng.randrange(31, 64)), may_swallow=True),
            Sent(frame(Opcode.TEXT, payload, length_bits=64)),
            Sent(frame(Opcode.TEXT, payload, length=rng.randrange(2**18)), may_swallow=True),
            Sent(frame(Opcode.TEXT, _not_utf8(rng, payload))),
            Sent(frame(Opcode.TEXT, b"x" * 70_000)),
        ]
    )


def _not_utf8(rng: Random, payload: bytes) -> bytes:
    at = rng.randrange(len(payload))
    return payload[:at] + rng.choice([b"\xff", b"\xc0\x80", b"\xe2\x82", b"\xed\xa0\x80"])


def _damaged(rng: Random) -> Sent:
    """A good frame of which some bits have been turned, or the end is missing."""
    data = bytearray(_good(rng).data)
    if rng.random() < 0.3:
        return Sent(bytes(data[: rng.randrange(1, len(data))]), may_swallow=True)
    for _ in range(rng.randrange(1, 4)):
        at = rng.choice([0, 1, rng.randrange(len(data))])
        data[at] ^= 1 << rng.randrange(8)
    return Sent(bytes(data), may_swallow=True)


def _noise(rng: Random) -> Sent:
    return Sent(rng.randbytes(rng.randrange(1, 60)), may_swallow=True)


_KINDS: dict[Kind, int] = {
    _good: 120,
    _odd: 12,
    _misspelt: 6,
    _nested: 4,
    _random_text: 2,
    _binary: 2,
    _fragments: 6,
    _control: 4,
    _close: 1,
    _broken: 4,
    _damaged: 2,
    _noise: 1,
}
"""How often each is sent, relatively: most of those behind the first few end the connection."""
