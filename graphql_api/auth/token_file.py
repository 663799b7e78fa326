"""Changes of the token file, for the command `token`.

A server that uses the file may read it at any moment, and two commands may run at once: so the file
is replaced as a whole, under a lock.
"""

from __future__ import annotations

import errno
import os
import secrets
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from graphql_api.auth.api_token import ApiToken, Tokens
from graphql_api.errors import ConfigurationError
from graphql_api.files import UnreadableFileError, read_file, shown_path

if sys.platform != "win32":
    import fcntl


def read_tokens(path: Path) -> tuple[ApiToken, ...]:
    """The tokens of a file.

    Raises:
        ConfigurationError: It cannot be read, or is no token file.
    """
    with _explained(path):
        return _tokens(path)


def add_token(path: Path, token: ApiToken) -> None:
    """Add a token to a file, which is made, with mode 0600, if there is none.

    Raises:
        ConfigurationError: The file cannot be read or written, or has a token of this name.
    """
    with _explained(path), _locked(path) as file:
        before = _tokens(file) if os.path.lexists(file) else ()
        if any(token.name == other.name for other in before):
            raise ConfigurationError(f"there is a token {token.name} already; revoke it first")
        _replace(file, Tokens(tokens=(*before, token)))


def remove_token(path: Path, name: str) -> None:
    """Remove the token with a name from a file.

    Raises:
        ConfigurationError: The file cannot be read or written, or has no token of this name.
    """
    with _explained(path), _locked(path) as file:
        before = _tokens(file)
        after = tuple(token for token in before if token.name != name)
        if len(after) == len(before):
            # The name is not repeated: people write the token itself here.
            raise ConfigurationError("there is no token of this name")
        _replace(file, Tokens(tokens=after))


def _tokens(file: Path) -> tuple[ApiToken, ...]:
    return Tokens.parse(read_file(file).data).tokens


@contextmanager
def _explained(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise ConfigurationError(
            f"token file {shown_path(path)}: {error.strerror or error}"
        ) from error
    except (UnreadableFileError, ConfigurationError) as error:
        raise ConfigurationError(f"token file {shown_path(path)}: {error}") from error


@contextmanager
def _locked(path: Path) -> Iterator[Path]:
    """The file itself, where the path is a link; other commands wait until this one is done."""
    try:
        file = path.resolve()
    except RuntimeError as error:  # of links that lead in a circle, before Python 3.13
        raise OSError(errno.ELOOP, os.strerror(errno.ELOOP)) from error
    if sys.platform == "win32":
        yield file
        return
    # The directory is what is locked: the file is another one after each change.
    descriptor = os.open(file.parent, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield file
    finally:
        os.close(descriptor)


def _replace(file: Path, tokens: Tokens) -> None:
    draft = file.with_name(f".{file.name}.{secrets.token_hex(8)}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as opened:
            opened.write(tokens.dump())
            opened.flush()
            with suppress(FileNotFoundError):
                # The users that can read the old file can read the new one: a server that cannot
                # read it goes on with the tokens that it has, the revoked one among them.
                status = file.stat()
                os.fchmod(descriptor, status.st_mode & 0o777)
                if (status.st_uid, status.st_gid) != (os.geteuid(), os.getegid()):
                    os.fchown(descriptor, status.st_uid, status.st_gid)
            os.fsync(descriptor)
        draft.replace(file)
    except BaseException:
        draft.unlink()
        raise
