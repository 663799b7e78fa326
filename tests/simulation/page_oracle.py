"""What one client may see of a live page, and when it may be sent something that has a pace."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from tests.simulation.oracle import BrokenPromise, Strictness
from tests.simulation.tables import ORDERS, Served, Where
from tests.simulation.truth import TableTruth

Item = Mapping[str, Any]


class Pauses:
    """The times at which one subscription was sent something, on one socket.

    Args:
        every_s: The pace, as the client has asked for it.
        tolerance_s: How much later than another a message may be on its way; None, if anything may
            have held it up.
    """

    def __init__(self, every_s: float, tolerance_s: float | None) -> None:
        self._every_s = every_s
        self._tolerance_s = tolerance_s
        self._last_s = self._last_but_one_s = -math.inf
        self._early_s: float | None = None

    def page(self, at_s: float, *, is_status: bool) -> None:
        """A page has come; it is always what counts for the next one.

        Raises:
            BrokenPromise: It came too early.
        """
        if not is_status and self._is_early(at_s):
            raise BrokenPromise(f"pace: a page came {at_s - self._last_s:.3f} s after another one")
        self._last_s = at_s

    def change(self, at_s: float) -> None:
        """A change has come: it is of the last batch, or of another, or a status follows it.

        Raises:
            BrokenPromise: No status followed one that came too early.
        """
        tolerance_s = self._tolerance_s
        if tolerance_s is None or at_s <= self._last_s + tolerance_s:
            return
        if self._early_s is not None and at_s > self._early_s + tolerance_s:
            self.rest()
        if not self._is_early(at_s):
            self._last_but_one_s, self._last_s = self._last_s, at_s
        elif self._early_s is None:
            self._early_s = at_s

    def status(self, at_s: float) -> None:
        """A status has come: it takes along what came just before it, which awaited no tick."""
        self._early_s = None
        if self._tolerance_s is not None and at_s <= self._last_s + self._tolerance_s:
            self._last_s = self._last_but_one_s

    def rest(self) -> None:
        """Nothing more comes.

        Raises:
            BrokenPromise: A batch came too early.
        """
        if self._early_s is not None:
            raise BrokenPromise(
                f"pace: changes came {self._early_s - self._last_s:.3f} s after a batch"
            )

    def _is_early(self, at_s: float) -> bool:
        tolerance_s = self._tolerance_s
        return tolerance_s is not None and at_s - self._last_s < self._every_s - tolerance_s


@dataclass
class ShownPage:
    """A live page as its events have shown it.

    Attributes:
        policies: The truth of the policies that schedules lead to; None, if they are not selected.
    """

    truth: TableTruth
    where: Where
    order_by: str
    offset: int
    limit: int
    strictness: Strictness
    policies: TableTruth | None = None
    last: Item | None = None
    is_first: bool = True
    floor: int = 0
    seen: dict[str, int] = field(default_factory=dict)

    def begin(self, *, serial: int) -> None:
        """The subscription begins, perhaps again; `serial` is what the server must know."""
        self.is_first = True
        self.floor = serial if self.strictness.feed_was_never_lost else 0

    def take(self, page: Item) -> bool:
        """Judge a page; whether its status is another than that of the page before it.

        Raises:
            BrokenPromise: It is no page of the table, or shows nothing new.
        """
        shown = _without_cursor(page)
        for item in page["items"]:
            item["invalidFields"].sort()
        before = None if self.last is None or self.is_first else _without_cursor(self.last)
        if shown == before:
            raise BrokenPromise("live page: it came again, and shows the same")
        if page["status"] == "INITIALIZING":
            raise BrokenPromise("live page: it came before the first snapshot")
        if self.strictness.feed_was_never_lost:
            self._find(page)
        is_status = before is None or page["status"] != before["status"]
        self.last, self.is_first = page, False
        return is_status

    def _find(self, page: Item) -> None:
        """Look for a moment, no earlier than that of the page before, at which it was the table."""
        for serial in range(self.floor, self.truth.serial + 1):
            if self._rows(serial) == (self._own(page), page["total"]):
                self.floor = serial
                break
        else:
            raise BrokenPromise("live page: it never was the table at one moment, since the last")
        if self.policies is None:
            return
        for item in page["items"]:
            names: list[Any] = [None]
            if item["policyId"] is not None:
                history = self.policies.history(item["policyId"])
                names = [moment.row and moment.row["name"] for moment in history]
            if (item["policy"] and item["policy"]["name"]) not in names:
                raise BrokenPromise(f"live page: a policy that never was: {item['policy']}")

    def _own(self, page: Item) -> list[Served]:
        """The items without the rows that they lead to."""
        return [
            {name: value for name, value in item.items() if name != "policy"}
            for item in page["items"]
        ]

    def _rows(self, serial: int | None) -> tuple[list[Served], int]:
        rows = ordered(self.truth, self.order_by, [*self.truth.rows(self.where, serial).values()])
        return rows[self.offset : self.offset + self.limit], len(rows)

    @property
    def is_whole(self) -> bool:
        """Whether the last page has all rows that pass."""
        return self.last is not None and self.last["total"] == len(self.last["items"])

    def difference(self) -> str | None:
        """What is wrong with the last page, now that everything has arrived."""
        if self.last is None or self.is_first:
            return "there is no page"
        if self.last["status"] != "READY":
            return f"the page is {self.last['status']}"
        rows, total = self._rows(None)
        if (self._own(self.last), self.last["total"]) != (rows, total):
            return f"the page shows {self.last}, and should show {rows} of {total}"
        if self.policies is not None:
            policies = self.policies.rows({})
            for item in self.last["items"]:
                policy = policies.get(item["policyId"] or "")
                wanted = None if policy is None else {"name": policy["name"]}
                if item["policy"] != wanted:
                    return f"{item['id']!r} shows the policy {item['policy']}, not {wanted}"
        return None


def ordered(truth: TableTruth, order_by: str, rows: Sequence[Served]) -> list[Served]:
    """Rows in one of the table's orders; those without a value come last."""
    name, direction = order_by.rsplit("_", 1)
    value, key = ORDERS[truth.table.name][name], truth.table.row_key
    by_key = sorted(rows, key=lambda row: row[key], reverse=direction == "DESC")
    with_value = [row for row in by_key if value(row) is not None]
    with_value.sort(key=value, reverse=direction == "DESC")
    return with_value + [row for row in by_key if value(row) is None]


def _without_cursor(page: Item) -> Item:
    return {name: value for name, value in page.items() if name != "cursor"}
