"""The parts of a table, and the order of a write that is longer than one stretch."""

from __future__ import annotations

from typing import Any

from graphql_api.embedded.primary_key import primary_key
from graphql_api.embedded.write_order import scan_order, shard, write_order
from tests.for_each import for_each
from tests.transcripts.conversation import Recording
from tests.unit.embedded.reql import Reql, r

T = r.table("t")


def recorded_scans() -> list[list[str]]:
    """The keys of every scan of 30 rows that is recorded, in the order of its rows."""
    scans: dict[int, list[str]] = {}
    for row in Recording.load("reads").rows:
        body = row.get("body", {})
        if row["dir"] == ">" or body.get("t") not in (2, 3):
            continue
        keys = [document["id"] for document in body["r"] if isinstance(document, dict)]
        scans.setdefault(row["token"], []).extend(keys)
    return [keys for keys in scans.values() if len(keys) == 30]


def test_scan_has_the_recorded_order() -> None:
    scans = recorded_scans()
    assert len(scans) >= 3
    for recorded in scans:
        keys = sorted(recorded)
        assert [keys[at] for at in scan_order([primary_key(key) for key in keys])] == recorded


@for_each("size", [0, 1, 127, 128, 129, 255, 256, 300])
def test_write_goes_through_the_parts_of_each_stretch(size: int) -> None:
    keys = [f"S{number}" for number in range(size)]
    order = write_order(keys)
    assert sorted(order) == list(range(size))
    # 128 rows at a time; a rest of less than twice as many is halved.
    stretches = {0: [], 1: [1], 127: [127], 128: [128], 129: [64, 65], 255: [127, 128]}
    stretches |= {256: [128, 128], 300: [128, 86, 86]}
    start = 0
    for length in stretches[size]:
        part = order[start : start + length]
        assert sorted(part) == list(range(start, start + length))
        assert part == sorted(part, key=lambda at: (shard(keys[at]), at))
        start += length


def test_keys_of_every_type_have_a_part() -> None:
    binary = {"$reql_type$": "BINARY", "data": "gP8A"}
    values: list[Any] = [1, -1.5, "é", True, ["a", binary, [binary]], binary]
    assert {shard(primary_key(value)) for value in values} <= set(range(8))
    # A BINARY's bytes are hashed, not the UTF-8 of the characters that stand for them.
    assert shard("PBINARY:\xff") == shard_of_bytes(b"PBINARY:\xff")
    assert shard("APBINARY:\xff\0") == shard_of_bytes(b"APBINARY:\xff\0")
    assert shard("S\xff") == shard_of_bytes("S\xff".encode())


def shard_of_bytes(data: bytes) -> int:
    """The hash of hash_region.cc, once more."""
    state = 0x47A59E381FB2DC06
    for byte in data:
        spread = ((byte * 0x80200802) & 0x0884422110) * 0x0101010101 << 23
        state = (state + spread) % 2**64
        state ^= (state >> 11) ^ (state << 21) % 2**64
    return state % 2**63 // 2**60


async def test_first_error_of_a_long_insert_is_that_of_its_first_stretch(reql: Reql) -> None:
    keys = [f"k{number:03}" for number in range(300)]
    stretch = sorted(keys[:128], key=lambda key: (shard("S" + key), key))
    await reql.run(T.insert([{"id": key} for key in [stretch[-1], *keys[128:]]]))
    answer = await reql.run(T.insert([{"id": key} for key in keys]))
    assert (answer["inserted"], answer["errors"]) == (127, 173)
    assert f'"{stretch[-1]}"' in answer["first_error"]
