"""What npm installs is the same everywhere, and comes from whichever registry npm is told."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def packages() -> list[Path]:
    """Every directory with a package.json of the project's own."""
    found = []
    for directory, folders, names in os.walk(ROOT):
        folders[:] = [name for name in folders if name[0] != "." and name != "node_modules"]
        if "package.json" in names:
            found.append(Path(directory))
    return found


@pytest.mark.parametrize("directory", packages(), ids=lambda path: str(path.relative_to(ROOT)))
def test_lock_has_the_exact_versions_that_are_named_and_no_registry(directory: Path) -> None:
    named = json.loads((directory / "package.json").read_text(encoding="utf-8"))
    locked = json.loads((directory / "package-lock.json").read_text(encoding="utf-8"))["packages"]
    own = locked.pop("")
    for kind in ("dependencies", "devDependencies"):
        assert own.get(kind) == named.get(kind)
        for name, version in named.get(kind, {}).items():
            assert locked[f"node_modules/{name}"]["version"] == version
    for package in locked.values():
        assert package["integrity"].startswith("sha512-")
        assert "resolved" not in package
