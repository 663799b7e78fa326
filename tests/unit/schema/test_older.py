"""Pages of rows, some of which only the database has: looked for in turns, and charged."""

from __future__ import annotations

import random
from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any

import pytest

from graphql_api.errors import OverBudgetError
from graphql_api.feeds.archive import ArchivePlace, Lookup, Outside, Spot
from graphql_api.feeds.events import FeedStatus
from graphql_api.feeds.order import sort_key
from graphql_api.feeds.pages import Matching
from graphql_api.feeds.part import Edge
from graphql_api.schema.older import ROWS_AT_ONCE, ROWS_OF_A_LOOK, read_window
from graphql_api.turns import Turns

EVERY = Outside("job", "id", "start", Edge("end", 0.0))


class Store:
    """A table whose rows are all outside; it notes what is asked for in a log."""

    def __init__(self, places: Sequence[ArchivePlace], log: list[str]) -> None:
        self.places = sorted(places, reverse=True)
        self.log = log
        self.looked_at: list[int] = []

    async def look_outside(self, _: Outside, spot: Spot | None, *, limit: int) -> Lookup:
        self.log.append("look")
        begin = 0 if spot is None else spot.number
        seen = self.places[begin : begin + limit]
        self.looked_at.append(len(seen))
        rest = None if len(seen) < limit else Spot(0.0, begin + limit)
        return Lookup(seen, len(seen), rest)

    async def look_at_keys(self, _: Outside, keys: Sequence[str]) -> list[ArchivePlace]:
        self.log.append("look")
        self.looked_at.append(len(keys))
        return [place for place in self.places if place.key in keys]

    async def read(self, _: str, keys: list[str], __: Any) -> list[dict[str, str]]:
        assert len(keys) <= ROWS_AT_ONCE
        return [{"id": key} for key in keys]


class Pages:
    """Pages of a table of which some rows are held."""

    def __init__(self, old: Sequence[ArchivePlace], held: Sequence[ArchivePlace] = ()) -> None:
        self.log: list[str] = []
        self.store = Store(old, self.log)
        self.spent_s = 0.0
        self.may_spend_s = float("inf")
        rows: Any = {place.key: place for place in held}
        keys: Any = [sort_key(*place) for place in sorted(held, reverse=True)]
        self._held: Matching[str] = Matching(keys, rows, "", FeedStatus.READY)
        for row in rows.values():
            rows[row.key] = SimpleNamespace(row=row.key)

    async def read(
        self, offset: int, limit: int, *, with_total: bool = False, outside: Outside = EVERY
    ) -> tuple[list[str], int]:
        table: Any = SimpleNamespace(name="job", primary_key="id", decode=self._decode)
        context: Any = SimpleNamespace(
            store=self.store, turns=Turns(self._pause, max_steps=1), spend=self._spend
        )
        older: Any = SimpleNamespace(outside=lambda *_: outside, part=None)
        feed: Any = SimpleNamespace(table=table)
        rows, total = await read_window(
            context,
            older,
            feed,
            self._held,
            None,
            offset=offset,
            limit=limit,
            with_total=with_total,
        )
        return [*rows], total

    def _spend(self, seconds: float) -> None:
        self.spent_s += seconds

    async def _pause(self) -> None:
        self.log.append("pause")
        if self.spent_s > self.may_spend_s:
            raise OverBudgetError("too much")

    def _decode(self, key: str, _: Any) -> str:
        self.log.append("decode")
        return key


def places(number: int) -> list[ArchivePlace]:
    return [ArchivePlace(float(n), f"{n:06}") for n in range(number)]


async def test_other_work_has_its_turn_between_two_rows_and_between_two_looks() -> None:
    pages = Pages(places(3 * ROWS_OF_A_LOOK))
    await pages.read(0, 2 * ROWS_AT_ONCE + 1, with_total=True)
    work = " ".join(pages.log)
    assert work.count("look") == 4
    assert "look look" not in work
    assert "decode decode" not in work
    assert pages.log[0] == "pause", "what was spent before counts before the database is asked"


async def test_page_is_that_of_all_rows_in_one_order() -> None:
    rng = random.Random(11)
    every = places(2 * ROWS_OF_A_LOOK + 50)
    for held_number in (0, 1, 40, len(every)):
        held = rng.sample(every, held_number)
        old = [place for place in every if place not in held]
        expected = [place.key for place in sorted(every, reverse=True)]
        for _ in range(15):
            offset = rng.choice((0, 3, rng.randrange(len(every) + 5)))
            limit = rng.choice((0, 1, 20, 1000))
            with_total = rng.random() < 0.5
            pages = Pages(old, held)
            shown, total = await pages.read(offset, limit, with_total=with_total)
            assert shown == expected[offset : offset + limit]
            assert total == len(every) or not with_total


async def test_no_more_is_looked_at_than_the_page_needs() -> None:
    pages = Pages(places(100 * ROWS_OF_A_LOOK))
    await pages.read(ROWS_OF_A_LOOK, 10)
    assert pages.store.looked_at == [ROWS_OF_A_LOOK] * 2


async def test_offset_and_total_are_charged_by_the_rows_that_the_database_looks_at() -> None:
    near, far, total = (Pages(places(50 * ROWS_OF_A_LOOK)) for _ in range(3))
    await near.read(0, 1)
    await far.read(40 * ROWS_OF_A_LOOK, 1)
    await total.read(0, 1, with_total=True)
    assert far.spent_s == pytest.approx(41 * near.spent_s)
    assert total.spent_s == pytest.approx(50 * near.spent_s)


async def test_client_that_has_used_its_budget_asks_the_database_for_nothing_more() -> None:
    pages = Pages(places(50 * ROWS_OF_A_LOOK))
    pages.may_spend_s = 0.0
    with pytest.raises(OverBudgetError):
        await pages.read(40 * ROWS_OF_A_LOOK, 1)
    assert pages.log.count("look") == 1


async def test_rows_with_known_keys_are_found_without_looking_at_others() -> None:
    pages = Pages(places(100 * ROWS_OF_A_LOOK))
    keys = ("000007", "000003", "no such")
    outside = Outside("job", "id", "start", Edge("end", 0.0), keys=keys)
    assert await pages.read(0, 5, with_total=True, outside=outside) == (["000007", "000003"], 2)
    assert pages.store.looked_at == [3]
