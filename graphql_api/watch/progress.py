"""Progress of rows whose counts grow: one short line, without the old and new values."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime

from graphql_api.client.table import Row
from graphql_api.watch.differences import Difference
from graphql_api.watch.table import Table

_FIELD = re.compile(r"\w+")


class Progress:
    """Remembers how far each row had come, and when: that gives the rate.

    Args:
        table: Says which fields count.
    """

    def __init__(self, table: Table) -> None:
        self._table = table
        self._before: dict[str, tuple[datetime, int]] = {}

    def of(
        self, key: str, row: Row, found: Sequence[Difference], now: datetime
    ) -> tuple[str | None, list[Difference]]:
        """The progress in a change: `61 items (11.8/s), 51 success, 7 errors, 3 exceptions`.

        Args:
            key: The row's key.
            row: The row as it is now.
            found: What has changed.
            now: The time of the change.

        Returns:
            The line, None if no count has changed or is one; and what else has changed.
        """
        counts = self._table.counts
        parts = [f"{row[field]} {word}" for field, word in counts if _is_count(row.get(field))]
        if not parts or not _is_count(row.get(counts[0][0])):
            return None, [*found]
        count: int = row[counts[0][0]]
        before = self._before.get(key)
        self._before[key] = now, count
        counted = {*self._table.counted_too, *(field for field, _ in counts)}
        others = [difference for difference in found if _field(difference) not in counted]
        if len(others) == len(found):
            return None, others
        if before is not None and count >= before[1] and now > before[0]:
            parts[0] += f" ({(count - before[1]) / (now - before[0]).total_seconds():.1f}/s)"
        return ", ".join(parts), others

    def forget(self, key: str) -> None:
        """Forget a row that is gone."""
        self._before.pop(key, None)


def _is_count(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _field(difference: Difference) -> str:
    found = _FIELD.match(difference.path)
    return found[0] if found else ""
