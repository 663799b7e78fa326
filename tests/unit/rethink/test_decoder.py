"""The database's JSON, however deep or odd: one bad document takes no other with it."""

from __future__ import annotations

import json

import pytest

from graphql_api.feeds.depth import UNREAD, PartialDocument
from graphql_api.feeds.source import DocumentChange, SourceReady
from graphql_api.rethink.changefeed import RethinkSource
from graphql_api.rethink.decoder import PlainDecoder, without_depth
from graphql_api.rethink.unread import kept_paths, unread_paths, without_paths
from graphql_api.rethink.url import DatabaseURL
from tests.unit.rethink.scripted_server import ScriptedServer, feed_of

DEEP = "[" * 2000 + "]" * 2000
SIBLING = '{"id": "b", "text": "[[{\\"\\\\"}'


def reply(*rows: str) -> str:
    return f'{{"t": 3, "r": [{", ".join(rows)}], "n": []}}'


@pytest.mark.parametrize(
    ("text", "shallow"),
    [
        ("[[1, 2], {}]", "[[1, 2], {}]"),
        ("[[[1], 2], {}]", '[["U", 2], {}]'),
        ('[{"a": {"b": [1]}, "c": [[]]}]', '[{"a": "U", "c": "U"}]'),
        ('[["[[[", "\\"]]", {"]": "}"}]]', '[["[[[", "\\"]]", "U"]]'),
        ("[[[[[]]]], [[]]]", '[["U"], ["U"]]'),
    ],
)
def test_what_is_below_the_depth_is_replaced_and_nothing_else(text: str, shallow: str) -> None:
    assert without_depth(text, 2) == shallow.replace('"U"', json.dumps(UNREAD))


def test_deep_document_is_partial_and_its_siblings_are_whole() -> None:
    decoded = PlainDecoder().decode(reply(f'{{"id": "a", "x": {DEEP}, "y": 1}}', SIBLING))
    deep, sibling = decoded["r"]
    assert type(deep) is PartialDocument
    assert (deep["id"], deep["y"]) == ("a", 1)
    assert sibling == json.loads(SIBLING)
    assert type(sibling) is dict


def test_deep_side_of_a_change_is_partial_and_the_other_is_whole() -> None:
    row = f'{{"type": "change", "old_val": {{"id": "a"}}, "new_val": {{"id": "a", "x": {DEEP}}}}}'
    (change,) = PlainDecoder().decode(reply(row))["r"]
    assert type(change["old_val"]) is dict
    assert type(change["new_val"]) is PartialDocument


@pytest.mark.parametrize(
    "odd", ['"\\ud800"', "1e400", "-1e999", "NaN", "9" * 5000, '"\x01"', "123456789012345678901"]
)
def test_value_that_json_decoders_refuse_takes_no_sibling_with_it(odd: str) -> None:
    decoded = PlainDecoder().decode(reply(f'{{"id": "a", "x": {odd}}}', SIBLING))
    assert decoded["t"] == 3
    assert [row["id"] for row in decoded["r"]] == ["a", "b"]


async def test_deep_document_in_a_batch_ends_no_changefeed() -> None:
    batch = reply(
        '{"type": "initial", "new_val": {"id": "a"}}',
        f'{{"type": "initial", "new_val": {{"id": "deep", "x": {DEEP}}}}}',
        '{"type": "initial", "new_val": {"id": "b"}}',
        '{"type": "state", "state": "ready"}',
    )
    async with ScriptedServer(feed_of(batch.encode())) as server:
        source = RethinkSource(DatabaseURL(server.host, server.port, "starbelly"))
        async with source.changes("policy") as feed:
            events = [await anext(feed) for _ in range(4)]
    changes = [event for event in events if isinstance(event, DocumentChange)]
    assert [change.new and change.new["id"] for change in changes] == ["a", "deep", "b"]
    assert type(changes[1].new) is PartialDocument
    assert events[3] == SourceReady()


def test_paths_to_what_is_unread() -> None:
    old = {"a": 1, "x": UNREAD, "limits": {"y": UNREAD, "z": 2}, "rules": [{"u": UNREAD}]}
    paths = unread_paths(old)
    assert paths == {"x": True, "limits": {"y": True}, "rules": True}
    assert without_paths(old, paths) == {"a": 1, "limits": {"z": 2}}
    new = {**old, "x": 5, "limits": {"y": UNREAD}, "rules": [{"u": UNREAD}]}
    assert kept_paths(paths, old, new) == {"limits": {"y": True}, "rules": True}
    assert kept_paths(paths, old, {**new, "limits": None, "rules": []}) == {}
