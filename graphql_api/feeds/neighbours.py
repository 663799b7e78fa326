"""Finds a table's digest between the points of a history: other servers pass through other points.

Servers see the changes of one document in the same order, and those of different documents in
slightly different ones. So a point of another server is a point of this one's, with a few of the
next changes more:

```
 here     ──●── a ── b ── c ── d ──▶    each change XORs its own number into the digest
            └ start
 there    ──●── b ── a ── d ── c ──▶
                  │    └ start + {a, b}: a point that is here too
                  └ start + {b}: one that is not, and is found as "start, and b ahead"
```

A candidate has, for each document, a *prefix* of its changes: never a later change without the
earlier ones. A document that changed from 1 to 2 and back gives two changes with the same number;
without this rule the second would be taken for "2 is held".

The search looks at windows of two halves, the newest first. It tries each choice from one half with
all choices from the other at once (meet in the middle).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, NamedTuple

from graphql_api.feeds.history import History

HALF: Final = 6
"""How many changes are in one half of a window."""

STRIDE: Final = 3
"""How far apart the windows begin: changes that are out of order are found if they are all in one,
so there may be 10 of them."""

MAX_LOOKUPS: Final = 20_000
"""How many choices are looked up for one digest at most. It takes a few milliseconds, which the
client's budget is charged for; a cursor that somebody has made up costs no more."""

MAX_WINDOWS: Final = MAX_LOOKUPS >> HALF

_MAX_MISSED: Final = 1000
"""How many digests that were not found are remembered."""


class Neighbour(NamedTuple):
    """A state of the table that is a point of the history, and a few of the next changes.

    Attributes:
        start: The position of the point.
        ahead: The positions of these changes, all after it.
    """

    start: int
    ahead: frozenset[int]


class _Half(NamedTuple):
    """The choices from one half of a window: bit n of a choice stands for its change number n.

    Attributes:
        choices: All choices that have a prefix for each document.
        numbers: The XOR of the numbers of each.
        by_number: A choice by that; of several the last, which has the longest prefixes: what is
            chosen from the half behind it may need them.
    """

    choices: Sequence[int]
    numbers: list[int]
    by_number: dict[int, int]


class NeighbourSearch:
    """Finds states beside the points of one history.

    Many clients that lose one server come with the same digest: one that is not found is looked for
    in later changes only.

    Args:
        history: The history.
    """

    def __init__(self, history: History[Any]) -> None:
        self._history = history
        self._missed: dict[int, int] = {}

    def find(self, digest: int) -> Neighbour | None:
        """The newest state that has a digest; None if none is found.

        It looks back as far as its look-ups go, which is some 900 changes.
        """
        history = self._history
        since = self._missed.pop(digest, None)
        found = _find(history, digest, 0 if since is None else since - 2 * HALF)
        if found is None:
            self._missed[digest] = history.head
            if len(self._missed) > _MAX_MISSED:
                del self._missed[next(iter(self._missed))]
        return found


def _find(history: History[Any], digest: int, since: int) -> Neighbour | None:
    first = max(history.tail, since, history.head - MAX_WINDOWS * STRIDE)
    digests = [history.point(position).digest for position in range(first, history.head + 1)]
    keys = [history[position].key for position in range(first + 1, history.head + 1)]
    halves: dict[int, _Half] = {}

    def half(start: int) -> _Half:
        if start not in halves:
            halves[start] = _half(digests[start : start + HALF + 1], keys[start : start + HALF])
        return halves[start]

    starts = [*range(len(keys) - HALF, 0, -STRIDE)][: MAX_WINDOWS - 1]
    for start in (*starts, 0):
        before, behind = half(start), half(start + HALF)
        wanted = digest ^ digests[start]
        if before.by_number.keys().isdisjoint([wanted ^ number for number in behind.numbers]):
            continue
        for number, chosen in zip(behind.numbers, behind.choices, strict=True):
            others = before.by_number.get(wanted ^ number, 0)
            picked = [at for at in range(2 * HALF) if (chosen << HALF | others) >> at & 1]
            if picked and _is_right(digests, keys, start, picked, digest):
                at = first + start + 1
                return Neighbour(at - 1, frozenset(at + each for each in picked))
    return None


def _half(digests: list[int], keys: list[str]) -> _Half:
    """The choices from some changes: the digests before and after each, and their keys."""
    choices, numbers = [0], [0]
    for at, key in enumerate(keys):
        number, bit = digests[at] ^ digests[at + 1], 1 << at
        earlier = sum(1 << other for other in range(at) if keys[other] == key)
        if earlier:
            valid = [index for index, each in enumerate(choices) if each & earlier == earlier]
            numbers += [numbers[index] ^ number for index in valid]
            choices += [choices[index] | bit for index in valid]
        else:
            numbers += [each ^ number for each in numbers]
            choices += [each | bit for each in choices]
    return _Half(choices, numbers, dict(zip(numbers, choices, strict=True)))


def _is_right(
    digests: list[int], keys: list[str], start: int, picked: list[int], digest: int
) -> bool:
    """Whether the changes picked give a digest, and are a prefix for each document."""
    got = digests[start]
    for at in picked:
        got ^= digests[start + at] ^ digests[start + at + 1]
        key = keys[start + at]
        if any(keys[start + other] == key and other not in picked for other in range(at)):
            return False
    return got == digest
