"""The order in which RethinkDB writes the rows of one batch.

Each table is split into eight parts by a hash of the primary key's text. The rows of a write are
cut into stretches of about 128; of each stretch, the first part's rows come first, in the order in
which they were given, then the second part's, and so on. The order shows in `first_error` and in
`changes`.

A write of more than about 1 MiB is several batches to RethinkDB; here it is one.

Source: src/region/hash_region.cc; src/clustering/table_contract/cpu_sharding.cc; real_table.cc,
`split`; protocol.cc, `rdb_w_unshard_visitor_t`; datum_stream.cc, `rget_response_reader_t`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

SHARDS = 8
_STRETCH = 128
_MASK = (1 << 64) - 1
_SEED = 0x47A59E381FB2DC06
_SHARD_BITS = 60
_BINARY_PREFIX = "PBINARY:"


def shard(key: str) -> int:
    """Return which of the eight parts of a table holds a document.

    Args:
        key: The text of its primary key (`primary_key()`).
    """
    state = _SEED
    for byte in _key_bytes(key):
        state = (state + _SPREAD[byte]) & _MASK
        state ^= (state >> 11) ^ (state << 21 & _MASK)
    return (state & (_MASK >> 1)) >> _SHARD_BITS


def write_order(keys: Sequence[str]) -> list[int]:
    """Return the positions of rows in the order in which they are written.

    Args:
        keys: The text of each row's primary key, in the order in which the rows are given.
    """
    order: list[int] = []
    start = 0
    while start < len(keys):
        left = len(keys) - start
        # A stretch that would leave a short rest is halved instead.
        step = left if left <= _STRETCH else _STRETCH if left >= 2 * _STRETCH else left // 2
        order.extend(sorted(range(start, start + step), key=lambda at: shard(keys[at])))
        start += step
    return order


def scan_order(keys: Sequence[str]) -> list[int]:
    """Return the positions of rows in the order in which a read of the table gives them.

    One row of each part comes in turn; within a part, rows are in the order of their keys.

    Args:
        keys: The text of each row's primary key.
    """
    parts: list[list[int]] = [[] for _ in range(SHARDS)]
    for at in sorted(range(len(keys)), key=keys.__getitem__, reverse=True):
        parts[shard(keys[at])].append(at)
    order: list[int] = []
    while parts:
        turn = 0
        while turn < len(parts):
            if parts[turn]:
                order.append(parts[turn].pop())
            else:
                # The last part takes an empty one's place, and has its turn in the next round.
                parts[turn] = parts[-1]
                parts.pop()
            turn += 1
    return order


def _key_bytes(key: str) -> bytes:
    # The text of a BINARY has one character for each byte; everything else is UTF-8.
    return b"\0".join(
        part.encode("latin-1" if part.lstrip("A").startswith(_BINARY_PREFIX) else "utf-8")
        for part in key.split("\0")
    )


def _spread(byte: int) -> int:
    """Return a word whose bits 55 to 62 are a byte's bits in reverse order.

    The multiplications that reverse the bits leave others below them; those are part of the hash.
    """
    return (byte * 0x80200802 & 0x0884422110) * 0x0101010101 << 23 & _MASK


_SPREAD = tuple(map(_spread, range(256)))
