"""A random password, kept in a file that its owner alone can read."""

from __future__ import annotations

import os
import secrets
import stat
from contextlib import suppress
from typing import TYPE_CHECKING

from graphql_api.embedded.errors import PasswordFileError
from graphql_api.files import ChangedFileError, FileContent, UnreadableFileError, read_file

if TYPE_CHECKING:
    from pathlib import Path

_PASSWORD_BYTES = 24
_MAX_BYTES = 64 * 1024
_OTHERS = stat.S_IRWXG | stat.S_IRWXO


def load_or_create_password(path: Path) -> str:
    """Return the password in a file; make both if there is no file.

    Two processes that start at once get the same password: the file appears whole or not at all.

    Args:
        path: The file. It is created with mode 0600, its directory with mode 0700.

    Raises:
        PasswordFileError: The file cannot be made or read, is empty, or others can read it.
    """
    try:
        with suppress(FileNotFoundError):
            return _load(path)
        return _create(path)
    except OSError as error:
        reason = error.strerror or str(error)
        raise PasswordFileError(f"Cannot use the password file {path}: {reason}.") from error


def _load(path: Path) -> str:
    if not os.path.lexists(path):
        raise FileNotFoundError(path)
    try:
        content = _read(path)
        password = content.data.decode().strip()
    except (UnreadableFileError, UnicodeDecodeError) as error:
        reason = "it is not UTF-8" if isinstance(error, UnicodeDecodeError) else error
        raise PasswordFileError(f"Cannot use the password file {path}: {reason}.") from error
    if content.mode & _OTHERS:
        raise PasswordFileError(
            f"Others than its owner can use the password file {path}; run "
            f"`chmod 600 {path}`, or delete it for a new password."
        )
    if not password:
        raise PasswordFileError(f"The password file {path} is empty; delete it for a new password.")
    return password


def _read(path: Path) -> FileContent:
    try:
        return read_file(path, max_bytes=_MAX_BYTES)
    except ChangedFileError:
        # Its maker has removed the draft, which was a second link to it. That happens once.
        return read_file(path, max_bytes=_MAX_BYTES)


def _create(path: Path) -> str:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    password = secrets.token_urlsafe(_PASSWORD_BYTES)
    draft = path.with_name(f"{path.name}.{secrets.token_hex(8)}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with open(descriptor, "w", encoding="utf-8") as file:  # noqa: PTH123  opened already
            file.write(password + "\n")
            file.flush()
            os.fsync(descriptor)
        try:
            # Unlike a rename, a link fails if another process was faster.
            os.link(draft, path)
        except FileExistsError:
            return _load(path)
        return password
    finally:
        draft.unlink()
