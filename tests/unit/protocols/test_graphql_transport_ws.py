"""What the protocol answers to whatever a client sends: one line for each exchange.

A script is what happens to a connection, and behind it what the connection does about it. Lines
beginning with `{` are text frames, of which each is answered by at most one action; the others are
what the server does: `allow`, `forbid`, `timeout`, `complete a`, `error a`, `lost`, and `binary` is
a binary frame.
"""

from __future__ import annotations

import json
from typing import Any

from graphql import GraphQLError

from graphql_api.documents.request import Request
from graphql_api.protocols.close import Close
from graphql_api.protocols.graphql_transport_ws import (
    Action,
    Connect,
    ServerProtocol,
    SocketState,
    Start,
    Stop,
)
from graphql_api.protocols.operation_ids import Operation, Reply
from tests.for_each import for_each

INIT = '{"type":"connection_init"}'
ACK = '{"type":"connection_ack"}'
ESTABLISHED = (INIT, "connect", "allow", ACK)
INVALID = "close 4400 Invalid message received"
UNAUTHORIZED = "close 4401 Unauthorized"
TOO_MANY = "close 4429 Too many initialisation requests"
NO_QUERY = "'query' is missing, and no 'documentId' is in its place"
NO_INIT = "close 4408 Connection initialisation timeout"


def subscribe(id_: Any = "a", **payload: Any) -> str:
    return json.dumps({"type": "subscribe", "id": id_, "payload": {"query": "{a}"} | payload})


def complete(id_: Any = "a") -> str:
    return json.dumps({"type": "complete", "id": id_})


def ping(**members: Any) -> str:
    return json.dumps({"type": "ping", **members})


def init(**members: Any) -> str:
    return json.dumps({"type": "connection_init", **members})


def subscribe_raw(payload: Any) -> str:
    return json.dumps({"type": "subscribe", "id": "a", "payload": payload})


def refused(message: str, code: str = "BAD_REQUEST") -> str:
    error = {"message": message, "extensions": {"code": code}}
    made = {"id": "a", "type": "error", "payload": [error]}
    return json.dumps(made, separators=(",", ":"))


NESTED: Any = json.loads("[" * 64 + "]" * 64)
TOO_BIG = "close 1009 Message too big"
LONG = refused(
    "a WebSocket message may have 1000 bytes, and this one is longer: send the operation by HTTP, "
    "which takes longer ones, or in parts",
    "MESSAGE_TOO_LONG",
)


