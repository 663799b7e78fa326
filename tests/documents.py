"""The documents of the repository: their texts, links, headings and blocks of code."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[1]
README = ROOT / "README.md"
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/*.md")])
"""Every document."""

_FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
_CODE = re.compile(r"`[^`\n]*`")
_LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)\)")
_HEADING = re.compile(r"^#{1,6} (.+)$", re.MULTILINE)


def text_of(page: Path) -> str:
    """The text of a document."""
    return page.read_text(encoding="utf-8")


def prose_of(page: Path) -> str:
    """The text of a document without its blocks of code."""
    return _FENCE.sub("", text_of(page))


def blocks(page: Path, *languages: str) -> list[str]:
    """The blocks of code of a document in some languages, without their last line break."""
    return [code[:-1] for language, code in _FENCE.findall(text_of(page)) if language in languages]


def links(page: Path) -> list[str]:
    """The targets of a document's links and images, as they are written."""
    return _LINK.findall(_CODE.sub("", prose_of(page)))


def anchors(page: Path) -> set[str]:
    """The anchors of a document's headings, as GitHub makes them."""
    return set(_anchors(_HEADING.findall(prose_of(page))))


def _anchors(headings: list[str]) -> Iterator[str]:
    seen: dict[str, int] = {}
    for heading in headings:
        text = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading).lower()
        slug = re.sub(r"[^\w\- ]", "", text).replace(" ", "-")
        number = seen[slug] = seen.get(slug, -1) + 1
        yield f"{slug}-{number}" if number else slug
