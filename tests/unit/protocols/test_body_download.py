"""Which bodies are passed on as gzip, and what inflating them gives."""

from __future__ import annotations

import gzip
import random
import zlib
from collections.abc import Iterator
from typing import cast

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.types import Message

from graphql_api.auth.authenticator import Authenticator
from graphql_api.auth.signed_links import SignedLinks
from graphql_api.limits.answer_memory import ANSWERS, LARGE_BYTES, Answers
from graphql_api.limits.cpu_budget import CPUBudgets
from graphql_api.limits.token_bucket import TokenBuckets
from graphql_api.protocols.body_download import ResponseBodies, _is_gzip
from graphql_api.protocols.inflater import Inflater
from graphql_api.store import PART_BYTES, StoredBody
from tests.for_each import for_each


@for_each(
    ("member", "is_taken"),
    [
        (b"gzip", True),
        (b"gzip;q=0.1", True),
        (b"*", True),
        (b"x-gzip", True),
        (b"gzip;q=0", False),
        (b"gzip; q=0.000", False),
        (b"br", False),
        (b"gzipped", False),
    ],
)
def test_gzip_is_taken_by_those_who_say_so(member: bytes, is_taken: bool) -> None:
    assert _is_gzip(member) is is_taken


def _inflated(content: bytes, part_bytes: int = 100) -> Iterator[bytes]:
    inflater = Inflater(1_000_000)
    for begin in range(0, len(content), part_bytes):
        yield from inflater.parts(content[begin : begin + part_bytes])
    inflater.end()


@given(st.binary(max_size=2000), st.integers(0, 300))
def test_inflating_gives_the_content_in_bounded_parts(content: bytes, times: int) -> None:
    content *= times
    parts = [*_inflated(gzip.compress(content))]
    assert b"".join(parts) == content
    assert all(0 < len(part) <= LARGE_BYTES for part in parts)


@given(st.binary(min_size=1, max_size=2000), st.data())
def test_gzip_that_ends_too_soon_is_an_error(content: bytes, data: st.DataObject) -> None:
    whole = gzip.compress(content)
    end = data.draw(st.integers(0, len(whole) - 1))
    with pytest.raises(zlib.error):
        b"".join(_inflated(whole[:end]))


@for_each("lost_at", [None, 0, 2])
async def test_body_is_read_as_its_client_takes_it(lost_at: int | None) -> None:
    content = random.Random(1).randbytes(3 * PART_BYTES + 7)
    events: list[str] = []
    sent = b""

    class Stored:
        async def find(self, sequence: int) -> StoredBody:
            return StoredBody(
                key=b"k", size=len(content), is_compressed=False, content_type="text/html"
            )

        async def part(self, _: StoredBody, begin: int, end: int) -> bytes | None:
            assert end - begin <= PART_BYTES
            assert len(sent) == begin, "nothing is read before what comes first has been sent"
            events.append("read")
            return None if len(events) - 1 == lost_at else content[begin:end]

    async def send(message: Message) -> None:
        nonlocal sent
        if message["type"] == "http.response.start":
            statuses.append(message["status"])
        elif statuses == [200]:
            sent += message["body"]

    async def receive() -> Message:
        raise AssertionError("a body of the request is not read")

    statuses: list[int] = []
    app = ResponseBodies(
        Stored,
        cast("SignedLinks", None),
        Authenticator(),
        TokenBuckets(100.0, 100.0),
        CPUBudgets(),
    )
    answers = {"answers": Answers(), "cut_off": lambda: events.append("cut off")}
    answers["taker_of"] = lambda _: None
    scope = {
        "type": "http",
        "method": "GET",
        "path_params": {"sequence": "1"},
        "query_string": b"",
        "headers": [],
        "client": ("192.0.2.1", 1),
        "extensions": {ANSWERS: answers},
    }
    await app(scope, receive, send)
    if lost_at is None:
        assert (statuses, sent, events) == ([200], content, ["read"] * 4)
    elif lost_at == 0:
        assert (statuses, sent, events) == ([404], b"", ["read"])
    else:
        assert (statuses, events[-1]) == ([200], "cut off")
        assert sent == content[: lost_at * PART_BYTES]