SCRIPTS: dict[str, tuple[str | None, ...]] = {
    # Connecting
    "init is acknowledged": ESTABLISHED,
    "init may have a null payload": (init(payload=None), "connect", "allow", ACK),
    "init may have a payload": (init(payload={"token": 1}), "connect", "allow", ACK),
    "init may have an empty since": (init(payload={"since": {}}), "connect", "allow", ACK),
    "init may have a null since": (init(payload={"since": None}), "connect", "allow", ACK),
    "unknown members are ignored": (init(id="x", more=[1]), "connect", "allow", ACK),
    "init twice": (*ESTABLISHED, INIT, TOO_MANY),
    "init twice before the ack": (INIT, "connect", INIT, TOO_MANY),
    "no init in time": ("timeout", NO_INIT),
    "only pings in time": (ping(), '{"type":"pong"}', "timeout", NO_INIT),
    "init in time": (*ESTABLISHED, "timeout", None),
    "forbidden": (INIT, "connect", "forbid", "close 4403 Forbidden"),
    "allowed too late": (INIT, "connect", INIT, TOO_MANY, "allow", None),
    "init with an array": (init(payload=[]), INVALID),
    "init with a string": (init(payload="token"), INVALID),
    "init with an empty string": (init(payload=""), INVALID),
    "init with a number": (init(payload=0), INVALID),
    "init with a boolean": (init(payload=False), INVALID),
    "init with an array of cursors": (init(payload={"since": ["c"]}), INVALID),
    "init with a cursor for nobody": (init(payload={"since": "c"}), INVALID),
    "init with a number for a cursor": (init(payload={"since": {"a": 1}}), INVALID),
    "init with null for a cursor": (init(payload={"since": {"a": None}}), INVALID),
    "init with too many cursors": (init(payload={"since": {"a": "", "b": "", "c": ""}}), INVALID),
    # Frames
    "binary": ("binary", INVALID),
    "binary after the ack": (*ESTABLISHED, "binary", INVALID),
    "no text": ("{", INVALID),
    "half a message": ('{"type":"connection_init"', INVALID),
    "two messages": (INIT + INIT, INVALID),
    "not JSON": ("{type:connection_init}", INVALID),
    "not a number": ('{"type":"ping","payload":{"a":NaN}}', INVALID),
    "infinite": ('{"type":"ping","payload":{"a":1e999}}', '{"type":"pong","payload":{"a":null}}'),
    "half a surrogate pair": (
        '{"type":"ping","payload":{"a":"\\ud800","b":1e999}}',
        '{"type":"pong","payload":{"a":"\\ud800","b":null}}',
    ),
    "deeply nested": ('{"type":"ping","payload":{"a":' + "[" * 63 + "]" * 63 + "}}", INVALID),
    "an array": ("[]", INVALID),
    "an array of a message": (f"[{INIT}]", INVALID),
    "null": ("null", INVALID),
    "a number": ("5", INVALID),
    "a string": ('"connection_init"', INVALID),
    "no type": ("{}", INVALID),
    "an empty type": ('{"type":""}', INVALID),
    "a null type": ('{"type":null}', INVALID),
    "a number as type": ('{"type":1}', INVALID),
    "an array as type": ('{"type":["ping"]}', INVALID),
    "an unknown type": ('{"type":"start"}', INVALID),
    "a type in another case": ('{"type":"Ping"}', INVALID),
    "a server's type": ('{"type":"connection_ack"}', INVALID),
    "a server's next": ('{"type":"next","id":"a","payload":{}}', INVALID),
    "a server's error": ('{"type":"error","id":"a","payload":[{"message":""}]}', INVALID),
    "the last of equal members counts": ('{"type":"x","type":"ping"}', '{"type":"pong"}'),
    "the fate of a connection is sealed once": ("{", INVALID, "{", None, INIT, None),
    # Pings
    "ping before init": (ping(), '{"type":"pong"}'),
    "ping with a null payload": (ping(payload=None), '{"type":"pong"}'),
    "ping with an empty payload": (ping(payload={}), '{"type":"pong","payload":{}}'),
    "ping with a payload": (ping(payload={"a": [1]}), '{"type":"pong","payload":{"a":[1]}}'),
    "ping with an array": (ping(payload=[]), INVALID),
    "ping with a string": (ping(payload="a"), INVALID),
    "pong": ('{"type":"pong"}', None),
    "pong with a payload": ('{"type":"pong","payload":{"a":1}}', None),
    "pong with a number": ('{"type":"pong","payload":1}', INVALID),
    # Operations
    "subscribe": (*ESTABLISHED, subscribe(), "start a"),
    "subscribe before init": (subscribe(), UNAUTHORIZED),
    "subscribe before the ack": (INIT, "connect", subscribe(), UNAUTHORIZED),
    "subscribe after the time": ("timeout", NO_INIT, subscribe(), None),
    "subscribe with everything": (
        *ESTABLISHED,
        subscribe(operationName="a", variables={"b": 1}, extensions={"c": 2}),
        "start a",
    ),
    "subscribe with nulls": (
        *ESTABLISHED,
        subscribe(operationName=None, variables=None, extensions=None),
        "start a",
    ),
    "an empty query is the schema's to refuse": (*ESTABLISHED, subscribe(query=""), "start a"),
    "an id may be any text": (*ESTABLISHED, subscribe("ä \n\0"), "start ä \n\0"),
    "an id may be half a surrogate pair": (
        *ESTABLISHED,
        *('{"type":"subscribe","id":"\\ud83d","payload":{"query":"{a}"}}', "start \ud83d"),
        *("complete \ud83d", '{"id":"\\ud83d","type":"complete"}'),
    ),
    "half a surrogate pair as id twice": (
        *ESTABLISHED,
        *(subscribe("\ud83d"), "start \ud83d"),
        *(subscribe("\ud83d"), "close 4409 Subscriber already exists"),
    ),
    "half a surrogate pair in a variable": (
        *ESTABLISHED,
        subscribe(variables={"n": [{"m": "spider \ud83d"}]}),
        refused(
            "'variables.n.0.m' holds half of a surrogate pair, which is no text: a text has been "
            "cut within a character",
            "BAD_USER_INPUT",
        ),
        subscribe(),
        "start a",
    ),
    "half a surrogate pair in a query": (
        *ESTABLISHED,
        subscribe(query="{ a # \ud83d"),
        refused(
            "'query' holds half of a surrogate pair, which is no text: a text has been cut within "
            "a character",
            "BAD_USER_INPUT",
        ),
    ),
    "a refused operation with the id of a running one": (
        *(*ESTABLISHED, subscribe(), "start a", subscribe(variables=[])),
        "close 4409 Subscriber for a already exists",
    ),
    "a refused operation leaves the others": (
        *(*ESTABLISHED, subscribe("b"), "start b"),
        *(subscribe(query=1), refused("'query' is not a string")),
        *("complete b", '{"id":"b","type":"complete"}'),
    ),
    "nested too deeply": (
        *ESTABLISHED,
        subscribe(variables={"a": NESTED}),
        refused("the message is nested deeper than 64 levels"),
    ),
    "nested too deeply, and the id at the end": (
        *ESTABLISHED,
        json.dumps({"payload": {"variables": NESTED}, "type": "subscribe", "id": "a"}),
        refused("the message is nested deeper than 64 levels"),
    ),
    "nested too deeply without an id": (
        *(*ESTABLISHED, json.dumps({"type": "subscribe", "payload": NESTED}), INVALID),
    ),
    "nested too deeply before the ack": (subscribe(variables={"a": NESTED}), INVALID),
    # Long messages
    "a long ping": (*ESTABLISHED, ping(payload={"a": "x" * 65_536}), TOO_BIG),
    "a long complete": (*ESTABLISHED, complete("x" * 65_536), TOO_BIG),
    "a ping as long as allowed": (
        *(*ESTABLISHED, ping(payload={"a": "x" * 65_000})),
        '{"type":"pong","payload":{"a":"' + "x" * 65_000 + '"}}',
    ),
    "a long subscribe": (*ESTABLISHED, subscribe(query="{a}" + " " * 99_999), "start a"),
    "a long subscribe that says so at the end": (
        *ESTABLISHED,
        json.dumps({"payload": {"query": "{a}" + " " * 99_999}, "id": "a", "type": "subscribe"}),
        "start a",
    ),
    "a long init": (init(payload={"a": "x" * 65_536}), TOO_BIG),
    "a long subscribe before the ack": (subscribe(query=" " * 65_536), TOO_BIG),
    "too long": (*ESTABLISHED, 'long {"id":"a","type":"subscribe","payload":{"query":"', LONG),
    "too long, and the id is of a running one": (
        *(*ESTABLISHED, subscribe(), "start a"),
        'long {"id":"a","type":"subscribe","payload":{"query":"',
        "close 4409 Subscriber for a already exists",
    ),
    "too long for a ping": (*ESTABLISHED, 'long {"type":"ping","payload":{"a":"', TOO_BIG),
    "too long for nothing": (*ESTABLISHED, "long xxxxxxxxxxxx", TOO_BIG),
    "too long before the ack": ('long {"id":"a","type":"subscribe","payload":{"query":"', INVALID),
    "many pings before the ack": (
        *(ping(), '{"type":"pong"}') * 32,
        *(ping(), "close 4400 Too many messages before the acknowledgement"),
    ),
    "many pings after the ack": (*ESTABLISHED, *(ping(), '{"type":"pong"}') * 100),
    "no id": (*ESTABLISHED, '{"type":"subscribe","payload":{"query":"{a}"}}', INVALID),
    "an empty id": (*ESTABLISHED, subscribe(""), INVALID),
    "a number as id": (*ESTABLISHED, subscribe(1), INVALID),
    "null as id": (*ESTABLISHED, subscribe(None), INVALID),
    "an array as id": (*ESTABLISHED, subscribe(["a"]), INVALID),
    "an object as id": (*ESTABLISHED, subscribe({"a": 1}), INVALID),
    "no payload": (
        *ESTABLISHED,
        '{"type":"subscribe","id":"a"}',
        refused("'payload' is not an object"),
    ),
    "null as payload": (*ESTABLISHED, subscribe_raw(None), refused("'payload' is not an object")),
    "an array as payload": (*ESTABLISHED, subscribe_raw([]), refused("'payload' is not an object")),
    "the query as payload": (
        *ESTABLISHED,
        subscribe_raw("{a}"),
        refused("'payload' is not an object"),
    ),
    "no query": (*ESTABLISHED, subscribe_raw({}), refused(NO_QUERY)),
    "null as query": (*ESTABLISHED, subscribe(query=None), refused(NO_QUERY)),
    "a number as query": (*ESTABLISHED, subscribe(query=1), refused("'query' is not a string")),
    "a number as operation name": (
        *ESTABLISHED,
        subscribe(operationName=1),
        refused("'operationName' is neither a string nor null"),
    ),
    "an array as variables": (
        *ESTABLISHED,
        subscribe(variables=[]),
        refused("'variables' is neither an object nor null"),
    ),
    "a string as variables": (
        *ESTABLISHED,
        subscribe(variables="{}"),
        refused("'variables' is neither an object nor null"),
    ),
    "an array as extensions": (
        *ESTABLISHED,
        subscribe(extensions=[]),
        refused("'extensions' is neither an object nor null"),
    ),
    "invalid before init is 4400, not 4401": (subscribe(""), INVALID),
    "two operations": (*ESTABLISHED, subscribe("a"), "start a", subscribe("b"), "start b"),
    "an id twice": (
        *ESTABLISHED,
        subscribe(),
        "start a",
        subscribe(),
        "close 4409 Subscriber for a already exists",
    ),
    "a long id twice": (
        *ESTABLISHED,
        subscribe("ä" * 60),
        "start " + "ä" * 60,
        subscribe("ä" * 60),
        "close 4409 Subscriber already exists",
    ),
    "complete": (*ESTABLISHED, subscribe(), "start a", complete(), "stop a"),
    "complete twice": (
        *ESTABLISHED,
        subscribe(),
        "start a",
        complete(),
        "stop a",
        complete(),
        None,
    ),
    "complete what never was": (*ESTABLISHED, complete("b"), None),
    "complete before init": (complete(), None),
    "complete without id": ('{"type":"complete"}', INVALID),
    "complete with an empty id": (complete(""), INVALID),
    "complete with a number": (complete(1), INVALID),
    "an id again after the client's complete": (
        *ESTABLISHED,
        *(subscribe(), "start a", complete(), "stop a"),
        *(subscribe(), "start a", complete(), "stop a"),
    ),
    "an id again after the server's complete": (
        *ESTABLISHED,
        *(subscribe(), "start a", "complete a", '{"id":"a","type":"complete"}'),
        *(subscribe(), "start a"),
    ),
    "an id again after an error": (
        *ESTABLISHED,
        *(
            subscribe(),
            "start a",
            "error a",
            '{"id":"a","type":"error","payload":[{"message":"e"}]}',
        ),
        *(subscribe(), "start a"),
    ),
    "no complete after an error": (
        *ESTABLISHED,
        *(
            subscribe(),
            "start a",
            "error a",
            '{"id":"a","type":"error","payload":[{"message":"e"}]}',
        ),
        *("complete a", None),
    ),
    "nothing after the client's complete": (
        *ESTABLISHED,
        *(subscribe(), "start a", complete(), "stop a"),
        *("error a", None, "complete a", None),
    ),
    "the server's complete crosses the client's": (
        *ESTABLISHED,
        *(subscribe(), "start a", "complete a", '{"id":"a","type":"complete"}', complete(), None),
    ),
    "a lost connection": (*ESTABLISHED, subscribe(), "start a", "lost", None, "complete a", None),
}


