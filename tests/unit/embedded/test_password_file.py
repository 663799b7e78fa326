"""The password file: made once, whole, and for its owner alone."""

from __future__ import annotations

import os
import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from graphql_api.embedded import PasswordFileError, load_or_create_password


@pytest.mark.parametrize("umask", [0o000, 0o077])
def test_password_is_made_and_found_again(tmp_path: Path, umask: int) -> None:
    path = tmp_path / "new" / "password"
    before = os.umask(umask)
    try:
        password = load_or_create_password(path)
    finally:
        os.umask(before)
    assert len(password) >= 32
    assert load_or_create_password(path) == password
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) & 0o077 == 0
    assert list(path.parent.iterdir()) == [path]


def test_passwords_differ(tmp_path: Path) -> None:
    assert load_or_create_password(tmp_path / "a") != load_or_create_password(tmp_path / "b")


def test_all_who_start_at_once_get_one_password(tmp_path: Path) -> None:
    path = tmp_path / "password"
    with ThreadPoolExecutor(8) as executor:
        passwords = set(executor.map(lambda _: load_or_create_password(path), range(32)))
    assert len(passwords) == 1
    assert list(tmp_path.iterdir()) == [path]


def test_maker_that_removes_its_draft_disturbs_no_reader(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, draft = tmp_path / "password", tmp_path / "password.draft"
    password = load_or_create_password(path)
    draft.hardlink_to(path)
    read = os.read

    def read_slowly(descriptor: int, size: int) -> bytes:
        if draft.exists():
            before_ns = path.stat().st_ctime_ns
            while path.stat().st_ctime_ns == before_ns:  # the clock of the files ticks slowly
                path.chmod(0o600)
            draft.unlink()
        return read(descriptor, size)

    monkeypatch.setattr(os, "read", read_slowly)
    assert load_or_create_password(path) == password


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o644, 0o660])
def test_file_that_others_can_use_is_refused(tmp_path: Path, mode: int) -> None:
    path = tmp_path / "password"
    path.write_text("secret")
    path.chmod(mode)
    with pytest.raises(PasswordFileError) as caught:
        load_or_create_password(path)
    assert str(caught.value) == (
        f"Others than its owner can use the password file {path}; run `chmod 600 {path}`, or "
        "delete it for a new password."
    )


def test_empty_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "password"
    path.touch(0o600)
    with pytest.raises(PasswordFileError, match="is empty; delete it"):
        load_or_create_password(path)


def test_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(PasswordFileError, match="Cannot use the password file"):
        load_or_create_password(tmp_path)


def test_file_below_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(PasswordFileError, match="Cannot use the password file"):
        load_or_create_password(tmp_path / "file" / "password")
