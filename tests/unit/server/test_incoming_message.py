"""A long message leaves its ends only, and any other is whole."""

from __future__ import annotations

from hypothesis import example, given
from hypothesis import strategies as st

from graphql_api.server.frames import MAX_DRAINED_BYTES
from graphql_api.server.incoming_message import IncomingMessage
from graphql_api.server.message_head import HEAD_BYTES
from graphql_api.server.receiver import LongText

BEGINNING = b'{"id":"a","type":"subscribe","payload":"'


@given(st.integers(0, 30_000), st.integers(1, 5000), st.integers(0, 20_000))
@example(3609, 456, 3640)
def test_message_is_kept_whole_or_by_its_ends(length: int, part: int, max_bytes: int) -> None:
    data = BEGINNING + bytes(i % 251 for i in range(length))
    message = IncomingMessage(max_bytes, is_text=False)
    for start in range(0, len(data), part):
        message.add(data[start : start + part])
        assert len(message._data) <= max_bytes + part
    assert message.length == len(data)
    assert not message.is_hopeless
    assert message.is_too_long == (len(data) > max_bytes)
    whole = message.message()
    if message.is_too_long:
        assert isinstance(whole, LongText)
        beginning, end, limit = whole
        assert data.startswith(beginning)
        assert data.endswith(end)
        assert limit == max_bytes
        # What had come when it was found too long: all of the head, if as much is allowed.
        assert min(HEAD_BYTES, max_bytes + 1) <= len(beginning) <= HEAD_BYTES
        assert len(end) <= HEAD_BYTES
    else:
        assert whole == data


def test_long_message_is_hopeless_if_it_names_no_operation_or_never_ends() -> None:
    for beginning, is_hopeless in [(BEGINNING, False), (b"xxxx", True), (b'{"type":"ping",', True)]:
        message = IncomingMessage(10_000)
        message.add(beginning)
        message.add(b"x" * 10_000)
        assert message.is_hopeless == is_hopeless
    message = IncomingMessage(10_000)
    message.add(BEGINNING)
    for _ in range(MAX_DRAINED_BYTES // 1_000_000 + 1):
        message.add(b"x" * 1_000_000)
    assert message.is_hopeless
    assert len(message._data) + len(message._end or b"") <= 2 * HEAD_BYTES
