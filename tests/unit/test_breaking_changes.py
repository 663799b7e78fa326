"""No released part of the schema breaks unannounced.

`schema.graphql` is compared with that of the last release, the newest tag `v<version>` behind this
commit. A breaking change is announced by its description, as the failed test prints it, in
CHANGELOG.md under `## [Unreleased]`, `### Breaking`, with what clients should do instead.
"""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from graphql import build_schema, find_breaking_changes

from tests.for_each import for_each

ROOT = Path(__file__).parents[2]


def unannounced(released: str, current: str, changelog: str) -> list[str]:
    """The breaking changes between two schemas that the changelog does not announce."""
    announced = announcement(changelog)
    changes = find_breaking_changes(build_schema(released), build_schema(current))
    return [change.description for change in changes if change.description not in announced]


def announcement(changelog: str) -> str:
    """The text under `## [Unreleased]`, `### Breaking`, as one line."""
    _, _, rest = changelog.partition("\n## [Unreleased]\n")
    unreleased = rest.partition("\n## ")[0]
    _, _, rest = unreleased.partition("\n### Breaking\n")
    return " ".join(rest.partition("\n### ")[0].split())


def git(*arguments: str) -> str | None:
    """What git says, or None if it says no."""
    result = subprocess.run(
        ["git", "-C", str(ROOT), *arguments], capture_output=True, text=True, check=False
    )
    return result.stdout if result.returncode == 0 else None


@pytest.mark.optional
def test_released_schema_does_not_break_unannounced() -> None:
    tag = git("describe", "--tags", "--abbrev=0", "--match", "v[0-9]*")
    if tag is None:
        pytest.skip("there is no release to compare with")
    released = git("show", f"{tag.strip()}:schema.graphql")
    assert released is not None, f"{tag.strip()} has no schema.graphql"
    current = (ROOT / "schema.graphql").read_text(encoding="utf-8")
    changelog = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    assert unannounced(released, current, changelog) == []


RELEASED = "type Query { policy: Policy } type Policy { id: ID! name: String }"
CURRENT = "type Query { policy: Policy } type Policy { id: ID! }"
CHANGELOG = (
    "# Changelog\n\n## [Unreleased]\n\n{}\n\n## [0.1.0]\n\n### Breaking\n\n- Query was removed."
)


def test_addition_breaks_nothing() -> None:
    assert unannounced(CURRENT, RELEASED, CHANGELOG.format("")) == []


@for_each(
    "text",
    [
        "",
        "### Added\n\n- Field Policy.name was removed.",
        "### Breaking\n\n- Field Policy.id was removed.",
        "### Breaking\n\n### Fixed\n\n- Field Policy.name was removed.",
    ],
)
def test_unannounced_break_is_found(text: str) -> None:
    assert unannounced(RELEASED, CURRENT, CHANGELOG.format(text)) == [
        "Field Policy.name was removed."
    ]


def test_announced_break_is_allowed() -> None:
    text = (
        "### Breaking\n\n- Field Policy.name was\n  removed. Ask for `title`.\n\n### Fixed\n\n- x"
    )
    assert unannounced(RELEASED, CURRENT, CHANGELOG.format(text)) == []


def test_announcement_of_an_old_release_does_not_count() -> None:
    current = "type Other { id: ID! }"
    assert "Query was removed." in unannounced(RELEASED, current, CHANGELOG.format(""))
