"""Paths of the parts of a document that are nested too deeply to be read, for ReQL's `without`.

`{"x": True, "limits": {"y": True}}` are the field `x`, and the field `y` of `limits`. An array is
one place: ReQL has no path to one item.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeAlias

from graphql_api.feeds.depth import has_unread

Paths: TypeAlias = dict[str, Any]
"""A field's name to True, or to the paths below it."""


def unread_paths(document: Mapping[str, Any]) -> Paths:
    """The paths to what is `UNREAD` in a document."""
    paths: Paths = {}
    for name, value in document.items():
        if has_unread(value):
            below = unread_paths(value) if isinstance(value, dict) else {}
            paths[name] = below or True  # in UNREAD itself there are none
    return paths


def kept_paths(paths: Paths, old: Mapping[str, Any], new: Mapping[str, Any]) -> Paths:
    """The paths, of some of `old`, whose values are the same in `new`."""
    kept: Paths = {}
    for name, below in paths.items():
        if name not in new:
            continue
        if below is True:
            if new[name] == old[name]:
                kept[name] = True
        elif isinstance(new[name], dict) and (inside := kept_paths(below, old[name], new[name])):
            kept[name] = inside
    return kept


def without_paths(document: Mapping[str, Any], paths: Paths) -> dict[str, Any]:
    """A document without what some paths name."""
    return {
        name: without_paths(value, paths[name]) if name in paths else value
        for name, value in document.items()
        if paths.get(name) is not True
    }