class Script:
    """Drives a protocol, and writes down what it does."""

    def __init__(self) -> None:
        self.protocol = ServerProtocol(max_since=2)
        self.operations: dict[str, Operation] = {}

    def step(self, text: str) -> str | None:
        action: Action | None
        match text.split():
            case ["allow"]:
                action = self.protocol.acknowledge()
            case ["forbid"]:
                action = self.protocol.forbid()
            case ["timeout"]:
                action = self.protocol.init_timeout()
            case ["lost"]:
                self.protocol.connection_lost()
                action = None
            case ["long", beginning]:
                data = beginning.encode()
                action = self.protocol.receive_long_text(data, data, 1000)
            case ["binary"]:
                action = self.protocol.receive_bytes()
            case ["complete", id_]:
                action = self.protocol.complete(self.operations[id_])
            case ["error", id_]:
                action = self.protocol.error(self.operations[id_], [GraphQLError("e")])
            case _:
                action = self.protocol.receive_text(text)
        return self.describe(action)

    def describe(self, action: Action | None) -> str | None:
        match action:
            case None:
                return None
            case Connect():
                return "connect"
            case Reply(text):
                return text.decode()
            case Start(operation):
                self.operations[operation.id] = operation
                return f"start {operation.id}"
            case Stop(operation):
                assert self.operations[operation.id] is operation
                return f"stop {operation.id}"
            case Close(code, reason):
                assert self.protocol.state is SocketState.CLOSED
                assert not self.protocol._operations
                return f"close {code} {reason}"


