"""The embedded server says what a real RethinkDB 2.4.4 said, frame by frame."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from rethinkdb import RethinkDB

from graphql_api.embedded import EmbeddedServer
from tests.transcripts.conversation import (
    OVERFLOW,
    WRITE_RACES,
    Recording,
    Row,
    differences,
    recording_names,
)
from tests.transcripts.replay import replay
from tests.transcripts.wire_client import WireClient

pytestmark = pytest.mark.embedded_only


@dataclass(frozen=True)
class LeftOut:
    """Rows of a recording that are not replayed: those of one token, from its n-th row on."""

    recording: str
    conn: int
    token: int
    reason: str
    from_row: int = 0


LEFT_OUT = [
    LeftOut("admin", 0, 17, "config: cluster administration is not offered"),
    LeftOut("admin", 0, 18, "status: cluster administration is not offered"),
    LeftOut("feed_reconfigured", 1, 4, "reconfigure: cluster administration is not offered"),
    LeftOut(
        "feed_reconfigured", 0, 6, "the feed ends because of the reconfigure left out", from_row=6
    ),
]


def offered(recording: Recording) -> Recording:
    """The rows of a recording that concern what the embedded server offers."""
    seen: dict[tuple[int, int], int] = {}
    rows = []
    for row in recording.rows:
        key = row["conn"], row.get("token", -1)
        at = seen[key] = seen.get(key, -1) + 1
        if not any(
            (left.recording, left.conn, left.token) == (recording.name, *key)
            and at >= left.from_row
            for left in LEFT_OUT
        ):
            rows.append(row)
    return Recording(recording.name, rows)


async def prepare(server: EmbeddedServer, recording: Recording) -> dict[str, str]:
    """Make what was there before the recording began, and return the users' passwords."""
    r = RethinkDB()
    r.set_loop_type("asyncio")
    connection = await r.connect(server.host, server.port)
    await r.db_create("bench").run(connection)
    for row in recording.rows:
        reply = row.get("body", {})
        dropped = row["dir"] == "<" and isinstance(reply["r"][0], dict) if "body" in row else False
        if dropped and "dbs_dropped" in reply["r"][0]:
            await r.db_create("starbelly").run(connection)
            for number in range(reply["r"][0]["tables_dropped"]):
                await r.db("starbelly").table_create(f"before{number}").run(connection)
            break
    users = {"handshake": "app", "permissions_and_malformed": "ro"}
    if recording.name in users:
        row = {"id": users[recording.name], "password": "before"}
        await r.db("rethinkdb").table("users").insert(row).run(connection)
    await connection.close(noreply_wait=False)
    # In one recording, connection 2 gives a wrong password.
    wrong = {"wrong": "2"} if recording.name == "handshake" else {}
    return {"admin": "", "app": "s3cret", "ro": "ro", **wrong}


@pytest.mark.parametrize("name", recording_names())
async def test_embedded_server_says_what_rethinkdb_said(name: str) -> None:
    recording = offered(Recording.load(name))
    async with EmbeddedServer(None) as server:
        passwords = await prepare(server, recording)
        observed = await replay(recording, server.port, passwords)
    assert differences(recording, observed) == []


@pytest.mark.parametrize(
    "left_out", LEFT_OUT, ids=lambda left: f"{left.recording}-{left.conn}-{left.token}"
)
def test_everything_left_out_is_in_a_recording(left_out: LeftOut) -> None:
    rows = Recording.load(left_out.recording).rows
    matching = [
        row for row in rows if (row["conn"], row.get("token")) == (left_out.conn, left_out.token)
    ]
    assert len(matching) > left_out.from_row


@pytest.mark.parametrize("number", [174, 175, 176])
async def test_terms_left_out_get_the_error_for_an_unknown_term(number: int) -> None:
    async with EmbeddedServer(None) as server, await WireClient.connect(server.port) as client:
        reply = await client.run([number, []])
    assert reply == {"t": 17, "r": [f"Unrecognized TermType: {number}."], "b": []}


# --- the comparison itself: a changed value in a recording is noticed ---


