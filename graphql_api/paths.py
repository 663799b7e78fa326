"""Paths of requests: each is served with and without a last slash."""

from __future__ import annotations


def without_last_slash(path: str) -> str:
    """The path under which a resource is known; `/` stays as it is."""
    return path[:-1] if path.endswith("/") and path != "/" else path
