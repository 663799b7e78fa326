"""Passwords in URLs: masked before a URL is served, logged or shown.

```
 http://user:password@host/path     beyond doubt       http://user:***@host/path
 http://host/path@tail              beyond doubt       http://host/path@tail
 http://user:12/password@host       in doubt           http://***@host
 http://host/path:password@tail     in doubt           http://host/path:***@tail
```

A password with an unescaped `/`, `?`, `#` or `@`, or a separator that is percent-encoded or looks
like another character, makes a URL that each program reads in its own way, and none as its writer
meant it. So nothing here decides what such a URL means: everything that may be a password goes. A
path may go with it, which is the lesser harm: the URL as it is served still stands for the stored
one (`unmask_password`).
"""

from __future__ import annotations

import re
from collections.abc import Iterable

_MASK = "***"

_LOOKALIKES = (
    "\u2047\u2048\u2049\u2100\u2101\u2105\u2106\u2a74\ufe13\ufe16\ufe47\ufe48\ufe55"
    "\ufe56\ufe5f\ufe68\ufe6a\ufe6b\uff03\uff05\uff0f\uff1a\uff1f\uff20\uff3b\uff3c\uff3d"
)
"""What becomes one of `@:/?#\\%[]`, alone or with others, in Unicode's compatibility forms (NFKC).
Some programs bring a host into that form before they look at it."""

_PERCENT = "[%\uff05\ufe6a](?:25)*"  # also of what has been percent-encoded twice
_AT = f"(?:[@\uff20\ufe6b]|{_PERCENT}40)"
_COLON = f"(?:[:\uff1a\ufe55\ufe13\u2a74]|{_PERCENT}3[Aa])"
_SLASH = f"(?:[/\\\\]|{_PERCENT}(?:2[Ff]|5[Cc]))"

# Browsers skip any number of slashes in front of the authority, and take a backslash for one
# (WHATWG's URL standard, 4.4, "special authority ignore slashes state").
_START = re.compile(r"\s*(?:[A-Za-z][A-Za-z0-9+.\-]*:)?[/\\]{2,}+")

_MAX_SCHEME = 20
_SLASHES = re.compile(rf"{_SLASH}{{2}}")
_SCHEME_BEFORE = re.compile(rf"[A-Za-z][A-Za-z0-9+.\-]*{_COLON}\Z")

_PLAIN = rf"[^:/?#@\\%\[\]\s\x00-\x1f\x7f{_LOOKALIKES}]"
_HOST = rf"(?:{_PLAIN}*|\[[0-9A-Fa-f:.]+(?:%[A-Za-z0-9._~%-]+)?\])"
_PORT = r"(?::[0-9]{0,5})"
_USER = rf"(?:{_PLAIN}|%(?!(?:25)*(?:40|3[Aa])))*"
_PASSWORD = rf"[^/?#@\\\[\]\s\x00-\x1f\x7f{_LOOKALIKES}]*"
_END = r"(?=[/?#]|\Z)"

_WITHOUT_PASSWORD = re.compile(rf"(?:{_USER}@)?{_HOST}(?P<port>{_PORT}?){_END}")
_WITH_PASSWORD = re.compile(rf"(?P<user>{_USER}):{_PASSWORD}(?P<host>@{_HOST}{_PORT}?){_END}")

_ANY_AT = re.compile(_AT)
_COLON_OF_A_PATH = re.compile(
    # In the path or query of a URL, these are part of a URL of their own, and no user's end.
    rf"\b(?:https?|wss?|ftps?|socks[45]?[ah]?){_COLON}{_SLASH}{{2}}"
    rf"|\b(?:mailto|acct|sips?|xmpp){_COLON}|(?P<colon>{_COLON})",
    re.IGNORECASE,
)


def mask_password(url: str) -> str:
    """A URL with its password replaced by `***`; any other string as it is.

    - `user:password@host`, written as RFC 3986 has it and with no further `@` behind it, keeps
      everything but the password.
    - `host`, `host:port` and either behind `user@` have no password. But digits and a slash may
      begin one: `user:12/password@host`. So a port with an `@` somewhere behind it is in doubt.
    - Of a URL in doubt, everything between the scheme and the last `@` goes.
    - Of a path and query behind an authority without password or doubt, everything between a colon
      and the last `@` goes: a user's name may hold a slash, and a path the URL of something else.

    What counts as `@`, colon or slash may be percent-encoded, or be one only in Unicode's
    compatibility forms.
    """
    if url.isascii() and "@" not in url and "%" not in url:
        return url
    last_at = _last_at(url)
    if last_at < 0:
        return url
    start = _START.match(url)
    begin = start.end() if start else 0
    if found := _WITHOUT_PASSWORD.match(url, begin):
        if last_at < found.end():
            return url
        if not found["port"]:
            return url[: found.end()] + _mask_rest(url[found.end() :])
    elif (found := _WITH_PASSWORD.match(url, begin)) and last_at == found.start("host"):
        return f"{url[: found.end('user')]}:{_MASK}{url[last_at:]}"
    return url[:begin] + _MASK + url[last_at:]


def mask_passwords_in(text: str) -> str:
    """A text with the passwords of the URLs in it replaced, such as the report of an exception.

    Each line is kept up to its first URL, and from there on it is masked like one URL.
    """
    if text.isascii() and "@" not in text and "%" not in text:
        return text
    return "\n".join(map(_mask_line, text.split("\n")))


def _mask_line(line: str) -> str:
    slashes = _SLASHES.search(line)
    if slashes is None:
        return line
    scheme = _SCHEME_BEFORE.search(line, max(0, slashes.start() - _MAX_SCHEME), slashes.start())
    begin = slashes.start() if scheme is None else scheme.start()
    return line[:begin] + mask_password(line[begin:])


def _mask_rest(rest: str) -> str:
    """The path, query and fragment of a URL whose authority holds no password."""
    last_at = _last_at(rest)
    for found in _COLON_OF_A_PATH.finditer(rest, 0, last_at):
        if found["colon"]:
            return rest[: found.end()] + _MASK + rest[last_at:]
    return rest


def _last_at(text: str) -> int:
    """Where the last `@` begins; -1 if there is none."""
    return max((found.start() for found in _ANY_AT.finditer(text)), default=-1)


_IS_MASKED = re.compile(re.escape(_MASK) + _AT)
_MASKED_LOGIN = re.compile(
    rf"{_START.pattern}(?P<user>[^:/?#@\\\s]*):{re.escape(_MASK)}@"
    r"(?P<host>[^/?#@\\\s]+)(?=[/?#]|\Z)"
)


def is_masked(url: str) -> bool:
    """Whether a password in a URL is the mask, and so is not meant as it stands."""
    return _IS_MASKED.search(url) is not None


def unmask_password(url: str, stored: Iterable[str]) -> str | None:
    """A masked URL with the password that a stored URL has.

    That is the first URL which is served as this one; if there is none, the first of the same user,
    and of the same host and port: so no client can have a password sent to another host. Passwords
    are not compared with each other, or a client that stores a guess beside a password could learn
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
    """The user and the host of a masked URL; None if they are not certain."""
    found = _MASKED_LOGIN.match(masked)
    if found is None or masked.count(_MASK) != 1:
        return None
    return found["user"], found["host"].casefold()
