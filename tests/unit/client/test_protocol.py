from __future__ import annotations

import json
from typing import Any

import pytest

from graphql_api.client.protocol import (
    Answer,
    ClientProtocol,
    OperationEndedError,
    OperationError,
    Reply,
    Result,
    UnexpectedMessageError,
)
from tests.for_each import for_each

ACK = '{"type": "connection_ack"}'


def protocol(token: str | None = None) -> ClientProtocol:
    return ClientProtocol("subscription { x }", {"since": "c"}, token)


def subscribed() -> ClientProtocol:
    made = protocol()
    assert isinstance(made.receive(ACK), Reply)
    return made


def message(**members: Any) -> str:
    return json.dumps(members)


def test_token_goes_into_connection_init() -> None:
    assert json.loads(protocol().begin()) == {"type": "connection_init"}
    assert json.loads(protocol("t0ken").begin()) == {
        "type": "connection_init",
        "payload": {"authorization": "Bearer t0ken"},
    }


def test_subscribes_once_it_is_acknowledged() -> None:
    reply = protocol().receive(ACK)
    assert isinstance(reply, Reply)
    assert json.loads(reply.text) == {
        "type": "subscribe",
        "id": "1",
        "payload": {"query": "subscription { x }", "variables": {"since": "c"}},
    }


@for_each("payload", [{}, {"payload": {"a": 1}}])
def test_ping_is_answered_with_its_payload(payload: dict[str, Any]) -> None:
    for each in (protocol(), subscribed()):
        reply = each.receive(message(type="ping", **payload))
        assert isinstance(reply, Reply)
        assert json.loads(reply.text) == {"type": "pong", **payload}


def test_results_are_handed_on() -> None:
    text = message(type="next", id="1", payload={"data": {"x": 1}})
    assert subscribed().receive(text) == Result({"x": 1})
    assert subscribed().receive(message(type="pong")) is None


def test_queries_have_ids_of_their_own_and_their_errors_end_nothing() -> None:
    made = subscribed()
    first, second = (json.loads(made.ask("{ x }")) for _ in range(2))
    assert first["payload"] == {"query": "{ x }"}
    assert len({first["id"], second["id"], "1"}) == 3
    answered = message(type="next", id=first["id"], payload={"data": {"x": 1}})
    assert made.receive(answered) == Answer({"x": 1})
    assert made.receive(message(type="complete", id=first["id"])) is None
    refused = message(type="error", id=second["id"], payload=[{"message": "no"}])
    assert made.receive(refused) == Answer(None)
    assert made.receive(message(type="next", id="1", payload={"data": 2})) == Result(2)


ERROR = {"message": "no", "extensions": {"code": "FORBIDDEN"}}


@for_each(
    ("answer", "code"),
    [
        ({"type": "error", "payload": [ERROR]}, "FORBIDDEN"),
        ({"type": "error", "payload": [{"message": "no"}]}, None),
        ({"type": "error", "payload": "odd"}, None),
        ({"type": "error", "payload": []}, None),
        ({"type": "next", "payload": {"data": None, "errors": [ERROR]}}, "FORBIDDEN"),
    ],
)
def test_errors_end_the_operation(answer: dict[str, Any], code: str | None) -> None:
    with pytest.raises(OperationError) as raised:
        subscribed().receive(message(id="1", **answer))
    assert raised.value.code == code


def test_end_is_reported() -> None:
    with pytest.raises(OperationEndedError):
        subscribed().receive(message(type="complete", id="1"))


@for_each(
    "text",
    [
        b"\x00",
        "",
        "[]",
        "5",
        "{}",
        "[" * 100_000,
        '{"type": "next"}',
        '{"type": "next", "id": 1, "payload": {}}',
        '{"type": "next", "id": "2", "payload": {}}',
        '{"type": "next", "id": "1", "payload": []}',
        '{"type": "subscribe", "id": "1"}',
        ACK,
    ],
)
def test_what_is_no_message_is_an_error(text: str | bytes) -> None:
    with pytest.raises(UnexpectedMessageError):
        subscribed().receive(text)