def _leaves(value: Any, path: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    if isinstance(value, dict):
        for name, item in value.items():
            yield from _leaves(item, (*path, name))
    elif isinstance(value, list):
        for at, item in enumerate(value):
            yield from _leaves(item, (*path, at))
    else:
        yield path


def _one_of_each(value: Any) -> Iterator[tuple[str | int, ...]]:
    """The leaves of a reply, but of the items of a list that are alike only the first and last."""
    alike: dict[tuple[str | None, ...], list[tuple[str | int, ...]]] = {}
    for path in _leaves(value):
        names = tuple(step if isinstance(step, str) else None for step in path)
        alike.setdefault(names, []).append(path)
    for paths in alike.values():
        yield from dict.fromkeys((paths[0], paths[-1]))


def _changed(value: Any) -> Any:
    if isinstance(value, bool):
        return not value
    if isinstance(value, (int, float)):
        return value * 2 + 1
    return "changed" if value is None else f"{value}?"


def _with_changed_leaf(rows: list[Row], at: int, path: tuple[str | int, ...]) -> list[Row]:
    rows = list(rows)
    rows[at] = copy.deepcopy(rows[at])
    target = rows[at]["body"]
    for step in path[:-1]:
        target = target[step]
    target[path[-1]] = _changed(target[path[-1]])
    return rows


def _changed_leaf_is_noticed(recording: Recording, at: int, path: tuple[str | int, ...]) -> bool:
    """Whether one changed value is noticed where nothing but its query was recorded."""
    changed = recording.rows[at]

    def of_the_query(rows: list[Row]) -> list[Row]:
        same = changed["conn"], changed["token"]
        return [row for row in rows if (row["conn"], row.get("token")) == same]

    alone = Recording(recording.name, of_the_query(recording.rows))
    observed = of_the_query(_with_changed_leaf(recording.rows, at, path))
    return differences(alone, observed) != []


@pytest.mark.parametrize("name", [name for name in recording_names() if name != WRITE_RACES])
def test_comparison_notices_a_changed_value_in_each_place_of_a_reply(name: str) -> None:
    recording = Recording.load(name)
    assert differences(recording, recording.rows) == []
    unnoticed = []
    for at, row in enumerate(recording.rows):
        if row["dir"] != "<" or "body" not in row:
            continue
        unnoticed += [
            (at, path)
            for path in _one_of_each(row["body"])
            if not _changed_leaf_is_noticed(recording, at, path)
        ]
    if name == OVERFLOW:
        # Which changes were sent rather than skipped depends on timing.
        unnoticed = [(at, path) for at, path in unnoticed if path[-2:] != ("new_val", "id")]
    assert unnoticed == [], json.dumps(unnoticed)


def test_comparison_notices_changed_values_among_write_races() -> None:
    recording = Recording.load(WRITE_RACES)
    assert differences(recording, recording.rows) == []
    batches = [at for at, row in enumerate(recording.rows) if "new_val" in json.dumps(row)]
    for at in batches[1 :: len(batches) // 8]:  # one comparison takes as long as all replies
        rows = recording.rows[at].get("body", {}).get("r", [])
        for position, event in list(enumerate(rows))[:: max(1, len(rows) // 2)]:
            if not isinstance(event, dict) or not event.get("new_val"):
                continue
            path = ("r", position, "new_val", "v")
            if "v" in event["new_val"]:
                changed = _with_changed_leaf(recording.rows, at, path)
                assert differences(recording, changed) != []


@pytest.mark.parametrize("name", ["feed_initial_then_changes", "reads"])
def test_comparison_notices_a_missing_and_a_doubled_row(name: str) -> None:
    recording = Recording.load(name)
    for at, row in enumerate(recording.rows):
        body = row.get("body")
        if row["dir"] != "<" or not isinstance(body, dict) or not body["r"]:
            continue
        for rows in (body["r"][1:], [*body["r"], body["r"][-1]]):
            changed = list(recording.rows)
            changed[at] = {**row, "body": {**body, "r": rows}}
            assert differences(recording, changed) != []


def test_comparison_notices_events_of_one_document_in_another_order() -> None:
    recording = Recording.load("feed_point")
    events = [
        at
        for at, row in enumerate(recording.rows)
        if row["dir"] == "<" and (row["conn"], row.get("token")) == (0, 6)
    ]
    changed = list(recording.rows)
    changed[events[1]], changed[events[2]] = changed[events[2]], changed[events[1]]
    assert differences(recording, changed) != []
