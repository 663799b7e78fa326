"""What a client and a server said to each other, in a form in which two servers can be compared.

A conversation is compared row by row, but for what differs by nature, and only there:

- UUIDs, and the TIME of `r.now()`: any value may stand for another, but always the same one for
  the same one, and different ones for different ones;
- the server's name, where it is a name of a server;
- SCRAM: the server's part of the nonce, salts, proofs, signatures;
- the rows of a stream without an order: the same rows, each as often;
- how a stream is cut into batches: what matters is the rows from one end to the other;
- a changefeed: the states where they were, and between them, for each document, the same events
  in the same order.

`WRITE_RACES` and `OVERFLOW` name the two recordings in which more depends on timing.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from graphql_api.embedded.catalog import SERVER_NAME

Row = dict[str, Any]

FOLDER = Path(__file__).parent
WRITE_RACES = "feed_write_races"
OVERFLOW = "feed_overflow"

_SUCCESS_SEQUENCE, _SUCCESS_PARTIAL = 2, 3
_STREAM_TYPES = (_SUCCESS_SEQUENCE, _SUCCESS_PARTIAL)
_CHANGES, _ORDER_BY, _NOW = 152, 41, 103

_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_SKIPPED = re.compile(r"skipped (\d+) elements")
_SERVER_NAME_KEYS = ("primary_replica", "replicas")
_SERVER_INFO_NAME = "[0].r[0].name"
_RECORDED_SERVER_NAME = "db1"


@dataclass
class Recording:
    """A recording.

    Attributes:
        name: The file's name, without its ending.
        rows: Its rows, but for the first, which says what it shows.
    """

    name: str
    rows: list[Row]

    @classmethod
    def load(cls, name: str) -> Recording:
        text = (FOLDER / f"{name}.jsonl").read_text(encoding="utf-8")
        return cls(name, [json.loads(line) for line in text.splitlines()[1:]])


def recording_names() -> list[str]:
    return sorted(path.stem for path in FOLDER.glob("*.jsonl"))


@dataclass
class Exchange:
    """Everything that was said about one token of one connection."""

    starts: list[Any] = field(default_factory=list)
    replies: list[Row] = field(default_factory=list)

    @property
    def is_feed(self) -> bool:
        return any(_mentions(start, _CHANGES) for start in self.starts)

    @property
    def is_ordered(self) -> bool:
        return any(_mentions(start, _ORDER_BY) for start in self.starts)


def _mentions(term: Any, number: int) -> bool:
    if isinstance(term, list):
        return (bool(term) and term[0] == number) or any(_mentions(item, number) for item in term)
    return isinstance(term, dict) and any(_mentions(item, number) for item in term.values())


def exchanges(rows: list[Row]) -> dict[tuple[int, int], Exchange]:
    found: dict[tuple[int, int], Exchange] = {}
    for row in rows:
        if "token" not in row:
            continue
        exchange = found.setdefault((row["conn"], row["token"]), Exchange())
        if row["dir"] == "<":
            exchange.replies.append(row["body"])
        elif row["body"][0] == 1:
            exchange.starts.append(row["body"][1])
    return found


def differences(recording: Recording, observed: list[Row]) -> list[str]:
    """Compare what a server said with a recording; an empty list means that it said the same."""
    problems = _handshake_differences(recording.rows, observed)
    expected, found = exchanges(recording.rows), exchanges(observed)
    if expected.keys() != found.keys():
        problems.append(f"queries differ: {sorted(expected.keys() ^ found.keys())}")
    aliases = _Aliases()
    for key in expected.keys() & found.keys():
        wanted, said = expected[key], found[key]
        aliases.times = any(_mentions(start, _NOW) for start in wanted.starts)
        left = _canonical(recording.name, wanted, wanted.replies)
        right = _canonical(recording.name, wanted, said.replies)
        where = aliases.mismatch(left, right)
        if where is not None:
            problems.append(
                f"conn {key[0]} token {key[1]}: {where}\nrecorded {left}\nobserved {right}"
            )
    return problems


# --- replies ---


def _canonical(name: str, exchange: Exchange, replies: list[Row]) -> list[Any]:
    """Replies with the batches of a stream joined."""
    result: list[Any] = []
    for reply in replies:
        if reply["t"] not in _STREAM_TYPES:
            result.append(reply)
            continue
        if not result or "stream" not in result[-1]:
            result.append({"stream": [], "others": [], "ends": 0})
        stream = result[-1]
        stream["stream"].extend(reply["r"])
        stream["ends"] += reply["t"] == _SUCCESS_SEQUENCE
        stream["others"].append({name: reply[name] for name in reply if name not in "tr"})
    for item in result:
        if "stream" in item:
            # Whatever else the batches carry is the same in all of them, but for an empty last one.
            item["others"] = [
                other for at, other in enumerate(item["others"]) if other not in item["others"][:at]
            ]
            item["stream"] = _canonical_rows(name, exchange, item["stream"])
    return result


def _canonical_rows(name: str, exchange: Exchange, rows: list[Any]) -> Any:
    if not exchange.is_feed:
        return rows if exchange.is_ordered else sorted(rows, key=_text)
    if name == OVERFLOW:
        return _without_timing_of_overflow(rows)
    if name == WRITE_RACES:
        return _outcome(rows)
    segments: list[Any] = [[]]
    for row in rows:
        if "state" in row:
            segments += [row, []]
        else:
            segments[-1].append(row)
    # A stable sort: the events of one document keep their order.
    return [sorted(part, key=_document_key) if type(part) is list else part for part in segments]


def _document_key(row: Row) -> str:
    document = row.get("new_val") or row.get("old_val")
    if not isinstance(document, dict):
        return _text(document)
    return _text(document.get("id", document.get("domain")))


def _without_timing_of_overflow(rows: list[Row]) -> Row:
    """How many changes were made, sent or skipped, and what was said of those skipped."""
    sent = [row for row in rows if "error" not in row]
    errors = [row for row in rows if "error" in row]
    skipped = [int(match[1]) for row in errors if (match := _SKIPPED.search(row["error"]))]
    return {
        "changes": len(sent) + sum(skipped),
        "errors": sorted(
            {_text({**row, "error": _SKIPPED.sub("", row["error"])}) for row in errors}
        ),
        "sent": sorted({_text({**row, "new_val": sorted(row["new_val"])}) for row in sent}),
    }


def _outcome(rows: list[Row]) -> Row:
    """What a reader holds in the end, if every event fits what it held before."""
    held: dict[str, Any] = {}
    misfits: list[Row] = []
    kinds: Counter[str] = Counter()
    for row in rows:
        if "state" in row:
            kinds[f"{row['type']} {row['state']}"] += 1
            continue
        key = _document_key(row)
        if row["type"] == "initial":
            fits = key not in held and "old_val" not in row
        else:
            fits = held.get(key) == row["old_val"]
        if not fits:
            misfits.append(row)
        if row["new_val"] is None:
            held.pop(key, None)
        else:
            held[key] = row["new_val"]
    return {"held": dict(sorted(held.items())), "misfits": misfits, "states": dict(kinds)}


def _text(value: Any) -> str:
    return json.dumps(value, sort_keys=True)


class _Aliases:
    """Which value of ours stands for which recorded one, where any may."""

    def __init__(self) -> None:
        self.times = False
        self._recorded: dict[Any, Any] = {}
        self._observed: dict[Any, Any] = {}

    def mismatch(self, recorded: Any, observed: Any, path: str = "") -> str | None:
        """Where two replies differ, `None` if they do not; types and order of fields count."""
        if type(recorded) is not type(observed):
            return f"{path}: {recorded!r} is not {observed!r}"
        if isinstance(recorded, dict):
            if list(recorded) != list(observed):
                return f"{path}: fields {list(recorded)} are not {list(observed)}"
            items = [(f"{path}.{name}", recorded[name], observed[name]) for name in recorded]
        elif isinstance(recorded, list):
            if len(recorded) != len(observed):
                return f"{path}: {len(recorded)} items are not {len(observed)}"
            pairs = zip(recorded, observed, strict=True)
            items = [(f"{path}[{at}]", left, right) for at, (left, right) in enumerate(pairs)]
        else:
            kind = self._kind(path, recorded, observed)
            if kind == "any":
                return self._alias_mismatch(path, recorded, observed)
            # By repr, since 0.0 is not -0.0 and 1 is not 1.0.
            if repr(recorded) == repr(observed) or kind == "same":
                return None
            return f"{path}: {recorded!r} is not {observed!r}"
        found = (self.mismatch(left, right, where) for where, left, right in items)
        return next((problem for problem in found if problem is not None), None)

    def _kind(self, path: str, recorded: Any, observed: Any) -> str:
        """Whether two values may be "any", count as the "same", or must be "equal"."""
        if isinstance(recorded, str):
            if _UUID.fullmatch(recorded) and _UUID.fullmatch(observed):
                return "any"
            field_name = re.sub(r"\[\d+\]", "", path).rpartition(".")[2]
            is_name = field_name in _SERVER_NAME_KEYS or path == _SERVER_INFO_NAME
            if is_name and (recorded, observed) == (_RECORDED_SERVER_NAME, SERVER_NAME):
                return "same"
        elif self.times and path.endswith(".epoch_time"):
            return "any"
        return "equal"

    def _alias_mismatch(self, path: str, recorded: Any, observed: Any) -> str | None:
        if (
            self._recorded.setdefault(recorded, observed) == observed
            and self._observed.setdefault(observed, recorded) == recorded
        ):
            return None
        return f"{path}: {observed!r} does not stand for {recorded!r} everywhere"


# --- handshakes ---


def _handshake_differences(recorded: list[Row], observed: list[Row]) -> list[str]:
    problems = []
    for conn in sorted({row["conn"] for row in recorded}):
        left = [_handshake(row) for row in recorded if _is_handshake_reply(row, conn)]
        right = [_handshake(row) for row in observed if _is_handshake_reply(row, conn)]
        if left != right:
            problems.append(f"conn {conn}: handshake\nrecorded {left}\nobserved {right}")
        if _closed_by(recorded, conn) != _closed_by(observed, conn):
            problems.append(f"conn {conn}: closed by {_closed_by(observed, conn)} first")
    return problems


def _is_handshake_reply(row: Row, conn: int) -> bool:
    return row["conn"] == conn and row["dir"] == "<" and "handshake" in row


def _handshake(row: Row) -> list[tuple[str, Any]]:
    message = json.loads(row["handshake"])
    if "authentication" in message:
        parts = [part.split("=", 1) for part in message["authentication"].split(",")]
        hidden = {"r": 24 + 20, "s": 24, "v": 44}
        message["authentication"] = [
            (name, len(value) == hidden[name] if name in hidden else value) for name, value in parts
        ]
    return list(message.items())


def _closed_by(rows: list[Row], conn: int) -> str:
    return next((row["dir"] for row in rows if row["conn"] == conn and row.get("closed")), "nobody")
