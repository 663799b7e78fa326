"""Passwords in URLs: hidden before anybody sees them."""

from __future__ import annotations

import re
from collections.abc import Iterable

_MASK = "***"

_START = re.compile(r"\s*(?:[A-Za-z][A-Za-z0-9+.\-]*:)?[/\\]{2,}+")
_NO_PASSWORD = re.compile(_START.pattern + r"[^:/?#\\\s]*(?::[0-9]{1,5})?(?=[/?#]|\Z)")
_INNER_PASSWORD = re.compile(r"([/\\]{2,}+[^:/?#\\\s]*:)[^/?#\\\s]*@")


def mask_password(url: str) -> str:
    """A URL with its password replaced by `***`; any other string as it is.

    A password with an unescaped `/`, `?`, `#` or `@` makes a URL that every program reads in its
    own way, and none as its writer meant it. So this does not parse. Where the authority is
    plainly `host`, `host:port` or either behind `user@`, there is no password. In all other strings
    everything from the first colon behind the scheme to the last `@` goes: a path with an `@` may
    go with it, which is the lesser harm.

    Browsers skip any number of slashes in front of the authority, and take a backslash for one
    (WHATWG's URL standard, 4.4, "special authority ignore slashes state"); so does this.

    The same holds for a URL in the path or query of another, as far as it is not escaped.
    """
    if "@" not in url:
        return url
    if plain := _NO_PASSWORD.match(url):
        rest = url[plain.end() :]
        return url[: plain.end()] + _INNER_PASSWORD.sub(rf"\g<1>{_MASK}@", rest)
    start = _START.match(url)
    colon = url.find(":", start.end() if start else 0)
    at = url.rfind("@")
    return url if colon < 0 or at < colon else url[: colon + 1] + _MASK + url[at:]


_MASKED_LOGIN = re.compile(
    rf"{_START.pattern}(?P<user>[^:/?#@\\\s]*):{re.escape(_MASK)}@"
    r"(?P<host>[^/?#@\\\s]+)(?=[/?#]|\Z)"
)


def is_masked(url: str) -> bool:
    """Whether a password in a URL is the mask, and so is not meant as it stands."""
    return f":{_MASK}@" in url


def unmask_password(url: str, stored: Iterable[str]) -> str | None:
    """A masked URL with the password that a stored URL has.

    That is the first URL which is served as this one; if there is none, the first of the same user,
    and of the same host and port: nobody can have a password sent somewhere else by it. Passwords
    are not compared with each other, or whoever stores a guess beside a password could learn
    whether it is right.

    Args:
        url: A URL that `is_masked`.
        stored: URLs with their passwords.

    Returns:
        The URL; None if there is no such password.
    """
    masked = [(candidate, mask_password(candidate)) for candidate in stored]
    for candidate, served in masked:
        if served == url:
            return candidate
    login = _login(url)
    for candidate, served in masked:
        if login is not None and _login(served) == login:
            start, end = served.split(_MASK)
            return url.replace(_MASK, candidate[len(start) : len(candidate) - len(end)])
    return None


def _login(masked: str) -> tuple[str, str] | None:
    """The user and the host of a masked URL; None if they cannot be told for sure."""
    found = _MASKED_LOGIN.match(masked)
    if found is None or masked.count(_MASK) != 1:
        return None
    return found["user"], found["host"].casefold()
