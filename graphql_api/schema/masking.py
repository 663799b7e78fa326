"""Passwords in URLs: hidden before anybody sees them."""

from __future__ import annotations

import re

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
