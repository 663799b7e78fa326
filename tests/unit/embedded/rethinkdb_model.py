"""What RethinkDB answers to writes, stated a second time and simply, to compare with.

Nothing here is taken from the embedded database. The part of the table that holds a key is read
from a recording: a scan gives one row of each part in turn.
"""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Callable
from typing import Any

from tests.transcripts.conversation import Recording

Document = dict[str, Any]

_PARTS = 8


def recorded_parts() -> dict[str, int]:
    """The part of each key of the first two rounds of a recorded scan."""
    for row in Recording.load("reads").rows:
        body = row.get("body", {})
        if row["dir"] == "<" and body.get("t") == 3 and len(body["r"]) == 2 * _PARTS:
            return {document["id"]: at % _PARTS for at, document in enumerate(body["r"])}
    raise AssertionError("no scan of that many rows is recorded")


PARTS = recorded_parts()
KEYS = sorted(PARTS)


class RowError(Exception):
    """A row that cannot be written; the text is RethinkDB's."""


def printed(value: Any) -> str:
    """A value as RethinkDB's errors print it."""
    binaries: list[str] = []

    def marked(part: Any) -> Any:
        if isinstance(part, dict) and part.get("$reql_type$") == "BINARY":
            binaries.append(json.dumps(part, separators=(",", ":"), sort_keys=True))
            return f"@{len(binaries) - 1}@"
        if isinstance(part, dict):
            return {name: marked(item) for name, item in part.items()}
        return [marked(item) for item in part] if isinstance(part, list) else part

    text = json.dumps(
        marked(value), indent="\t", separators=(",", ":\t"), sort_keys=True, ensure_ascii=False
    )
    return re.sub(r'(?:(?<=:)\t|\n\t*)?"@(\d+)@"', lambda found: binaries[int(found[1])], text)


def check_key(document: Document) -> None:
    key = document["id"]
    kinds = {type(None): "NULL", dict: "OBJECT"}
    if type(key) in kinds:
        raise RowError(
            "Primary keys must be either a number, string, bool, pseudotype or array "
            f"(got type {kinds[type(key)]}):\n{printed(key)}"
        )
    if len(key) > 127:
        raise RowError(f"Primary key too long (max 127 characters): {printed(key)}")


class Model:
    """A table with the key `id`, and what its writes answer.

    Attributes:
        rows: The documents by key.
    """

    def __init__(self) -> None:
        self.rows: dict[str, Document] = {}

    def insert(self, documents: list[Document], conflict: str, return_changes: Any) -> Document:
        """The answer to an insert."""
        answer = _Answer()
        refused: list[tuple[int, str]] = []
        rows: list[tuple[int, str]] = []
        for at, document in enumerate(documents):
            try:
                check_key(document)
            except RowError as error:
                refused.append((at, str(error)))
            else:
                rows.append((at, document["id"]))
        answer.messages += [message for _, message in refused]
        outcomes = {}
        for at, key in rows:
            outcomes[at] = self._write(key, self._inserted(documents[at], conflict), answer)
        for at, _ in sorted(rows, key=lambda row: PARTS[row[1]]):
            if isinstance(outcomes[at], str):
                answer.messages.append(outcomes[at])
        if return_changes and documents:
            left = sorted(
                (key, at, change)
                for at, key in rows
                if (change := self._reported(at, outcomes, answer, return_changes)) is not None
            )
            answer.changes = []
            given = refused[:1] if not rows else [*refused, *rows]
            for at, text in sorted(given):
                if (at, text) in refused:
                    answer.changes.append({"old_val": None, "new_val": None, "error": text})
                    continue
                for candidate in left:
                    if candidate[0] >= text:
                        left.remove(candidate)
                        answer.changes.append(json.loads(candidate[2]))
                        break
        return answer.document()

    def replace(
        self,
        keys: list[str],
        change: Callable[[Document | None], Any],
        return_changes: Any,
        *,
        scanned: bool,
    ) -> Document:
        """The answer to an update, replace or delete of what was selected."""
        answer = _Answer()
        outcomes = {at: self._write(key, change, answer) for at, key in enumerate(keys)}
        order = sorted(
            range(len(keys)), key=lambda at: (PARTS[keys[at]], keys[at] if scanned else "", at)
        )
        for at in order:
            if isinstance(outcomes[at], str):
                answer.messages.append(outcomes[at])
        if return_changes and keys:
            reported = [self._reported(at, outcomes, answer, return_changes) for at in order]
            answer.changes = [json.loads(row) for row in reported if row is not None]
        return answer.document()

    def _inserted(self, document: Document, conflict: str) -> Callable[[Document | None], Any]:
        def change(old: Document | None) -> Any:
            if old is None or conflict == "replace":
                return document
            if conflict == "update":
                return merged(old, document)
            raise RowError(f"Duplicate primary key `id`:\n{printed(old)}\n{printed(document)}")

        return change

    def _write(self, key: str, change: Callable[[Document | None], Any], answer: _Answer) -> Any:
        """Write a row; the message of its error, or the documents before and after."""
        old = self.rows.get(key)
        answer.before[len(answer.before)] = old
        try:
            new = change(copy.deepcopy(old))
            check_replacement(key, old, new)
        except RowError as error:
            answer.counts["errors"] += 1
            return str(error)
        answer.counts[_outcome(old, new)] += 1
        if new is None:
            self.rows.pop(key, None)
        else:
            self.rows[key] = new
        return old, new

    @staticmethod
    def _reported(
        at: int, outcomes: dict[int, Any], answer: _Answer, return_changes: Any
    ) -> str | None:
        outcome = outcomes[at]
        if isinstance(outcome, str):
            old = answer.before[list(outcomes).index(at)]
            row: Document = {"old_val": old, "new_val": old, "error": outcome}
            return json.dumps(row) if return_changes == "always" else None
        old, new = outcome
        if old == new and return_changes != "always":
            return None
        return json.dumps({"old_val": old, "new_val": new})


