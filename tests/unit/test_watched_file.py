from __future__ import annotations

import asyncio
import logging
import os
from pathlib import Path
from typing import NoReturn

import pytest

from graphql_api import watched_file
from graphql_api.errors import ConfigurationError
from graphql_api.files import MAX_BYTES, FileContent, FileVersion, UnreadableFileError
from graphql_api.watched_file import FileWatch, WatchedFile, WatchedFiles
from tests.unit.test_files import open_descriptors


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


TROUBLES = ["broken", "gone", "a directory", "a FIFO", "a device", "too large", "open to all"]


@pytest.mark.parametrize("trouble", TROUBLES)
def test_problem_is_logged_once_and_changes_nothing(
    trouble: str, path: Path, watched: WatchedFile[str], caplog: pytest.LogCaptureFixture
) -> None:
    if trouble == "broken":
        path.write_text("broken")
    elif trouble == "open to all":
        path.write_text("two")
        path.chmod(0o646)
    elif trouble == "too large":
        path.write_bytes(b" " * (MAX_BYTES + 1))
    else:
        path.unlink()
        if trouble == "a directory":
            path.mkdir()
        elif trouble == "a FIFO":
            os.mkfifo(path)
        elif trouble == "a device":
            path.symlink_to("/dev/zero")
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


def test_file_that_could_not_be_read_is_read_as_soon_as_it_can_be(
    path: Path, watched: WatchedFile[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """It has not changed since it could not be read, and still it is looked at."""
    path.write_text("two")
    os.utime(path, ns=(1, 1))
    with monkeypatch.context() as patched:
        patched.setattr(watched_file, "read_file", out_of_descriptors)
        for _ in range(3):
            assert not watched.refresh()
        assert watched.value == "one"
    assert watched.refresh()
    assert watched.value == "two"


def out_of_descriptors(*_: object, **__: object) -> NoReturn:
    raise UnreadableFileError("Too many open files")


def test_each_problem_is_logged_and_its_end_too(
    path: Path, watched: WatchedFile[str], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    for content in ("broken", None, "one"):
        path.unlink(missing_ok=True)
        if content is not None:
            path.write_text(content)
        for _ in range(2):
            assert not watched.refresh()
    after = "; what it held before stays in force"
    assert [record.message for record in caplog.records] == [
        f"token file {path}: it is broken{after}",
        f"token file {path}: No such file or directory{after}",
        f"token file {path} was read again",
    ]


def test_second_change_within_one_tick_of_the_file_systems_clock_is_noticed(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    now_ns = 10**18
    version = FileVersion(1, 1, now_ns, now_ns, 3)
    contents = iter(["one", "two", "two", "not read"])

    def read(*_: object, **__: object) -> FileContent:
        return FileContent(next(contents).encode(), version, 0o600)

    monkeypatch.setattr(watched_file, "read_file", read)
    monkeypatch.setattr(watched_file, "look_at_file", lambda _: version)
    watched = WatchedFiles([path], parse, name="token file", clock_ns=lambda: now_ns)
    assert watched.refresh()
    assert watched.value == "two"
    now_ns += 3 * 10**9
    assert not watched.refresh()
    assert not watched.refresh()
    assert next(contents) == "not read"


def test_secret_that_kubernetes_exchanges_is_noticed(tmp_path: Path) -> None:
    """A directory behind a link, which is replaced as a whole."""
    for number, content in (("1", "one"), ("2", "two")):
        (tmp_path / number).mkdir()
        (tmp_path / number / "tokens").write_text(content)
    (tmp_path / "..data").symlink_to("1")
    (tmp_path / "tokens").symlink_to("..data/tokens")
    watched = WatchedFile(tmp_path / "tokens", parse, name="token file")
    (tmp_path / "draft").symlink_to("2")
    (tmp_path / "draft").replace(tmp_path / "..data")
    assert watched.refresh()
    assert watched.value == "two"


def test_files_that_belong_together_are_parsed_together(tmp_path: Path) -> None:
    def join(one: bytes, two: bytes) -> bytes:
        if one != two:
            raise ConfigurationError("they do not fit")
        return one + two

    one, two = tmp_path / "one", tmp_path / "two"
    one.write_text("a")
    two.write_text("a")
    watched = WatchedFiles([one, two], join, name="certificate")
    one.write_text("b")
    assert not watched.refresh()
    assert watched.value == b"aa"
    two.write_text("b")
    assert watched.refresh()
    assert watched.value == b"bb"


async def test_file_watch_looks_at_every_file_and_gives_its_descriptor_back(
    path: Path, watched: WatchedFile[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watched_file, "_POLL_S", 0)
    before = open_descriptors()
    looked = asyncio.Event()
    watch = FileWatch()
    watch.add(watched.refresh)
    watch.add(lambda _: looked.set())
    path.write_text("two")
    task = asyncio.create_task(watch.run())
    await looked.wait()
    assert watched.value == "two"
    assert open_descriptors() == before + 1
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert open_descriptors() == before


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
