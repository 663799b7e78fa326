"""Shared pages: what one holds of a place is what the index holds."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from graphql_api.log_feeds import page_cache
from graphql_api.log_feeds.follower import SettledPage
from graphql_api.log_feeds.page_cache import PageCache


@given(
    rows=st.sets(st.integers(0, 500), max_size=60),
    reads=st.lists(st.tuples(st.integers(-1, 500), st.integers(1, 9)), max_size=40),
    asked=st.lists(st.integers(-1, 500), max_size=20),
)
def test_page_holds_every_row_of_its_stretch(
    rows: set[int], reads: list[tuple[int, int]], asked: list[int]
) -> None:
    cache = PageCache()
    for after, limit in reads:
        found = sorted(row for row in rows if row > after)[:limit]
        upto = found[-1] if len(found) == limit else 501
        cache.put(SettledPage(after, upto, found))
    for after in asked:
        page = cache.get(after)
        if page is not None:
            assert page.after == after < page.upto
            assert list(page.sequences) == sorted(row for row in rows if after < row <= page.upto)


def test_oldest_pages_are_forgotten() -> None:
    cache = PageCache()
    for after in range(page_cache._MAX_PAGES + 10):
        cache.put(SettledPage(after * 2, after * 2 + 2, [after * 2 + 1]))
    assert cache.get(0) is None
    assert cache.get(18) is None
    assert cache.get(20) == SettledPage(20, 22, [21])
