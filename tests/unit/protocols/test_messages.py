"""Nothing that a client sends, and nothing that a result holds, comes out as a traceback."""

from __future__ import annotations

import json
from typing import Any

import orjson
from graphql import GraphQLError
from hypothesis import given
from hypothesis import strategies as st

from graphql_api.documents.json_input import MAX_LEVELS
from graphql_api.execution import result_json
from graphql_api.protocols import messages
from graphql_api.protocols.messages import (
    MAX_ID_CHARS,
    Complete,
    ConnectionInit,
    InvalidMessageError,
    Ping,
    Pong,
    Refused,
    Subscribe,
    parse,
)
from tests.for_each import for_each

JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(st.characters(codec=None), max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=8,
)
TYPES = ["connection_init", "ping", "pong", "subscribe", "complete", "next", "", None, 1]
PAYLOADS = JSON | st.fixed_dictionaries(
    {},
    optional={
        "query": st.just("{a}") | JSON,
        "variables": JSON,
        "operationName": JSON,
        "extensions": JSON,
        "since": st.dictionaries(st.text(max_size=3), st.text(max_size=3)) | JSON,
    },
)
MESSAGES = st.fixed_dictionaries(
    {"type": st.sampled_from(TYPES) | JSON},
    optional={"id": st.text(max_size=3) | JSON, "payload": PAYLOADS},
)


def check(text: str) -> None:
    try:
        message = parse(text)
    except InvalidMessageError:
        return
    match message:
        case ConnectionInit(payload, since):
            assert payload is None or isinstance(payload, dict)
            assert all(isinstance(text, str) for pair in since.items() for text in pair)
        case Ping(payload):
            messages.pong(payload).decode()
        case Pong(payload):
            assert payload is None or isinstance(payload, dict)
        case Complete(id_):
            assert id_
            messages.complete(id_).decode()
        case Refused(id_, error):
            assert id_
            assert (error.extensions or {})["code"] in ("BAD_REQUEST", "BAD_USER_INPUT")
            messages.error(id_, [error]).decode()
        case Subscribe(id_, request):
            assert id_
            assert isinstance(request.query, str)
            assert request.operation_name is None or isinstance(request.operation_name, str)
            assert request.variables is None or isinstance(request.variables, dict)
            assert request.extensions is None or isinstance(request.extensions, dict)


@given(MESSAGES | JSON)
def test_any_json_is_a_message_or_an_error(value: Any) -> None:
    check(json.dumps(value))
    try:
        check(json.dumps(value, ensure_ascii=False))
    except UnicodeEncodeError:
        raise AssertionError("a frame's text is valid Unicode") from None


@given(st.text() | st.text(st.sampled_from('{}[]":,\\ \n0123456789.eE+-tfnul')))
def test_any_text_is_a_message_or_an_error(text: str) -> None:
    check(text)


@given(MESSAGES, st.data())
def test_any_damaged_message_is_a_message_or_an_error(message: Any, data: st.DataObject) -> None:
    text = json.dumps(message)
    at = data.draw(st.integers(0, len(text)))
    cut = data.draw(st.integers(0, 5))
    check(text[:at] + data.draw(st.text(max_size=3)) + text[at + cut :])


@given(st.dictionaries(st.text(), st.integers(-(2**53), 2**53) | st.text()))
def test_ping_payload_is_echoed(payload: dict[str, Any]) -> None:
    ping = parse(json.dumps({"type": "ping", "payload": payload}))
    assert isinstance(ping, Ping)
    assert json.loads(messages.pong(ping.payload)) == {"type": "pong", "payload": payload}


def test_payload_of_a_ping_is_echoed_however_deep_it_is() -> None:
    payload = '{"a":' + "[" * (MAX_LEVELS - 2) + "]" * (MAX_LEVELS - 2) + "}"
    ping = parse(f'{{"type":"ping","payload":{payload}}}')
    assert isinstance(ping, Ping)
    assert messages.pong(ping.payload) == f'{{"type":"pong","payload":{payload}}}'.encode()


@for_each("value", ["half a pair: \ud800", 2**80, {"a": ["\udfff", -(2**64)]}])
def test_result_that_has_a_form_in_json_is_encoded(value: object) -> None:
    payload = result_json.execution_result({"a": value}, None, None)
    assert json.loads(payload) == {"data": {"a": value}}


@for_each("beside", [1, "half a pair: \ud800"])
def test_value_that_is_json_already_is_a_part_of_a_result(beside: object) -> None:
    inner = {"a": ["half a pair: \udfff", None, 2**80]}
    made = orjson.Fragment(result_json.to_json(inner))
    payload = result_json.execution_result({"b": [made, beside]}, None, None)
    assert json.loads(payload) == {"data": {"b": [inner, beside]}}


def test_result_has_the_members_that_it_needs() -> None:
    errors = [GraphQLError("no", extensions={"code": "C"})]
    formatted = [{"message": "no", "extensions": {"code": "C"}}]
    encode = result_json.execution_result
    assert json.loads(encode({"a": 1}, None, {})) == {"data": {"a": 1}}
    assert json.loads(encode(None, errors, None)) == {"data": None, "errors": formatted}
    assert json.loads(encode({}, [], {"t": 1})) == {"data": {}, "extensions": {"t": 1}}


def test_messages_of_a_server() -> None:
    next_ = messages.next_prefix('"') + b'{"data":{}}' + messages.NEXT_SUFFIX
    assert json.loads(next_) == {"id": '"', "type": "next", "payload": {"data": {}}}
    assert json.loads(messages.error("ä", [GraphQLError("no")])) == {
        "id": "ä",
        "type": "error",
        "payload": [{"message": "no"}],
    }
    assert json.loads(messages.complete("a")) == {"id": "a", "type": "complete"}


def test_id_that_is_too_long_is_refused_by_its_operation_alone() -> None:
    for size, kind in [(MAX_ID_CHARS, Subscribe), (MAX_ID_CHARS + 1, Refused)]:
        message = {"type": "subscribe", "id": "i" * size, "payload": {"query": "{a}"}}
        assert type(parse(json.dumps(message))) is kind
