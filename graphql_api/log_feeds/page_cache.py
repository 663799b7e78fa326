"""Pages of settled rows that were read last, for all who are behind: they never change."""

from __future__ import annotations

from bisect import bisect_right, insort
from collections import deque
from typing import Final

from graphql_api.log_feeds.follower import SettledPage

_MAX_PAGES: Final = 256
"""How many pages are kept: their sequences alone, some kilobytes each."""


class PageCache:
    """Pages, by where they begin. Followers that were at one place go on by the same pages."""

    def __init__(self) -> None:
        self._pages: dict[int, SettledPage] = {}
        self._starts: list[int] = []
        self._oldest: deque[int] = deque()

    def put(self, page: SettledPage) -> None:
        """Keep a page."""
        if page.after in self._pages or page.upto <= page.after:
            return
        if len(self._oldest) == _MAX_PAGES:
            oldest = self._oldest.popleft()
            del self._pages[oldest]
            del self._starts[bisect_right(self._starts, oldest) - 1]
        self._pages[page.after] = page
        insort(self._starts, page.after)
        self._oldest.append(page.after)

    def get(self, after: int) -> SettledPage | None:
        """The page of the rows after a sequence, or what is left of one that began before."""
        at = bisect_right(self._starts, after)
        if not at:
            return None
        page = self._pages[self._starts[at - 1]]
        if page.upto <= after:
            return None
        if page.after == after:
            return page
        rest = page.sequences[bisect_right(page.sequences, after) :]
        return SettledPage(after, page.upto, rest)
