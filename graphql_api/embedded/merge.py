"""Merging: of documents (`merge`, `update`), and of the results of writes.

Source: src/rdb_protocol/datum.cc, `default_merge_unchecked_stack`, `drop_literals`, `stats_merge`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from graphql_api.embedded import deep
from graphql_api.embedded.datum import REQL_TYPE, Datum, Document
from graphql_api.embedded.pseudo_types import sanitized

if TYPE_CHECKING:
    from collections.abc import Mapping

_LITERAL = "LITERAL"


class _RemovedField:
    """Stands for `r.literal()` without an argument, which removes the field."""


_REMOVED = _RemovedField()


def merge(left: Datum, right: Datum) -> Datum:
    """Return `left` with the fields of `right` merged in, recursively.

    A `literal` in `right` replaces where an object would be merged, and removes the field where it
    has no value. If one of the two is no object, the result is `right`.
    """
    if not _is_plain_object(left) or not _is_plain_object(right):
        result = _without_literals(right)
        return None if isinstance(result, _RemovedField) else result
    assert isinstance(left, dict)
    assert isinstance(right, dict)
    merged = dict(left)
    for name, value in right.items():
        if isinstance(value, dict) and name in merged and not _is_literal(value):
            merged[name] = merge(merged[name], value)
            continue
        replacement = _without_literals(value)
        if isinstance(replacement, _RemovedField):
            merged.pop(name, None)
        else:
            merged[name] = replacement
    return sanitized(merged)


def _is_literal(value: Mapping[str, Datum]) -> bool:
    return value.get(REQL_TYPE) == _LITERAL


def _is_plain_object(value: Datum) -> bool:
    # A TIME merged with a TIME is the right one: both have the same fields. A BINARY is no object.
    return isinstance(value, dict) and value.get(REQL_TYPE) != "BINARY"


def _without_literals(value: Datum) -> Datum | _RemovedField:
    if isinstance(value, dict):
        if _is_literal(value):
            return value.get("value", _REMOVED)
        if not _holds_literal(value):
            return value
        pairs = ((name, _without_literals(item)) for name, item in value.items())
        return {name: item for name, item in pairs if not isinstance(item, _RemovedField)}
    if isinstance(value, list) and _holds_literal(value):
        items = (_without_literals(item) for item in value)
        return [item for item in items if not isinstance(item, _RemovedField)]
    return value


def _holds_literal(value: Datum) -> bool:
    return any(isinstance(part, dict) and _is_literal(part) for part in deep.walk(value))


class WriteStats:
    """The result object of a write, added up row by row.

    Attributes:
        counts: How many rows were inserted, deleted, skipped, replaced, unchanged, or failed.
        changes: What happened to the rows, for `return_changes`; `None` leaves it out.
    """

    __slots__ = ("_first_error", "_generated_keys", "_warnings", "changes", "counts")

    def __init__(self) -> None:
        self.counts = {
            "deleted": 0,
            "errors": 0,
            "inserted": 0,
            "replaced": 0,
            "skipped": 0,
            "unchanged": 0,
        }
        self._first_error: str | None = None
        self.changes: list[Datum] | None = None
        self._generated_keys: list[Datum] = []
        self._warnings: list[Datum] = []

    def add_error(self, message: str) -> None:
        """Count a row that failed; the first one's message is kept."""
        self.counts["errors"] += 1
        if self._first_error is None:
            self._first_error = message

    def add_generated_key(self, key: str) -> None:
        """Note a key that the server made."""
        self._generated_keys.append(key)

    def result(self, array_limit: int) -> Document:
        """Return the object that the client gets."""
        result: Document = dict(self.counts)
        if self._first_error is not None:
            result["first_error"] = self._first_error
        if self.changes is not None:
            result["changes"] = self.changes[:array_limit]
            if len(self.changes) > array_limit:
                self._warnings.append(f"Too many changes, array truncated to {array_limit}.")
        if self._generated_keys:
            keys = self._generated_keys
            result["generated_keys"] = keys[:array_limit]
            if len(keys) > array_limit:
                self._warnings.append(
                    f"Too many generated keys ({len(keys)}), array truncated to {array_limit}."
                )
        if self._warnings:
            result["warnings"] = self._warnings
        return result
