"""What a program tells of itself: a file of JSON, which it replaces now and then."""

from __future__ import annotations

import json
from pathlib import Path


def write(file: Path, **status: float) -> None:
    """Say how it is; a reader sees this or what was before, never a half of it."""
    new = file.with_suffix(".new")
    new.write_text(json.dumps(status))
    new.replace(file)


def read(file: Path) -> dict[str, float]:
    """What was said last; nothing yet, if there is no file."""
    try:
        status: dict[str, float] = json.loads(file.read_text())
    except FileNotFoundError:
        return {}
    return status
