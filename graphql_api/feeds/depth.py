"""Markers for the parts of stored documents that are nested too deeply to be read.

RethinkDB stores documents of any depth. Python's JSON, comparison and copying are recursive and
fail beyond some hundred levels, so a source replaces what is deeper by a marker. RethinkDB refuses
to store an unknown pseudo-type, so no stored value looks like the marker.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from graphql_api.feeds.table import Document

MAX_DEPTH: Final = 100
"""Levels of a document that mutations and comparisons of whole documents look at."""

UNREAD: Final = {"$reql_type$": "UNREAD"}
"""Stands for an array or object that is nested too deeply."""

_NESTED: Final = (dict, list)
"""What has parts. Most values have none, and cost no call."""


class PartialDocument(dict[str, Any]):
    """A stored document, some parts of which a source has replaced by `UNREAD`."""


def pruned(document: Document) -> dict[str, Any]:
    """A copy of a document in which what is deeper than `MAX_DEPTH` levels is `UNREAD`."""
    return _pruned_members(document, MAX_DEPTH - 1)


def _pruned(value: dict[str, Any] | list[Any], levels: int) -> Any:
    if not value or value == UNREAD:
        return value
    if levels == 0:
        return UNREAD
    if isinstance(value, dict):
        return _pruned_members(value, levels - 1)
    return [_pruned(each, levels - 1) if isinstance(each, _NESTED) else each for each in value]


def _pruned_members(members: Mapping[str, Any], levels: int) -> dict[str, Any]:
    return {
        name: _pruned(value, levels) if isinstance(value, _NESTED) else value
        for name, value in members.items()
    }


def has_unread(value: Any) -> bool:
    """Whether `UNREAD` stands in a value, which is nested a few hundred levels at most."""
    if isinstance(value, dict):
        return value.get("$reql_type$") == "UNREAD" or any(map(has_unread, value.values()))
    return isinstance(value, list) and any(map(has_unread, value))