def check_replacement(key: str, old: Document | None, new: Any) -> None:
    if new is None:
        return
    if not isinstance(new, dict):
        raise RowError(f"Inserted value must be an OBJECT (got NUMBER):\n{printed(new)}")
    if "id" not in new:
        raise RowError(f"Inserted object must have primary key `id`:\n{printed(new)}")
    if new["id"] == key:
        return
    if old is None:
        raise RowError(f"Primary key `id` cannot be changed (null -> {printed(new)})")
    raise RowError(f"Primary key `id` cannot be changed (`{printed(old)}` -> `{printed(new)}`).")


def _outcome(old: Document | None, new: Document | None) -> str:
    if old is None:
        return "skipped" if new is None else "inserted"
    if new is None:
        return "deleted"
    return "unchanged" if old == new else "replaced"


def merged(old: Any, new: Any) -> Any:
    """What `update` makes of two values: a TIME is an object there, a BINARY is none."""
    if not _is_object(old) or not _is_object(new):
        return new
    pairs = {name: merged(old[name], new[name]) if name in old else new[name] for name in new}
    result = {**old, **pairs}
    unknown = sorted(set(result) - {"$reql_type$", "epoch_time", "timezone"})
    if result.get("$reql_type$") == "TIME" and unknown:
        text = printed(result)
        text = text if len(text) <= 300 else text[:297] + "..."
        raise RowError(
            f"Invalid time object constructed (unrecognized field `{unknown[0]}`):\n{text}"
        )
    return result


def _is_object(value: Any) -> bool:
    return isinstance(value, dict) and value.get("$reql_type$") != "BINARY"


class _Answer:
    def __init__(self) -> None:
        names = ("deleted", "errors", "inserted", "replaced", "skipped", "unchanged")
        self.counts = dict.fromkeys(names, 0)
        self.messages: list[str] = []
        self.changes: list[Document] | None = None
        self.before: dict[int, Document | None] = {}

    def document(self) -> Document:
        answer: Document = {**self.counts, "errors": len(self.messages)}
        if self.messages:
            answer["first_error"] = self.messages[0]
        if self.changes is not None:
            answer["changes"] = self.changes
        return answer


def window(
    rows: dict[str, Document], field: str, limit: int, *, descending: bool, only: int | None
) -> list[Document]:
    """The first rows of an index on a field of numbers, or on the primary key."""
    chosen = [
        row for row in rows.values() if field in row and (only is None or row.get("n") != only)
    ]
    chosen.sort(key=lambda row: (row[field], row["id"]), reverse=descending)
    return chosen[:limit]


def window_change(
    before: list[Document], after: list[Document], *, offsets: bool
) -> list[Document]:
    """The rows of a window's feed for the write of one document."""
    gone = [at for at, row in enumerate(before) if row not in after]
    come = [at for at, row in enumerate(after) if row not in before]
    if not gone and not come:
        return []
    assert len(gone) <= 1, "one written row moves one row out"
    assert len(come) <= 1, "one written row moves one row in"
    row: Document = {
        "old_val": before[gone[0]] if gone else None,
        "new_val": after[come[0]] if come else None,
    }
    row["type"] = "remove" if not come else "change" if gone else "add"
    if offsets:
        row["old_offset"] = gone[0] if gone else None
        row["new_offset"] = come[0] if come else None
    return [row]
