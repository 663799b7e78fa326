"""The operation of a message is named by the ends of it, and never a wrong one."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from graphql_api.server.message_head import HEAD_BYTES, Head, may_begin_operation, read_head
from tests.for_each import for_each

LONG = {"query": "mutation", "variables": {"id": "no", "type": "ping", "seeds": ["x" * 50] * 200}}


def head(text: str) -> Head:
    data = text.encode()
    return read_head(data[:HEAD_BYTES], data[-HEAD_BYTES:])


@for_each(
    "members",
    [
        {"id": "a", "type": "subscribe", "payload": LONG},
        {"type": "subscribe", "id": "a", "payload": LONG},
        {"payload": LONG, "id": "a", "type": "subscribe"},
        {"payload": LONG, "type": "subscribe", "id": "a"},
        {"id": "a", "payload": LONG, "type": "subscribe"},
        {"type": "subscribe", "payload": LONG, "id": "a"},
        {"x": [{"id": "b"}, "]"], "id": "a", "y": 1e5, "z": None, "type": "subscribe", "p": LONG},
        {"id": "b", "type": "subscribe", "payload": LONG, "id ": "c"},
    ],
)
@for_each("separators", [(",", ":"), (", ", ": "), (" ,\n", "\t:\r\n")])
def test_operation_is_named_wherever_its_id_stands(
    members: dict[str, Any], separators: tuple[str, str]
) -> None:
    text = json.dumps(members, separators=separators)
    assert head(text).operation_id == members["id"]
    assert head(f" {text}\n").operation_id == members["id"]
    assert may_begin_operation(text.encode()[:HEAD_BYTES])


@for_each(
    "text",
    [
        "",
        "x" * 9000,
        "[" * 9000,
        '["id","a","type","subscribe"]',
        json.dumps({"id": "a", "type": "ping", "payload": LONG}),
        json.dumps({"id": "", "type": "subscribe", "payload": LONG}),
        json.dumps({"id": 5, "type": "subscribe", "payload": LONG}),
        json.dumps({"type": "subscribe", "payload": LONG}),
        json.dumps({"type": "subscribe", "id": "x" * 9000, "payload": LONG}),
        # Members inside the payload, and inside of texts
        json.dumps({"type": "subscribe", "payload": {"variables": LONG, "id": "a"}}),
        json.dumps({"type": "subscribe", "payload": 'x,"id":"a"}' * 999}),
        json.dumps({"type": "subscribe", "payload": ["x", '"id":"a"']}),
    ],
)
def test_message_that_names_no_operation_names_none(text: str) -> None:
    assert head(text).operation_id is None


@for_each("text", ["x" * 99, "[[[", '"{"', '{"type":"ping","payload":{"a":"'])
def test_message_that_is_no_subscribe_is_seen_at_its_beginning(text: str) -> None:
    assert not may_begin_operation(text.encode())


TEXT = st.text('{}[]",:\\ idtype\ud83d\u00e4', max_size=20)
VALUES = st.recursive(
    st.none() | st.integers() | st.floats() | st.booleans() | TEXT | st.just('","id":"no"}'),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT | st.just("id"), inner),
    max_leaves=30,
)


@given(
    st.dictionaries(
        st.sampled_from(["id", "type", "payload", "query", "x"]) | TEXT,
        VALUES | st.just("subscribe") | TEXT,
    ),
    st.integers(0, 3) | st.just(3000),
    st.booleans(),
)
def test_what_is_found_is_what_the_message_says(
    members: dict[str, Any], longer: int, is_first: bool
) -> None:
    long = {"payload": ["x,}]{[" * longer] * 3}
    members = {**long, **members} if is_first else {**members, **long}
    found = head(json.dumps(members))
    for name, value in found._asdict().items():
        # It may not be found, between two long values; but nothing else is.
        assert value is None or value == members.get(name)
    size = len(json.dumps(members))
    if size <= HEAD_BYTES:
        expected = [members.get("type"), members.get("id")]
        assert [*found] == [value if isinstance(value, str) else None for value in expected]


@given(st.binary(max_size=200) | st.text('{}[]",:\\ id').map(str.encode))
def test_any_bytes_have_a_head(data: bytes) -> None:
    read_head(data, data)
    read_head(b'{"id":"a",' + data, data + b',"id":"b"}')
