"""`make release` builds only what agrees: version, client package, changelog, tag, clean tree."""

from __future__ import annotations

import json
import subprocess
from datetime import date
from pathlib import Path

import pytest

from tests.release import ROOT, cut, disagreements, version_of

CHANGELOG = "# Changelog\n\n## [Unreleased]\n\n### Added\n\n- Something.\n"


def git(folder: Path, *arguments: str) -> None:
    identity = ["-c", "user.name=a", "-c", "user.email=a@example.org"]
    command = ["git", "-C", str(folder), *identity, *arguments]
    subprocess.run(command, check=True, capture_output=True)


@pytest.fixture
def released(tmp_path: Path) -> Path:
    """A checkout that can be released as 1.2.3."""
    (tmp_path / "clients/javascript").mkdir(parents=True)
    (tmp_path / "pyproject.toml").write_text('[project]\nversion = "1.2.3"\n')
    (tmp_path / "clients/javascript/package.json").write_text(json.dumps({"version": "1.2.3"}))
    (tmp_path / "CHANGELOG.md").write_text(cut(CHANGELOG, "1.2.3", date(2026, 11, 29)))
    git(tmp_path, "init")
    commit(tmp_path)
    return tmp_path


def commit(folder: Path) -> None:
    git(folder, "add", "--all")
    git(folder, "commit", "--message", "x")
    git(folder, "tag", "--force", "v1.2.3")


def test_what_agrees_is_released(released: Path) -> None:
    assert disagreements(released) == []


@pytest.mark.parametrize(
    ("file", "old", "new", "expected"),
    [
        ("pyproject.toml", "1.2.3", "1.2.4", "package.json says 1.2.3, not 1.2.4"),
        ("CHANGELOG.md", "[1.2.3]", "[1.2.2]", "no newest section of 1.2.3"),
        ("CHANGELOG.md", "[Unreleased]\n", "[Unreleased]\n\n- More.\n", "under [Unreleased]"),
    ],
)
def test_what_disagrees_is_named(
    released: Path, file: str, old: str, new: str, expected: str
) -> None:
    text = (released / file).read_text()
    (released / file).write_text(text.replace(old, new, 1))
    assert disagreements(released)[0].startswith("the tree is not clean")
    commit(released)
    assert expected in disagreements(released)[0]


def test_commit_without_the_tag_is_not_released(released: Path) -> None:
    git(released, "tag", "--delete", "v1.2.3")
    assert disagreements(released) == ["this commit has no tag v1.2.3: git tag v1.2.3"]


def test_this_changelog_can_be_cut() -> None:
    text = cut((ROOT / "CHANGELOG.md").read_text(encoding="utf-8"), "9.9.9", date(2026, 1, 2))
    assert text.count("## [Unreleased]\n\n## [9.9.9] - 2026-01-02\n\n") == 1


def test_client_package_has_the_version_of_the_server() -> None:
    package = json.loads((ROOT / "clients/javascript/package.json").read_text(encoding="utf-8"))
    assert package["version"] == version_of(ROOT)
