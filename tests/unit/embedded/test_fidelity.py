"""Random writes and feeds against a second statement of what RethinkDB answers."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

from graphql_api.embedded.batching import ReplyBatch
from graphql_api.embedded.changefeed import Changefeed
from tests.unit.embedded.reql import Reql, r
from tests.unit.embedded.rethinkdb_model import (
    KEYS,
    PARTS,
    Document,
    Model,
    RowError,
    merged,
    printed,
    window,
    window_change,
)

SEEDS = [
    *range(20),
    *(pytest.param(seed, marks=pytest.mark.long) for seed in range(20, 40)),
]
QUERIES_PER_SEED = 60
"""With the feeds that are open beside them: 2 400 queries and more than 200 feeds."""

T = r.table("t")
BINARY: Document = {"$reql_type$": "BINARY", "data": "AP8="}
TIME: Document = {"$reql_type$": "TIME", "epoch_time": 1.5, "timezone": "+00:00"}
VALUES: list[Any] = [
    1,
    "x\n",
    None,
    BINARY,
    TIME,
    [BINARY, 1, BINARY],
    [[BINARY]],
    {"b": BINARY, "c": {"d": BINARY}, "t": TIME},
    {},
    [],
]
BAD_KEYS: list[Any] = [None, {}, {"a": 1}, "x" * 128]


@dataclass
class OpenWindow:
    """A feed on a window, and what it has shown."""

    feed: Changefeed
    show: Callable[[dict[str, Document]], list[Document]]
    held: list[Document]
    offsets: bool
    squash: bool


def read(feed: Changefeed) -> list[Any]:
    rows: list[Any] = []
    while feed.has_data:
        feed.next_batch(ReplyBatch(10**6, 10**9), rows.append)
    return rows


class Comparison:
    """One random course of queries.

    Attributes:
        differences: What the two answered differently.
        feeds: How many feeds were compared.
    """

    def __init__(self, reql: Reql, rng: random.Random) -> None:
        self.reql = reql
        self.rng = rng
        self.model = Model()
        self.windows: list[OpenWindow] = []
        self.differences: list[Any] = []
        self.feeds = 0

    async def run(self) -> None:
        await self.reql.run(T.index_create("n"))
        for _ in range(QUERIES_PER_SEED):
            if self.rng.random() < 0.1:
                await self.open_window()
            await self.write()

    # --- writes ---

    async def write(self) -> None:
        before = dict(self.model.rows)
        rows, query, expected = self._insert() if self.rng.random() < 0.5 else self._replace()
        answer = await self.reql.run(query)
        if answer != expected:
            self.differences.append((query, answer, expected))
        self.compare_windows(before, one_row=rows == 1)

    def _insert(self) -> tuple[int, Any, Document]:
        rng = self.rng
        documents = [self._document() for _ in range(rng.choice([0, 1, 1, 2, 3, 6]))]
        conflict = rng.choice(["error", "error", "replace", "update"])
        return_changes = rng.choice([False, True, "always"])
        given = documents[0] if len(documents) == 1 and rng.random() < 0.5 else documents
        query = T.insert(given, conflict=conflict, return_changes=return_changes)
        return len(documents), query, self.model.insert(documents, conflict, return_changes)

    def _document(self) -> Document:
        rng = self.rng
        key = rng.choice(BAD_KEYS) if rng.random() < 0.2 else rng.choice(KEYS)
        document: Document = {"id": key}
        if rng.random() < 0.8:
            document["n"] = rng.randrange(4)
        if rng.random() < 0.5:
            document["v"] = rng.choice(VALUES)
        return document

    def _replace(self) -> tuple[int, Any, Document]:
        selection, keys, scanned = self._selection()
        rng = self.rng
        return_changes = rng.choice([False, True, "always"])
        value: Any = rng.choice(
            [{"n": rng.randrange(4)}, {"v": rng.choice(VALUES)}, 5, {"id": "q"}]
        )
        kind = rng.choice(["update", "replace", "delete", "add", "null", "same"])

        def of_value(old: Document | None) -> Any:
            if kind == "replace":
                return value
            return None if old is None else merged(old, value)

        def of_add(old: Document | None) -> Any:
            if old is None:
                return None
            if "n" not in old:
                raise RowError(f"No attribute `n` in object:\n{printed(old)}")
            return {**old, "n": (old["n"] + 1) % 5}

        query, change = {
            "update": (lambda **o: selection.update(value, **o), of_value),
            "replace": (lambda **o: selection.replace(value, **o), of_value),
            "delete": (selection.delete, lambda _: None),
            "add": (lambda **o: selection.update({"n": (r.row["n"] + 1) % 5}, **o), of_add),
            "null": (lambda **o: selection.replace(None, **o), lambda _: None),
            "same": (lambda **o: selection.replace(lambda row: row, **o), lambda old: old),
        }[kind]
        expected = self.model.replace(keys, change, return_changes, scanned=scanned)
        return len(keys), query(return_changes=return_changes), expected

    def _selection(self) -> tuple[Any, list[str], bool]:
        rng, rows = self.rng, self.model.rows
        keys = rng.sample(KEYS, 3)
        n = rng.randrange(4)
        by_key = sorted(rows)
        by_n = sorted((row for row in rows.values() if "n" in row), key=lambda x: (x["n"], x["id"]))
        return rng.choice(
            [
                (T.get(keys[0]), keys[:1], True),
                (T.get(keys[1]), keys[1:2], True),
                (T.get_all(*keys), [key for key in keys if key in rows], True),
                (T.filter({"n": n}), [k for k in by_key if rows[k].get("n") == n], True),
                (T.order_by(index="id"), by_key, False),
                (T.order_by(index="id").limit(2), by_key[:2], False),
                (T.order_by(index=r.desc("n")).limit(3), [x["id"] for x in by_n[::-1][:3]], False),
                *([(T, by_key, True)] if rng.random() < 0.3 else []),
            ]
        )

    # --- feeds ---

    async def open_window(self) -> None:
        rng = self.rng
        field, descending = rng.choice(["id", "n"]), rng.random() < 0.5
        limit = rng.choice([0, 1, 2, 3, 5])
        only = rng.choice([None, None, 1])
        initial, states, offsets = (rng.random() < 0.5 for _ in range(3))
        squash = rng.random() < 0.3
        if limit == 1 and only is None and rng.random() < 0.5:
            selected = (T.max if descending else T.min)(index=field)
        else:
            ordered = T.order_by(index=r.desc(field) if descending else field)
            # A filter is applied before the limit, wherever it stands.
            if rng.random() < 0.5:
                selected = _without(ordered, only).limit(limit)
            else:
                selected = _without(ordered.limit(limit), only)
        feed = await self.reql.feed(
            selected.changes(
                include_initial=initial,
                include_states=states,
                include_types=True,
                include_offsets=offsets,
                squash=squash,
            )
        )

        def show(rows: dict[str, Document]) -> list[Document]:
            return window(rows, field, limit, descending=descending, only=only)

        held = show(self.model.rows)
        expected: list[Any] = []
        if initial:
            expected += [{"state": "initializing", "type": "state"}] * states
            expected += [
                {"new_val": row, "type": "initial", **({"new_offset": at} if offsets else {})}
                for at, row in enumerate(held)
            ]
        expected += [{"state": "ready", "type": "state"}] * states
        self._compare("initial rows", read(feed), expected)
        if feed.notes != [3, 5][: 1 + states]:
            self.differences.append(("notes", feed.notes))
        self.windows.append(OpenWindow(feed, show, held, offsets, squash))
        self.feeds += 1

    def compare_windows(self, before: dict[str, Document], *, one_row: bool) -> None:
        """Compare each feed with the window as it is now."""
        for followed in self.windows:
            old, new = followed.show(before), followed.show(self.model.rows)
            if followed.squash and self.rng.random() < 0.5:
                continue  # the changes wait, and are squashed with the next ones
            rows = read(followed.feed)
            if one_row and followed.held == old:
                self._compare("window", rows, window_change(old, new, offsets=followed.offsets))
            held = list(followed.held)
            for row in rows:
                if row["old_val"] is not None:
                    if row["old_val"] in held:
                        held.remove(row["old_val"])
                    else:
                        self.differences.append(("old_val was not held", row, held))
                if row["new_val"] is not None:
                    held.append(row["new_val"])
            self._compare("held rows", sorted(held, key=_by_id), sorted(new, key=_by_id))
            followed.held = new

    def _compare(self, what: str, found: Any, expected: Any) -> None:
        if found != expected:
            self.differences.append((what, found, expected))


def _by_id(row: Document) -> Any:
    return row["id"]


def _without(stream: Any, n: int | None) -> Any:
    if n is None:
        return stream
    return stream.filter(lambda row: (row["n"] == n).default(False).not_())


@pytest.mark.parametrize("seed", SEEDS)
async def test_random_writes_and_windows_answer_as_rethinkdb_does(reql: Reql, seed: int) -> None:
    comparison = Comparison(reql, random.Random(seed))
    await comparison.run()
    assert comparison.differences == []
    assert comparison.feeds > 0


def test_every_part_has_two_keys() -> None:
    assert sorted(PARTS.values()) == sorted([*range(8), *range(8)])
