"""URLs that Starbelly can use: as seeds, as pages with a form to log in, and as proxies.

Starbelly reads URLs with the library yarl, and computes a rate limit from the host as ASCII. A seed
without a host, or with an internationalised one, ends its process. yarl reads a host in punycode
as the name that it stands for, so that punycode does not help.
"""

from __future__ import annotations

import re
from ipaddress import AddressValueError, IPv6Address
from typing import Final
from unicodedata import normalize
from urllib.parse import urlsplit

from graphql_api.masking import is_masked

PROXY_SCHEMES: Final = ("http", "https", "socks4", "socks4a", "socks5")
MAX_PORT: Final = 65_535
MAX_URL_CHARACTERS: Final = 65_536
"""How long a URL may be; regular expressions that look at it hold up everything else."""
MAX_HOST_CHARACTERS: Final = 253
"""The longest name that DNS has (RFC 1035, 2.3.4)."""

_SPACE: Final = "".join(map(chr, range(0x21)))
"""C0 controls and space: what yarl drops around a URL."""
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_LINE_BREAK = re.compile(r"[\t\r\n]")
"""What Python drops inside a URL, as browsers do."""
_URL = re.compile(r"([A-Za-z][A-Za-z0-9+.\-]*)://([^/?#]*)", re.ASCII)
_AUTHORITY = re.compile(
    r"(?:[^\[\]\\]*@)?(?P<host>\[[^\[\]@]*\]|[^\[\]@:\\]+)(?::(?P<port>[0-9]*))?", re.ASCII
)
_LABEL = r"[A-Za-z0-9_\-]{1,63}"
_HOST = re.compile(rf"{_LABEL}(?:\.{_LABEL})*\.?", re.ASCII)

ABSOLUTE: Final = "write an absolute http or https URL, such as https://example.com/"


def why_not_a_seed(url: str) -> str | None:
    """Why Starbelly cannot begin with a URL; None if it can."""
    why = why_not_a_page(url)
    if why is not None:
        return why
    authority = _authority(url)
    if not authority.isascii():
        return "the host, and a user name before it, must be ASCII"
    if "xn--" in authority.lower() and is_punycode(_host(url, authority) or ""):
        return (
            "Starbelly cannot crawl internationalised hosts, in punycode (`xn--`) as little as in "
            "letters"
        )
    return None


def why_not_a_page(url: str) -> str | None:
    """Why a URL is no absolute http or https URL with a host; None if it is."""
    if len(url) > MAX_URL_CHARACTERS:
        return f"it is longer than {MAX_URL_CHARACTERS} characters"
    if url != url.strip(_SPACE) or _CONTROL.search(url):
        return "there are spaces around it, or control characters in it"
    found = _URL.match(url)
    if found is None or found[1].lower() not in {"http", "https"}:
        return ABSOLUTE
    if not found[2]:
        return f"it names no host: {ABSOLUTE}"
    host = _host(url, found[2])
    if host is None or not is_host(_in_ascii(host) or ""):
        return f"its host, its port or its brackets are not valid: {ABSOLUTE}"
    return None


def origin_of(url: str) -> tuple[str, str]:
    """The scheme of a URL, and its host with the port as it is written; without a user."""
    found = _URL.match(url)
    if found is None:
        return "", ""
    return found[1].casefold(), found[2].rpartition("@")[2].casefold()


def goes_elsewhere(url: object, stored: object) -> bool:
    """Whether the page of a URL is of another scheme, host or port than that of a stored URL.

    A secret that is stored for the one must not be sent to the other. A URL that is no page's goes
    nowhere.
    """
    if not isinstance(url, str) or is_masked(url) or why_not_a_page(url) is not None:
        return False
    return not isinstance(stored, str) or origin_of(stored) != origin_of(url)


def is_proxy_url(url: str) -> bool:
    """Whether Starbelly accepts the URL of a proxy, and it names a host."""
    if len(url) > MAX_URL_CHARACTERS:
        return False
    url = _LINE_BREAK.sub("", url.strip(_SPACE))
    found = _URL.match(url)
    if found is None or found[1].lower() not in PROXY_SCHEMES:
        return False
    host = _host(url, found[2])
    if host is None or not host.strip():
        return False
    return is_host(host) if host.startswith("[") else _in_ascii(host) is not None


def is_host(host: str) -> bool:
    """Whether it is a name of letters, digits, `-` and `_` in ASCII, or `[` an IPv6 address `]`."""
    if host.startswith("["):
        address, _, zone = host[1:-1].partition("%")
        return is_ipv6(address) and zone.isascii()
    return len(host.rstrip(".")) <= MAX_HOST_CHARACTERS and _HOST.fullmatch(host) is not None


def is_ipv6(text: str) -> bool:
    """Whether it is an IPv6 address, without brackets and zone."""
    try:
        IPv6Address(text)
    except AddressValueError:
        return False
    return "%" not in text


def is_punycode(host: str) -> bool:
    """Whether a host has an internationalised label, in punycode."""
    return any(label[:4].lower() == "xn--" for label in host.split("."))


def why_not_a_domain(domain: str) -> tuple[str, str | None]:
    """Why a key of a domain login never matches the host of a URL, and the key that would.

    Returns:
        The reason, empty if it can match; and the key, None if there is none.
    """
    if domain == _bare_host(domain):
        return "", None
    return "it must be a bare host in lower case, as it stands in URLs", _bare_host(domain)


def _bare_host(text: str) -> str | None:
    """The host that is meant by a URL, or by a host with a port, a path or a user's name."""
    text = text.strip(_SPACE + "\u00a0")
    if is_ipv6(text):
        return IPv6Address(text).compressed
    text = re.sub(r"^[A-Za-z][A-Za-z0-9+.\-]*:(?=/)", "", text)
    found = _AUTHORITY.fullmatch(re.split(r"[/?#]", text.lstrip("/"), maxsplit=1)[0])
    if found is None:
        return None
    host = (_in_ascii(found["host"]) or "").lower().removeprefix("*.")
    if host.startswith("["):
        return IPv6Address(host[1:-1]).compressed if is_ipv6(host[1:-1]) else None
    return host if is_host(host) else None


def _in_ascii(host: str) -> str | None:
    """A host as it is sent, an internationalised one in punycode; None if that cannot be done."""
    if host.isascii():
        return host
    if "%" in normalize("NFKC", host):
        return None
    try:
        return host.encode("idna").decode("ascii")
    except UnicodeError:
        return None


def _authority(url: str) -> str:
    """The authority of a URL, between `//` and the path."""
    found = _URL.match(url)
    return "" if found is None else found[2]


def _host(url: str, text: str) -> str | None:
    """The host of a URL, an IPv6 address with its brackets; None if the authority is not valid.

    Args:
        url: The URL.
        text: Its authority.
    """
    authority = _AUTHORITY.fullmatch(text)
    if authority is None:
        return None
    port = authority["port"] or "0"
    if len(port.lstrip("0")) > len(str(MAX_PORT)) or int(port) > MAX_PORT:
        return None
    if not text.isascii():
        try:
            urlsplit(url)  # refuses letters that count as `/`, `?`, `#`, `@` or `:` (NFKC)
        except ValueError:
            return None
    return authority["host"]
