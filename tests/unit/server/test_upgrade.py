"""Which requests become WebSockets, by their offers."""

from __future__ import annotations

from graphql_api.server.upgrade import is_handshake
from tests.for_each import for_each

UPGRADE = (b"connection", b"Upgrade")
WEBSOCKET = (b"upgrade", b"websocket")
KEY = (b"sec-websocket-key", b"AAAAAAAAAAAAAAAAAAAAAA==")


@for_each(
    ("headers", "expected"),
    [
        ([UPGRADE, WEBSOCKET, KEY], True),
        ([UPGRADE, WEBSOCKET], True),  # a broken one, which is answered as such
        ([(b"connection", b"keep-alive"), UPGRADE, WEBSOCKET], True),
        ([(b"connection", b"keep-alive, UPGRADE"), (b"upgrade", b"WebSocket")], True),
        ([UPGRADE, (b"upgrade", b"h2c, websocket"), KEY], True),
        ([UPGRADE, (b"upgrade", b"h2c"), WEBSOCKET, KEY], True),
        ([UPGRADE, (b"upgrade", b"h2c, websocket")], False),
        ([WEBSOCKET, KEY], False),
        ([(b"connection", b"close"), WEBSOCKET, KEY], False),
        ([UPGRADE, (b"upgrade", b"h2c")], False),
        ([UPGRADE, (b"upgrade", b"websockets")], False),
        ([UPGRADE], False),
        ([UPGRADE, WEBSOCKET, KEY, (b"content-length", b"0")], True),
        ([UPGRADE, WEBSOCKET, KEY, (b"content-length", b"5")], False),
        ([UPGRADE, WEBSOCKET, KEY, (b"transfer-encoding", b"chunked")], False),
    ],
)
def test_handshake_is_distinguished_from_other_offers(
    headers: list[tuple[bytes, bytes]], expected: bool
) -> None:
    assert is_handshake("GET", "1.1", headers) is expected
    assert not is_handshake("POST", "1.1", headers)
    assert not is_handshake("GET", "1.0", headers)
