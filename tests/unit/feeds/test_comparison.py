"""What differs between rows and a table, document by document."""

from __future__ import annotations

import gc

from hypothesis import given
from hypothesis import strategies as st

from graphql_api.feeds.comparison import Comparison
from graphql_api.feeds.events import Version
from graphql_api.feeds.packing import Packer
from tests.unit.feeds.toy import Number, PackedNumbers

KEYS = st.sampled_from("abcdef")
PACKER = Packer(PackedNumbers())
TABLES = st.dictionaries(KEYS, st.integers(0, 2))
CHANGES = st.lists(st.tuples(KEYS, st.none() | st.integers(0, 2)))


@given(TABLES, TABLES, CHANGES)
def test_rows_become_the_table_by_what_differs(
    held: dict[str, int], table: dict[str, int], changes: list[tuple[str, int | None]]
) -> None:
    rows = {key: Version(Number(key, n), PACKER) for key, n in held.items()}
    comparison = Comparison(rows, version=lambda row: Version(row, PACKER))
    for key, n in table.items():
        comparison.saw(key, Number(key, n))
    for key, change in changes:
        comparison.saw(key, None if change is None else Number(key, change))
        table.pop(key, None)
        if change is not None:
            table[key] = change
    differing = set(comparison)
    assert differing == {
        key for key in held.keys() | table.keys() if held.get(key) != table.get(key)
    }
    result = dict(held)
    repaired = [(key, comparison.row(key)) for key in sorted(held) if key in comparison]
    repaired += comparison.new()
    assert {key for key, _ in repaired} == differing
    for key, row in repaired:
        result.pop(key, None)
        if row is not None:
            result[key] = row.n
    assert result == table


def test_only_the_keys_that_are_asked_for_can_be_missing() -> None:
    rows = {key: Version(Number(key, 1), PACKER) for key in "abc"}
    comparison = Comparison(rows, ["a", "b", "new"])
    comparison.saw("a", Number("a", 1))
    assert list(comparison) == ["b"]


def test_rows_that_differ_are_not_kept_unpacked() -> None:
    made: list[Version[Number]] = []

    def version(row: Number) -> Version[Number]:
        made.append(Version(row, PACKER))
        made[-1].release()
        return made[-1]

    rows = {str(n): Version(Number(str(n), 0), PACKER) for n in range(10)}
    for keep in (version, None):
        comparison = Comparison(rows, version=keep)
        for n in range(10):
            comparison.saw(str(n), Number(str(n), 1))
        gc.collect()
        left = [each for each in gc.get_objects() if isinstance(each, Number) and each.n == 1]
        assert left == []
        assert set(comparison) == set(rows)
    assert len(made) == 10
