from __future__ import annotations

import logging
import os
from pathlib import Path

import pytest

from graphql_api.errors import ConfigurationError
from graphql_api.transport.watched_file import WatchedFile


def parse(data: bytes) -> str:
    if data == b"broken":
        raise ConfigurationError("it is broken")
    return data.decode()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "file"
    path.write_text("one")
    return path


@pytest.fixture
def watched(path: Path) -> WatchedFile[str]:
    return WatchedFile(path, parse, name="token file")


def test_change_is_noticed_once(path: Path, watched: WatchedFile[str]) -> None:
    assert watched.value == "one"
    assert not watched.refresh()
    path.write_text("three")
    assert watched.refresh()
    assert watched.value == "three"
    assert not watched.refresh()


def test_file_of_the_same_size_and_time_is_still_another(
    path: Path, watched: WatchedFile[str]
) -> None:
    status = path.stat()
    draft = path.with_name("draft")
    draft.write_text("two")
    os.utime(draft, ns=(status.st_atime_ns, status.st_mtime_ns))
    draft.replace(path)
    assert watched.refresh()
    assert watched.value == "two"


def test_link_to_another_file_is_noticed(path: Path, tmp_path: Path) -> None:
    link = tmp_path / "link"
    link.symlink_to(path)
    watched = WatchedFile(link, parse, name="token file")
    (tmp_path / "other").write_text("two")
    link.unlink()
    link.symlink_to(tmp_path / "other")
    assert watched.refresh()
    assert watched.value == "two"


@pytest.mark.parametrize("trouble", ["broken", "gone", "a directory", "open to all"])
def test_trouble_is_told_once_and_changes_nothing(
    trouble: str, path: Path, watched: WatchedFile[str], caplog: pytest.LogCaptureFixture
) -> None:
    if trouble == "broken":
        path.write_text("broken")
    elif trouble == "open to all":
        path.write_text("two")
        path.chmod(0o646)
    else:
        path.unlink()
        if trouble == "a directory":
            path.mkdir()
    for _ in range(3):
        assert not watched.refresh()
    assert watched.value == "one"
    (record,) = caplog.records
    assert record.levelno == logging.ERROR
    assert record.exc_info is None
    assert record.message.startswith(f"token file {path}: ")
    assert record.message.endswith("; what it held before stays in force")


def test_file_that_is_whole_again_is_read(
    path: Path, watched: WatchedFile[str], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    path.write_text("broken")
    watched.refresh()
    path.write_text("two")
    assert watched.refresh()
    assert watched.value == "two"
    assert caplog.records[-1].message == f"token file {path} was read again"


def test_file_that_could_not_be_read_is_read_when_it_can_be(
    path: Path, watched: WatchedFile[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def deny(_: Path) -> bytes:
        raise PermissionError(13, "Permission denied")

    path.write_text("two")
    with monkeypatch.context() as patched:
        patched.setattr(Path, "read_bytes", deny)
        assert not watched.refresh()
    path.chmod(0o604)
    assert watched.refresh()
    assert watched.value == "two"


def test_start_needs_a_good_file(path: Path) -> None:
    path.write_text("broken")
    with pytest.raises(ConfigurationError, match=f"^token file {path}: it is broken$"):
        WatchedFile(path, parse, name="token file")
    path.write_text("one")
    path.chmod(0o602)
    with pytest.raises(ConfigurationError, match=f"^token file {path}: everybody .* change it"):
        WatchedFile(path, parse, name="token file")
    path.unlink()
    with pytest.raises(ConfigurationError, match=f"^token file {path}: No such file"):
        WatchedFile(path, parse, name="token file")
