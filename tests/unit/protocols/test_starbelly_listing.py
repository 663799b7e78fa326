"""What a client without INITIALIZING is sent: the difference, by the keys that it holds."""

from __future__ import annotations

import dataclasses
import random
from collections import deque
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any
from uuid import UUID

from graphql_api.execution.parts import parts_of
from graphql_api.feeds.events import ChangeCause, FeedStatus
from graphql_api.feeds.subscription import EventSource
from graphql_api.feeds.view import Event
from graphql_api.protocols.starbelly import messages
from graphql_api.protocols.starbelly.listing import Listed, Listing
from graphql_api.protocols.whole_bodies import Body
from graphql_api.tables.policy import POLICIES
from graphql_api.tables.response import Response, ResponseKind
from tests.for_each import for_each
from tests.server.starbelly_client import HeldNames
from tests.starbelly_numbers import ServerMessage


class Scripted(EventSource[Any]):
    """A feed's events, as a test writes them."""

    def __init__(self) -> None:
        self.events: deque[Any] = deque()

    def pull(self) -> Event[Any] | None:
        return Event(self.events.popleft()) if self.events else None

    def on_wake(self, callback: Callable[[], None] | None) -> None: ...

    def close(self) -> None: ...


def key(number: int) -> str:
    return str(UUID(int=number))


def policy(number: int, name: str) -> Any:
    return POLICIES.decode(key(number), {"id": key(number), "name": name})


def snapshot(rows: dict[int, str], status: FeedStatus = FeedStatus.READY) -> list[Any]:
    added = [POLICIES.added(ChangeCause.INITIAL, policy(*row), "c") for row in rows.items()]
    return [POLICIES.state(FeedStatus.INITIALIZING, "c"), *added, POLICIES.state(status, "c")]


def apply_all(listing: Listing, listed: Listed, held: HeldNames) -> list[int]:
    """Apply what comes, as it stands on the wire; returns the types of the events."""
    kinds = []
    while (event := listing.pull()) is not None:
        body = listed.encode(event).payload
        (frame,) = messages.one_by_one(300).frames([body])  # type: ignore[misc]
        message = ServerMessage.FromString(bytes(frame)).event
        assert message.subscription_id == 300
        row = message.policy_event
        held.apply(row.event_type, str(UUID(bytes=row.policy_id)), row.name)
        kinds.append(row.event_type)
    return kinds


@for_each("status", [FeedStatus.READY, FeedStatus.STALE])
def test_second_snapshot_comes_as_the_difference(status: FeedStatus) -> None:
    listed, source, held = Listed(POLICIES, messages.policy), Scripted(), HeldNames()
    listing = Listing(listed, source)
    source.events += snapshot({1: "a", 2: "b", 3: "c"})
    assert apply_all(listing, listed, held) == [1, 1, 1]
    source.events += snapshot({2: "B", 4: "d"}, status)
    assert apply_all(listing, listed, held) == [2, 1, 3, 3]
    assert held.names == {key(2): "B", key(4): "d"}


def test_any_run_of_snapshots_and_changes_leaves_the_table() -> None:
    rng = random.Random(1)
    listed, source, held = Listed(POLICIES, messages.policy), Scripted(), HeldNames()
    listing, table = Listing(listed, source), dict[int, str]()
    source.events += snapshot(table)
    for step in range(2000):
        number, name = rng.randrange(6), f"name {step}"
        if rng.random() < 0.1:
            table = {each: name for each in range(6) if rng.random() < 0.5}
            source.events += snapshot(table)
        elif number in table and rng.random() < 0.5:
            old = policy(number, table.pop(number))
            source.events.append(POLICIES.deleted(ChangeCause.DELETED, key(number), old, "c"))
        elif number in table:
            old, new = policy(number, table[number]), policy(number, name)
            source.events.append(POLICIES.updated(old, new, "c"))
            table[number] = name
        else:
            table[number] = name
            added = POLICIES.added(ChangeCause.CREATED, policy(number, name), "c")
            source.events.append(added)
        if rng.random() < 0.3:
            apply_all(listing, listed, held)
    apply_all(listing, listed, held)
    assert held.names == {key(number): name for number, name in table.items()}


@for_each("length", [0, 1, 127, 128, 20_000, 3_000_000])
def test_body_is_not_copied_and_what_is_around_it_is_what_protobuf_reads(
    length: int,
) -> None:
    parts = (b"a" * (length // 2), b"b" * (length - length // 2))
    fields = dict.fromkeys(field.name for field in dataclasses.fields(Response))
    stored: Any = SimpleNamespace(**fields | {"url": "u", "kind": ResponseKind.SUCCESS})
    made = messages.sync_item(stored, b"token", Body(parts, is_compressed=False))
    frames = messages.one_by_one(70_000).frames
    assert frames is not None
    (message,) = frames([made])
    assert all(any(part is each for each in parts_of(message)) for part in parts if part)
    event = ServerMessage.FromString(bytes(message)).event
    assert (event.subscription_id, event.sync_item.token) == (70_000, b"token")
    item = event.sync_item.item
    assert (item.body, item.is_compressed, item.url) == (b"".join(parts), False, "u")


@for_each("text", ["p", "", key(1).upper(), "{" + key(10**30) + "}", "a" * 32, "é"])
def test_only_uuids_as_starbelly_writes_them_can_be_said(text: str) -> None:
    sayable = text == key(1).upper()  # it has no letters
    assert (messages.uuid_bytes(text) is not None) == sayable
    assert messages.uuid_bytes(key(10**30)) == UUID(int=10**30).bytes
