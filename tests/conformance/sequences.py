"""What a client may say, good and bad, and what the reference server answers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from tests.conformance import raw_websocket
from tests.conformance.conversation import (
    Step,
    bytes_,
    complete,
    end,
    end_init_time,
    fence,
    hear,
    init,
    ping,
    pong,
    say,
    subscribe,
)
from tests.conformance.raw_websocket import Opcode, frame, text

MAX_MESSAGE_BYTES = 16_384
MAX_OPERATIONS = 4
"""How many subscriptions, and how many queries and mutations, a socket of this server may have."""

INVALID = "close 4400 Invalid message received"
TOO_MANY = "close 4429 Too many initialisation requests"
TOO_LATE = "close 4408 Connection initialisation timeout"
NOT_ACCEPTABLE = "close 4406 Subprotocol not acceptable"
UNAUTHORIZED = "close 4401 Unauthorized"

SNAPSHOT = "next a, next a, next a, next a"
CHANGES = """
    subscription { policyChanges {
      __typename ... on PolicyAdded { cause } ... on FeedState { status }
    } }
"""
SILENCE = "subscription { silence }"
COUNT = "subscription { count }"


@dataclass(frozen=True)
class Sequence:
    """One conversation.

    Attributes:
        name: What it shows.
        steps: What the client does. If the socket stands after them, it is seen whether the server
            answers a ping.
        expected: The words that are heard, of the reference server.
        is_interleaved: Whether operations run side by side, and only the order within each of them
            is determined.
        subprotocols: What the client offers.
        headers: More lines of its handshake.
        fails: Whether a resolver raises what is not foreseen, and this server logs it.
    """

    name: str
    steps: tuple[Step, ...]
    expected: str
    is_interleaved: bool = False
    subprotocols: tuple[str, ...] = ("graphql-transport-ws",)
    headers: tuple[str, ...] = ()
    fails: bool = False


def _of(name: str, *steps: Step, expected: str, **options: Any) -> Sequence:
    return Sequence(name, steps, expected, **options)


def _acked(name: str, *steps: Step, expected: str, **options: Any) -> Sequence:
    """A sequence of a client that is acknowledged."""
    return _of(name, say(init()), hear("ack"), *steps, expected=f"ack, {expected}", **options)


_HANDSHAKE = [
    _of("no subprotocol", hear("close"), expected=NOT_ACCEPTABLE, subprotocols=()),
    _of(
        "another subprotocol",
        hear("close"),
        expected=NOT_ACCEPTABLE,
        subprotocols=("graphql-transport-wss",),
    ),
    _of(
        "the legacy subprotocol",
        hear("close"),
        expected=NOT_ACCEPTABLE,
        subprotocols=("graphql-ws",),
    ),
    _of(
        "subprotocol in other letters",
        hear("close"),
        expected=NOT_ACCEPTABLE,
        subprotocols=("GraphQL-Transport-WS",),
    ),
    _of(
        "subprotocol among others",
        say(init()),
        hear("ack"),
        expected="ack, open",
        subprotocols=("graphql-ws", "graphql-transport-ws"),
    ),
    _of(
        "compression is offered",
        say(init()),
        hear("ack"),
        expected="ack, open",
        headers=("Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits",),
    ),
    _of("message without subprotocol", say(init()), expected=NOT_ACCEPTABLE, subprotocols=()),
]

_INIT = [
    _of("init without payload", say(init()), hear("ack"), expected="ack, open"),
    _of("init with an object", say(init({"token": [1]})), hear("ack"), expected="ack, open"),
    _of("init with an empty object", say(init({})), hear("ack"), expected="ack, open"),
    _of("init with null", say(init(None)), hear("ack"), expected="ack, open"),
    _of("init with an array", say(init([])), expected=INVALID),
    _of("init with a text", say(init("token")), expected=INVALID),
    _of("init with an empty text", say(init("")), expected=INVALID),
    _of("init with a number", say(init(0)), expected=INVALID),
    _of("init with false", say(init(False)), expected=INVALID),
    _of("init with an id", say(init() | {"id": 5}), hear("ack"), expected="ack, open"),
    _of("init with malformed cursors", say(init({"since": []})), hear("ack"), expected="ack, open"),
    _of("init twice", say(init()), hear("ack"), say(init()), expected=f"ack, {TOO_MANY}"),
    _of("init twice at once", say(init(), init()), hear("close"), expected=TOO_MANY),
    _of("init again after a fault", say(init()), hear("ack"), say("{"), expected=f"ack, {INVALID}"),
    _of("no init", fence, end_init_time, hear("close"), expected=TOO_LATE),
    _of(
        "ping, but no init",
        say(ping()),
        hear("pong"),
        end_init_time,
        hear("close"),
        expected=f"pong, {TOO_LATE}",
    ),
    _of(
        "half an init",
        fence,
        bytes_(text('{"type":"connection_init"}')[:-1]),
        end_init_time,
        hear("close"),
        expected=TOO_LATE,
    ),
    _of("subscribe without init", say(subscribe("{ hello }")), expected=UNAUTHORIZED),
    _of("subscription without init", say(subscribe(CHANGES)), expected=UNAUTHORIZED),
    _of("invalid subscribe without init", say(subscribe(None)), expected=INVALID),
    _of("complete without init", say(complete()), expected="open"),
    _of("pong without init", say(pong()), expected="open"),
    _of(
        "subscribe together with init",
        say(init(), subscribe("{ hello }")),
        hear("complete"),
        expected=UNAUTHORIZED,
    ),
]

_INVALID_TEXTS = {
    "empty text": "",
    "white space": " ",
    "broken JSON": '{"type":"ping"',
    "two messages in a frame": '{"type":"ping"}{"type":"ping"}',
    "a comma too many": '{"type":"ping",}',
    "single quotes": "{'type':'ping'}",
    "byte order mark": '\ufeff{"type":"ping"}',
    "not a number": '{"type":"ping","payload":{"a":NaN}}',
    "control character in a text": '{"type":"ping","payload":{"a":"\n"}}',
    "null": "null",
    "true": "true",
    "number": "5",
    "text": '"ping"',
    "array": "[]",
    "array of messages": '[{"type":"ping"}]',
    "empty object": "{}",
    "type is null": '{"type":null}',
    "type is a number": '{"type":5}',
    "type is an array": '{"type":["ping"]}',
    "type is an object": '{"type":{}}',
    "type is empty": '{"type":""}',
    "type is unknown": '{"type":"subscription"}',
    "type in other letters": '{"type":"PING"}',
    "type of the legacy protocol": '{"type":"start","id":"a","payload":{"query":"{hello}"}}',
    "end of the legacy protocol": '{"type":"connection_terminate"}',
    "type under another name": '{"Type":"ping"}',
    "ping with an array": '{"type":"ping","payload":[]}',
    "ping with a text": '{"type":"ping","payload":"a"}',
    "ping with a number": '{"type":"ping","payload":1}',
    "pong with an array": '{"type":"pong","payload":[]}',
    "pong with true": '{"type":"pong","payload":true}',
    "complete without id": '{"type":"complete"}',
    "complete with null as id": '{"type":"complete","id":null}',
    "complete with an empty id": '{"type":"complete","id":""}',
    "complete with a number as id": '{"type":"complete","id":1}',
    "subscribe without all": '{"type":"subscribe"}',
    "subscribe without id": '{"type":"subscribe","payload":{"query":"{hello}"}}',
    "subscribe with null as id": '{"type":"subscribe","id":null,"payload":{"query":"{hello}"}}',
    "subscribe with an empty id": '{"type":"subscribe","id":"","payload":{"query":"{hello}"}}',
    "subscribe with a number as id": '{"type":"subscribe","id":1,"payload":{"query":"{hello}"}}',
    "subscribe with an array as id": '{"type":"subscribe","id":[],"payload":{"query":"{hello}"}}',
    "subscribe without payload": '{"type":"subscribe","id":"a"}',
    "subscribe with null": '{"type":"subscribe","id":"a","payload":null}',
    "subscribe with an array": '{"type":"subscribe","id":"a","payload":[]}',
    "subscribe with a text": '{"type":"subscribe","id":"a","payload":"{hello}"}',
    "no query": '{"type":"subscribe","id":"a","payload":{}}',
    "query is null": '{"type":"subscribe","id":"a","payload":{"query":null}}',
    "query is an object": '{"type":"subscribe","id":"a","payload":{"query":{}}}',
    "query is a number": '{"type":"subscribe","id":"a","payload":{"query":1}}',
    **{
        f"{name} is {kind}": (
            f'{{"type":"subscribe","id":"a","payload":{{"query":"{{hello}}","{name}":{value}}}}}'
        )
        for name, wrong in {
            "variables": {"an array": "[]", "a text": '"{}"', "a number": "0", "false": "false"},
            "operationName": {"an object": "{}", "a number": "0", "an array": '["a"]'},
            "extensions": {"an array": "[]", "a text": '""', "true": "true"},
        }.items()
        for kind, value in wrong.items()
    },
}

_INVALID = [
    *(_acked(name, say(text_), expected=INVALID) for name, text_ in _INVALID_TEXTS.items()),
    _of("invalid message without init", say("[]"), expected=INVALID),
    _acked(
        "invalid message while operations run",
        say(subscribe(SILENCE), subscribe(CHANGES, "b"), subscribe("{ blocked }", "c")),
        hear("next a"),
        *[hear("next b")] * 4,
        say("[]"),
        expected=f"next a, next b, next b, next b, next b, {INVALID}",
        is_interleaved=True,
    ),
    _acked(
        "message only servers send: ack",
        say({"type": "connection_ack"}),
        hear("close"),
        expected="close 4500 Internal server error",
    ),
    _acked(
        "message only servers send: next",
        say({"type": "next", "id": "a", "payload": {}}),
        hear("close"),
        expected="close 4500 Internal server error",
    ),
    _acked(
        "message only servers send: error",
        say({"type": "error", "id": "a", "payload": [{"message": ""}]}),
        hear("close"),
        expected="close 4500 Internal server error",
    ),
    _acked(
        "message only servers send, malformed",
        say({"type": "next", "id": "a"}),
        expected=INVALID,
    ),
]

_UNUSUAL = [
    _acked(
        "white space around a message",
        say('\r\n\t {"type" :\n"ping"} '),
        hear("pong"),
        expected="pong, open",
    ),
    _acked(
        "unknown members",
        say(subscribe("{ hello }", a=1) | {"b": [None]}),
        hear("complete"),
        expected="next a, complete a, open",
    ),
    _acked(
        "a member twice",
        say('{"type":"complete","type":"ping"}'),
        hear("pong"),
        expected="pong, open",
    ),
    _acked(
        "escaped letters",
        say('{"\\u0074ype":"\\u0070ing","payload":{"\\ud83d\\ude00":"\\u0000"}}'),
        hear("pong"),
        expected='pong {"\\ud83d\\ude00": "\\u0000"}, open',
    ),
    _acked(
        "half a surrogate pair",
        say('{"type":"pong","payload":{"a":"\\ud83d"}}'),
        expected="open",
    ),
    _acked("number beyond a double", say('{"type":"pong","payload":{"a":1e999}}'), expected="open"),
    _acked(
        "deeply nested",
        say('{"type":"pong","payload":{"a":' + "[" * 250 + "]" * 250 + "}}"),
        expected="open",
    ),
    _acked(
        "no variables, operationName and extensions",
        say(subscribe("{ hello }", variables=None, operationName=None, extensions=None)),
        hear("complete"),
        expected="next a, complete a, open",
    ),
    _acked(
        "extensions",
        say(subscribe("{ hello }", extensions={"a": {"b": []}}, variables={})),
        hear("complete"),
        expected="next a, complete a, open",
    ),
    *(
        _acked(
            f"id is {name}",
            say(subscribe("{ hello }", id_)),
            hear("complete"),
            expected=f"next {id_}, complete {id_}, open",
        )
        for name, id_ in {
            "__proto__": "__proto__",
            "white space": " ",
            "Unicode": 'ä😀"\\\x00\u2028',
            "long": "a" * 1_000,
        }.items()
    ),
]

_PING = [
    _of("ping before init", say(ping()), hear("pong"), expected="pong, open"),
    _acked("ping", say(ping()), hear("pong"), expected="pong, open"),
    _acked("ping with null", say(ping(None)), hear("pong"), expected="pong, open"),
    _acked("ping with an empty object", say(ping({})), hear("pong"), expected="pong {}, open"),
    _acked(
        "ping with a payload",
        say(ping({"a": [1, None, "ä"]})),
        hear("pong"),
        expected='pong {"a": [1, null, "\\u00e4"]}, open',
    ),
    _acked("ping with an id", say(ping() | {"id": 1}), hear("pong"), expected="pong, open"),
    _acked("pong", say(pong()), expected="open"),
    _acked("pong with a payload", say(pong({"a": 1})), expected="open"),
    _acked(
        "pings come in order",
        say(*[ping({"n": n}) for n in range(3)]),
        *[hear("pong")] * 3,
        expected='pong {"n": 0}, pong {"n": 1}, pong {"n": 2}, open',
    ),
    _acked(
        "ping while a subscription runs",
        say(subscribe(SILENCE)),
        hear("next"),
        say(ping()),
        hear("pong"),
        expected="next a, pong, open",
    ),
]

_OPERATIONS = [
    _acked(
        "query",
        say(subscribe('{ hello(name: "you") }')),
        hear("complete"),
        expected="next a, complete a, open",
    ),
    _acked(
        "query with variables",
        say(subscribe("query($n: String!) { hello(name: $n) }", variables={"n": "ä", "x": 1})),
        hear("complete"),
        expected="next a, complete a, open",
    ),
    _acked(
        "one of several operations",
        say(
            subscribe(
                "query Q { hello } mutation M { set(value: 1) } subscription S { count }",
                operationName="M",
            )
        ),
        hear("complete"),
        expected="next a, complete a, open",
    ),
    _acked(
        "mutation",
        say(subscribe("mutation { a: set(value: 1) b: set(value: 2) }")),
        hear("complete"),
        expected="next a, complete a, open",
    ),
    _acked(
        "introspection",
        say(subscribe("{ __schema { queryType { name } subscriptionType { name } } }")),
        hear("complete"),
        expected="next a, complete a, open",
    ),
    _acked(
        "query with a nullable field that fails",
        say(subscribe("{ perhaps hello }")),
        hear("complete"),
        expected="next a errors, complete a, open",
        fails=True,
    ),
    _acked(
        "query with a field that fails",
        say(subscribe("{ hello secret }")),
        hear("complete"),
        expected="next a null errors, complete a, open",
        fails=True,
    ),
    _acked(
        "large result",
        say(subscribe("{ large(size: 200000) }")),
        hear("complete"),
        expected="next a, complete a, open",
    ),
    _acked(
        "subscription",
        say(subscribe(COUNT)),
        hear("complete"),
        expected="next a, next a, next a, complete a, open",
    ),
    _acked(
        "subscription without events",
        say(subscribe("subscription { count(to: 0) }")),
        hear("complete"),
        expected="complete a, open",
    ),
    _acked(
        "subscription to a feed",
        say(subscribe(CHANGES)),
        *[hear("next a")] * 4,
        expected=f"{SNAPSHOT}, open",
    ),
    _acked(
        "subscription to a feed without initial rows",
        say(
            subscribe(
                "subscription($i: Boolean!) { policyChanges(includeInitial: $i) { __typename } }",
                variables={"i": False},
            )
        ),
        hear("next a"),
        expected="next a, open",
    ),
    _acked(
        "two equal subscriptions to a feed",
        say(subscribe(CHANGES)),
        *[hear("next a")] * 4,
        say(subscribe(CHANGES, "b")),
        *[hear("next b")] * 4,
        say(complete("a")),
        expected=f"{SNAPSHOT}, next b, next b, next b, next b, open",
    ),
    _acked(
        "source that fails before its first event",
        say(subscribe("subscription { refused }")),
        hear("complete", "error"),
        expected="next a no data errors, complete a, open",
    ),
    _acked(
        "feed refuses the subscription",
        say(subscribe('subscription { policyChanges(since: "x") { __typename } }')),
        hear("complete", "error"),
        expected="next a no data errors, complete a, open",
    ),
    _acked(
        "source that fails later",
        say(subscribe("subscription { breaks }")),
        hear("error"),
        expected="next a, error a, open",
        fails=True,
    ),
    _acked(
        "event of the wrong type",
        say(subscribe("subscription { stumbles }")),
        hear("complete"),
        expected="next a, next a null errors, next a, complete a, open",
        fails=True,
    ),
    _acked(
        "event with a field that fails",
        say(subscribe("subscription { odd { even value } }")),
        hear("complete"),
        expected="next a, next a errors, next a, complete a, open",
        fails=True,
    ),
    _acked(
        "several operations side by side",
        say(
            subscribe("{ blocked }", "q"),
            subscribe(SILENCE, "s"),
            subscribe(CHANGES, "f"),
            subscribe(COUNT, "c"),
        ),
        *[hear("next f")] * 4,
        fence,
        say(subscribe("mutation { release }", "m")),
        hear("complete q"),
        fence,
        say(complete("s"), complete("f")),
        expected=(
            "next c, next c, next c, complete c, next f, next f, next f, next f, "
            "next m, complete m, next q, complete q, next s, open"
        ),
        is_interleaved=True,
    ),
    _acked(
        "more subscriptions than this server allows",
        say(*[subscribe(SILENCE, id_) for id_ in "abcd"]),
        hear("next d"),
        say(subscribe(SILENCE, "e")),
        hear("next e", "error e"),
        expected="next a, next b, next c, next d, next e, open",
        is_interleaved=True,
    ),
    _acked(
        "more queries than this server allows",
        say(*[subscribe("{ blocked }", id_) for id_ in "abcd"]),
        fence,
        say(subscribe("{ hello }", "e")),
        hear("complete e", "error e"),
        expected="next e, complete e, open",
    ),
]

_VARIABLE = "query($v: String!) { hello(name: $v) }"
_UNFIT_VARIABLES: list[tuple[str, str, object]] = [
    ("missing variable", _VARIABLE, None),
    ("variable is null", _VARIABLE, {"v": None}),
    ("variable of the wrong type", _VARIABLE, {"v": {}}),
    ("missing variable of a subscription", "subscription($v: Int!) { count(to: $v) }", None),
]

_MISTAKES = [
    _acked(
        "syntax error",
        say(subscribe("{ hello")),
        hear("close", "error"),
        expected="close 4500 Internal server error",
    ),
    _acked(
        "empty query",
        say(subscribe("")),
        hear("close", "error"),
        expected="close 4500 Internal server error",
    ),
    *(
        _acked(
            name,
            say(subscribe(query, **more)),
            hear("error", "complete"),
            expected="error a, open",
        )
        for name, query, more in [
            ("unknown field", "{ nothing }", {}),
            ("unknown field of a subscription", "subscription { nothing }", {}),
            ("unknown argument", "{ hello(nom: 1) }", {}),
            ("literal of the wrong type", "{ hello(name: 1) }", {}),
            ("field without its selection", "subscription { policyChanges }", {}),
            ("subscription with two fields", "subscription { count silence }", {}),
            ("variable that is not declared", "{ hello(name: $v) }", {}),
            ("unknown operation", "query A { hello }", {"operationName": "B"}),
            ("operationName is empty", "query A { hello }", {"operationName": ""}),
            ("several operations without a name", "query A { hello } query B { hello }", {}),
            ("fragments only", "fragment F on Query { hello }", {}),
        ]
    ),
    *(
        _acked(
            name,
            say(subscribe(query, variables=variables)),
            hear("complete", "error"),
            expected="next a no data errors, complete a, open",
        )
        for name, query, variables in _UNFIT_VARIABLES
    ),
    _acked(
        "mistake while another operation runs",
        say(subscribe(SILENCE, "b")),
        hear("next b"),
        say(subscribe("{ nothing }")),
        hear("error a"),
        say(complete("b")),
        expected="next b, error a, open",
    ),
]

_IDS = [
    _acked("complete for an unknown id", say(complete()), expected="open"),
    _acked(
        "complete after the end",
        say(subscribe("{ hello }")),
        hear("complete"),
        say(complete()),
        expected="next a, complete a, open",
    ),
    _acked(
        "complete with a payload",
        say(subscribe(SILENCE)),
        hear("next"),
        say(complete() | {"payload": []}),
        expected="next a, open",
    ),
    _acked(
        "complete twice",
        say(subscribe(CHANGES)),
        *[hear("next")] * 4,
        say(complete(), complete()),
        expected=f"{SNAPSHOT}, open",
    ),
    _acked(
        "complete of a running query",
        say(subscribe("{ blocked }")),
        fence,
        say(complete()),
        fence,
        say(subscribe("mutation { release }", "m")),
        hear("complete m"),
        expected="next m, complete m, open",
    ),
    *(
        _acked(
            f"id of a running {kind} again",
            say(subscribe(query)),
            *[hear("next")] * events,
            fence,
            say(subscribe("{ hello }")),
            expected=", ".join(
                ["next a"] * events + ["close 4409 Subscriber for a already exists"]
            ),
        )
        for kind, query, events in [
            ("query", "{ blocked }", 0),
            ("subscription", SILENCE, 1),
            ("subscription to a feed", CHANGES, 4),
        ]
    ),
    _acked(
        "id twice at once",
        say(subscribe(SILENCE), subscribe(SILENCE)),
        hear("close"),
        expected="close 4409 Subscriber for a already exists",
    ),
    _acked(
        "long id again",
        say(subscribe("{ blocked }", "a" * 200)),
        fence,
        say(subscribe("{ hello }", "a" * 200)),
        hear("close"),
        expected="close 4500 Internal server error",
    ),
    _acked(
        "id again after complete",
        say(subscribe(SILENCE)),
        hear("next"),
        say(complete()),
        fence,
        say(subscribe(COUNT)),
        hear("complete"),
        expected="next a, next a, next a, next a, complete a, open",
    ),
    _acked(
        "id again after complete of a feed",
        say(subscribe(CHANGES)),
        *[hear("next")] * 4,
        say(complete()),
        fence,
        say(subscribe(CHANGES)),
        *[hear("next")] * 4,
        expected=f"{SNAPSHOT}, {SNAPSHOT}, open",
    ),
    _acked(
        "id again together with complete",
        say(subscribe(SILENCE)),
        hear("next"),
        say(complete(), subscribe(CHANGES)),
        *[hear("next")] * 4,
        expected=f"next a, complete a, {SNAPSHOT}, open",
    ),
    _acked(
        "id again after an error",
        say(subscribe("{ nothing }")),
        hear("error"),
        say(subscribe("{ hello }")),
        hear("complete"),
        expected="error a, next a, complete a, open",
    ),
    _acked(
        "id again after a source has failed",
        say(subscribe("subscription { breaks }")),
        hear("error"),
        say(subscribe("{ hello }")),
        hear("complete"),
        expected="next a, error a, next a, complete a, open",
        fails=True,
    ),
    _acked(
        "id again after a result",
        say(subscribe("{ hello }")),
        hear("complete"),
        say(subscribe(COUNT)),
        hear("complete"),
        expected="next a, complete a, next a, next a, next a, complete a, open",
    ),
    _acked(
        "ids differ by their letters' case",
        say(subscribe(SILENCE, "a")),
        hear("next a"),
        say(subscribe(SILENCE, "A")),
        hear("next A"),
        expected="next a, next A, open",
    ),
]

_PING_TEXT = b'{"type":"ping"}'

_FRAMES = [
    _of("binary frame with JSON", bytes_(frame(Opcode.BINARY, _PING_TEXT)), expected="pong, open"),
    _of("binary frame with anything", bytes_(frame(Opcode.BINARY, b"\xff\x00")), expected=INVALID),
    _of("empty binary frame", bytes_(frame(Opcode.BINARY)), expected=INVALID),
    _acked(
        "text in fragments, control frames between",
        bytes_(frame(Opcode.TEXT, _PING_TEXT[:5], fin=False), frame(Opcode.PING, b"1")),
        hear("control"),
        bytes_(
            frame(Opcode.CONTINUATION, fin=False),
            frame(Opcode.PONG, b"not asked for"),
            frame(Opcode.PING, b"2"),
            frame(Opcode.CONTINUATION, _PING_TEXT[5:]),
        ),
        hear("pong"),
        expected="control pong 1, control pong 2, pong, open",
    ),
    _acked(
        "fragments that split a letter",
        bytes_(
            frame(Opcode.TEXT, b'{"type":"ping","payload":{"a":"\xf0\x9f', fin=False),
            frame(Opcode.CONTINUATION, b'\x98\x80"}}'),
        ),
        hear("pong"),
        expected='pong {"a": "\\ud83d\\ude00"}, open',
    ),
    _acked(
        "frame in single bytes",
        *(bytes_(bytes((byte,))) for byte in text('{"type":"ping"}')),
        hear("pong"),
        expected="pong, open",
    ),
    _acked(
        "lengths with more bits than needed",
        bytes_(frame(Opcode.TEXT, _PING_TEXT, length_bits=16)),
        hear("pong"),
        expected="pong, open",
    ),
    _acked(
        "mask of zeros",
        bytes_(frame(Opcode.TEXT, _PING_TEXT, mask=bytes(4))),
        hear("pong"),
        expected="pong, open",
    ),
    _acked(
        "control ping with 125 bytes",
        bytes_(frame(Opcode.PING, b"x" * 125)),
        hear("control"),
        expected=f"control pong {'x' * 125}, open",
    ),
    *(
        _acked(name, bytes_(*frames), hear("close"), expected=f"close {code}")
        for name, code, frames in [
            ("unmasked frame", 1002, [frame(Opcode.TEXT, _PING_TEXT, mask=None)]),
            ("reserved opcode", 1002, [frame(3, _PING_TEXT)]),
            ("reserved control opcode", 1002, [frame(11)]),
            ("reserved bit", 1002, [frame(Opcode.TEXT, _PING_TEXT, reserved=2)]),
            ("compressed without agreement", 1002, [frame(Opcode.TEXT, b"x", reserved=4)]),
            ("continuation of nothing", 1002, [frame(Opcode.CONTINUATION, b"x")]),
            (
                "text within a text",
                1002,
                [frame(Opcode.TEXT, b"{", fin=False), frame(Opcode.TEXT, b"}")],
            ),
            ("control frame in fragments", 1002, [frame(Opcode.PING, b"x", fin=False)]),
            ("control frame too long", 1002, [frame(Opcode.PING, b"x" * 126)]),
            ("invalid UTF-8", 1007, [frame(Opcode.TEXT, b'{"type":"ping\xff"}')]),
            ("half a letter", 1007, [frame(Opcode.TEXT, b"\xe2\x82")]),
            ("surrogate in UTF-8", 1007, [frame(Opcode.TEXT, b"\xed\xa0\x80")]),
            ("message over the limit", 1009, [text("x" * (MAX_MESSAGE_BYTES + 1))]),
            (
                "message over the limit by its header",
                1009,
                [frame(Opcode.TEXT, length=2**40)],
            ),
            (
                "message over the limit in fragments",
                1009,
                [
                    frame(Opcode.TEXT, b"x" * (MAX_MESSAGE_BYTES // 2), fin=False),
                    frame(Opcode.CONTINUATION, b"x" * (MAX_MESSAGE_BYTES // 2 + 1), fin=False),
                ],
            ),
            ("close frame with half a code", 1002, [frame(Opcode.CLOSE, b"\x03")]),
            ("close frame with an invalid code", 1002, [raw_websocket.close(999)]),
            ("close frame with a reserved code", 1002, [raw_websocket.close(1006)]),
            ("close frame with invalid UTF-8", 1007, [raw_websocket.close(1000, b"\xff")]),
        ]
    ),
    _acked(
        "invalid UTF-8 behind an invalid message",
        bytes_(text("[]"), frame(Opcode.TEXT, b"\xff")),
        hear("close"),
        expected=INVALID,
    ),
    _acked(
        "message as long as allowed",
        say('{"type":"ping"}'.ljust(MAX_MESSAGE_BYTES)),
        hear("pong"),
        expected="pong, open",
    ),
]

_CLOSE = [
    _of(
        "client closes before init",
        bytes_(raw_websocket.close()),
        hear("close"),
        expected="close 1000",
    ),
    _acked("client closes", bytes_(raw_websocket.close()), hear("close"), expected="close 1000"),
    _acked(
        "client closes with a code of its own",
        bytes_(raw_websocket.close(4499, b"because")),
        hear("close"),
        expected="close 4499 because",
    ),
    _acked(
        "client closes without a code",
        bytes_(raw_websocket.close(None)),
        hear("close"),
        expected="close 1005",
    ),
    _acked(
        "client closes while operations run",
        say(subscribe(SILENCE), subscribe("{ blocked }", "b"), subscribe(CHANGES, "c")),
        *[hear("next c")] * 4,
        bytes_(raw_websocket.close(1001)),
        hear("close"),
        expected="next a, next c, next c, next c, next c, close 1001",
        is_interleaved=True,
    ),
    _acked(
        "client closes within a message",
        bytes_(frame(Opcode.TEXT, b'{"type":', fin=False), raw_websocket.close()),
        hear("close"),
        expected="close 1000",
    ),
    _acked(
        "client closes with an operation on its way",
        bytes_(
            text('{"type":"subscribe","id":"a","payload":{"query":"{blocked}"}}'),
            raw_websocket.close(),
        ),
        hear("close"),
        expected="close 1000",
    ),
    _acked(
        "nothing is answered behind a close frame",
        bytes_(raw_websocket.close(), text('{"type":"ping"}')),
        hear("close"),
        expected="close 1000",
    ),
    _of("connection ends before init", end, hear("cut"), expected="cut"),
    _acked(
        "connection ends while operations run",
        say(subscribe(SILENCE), subscribe(CHANGES, "b")),
        *[hear("next b")] * 4,
        end,
        end_init_time,
        hear("cut"),
        expected="next a, next b, next b, next b, next b, cut",
        is_interleaved=True,
    ),
    _acked(
        "connection ends within a frame", bytes_(text("{}")[:-1]), end, hear("cut"), expected="cut"
    ),
]

SEQUENCES = [
    *_HANDSHAKE,
    *_INIT,
    *_INVALID,
    *_UNUSUAL,
    *_PING,
    *_OPERATIONS,
    *_MISTAKES,
    *_IDS,
    *_FRAMES,
    *_CLOSE,
]
