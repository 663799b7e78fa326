"""Headers that are lists: several lines of one name are one list (RFC 9110, 5.3)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

from starlette.datastructures import Headers

RawHeaders: TypeAlias = Sequence[tuple[bytes, bytes]]
"""Names in lower case, and values, as ASGI has them."""


def list_members(headers: RawHeaders, name: bytes) -> list[bytes]:
    """The members of a header that is a list, in lower case."""
    lines = (value for key, value in headers if key == name)
    members = (member.strip().lower() for line in lines for member in line.split(b","))
    return [member for member in members if member]


def joined_lines(headers: Headers, name: str) -> str:
    """All lines of a header as one; empty if there is none."""
    return ", ".join(headers.getlist(name))
