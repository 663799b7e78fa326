"""What npm installs is the same everywhere, and comes from the registry of its configuration."""

from __future__ import annotations

import json
import os
from pathlib import Path

from tests.for_each import for_each

ROOT = Path(__file__).parents[2]


def packages() -> list[Path]:
    """Every directory whose packages npm installs; the client package has only peers."""
    found = []
    for directory, folders, names in os.walk(ROOT):
        folders[:] = [name for name in folders if name[0] != "." and name != "node_modules"]
        if {"package.json", "package-lock.json"} <= {*names}:
            found.append(Path(directory))
    return found


@for_each("directory", packages())
def test_lock_has_the_exact_versions_that_are_named_and_no_registry(directory: Path) -> None:
    named = json.loads((directory / "package.json").read_text(encoding="utf-8"))
    locked = json.loads((directory / "package-lock.json").read_text(encoding="utf-8"))["packages"]
    own = locked.pop("")
    for kind in ("dependencies", "devDependencies"):
        assert own.get(kind) == named.get(kind)
        for name, version in named.get(kind, {}).items():
            found = locked[f"node_modules/{name}"]
            assert version in {found["version"], found.get("resolved")}
    for package in locked.values():
        if package.get("resolved", "").startswith("file:../"):
            continue  # the client package of this repository
        assert package["integrity"].startswith("sha512-")
        assert "resolved" not in package
