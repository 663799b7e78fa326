"""What WebSocket clients send: the messages of graphql-transport-ws, and their connection.

Each line is a text frame. A first byte below 32 is no text but an event of the server's: its
number, modulo the length of `_EVENTS`, says which.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any

from graphql import GraphQLError

from graphql_api.documents.documents import Documents
from graphql_api.protocols.close import Close
from graphql_api.protocols.graphql_transport_ws import (
    Action,
    Connect,
    ServerProtocol,
    SocketState,
    Start,
    Stop,
)
from graphql_api.protocols.messages import InvalidMessageError, parse
from graphql_api.protocols.operation_ids import Operation, Reply
from tests.conformance.conversation import complete, init, ping, pong, subscribe
from tests.fuzz.target import Target

_ERROR = GraphQLError("what has gone wrong", extensions={"code": "INTERNAL"})


class _Connection:
    """A connection, and what may be said about it from outside."""

    def __init__(self) -> None:
        self.protocol = ServerProtocol(max_since=3)
        self.documents = Documents(max_tokens=200)
        self.active: dict[str, Operation] = {}
        self.is_closed = False

    def receive(self, line: bytes) -> None:
        try:
            text = line.decode()
        except UnicodeDecodeError:
            return  # closed with 1007 before anybody sees it
        state = self.protocol.state
        self.carry_out(self.protocol.receive_text(text))
        assert self.is_closed or self._is_valid(text)
        if state is SocketState.ACKNOWLEDGED and not self._is_valid(text):
            assert self.is_closed, "what is no message closes the socket"

    @staticmethod
    def _is_valid(text: str) -> bool:
        try:
            parse(text, max_since=3)
        except InvalidMessageError:
            return False
        return True

    def event(self, number: int) -> None:
        events: Sequence[Callable[[], Action | None]] = (
            self.protocol.receive_bytes,
            self.protocol.init_timeout,
            lambda: self.protocol.forbid("its token has expired"),
            lambda: self._end(self.protocol.complete),
            lambda: self._end(lambda one: self.protocol.error(one, [_ERROR])),
            self._lose,
        )
        self.carry_out(events[number % len(events)]())

    def _end(self, end: Callable[[Operation], Reply | None]) -> Action | None:
        if not self.active:
            return None
        _, operation = self.active.popitem()
        action = end(operation)
        assert isinstance(action, Reply)
        assert end(operation) is None, "it is over"
        return action

    def _lose(self) -> None:
        self.protocol.connection_lost()
        self.is_closed = True
        self.active.clear()

    def carry_out(self, action: Action | None) -> None:
        assert action is None or isinstance(action, Close) or not self.is_closed
        match action:
            case Connect():
                acknowledged = self.protocol.acknowledge()
                assert acknowledged is not None
                self.carry_out(acknowledged)
            case Reply():
                assert isinstance(json.loads(action.text), dict)
            case Start():
                self._start(action)
            case Stop():
                assert self.active.pop(action.operation.id) is action.operation
            case Close():
                assert action.code == 1012 or 4400 <= action.code <= 4500
                assert len(action.reason.encode()) <= 123
                self.is_closed = True
                self.active.clear()
        assert (self.protocol.state is SocketState.CLOSED) == self.is_closed
        assert self.protocol._operations == self.active

    def _start(self, start: Start) -> None:
        assert self.protocol.state is SocketState.ACKNOWLEDGED
        operation = start.operation
        assert operation.id
        assert operation.id not in self.active
        self.active[operation.id] = operation
        with suppress(GraphQLError):
            start.request.operation(self.documents)


def check(data: bytes) -> None:
    """Have a connection take each line."""
    connection = _Connection()
    for line in data.split(b"\n"):
        if line and line[0] < 32:
            connection.event(line[0])
        else:
            connection.receive(line)


def _lines(*lines: dict[str, Any] | bytes) -> bytes:
    return b"\n".join(
        line if isinstance(line, bytes) else json.dumps(line).encode() for line in lines
    )


_HASH = "ecf4edb46db40b5132295c0291d62fb65d6759a9eedfa4d5d612dd5ec54a6b38"
_PERSISTED = {"persistedQuery": {"version": 1, "sha256Hash": _HASH}}
_QUERY = """
query Q($n: [Int!] = [1]) @a { b: c(d: {e: $n}) { ...F ... on T { g } } } fragment F on T { h }
"""

MESSAGES = Target(
    "messages",
    check,
    [
        _lines(init(), subscribe("{ hello }", "a"), b"\3", complete("a")),
        _lines(init({"since": {"a": "x", "b": "y"}}), subscribe("{ a", "a"), b"\4"),
        _lines(init(), subscribe("subscription { c }", "a"), complete("a"), ping(), b"\2"),
        _lines(init(), subscribe(_QUERY, "b", variables={"n": [1, None]}), ping({"a": [1, "ä"]})),
        _lines(init(), subscribe("{ a }", "a"), subscribe("{ a }", "a")),
        _lines(init(), {"id": "p", "type": "subscribe", "payload": {"extensions": _PERSISTED}}),
        _lines(init(), {"id": "d", "type": "subscribe", "payload": {"documentId": _HASH}}),
        _lines(pong({"a": {}}), b"\1"),
        _lines(init(), init()),
        _lines(ping(), b"\0"),
        _lines(init(), subscribe("{ a }", "x" * 200), subscribe("{ a }", "x" * 200), b"\5"),
        b"[[[[{}]]]]\n\xff\xfe",
    ],
)
