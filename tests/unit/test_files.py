"""Whatever lies at a path, reading it ends at once, in its content or in one clear reason."""

from __future__ import annotations

import errno
import os
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from graphql_api.files import (
    FileVersion,
    SpareDescriptor,
    UnreadableFileError,
    look_at_file,
    read_file,
)


def open_descriptors() -> int:
    return len([*Path("/dev/fd").iterdir()])


def make_socket(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))


def make_circle(path: Path) -> None:
    path.symlink_to(path)


def make_link_to_fifo(path: Path) -> None:
    os.mkfifo(path.with_name("fifo"))
    path.symlink_to("fifo")


KINDS: dict[str, tuple[Callable[[Path], object], str]] = {
    "directory": (Path.mkdir, "it is a directory, not a regular file"),
    "FIFO": (os.mkfifo, "it is a FIFO, not a regular file"),
    "link to a FIFO": (make_link_to_fifo, "it is a FIFO, not a regular file"),
    "socket": (make_socket, "it is a socket, not a regular file"),
    "endless device": (lambda path: path.symlink_to("/dev/zero"), "it is a device, not a "),
    "empty device": (lambda path: path.symlink_to("/dev/null"), "it is a device, not a "),
    "link to itself": (make_circle, "Too many levels of symbolic links"),
    "link to nothing": (lambda path: path.symlink_to("gone"), "No such file or directory"),
    "nothing": (lambda _: None, "No such file or directory"),
    "large file": (lambda path: path.write_bytes(b"x" * 101), "it has 101 bytes, and 100 are the"),
}


@pytest.mark.parametrize("kind", KINDS)
def test_only_regular_files_of_some_size_are_read(kind: str, tmp_path: Path) -> None:
    make, reason = KINDS[kind]
    path = tmp_path / "file"
    make(path)
    with pytest.raises(UnreadableFileError, match=f"^{reason}"):
        read_file(path, max_bytes=100)


def test_name_that_no_file_can_have_is_refused() -> None:
    with pytest.raises(UnreadableFileError, match="no file of this name"):
        read_file(Path("a\0b"))
    assert look_at_file(Path("a\0b")) is None


def test_fifo_that_takes_the_place_of_the_file_between_look_and_open_does_not_block(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "file"
    path.write_text("one")
    really_open = os.open

    def open_later(opened: Path, flags: int) -> int:
        path.unlink()
        os.mkfifo(path)
        return really_open(opened, flags)

    monkeypatch.setattr(os, "open", open_later)
    with pytest.raises(UnreadableFileError, match="it is a FIFO"):
        read_file(path)


def test_largest_file_is_read_as_a_whole(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"x" * 100)
    path.chmod(0o640)
    content = read_file(path, max_bytes=100)
    assert (content.data, content.mode) == (b"x" * 100, 0o640)
    assert content.version == look_at_file(path)


@pytest.mark.parametrize("size", [0, 2, 6])
def test_file_that_changes_while_it_is_read_is_refused(
    size: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"1234")
    really_read = os.read
    changes = iter([size])

    def change_first(descriptor: int, count: int) -> bytes:
        for new_size in changes:
            path.write_bytes(b"x" * new_size)
        return really_read(descriptor, count)

    monkeypatch.setattr(os, "read", change_first)
    with pytest.raises(UnreadableFileError, match="changed while it was read"):
        read_file(path)


def test_content_that_comes_in_small_pieces_is_put_together(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"abcdef")
    really_read = os.read
    monkeypatch.setattr(os, "read", lambda descriptor, _: really_read(descriptor, 2))
    assert read_file(path).data == b"abcdef"


def test_no_descriptor_stays_open(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_text("one")
    (tmp_path / "large").write_bytes(b"x" * 9)
    before = open_descriptors()
    read_file(path)
    for name in ("large", "gone"):
        with pytest.raises(UnreadableFileError):
            read_file(tmp_path / name, max_bytes=8)
    assert open_descriptors() == before


@contextmanager
def descriptors_left(number: int) -> Iterator[Callable[[], int]]:
    """Files can be opened only while fewer than `number` of those opened here are open."""
    opened: set[int] = set()
    really_open, really_close = os.open, os.close

    def open_counted(*arguments: Any) -> int:
        if len(opened) >= number:
            raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))
        descriptor = really_open(*arguments)
        opened.add(descriptor)
        return descriptor

    def close_counted(descriptor: int) -> None:
        opened.discard(descriptor)
        really_close(descriptor)

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(os, "open", open_counted)
        patched.setattr(os, "close", close_counted)
        yield lambda: len(opened)


def test_spare_descriptor_is_given_up_for_a_file_and_taken_back(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_text("one")
    spare = SpareDescriptor()
    with descriptors_left(1) as used:
        spare.take()
        with pytest.raises(UnreadableFileError, match="Too many open files"):
            read_file(path)
        for _ in range(2):
            assert read_file(path, spare=spare).data == b"one"
            assert used() == 1
        assert spare.release()
        assert not spare.release()
        assert used() == 0


def test_spare_descriptor_that_is_lost_is_taken_when_there_is_one_again(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_text("one")
    spare = SpareDescriptor()
    with descriptors_left(0), pytest.raises(UnreadableFileError, match="Too many open files"):
        read_file(path, spare=spare)
    assert not spare.release()
    read_file(path, spare=spare)
    assert spare.release()


def test_version_tells_the_mode_and_the_file_behind_a_link(tmp_path: Path) -> None:
    one, two, link = (tmp_path / name for name in ("one", "two", "link"))
    for file in (one, two):
        file.write_text("same")
        os.utime(file, ns=(1, 1))
    link.symlink_to(one)
    seen: set[FileVersion | None] = {look_at_file(link)}
    draft = tmp_path / "draft"
    draft.symlink_to(two)
    draft.replace(link)
    seen.add(look_at_file(link))
    assert len(seen - {None}) == 2
