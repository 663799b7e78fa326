"""How keys are served: nothing of it may lose one, or take one for another."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from graphql_api.feeds.keys import BINARY, INTEGER, MAX_KEY_BYTES, TEXT, KeyKind
from tests.for_each import for_each

KINDS = [TEXT, INTEGER, BINARY]


def raw(key: object) -> Any:
    """A key as the database sends it."""
    if isinstance(key, bytes):
        return {"$reql_type$": "BINARY", "data": base64.b64encode(key).decode()}
    return key


KEYS: dict[KeyKind, st.SearchStrategy[Any]] = {
    TEXT: st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=31),
    INTEGER: st.integers(-(2**53), 2**53),
    BINARY: st.binary(max_size=MAX_KEY_BYTES),
}
ANY = (
    st.none()
    | st.booleans()
    | st.floats()
    | st.lists(st.integers(), max_size=2)
    | st.one_of(*KEYS.values()).map(raw)
    | st.sampled_from(
        [
            "\ud800",
            2**53 + 1,
            {"$reql_type$": "BINARY"},
            {"$reql_type$": "BINARY", "data": 5},
            {"$reql_type$": "BINARY", "data": "A"},
            {"$reql_type$": "TIME", "epoch_time": 0, "timezone": "+00:00"},
            {"data": "AAAA"},
        ]
    )
)


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.what)
@given(st.data())
def test_key_is_served_and_found_again(kind: KeyKind, data: st.DataObject) -> None:
    key = data.draw(KEYS[kind])
    served = kind.served(raw(key))
    assert served is not None
    assert kind.stored(served) == key
    json.dumps(served).encode()


@given(st.text(max_size=20) | st.from_regex(r"-?[0-9]{1,17}|[0-9a-fA-F]{0,8}", fullmatch=True))
def test_key_that_a_client_gives_is_that_of_one_document_or_of_none(served: str) -> None:
    for kind in KINDS:
        stored = kind.stored(served)
        assert stored is None or kind.served(raw(stored)) == served


@given(ANY)
def test_key_of_another_kind_is_not_served(key: Any) -> None:
    kinds = [kind for kind in KINDS if kind.served(key) is not None]
    assert len(kinds) <= 1
    for kind in kinds:
        served = kind.served(key)
        assert served is not None
        stored = kind.stored(served)
        assert stored is None or raw(stored) == key or "\0" in served


@for_each(
    ("kind", "key", "served"),
    [
        (TEXT, "5", "5"),
        (INTEGER, 5, "5"),
        (INTEGER, 5.0, "5"),
        (INTEGER, -0.0, "0"),
        (INTEGER, True, None),
        (INTEGER, 5.5, None),
        (INTEGER, float("inf"), None),
        (INTEGER, "5", None),
        (BINARY, raw(b""), ""),
        (BINARY, raw(b"\0\xab"), "00ab"),
        (BINARY, "00ab", None),
    ],
)
def test_key_is_served_as_documented(kind: KeyKind, key: Any, served: str | None) -> None:
    assert kind.served(key) == served


@for_each(
    ("kind", "served"),
    [
        (TEXT, "x" * 128),
        (TEXT, "a\0"),
        (TEXT, "\ud800"),
        (INTEGER, "05"),
        (INTEGER, "-0"),
        (INTEGER, "+5"),
        (INTEGER, "5.0"),
        (INTEGER, "\u0665"),
        (INTEGER, "9" * 16),
        (INTEGER, "9" * 5000),
        (BINARY, "00AB"),
        (BINARY, "0"),
        (BINARY, "0 "),
        (BINARY, "00" * 128),
    ],
)
def test_what_no_document_can_be_served_by_has_no_stored_key(kind: KeyKind, served: str) -> None:
    assert kind.stored(served) is None
