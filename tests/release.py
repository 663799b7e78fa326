"""What a release agrees on: `python -m tests.release` checks it, and with `--cut` prepares it.

The version stands in pyproject.toml, in the client package and as the newest section of
CHANGELOG.md, and the commit has the tag `v<version>`.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tomllib
from datetime import UTC, date, datetime
from pathlib import Path

ROOT = Path(__file__).parents[1]

_UNRELEASED = "## [Unreleased]\n"
_SECTION = re.compile(r"^## \[(?P<version>\d+\.\d+\.\d+)\] - \d{4}-\d\d-\d\d$", re.MULTILINE)


def version_of(folder: Path) -> str:
    """The version in pyproject.toml."""
    project = tomllib.loads((folder / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    return str(project["version"])


def disagreements(folder: Path) -> list[str]:
    """What keeps a checkout from being released."""
    version = version_of(folder)
    package = json.loads((folder / "clients/javascript/package.json").read_text(encoding="utf-8"))
    found = []
    if _git(folder, "status", "--porcelain"):
        found.append("the tree is not clean: commit, or remove what git status lists")
    if package["version"] != version:
        found.append(f"clients/javascript/package.json says {package['version']}, not {version}")
    changelog = (folder / "CHANGELOG.md").read_text(encoding="utf-8")
    _, _, rest = changelog.partition(_UNRELEASED)
    newest = _SECTION.search(rest)
    if newest is None or newest["version"] != version:
        found.append(f"CHANGELOG.md has no newest section of {version}: make release ARGS=--cut")
    elif rest[: newest.start()].strip():
        found.append("CHANGELOG.md has lines under [Unreleased]")
    if f"v{version}" not in _git(folder, "tag", "--points-at", "HEAD").split():
        found.append(f"this commit has no tag v{version}: git tag v{version}")
    return found


def cut(changelog: str, version: str, today: date) -> str:
    """The changelog in which what was unreleased is this version."""
    return changelog.replace(_UNRELEASED, f"{_UNRELEASED}\n## [{version}] - {today}\n", 1)


def _git(folder: Path, *arguments: str) -> str:
    command = ["git", "-C", str(folder), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


def main(arguments: list[str]) -> int:
    """Check, or prepare; the exit code."""
    version = version_of(ROOT)
    if arguments == ["--cut"]:
        file = ROOT / "CHANGELOG.md"
        changelog = file.read_text(encoding="utf-8")
        if f"\n## [{version}]" in changelog:
            sys.stderr.write(f"CHANGELOG.md has {version} already: raise the version first\n")
            return 1
        file.write_text(cut(changelog, version, datetime.now(UTC).date()), encoding="utf-8")
        sys.stderr.write(
            f"CHANGELOG.md is that of {version}: commit it, git tag v{version}, make release\n"
        )
        return 0
    found = disagreements(ROOT)
    sys.stderr.writelines(f"{line}\n" for line in found)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
