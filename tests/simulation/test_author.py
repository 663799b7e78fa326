"""What the stories of the seeds that `make test` runs have in them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cache
from typing import Any

import pytest

from tests.for_each import for_each
from tests.simulation.author import story_of
from tests.simulation.places import place
from tests.simulation.story import FILLS_BUFFERS, LOSES_FEEDS, TROUBLES, Story
from tests.simulation.tables import TABLES
from tests.simulation.test_simulation import SEEDS

Shows = Callable[[Story], bool]


def _does(kind: str, **details: Any) -> Shows:
    """Whether a story has an action of a kind, with these details."""

    def shows(story: Story) -> bool:
        return any(
            action.kind == kind and details.items() <= action.details.items()
            for action in story.actions
        )

    return shows


def _cuts(*, is_database: bool, ways: tuple[str, ...]) -> Shows:
    def shows(story: Story) -> bool:
        return any(
            action.kind == "cut"
            and action.details["ways"] in ways
            and ("db" in action.details["hosts"]) == is_database
            for action in story.actions
        )

    return shows


def _documents(story: Story) -> Iterator[dict[str, Any]]:
    for action in story.actions:
        if action.kind in ("write", "burst"):
            writes = action.details["writes"]
            for some in writes if action.kind == "burst" else [writes]:
                yield from (document for _, document in some if document is not None)


def _has_odd_documents(story: Story) -> bool:
    return any(isinstance(each.get("name"), int | list) for each in _documents(story))


def _has_large_documents(story: Story) -> bool:
    return any(len(str(each)) > 700 for each in _documents(story))


SHOWN_BY: dict[str, Shows] = {
    "database link cuts": _cuts(is_database=True, ways=("both",)),
    "one-way cuts": _cuts(is_database=True, ways=("one",)),
    "database kills": _does("crash_database", how="killed"),
    "database power cuts": _does("crash_database", how="without power"),
    "dropped tables": _does("drop"),
    "queue overflows": lambda story: story.setting.database_queue_size < 100,
    "lost changes": _does("lose_change"),
    "client link cuts": _cuts(is_database=False, ways=("one", "both")),
    "stalls": _does("stall"),
    "slow readers": _does("read_slowly"),
    "bursts": _does("burst"),
    "large documents": _has_large_documents,
    "small buffers": lambda story: story.setting.buffer_bytes < 65_536,
    "server kills": _does("crash_server", how="killed"),
    "server power cuts": _does("crash_server", how="without power"),
    "server stops": _does("stop_server"),
    "client crashes": _does("crash_client"),
    "client leaves": _does("leave"),
    "odd documents": _has_odd_documents,
    "going back": _does("go_back"),
    "short histories": lambda story: story.setting.history_max_changes < 100,
    "fragments": lambda _: True,  # the network has them in every such story
    "two servers": _does("hop"),
    "mutations": _does("mutate"),
    "pages": _does("page"),
    "tokens": lambda story: story.setting.has_tokens,
    "clock leaps": _does("leap"),
    "unsubscribing": _does("unsubscribe"),
    "bad cursors": _does("bad_cursor"),
    "cursors of other filters": _does("other_filter"),
}
"""What can be seen of each kind of trouble in a story."""

ALSO_BY: dict[str, frozenset[str]] = {
    "bursts": frozenset({"queue overflows", "stalls", "slow readers"}),
    "large documents": FILLS_BUFFERS,
    "small buffers": FILLS_BUFFERS - {"small buffers"},
    "client leaves": LOSES_FEEDS,
    "going back": frozenset({"stalls", "slow readers"}),
}
"""Other troubles that look the same."""


@cache
def _stories() -> tuple[Story, ...]:
    return tuple(map(story_of, range(SEEDS)))


@for_each("trouble", TROUBLES)
def test_some_story_shows_each_trouble_that_nothing_else_in_it_makes(trouble: str) -> None:
    others = ALSO_BY.get(trouble, frozenset())
    assert any(
        SHOWN_BY[trouble](story)
        for story in _stories()
        if trouble in story.setting.troubles
        and not story.setting.troubles & others
        and not story.setting.has_two_nodes
        and not story.setting.starbelly
    )


def test_enough_stories_are_judged_change_by_change() -> None:
    settings = [story.setting for story in _stories()]
    strict = [
        each
        for each in settings
        if each.feeds_are_never_lost
        and each.clients_are_never_slow
        and not all(TABLES[name].is_paced for name in each.tables)
    ]
    assert len(strict) >= 20


@pytest.mark.parametrize("cursor", ["", "AAAAAAAAAw", "AAAAAAAAAQAA"])
def test_cursor_of_another_form_is_no_place(cursor: str) -> None:
    with pytest.raises(AssertionError, match="another form"):
        place(cursor)
