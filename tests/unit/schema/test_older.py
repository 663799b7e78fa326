"""Older rows of a page are decoded in turns with other work."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from graphql_api.feeds.archive import Place
from graphql_api.feeds.events import FeedStatus
from graphql_api.feeds.pages import Matching
from graphql_api.schema.older import ROWS_AT_ONCE, read_window
from graphql_api.turns import Turns

ROWS = 2 * ROWS_AT_ONCE + 1


async def test_other_work_has_its_turn_between_two_older_rows() -> None:
    log: list[str] = []

    async def pause() -> None:
        log.append("pause")

    def decode(key: str, _: Any) -> str:
        log.append("decode")
        return key

    class Store:
        async def places_outside(self, _: Any, *, offset: int, limit: int) -> list[Place]:
            return [Place(float(-n), str(n)) for n in range(ROWS)][offset : offset + limit]

        async def read(self, _: str, keys: list[str], __: Any) -> list[dict[str, str]]:
            assert len(keys) <= ROWS_AT_ONCE
            return [{"id": key} for key in keys]

    table: Any = SimpleNamespace(name="job", primary_key="id", decode=decode)
    context: Any = SimpleNamespace(store=Store(), turns=Turns(pause, max_steps=1))
    older: Any = SimpleNamespace(outside=lambda *_: "outside", part=None)
    feed: Any = SimpleNamespace(table=table)
    held: Matching[str] = Matching([], {}, "", FeedStatus.READY)
    rows, _ = await read_window(
        context, older, feed, held, None, offset=0, limit=ROWS, with_total=False
    )
    assert rows == [str(n) for n in range(ROWS)]
    assert "decode decode" not in " ".join(log)