@for_each("script", SCRIPTS.values())
def test_script(script: tuple[str | None, ...]) -> None:
    driver = Script()
    for text, expected in zip(script[::2], script[1::2], strict=True):
        assert text is not None
        assert driver.step(text) == expected


def connected(**payload: Any) -> ServerProtocol:
    protocol = ServerProtocol()
    protocol.receive_text(init(payload=payload))
    protocol.acknowledge()
    return protocol


def start(protocol: ServerProtocol, text: str) -> Start:
    action = protocol.receive_text(text)
    assert isinstance(action, Start)
    return action


def test_acknowledgement_may_have_a_payload() -> None:
    protocol = ServerProtocol()
    assert protocol.receive_text(init(payload={"a": 1})) == Connect({"a": 1})
    assert protocol.acknowledge({"b": 2}) == Reply(b'{"type":"connection_ack","payload":{"b":2}}')


def test_operation_is_what_was_asked_for() -> None:
    started = start(connected(), subscribe(operationName="n", variables={"v": 1}))
    assert started.operation.id == "a"
    assert started.request == Request("{a}", "n", {"v": 1}, None)
    assert started.resume_from is None


def test_reused_id_does_not_reach_the_old_operation() -> None:
    protocol = connected()
    old = start(protocol, subscribe()).operation
    protocol.receive_text(complete())
    new = start(protocol, subscribe()).operation
    assert protocol.complete(old) is None
    assert protocol.error(old, [GraphQLError("e")]) is None
    assert not protocol.is_active(old)
    assert protocol.is_active(new)
    assert protocol.complete(new) is not None


def test_connection_resumes_an_operation_once() -> None:
    protocol = connected(since={"a": "cursor", "unknown": "other"})
    assert start(protocol, subscribe("b")).resume_from is None
    assert start(protocol, subscribe("a")).resume_from == "cursor"
    protocol.receive_text(complete("a"))
    assert start(protocol, subscribe("a")).resume_from is None
