from __future__ import annotations

import sys
import unicodedata

from hypothesis import given
from hypothesis import strategies as st

from graphql_api import masking
from graphql_api.masking import is_masked, mask_password, mask_passwords_in, unmask_password
from tests.for_each import for_each
from tests.properties import examples


@for_each(
    ("url", "masked"),
    [
        ("http://user:secret@host", "http://user:***@host"),
        ("http://user:secret@host:80/path?q#f", "http://user:***@host:80/path?q#f"),
        ("HTTP://user:secret@host", "HTTP://user:***@host"),
        ("socks5://user:secret@host:1080", "socks5://user:***@host:1080"),
        ("http://:secret@host", "http://:***@host"),
        ("http://user:@host", "http://user:***@host"),
        ("http://u:p:ss@host", "http://u:***@host"),
        ("http://u:p%40ss@host", "http://u:***@host"),
        ("http://u%20v:p@host", "http://u%20v:***@host"),
        ("//u:p@h", "//u:***@h"),
        ("u:p@host:80", "u:***@host:80"),
        ("http:u:p@host", "http:***@host"),
        (" http://u:p@host", " http://u:***@host"),
        ("http://u:123@host", "http://u:***@host"),
        ("http://u:p@[::1]:80/", "http://u:***@[::1]:80/"),
        ("http:///u:p@h", "http:///u:***@h"),
        ("http:////u:p@h/path", "http:////u:***@h/path"),
        ("http:\\\\u:p@h", "http:\\\\u:***@h"),
        ("http:/\\u:p@h", "http:/\\u:***@h"),
        ("http://proxy/http:///u:p@host/", "http://proxy/http:///u:***@host/"),
        ("http://proxy/http://u:p@host/", "http://proxy/http://u:***@host/"),
        ("http://host/?next=http://u:p@host", "http://host/?next=http://u:***@host"),
        ("http://host/u:p@host", "http://host/u:***@host"),
    ],
)
def test_password_is_masked(url: str, masked: str) -> None:
    assert mask_password(url) == masked


@for_each(
    ("text", "masked"),
    [
        (
            'File "x.py"\n@wraps\nInvalidURL: http://u:secret@host:99999/x\nend a@b.example',
            'File "x.py"\n@wraps\nInvalidURL: http://u:***@host:99999/x\nend a@b.example',
        ),
        ("url=URL('http://u:secret@host/')", "url=URL('http://u:***@host/')"),
        ("<https://u:secret@host/>; rel=next", "<https://u:***@host/>; rel=next"),
        ("proxy socks5://u:sec ret@host:1 failed", "proxy socks5://***@host:1 failed"),
        ("http://a:secret@one http://b:secret@two", "http://***@two"),
        ("see //u:secret@host", "see //u:***@host"),
        ("next=http%3A%2F%2Fu:secret%40host", "next=***%40host"),
        ("100 % of http://host/ at noon", "100 % of http://host/ at noon"),
    ],
)
def test_passwords_of_urls_in_a_text_are_masked(text: str, masked: str) -> None:
    assert mask_passwords_in(text) == masked


@given(st.text(), st.text(alphabet=st.characters(exclude_categories=["Cc", "Zl", "Zp"])))
def test_no_text_around_a_url_uncovers_its_password(before: str, after: str) -> None:
    assert "hunter2" not in mask_passwords_in(f"{before}http://user:hunter2@host{after}")


DOUBTFUL = [
    ("http://u:p@ss@host", "http://***@host"),
    ("http://u@h:p@ss@host", "http://***@host"),
    ("http://u:p@host/x@y", "http://***@y"),
    ("http:/u:p@host", "***@host"),
    ("ht tp://u:p@host", "***@host"),
    ("ht\ntp://u:p@host", "***@host"),
    ("see http://u:p@host now", "***@host now"),
    ("http://u:p/w@host/path", "http://***@host/path"),
    ("http://u:12/w@host", "http://***@host"),
    ("http://u:12?w@host", "http://***@host"),
    ("http://u:12#w@host", "http://***@host"),
    ("http://u:12\\w@host", "http://***@host"),
    ("http://u:/w@host", "http://***@host"),
    ("http://u:p?w@host", "http://***@host"),
    ("http://u:p#w@host", "http://***@host"),
    ("http://u:p\\w@host", "http://***@host"),
    ("http://domain\\u:p@host", "http://***@host"),
    ("http://u:p\nw@host", "http://***@host"),
    ("http://u:p w@host", "http://***@host"),
    ("http://[::1]:p@host", "http://***@host"),
    ("http://u%3Ap@host", "http://***@host"),
    ("http://u%3ap@host", "http://***@host"),
    ("http://u%253Ap@host", "http://***@host"),
    ("http://u:p%40host", "http://***%40host"),
    ("http://u:12/w%40host", "http://***%40host"),
    ("http://u%3Ap%2540host", "http://***%2540host"),
    ("http://u\uff1ap\uff20host", "http://***\uff20host"),
    ("http://u\ufe55p@host", "http://***@host"),
    ("http://u:p\uff0fw@host", "http://***@host"),
    ("http://host:80/@user", "http://***@user"),
    ("host:80/@user", "***@user"),
]


@for_each(("url", "masked"), DOUBTFUL)
def test_url_in_doubt_keeps_nothing_before_its_last_at(url: str, masked: str) -> None:
    assert mask_password(url) == masked


@for_each(
    "url",
    [
        "",
        "@",
        ":",
        "no URL at all",
        "http://host",
        "http://host:80/path",
        "https://example.com/@user",
        "https://example.com:8443/",
        "https://example.com/@user/x",
        "https://example.com/%40user",
        "https://example.com/@user:name",
        "https://example.com?mail=a@b.c",
        "https://example.com/?to=mailto:a@b.c",
        "https://example.com/?next=https%3A%2F%2Fexample.org%2F%40user",
        "https://archive.example/web/https://example.com/@user",
        "http://[::1]:80/",
        "http:///host/@user",
        "///host:80/user",
        "https:\\\\host/@user",
        "http://[fe80::1%25eth0]/@user",
        "http://user@host:80/",
        "user@host",
    ],
)
def test_url_without_password_stays_as_it_is(url: str) -> None:
    assert mask_password(url) == url


# A URL is a start, a user, a colon, a password, an `@` and a rest; each in its ordinary form or in
# any of the odd ones.

STARTS = st.sampled_from(
    ["http://", "HTTPS://", "socks5h://", "//", "", "http:/", "http:", " ftp://", "\thttp://"]
    + ["ht\ntp://", "h ttp://", "see http://", "http//", "://", "1http://", "http://h/http://"]
    + [f"http:{slashes}" for slashes in ("///", "////", "\\\\", "/\\", "\\/\\")]
)
COLONS = st.sampled_from(
    [":", ":", ":", "%3A", "%3a", "%253A", "\uff1a", "\ufe55", "\ufe13", "\uff053A", "::"]
)
ATS = st.sampled_from(["@", "@", "@", "%40", "%2540", "\uff20", "\ufe6b", "\uff0540", "@@"])
JUNK = st.one_of(
    st.text(max_size=3),
    st.sampled_from(
        [*"/?#\\@:[]%&;=+ \t\r\n\0\uff05\uff0f\uff20\uff1a", "//", "%2F", "%40", "[::1]"]
    ),
    st.from_regex(r"[0-9]{1,6}", fullmatch=True),
)
USERS = st.lists(JUNK | st.just("user"), max_size=2).map("".join)
REST = st.one_of(
    st.sampled_from(["h", "h:80", "h:80/p?q#f", "[::1]", "[::1]:80/", "h/@x", "h/?m=a@b.c", ""]),
    st.text(max_size=10),
)
SECRETS = ("Kittiwake", "Guillemot")


@st.composite
def passwords(draw: st.DrawFn) -> str:
    """A password that holds both secrets, and whatever else there is between and around them."""
    before, between, after = (draw(st.just("") | JUNK) for _ in range(3))
    return before + SECRETS[0] + between + SECRETS[1] + after


URLS = st.tuples(STARTS, USERS, COLONS, passwords(), ATS, REST).map("".join)


@examples(1000)
@given(URLS)
def test_no_part_of_a_password_survives(url: str) -> None:
    masked = mask_password(url)
    assert not any(secret in masked for secret in SECRETS), (url, masked)


def test_every_character_that_may_become_a_separator_is_known() -> None:
    """Those that a host's normal form (NFKC) has instead of them, as unicodedata knows them."""
    known = {
        character
        for character in map(chr, range(128, sys.maxunicode + 1))
        if unicodedata.decomposition(character)  # without one it is its own normal form
        and set("@:/?#\\%[]") & set(unicodedata.normalize("NFKC", character))
    }
    assert known <= set(masking._LOOKALIKES)


@given(st.text())
def test_any_text_is_masked_once_and_for_all(text: str) -> None:
    masked = mask_password(text)
    assert mask_password(masked) == masked


HOSTS = st.from_regex(r"[a-z]{1,8}(\.[a-z]{2,4})?(:[0-9]{2,4})?", fullmatch=True)
NAMES = st.from_regex(r"[A-Za-z0-9._%~-]{1,8}", fullmatch=True)
PASSWORDS = st.text(min_size=1).filter(lambda text: "***" not in text)


@given(st.text(), st.lists(st.text()))
def test_url_as_it_is_served_stands_for_the_stored_one(url: str, others: list[str]) -> None:
    masked = mask_password(url)
    stored = [other for other in others if mask_password(other) != masked]
    assert unmask_password(masked, [*stored, url]) == url


@given(user=NAMES, password=PASSWORDS, host=HOSTS, scheme=st.sampled_from(["http", "socks5"]))
def test_password_stays_with_its_user_and_host(
    user: str, password: str, host: str, scheme: str
) -> None:
    stored = f"https://{user}:{password}@{host}"
    if mask_password(stored) != f"https://{user}:***@{host}":
        return  # where the user ends is in doubt
    assert unmask_password(f"{scheme}://{user}:***@{host}/new?x#y", [stored]) == (
        f"{scheme}://{user}:{password}@{host}/new?x#y"
    )


@given(user=NAMES, host=HOSTS, url=st.text(), wanted=HOSTS)
def test_password_is_sent_to_no_other_host(user: str, host: str, url: str, wanted: str) -> None:
    stored = f"https://{user}:hunter2@{host}"
    for masked in (url, f"https://{user}:***@{wanted}", f"https://{user}:***@{wanted}@{host}"):
        found = unmask_password(masked, [stored])
        assert found is None or f":hunter2@{host}" in found.casefold()


@for_each("guess", ["hunter2", "hunter3"])
@for_each("masked", ["http://u:***@h/a", "http://u:***@h/new"])
def test_guess_beside_a_password_does_not_show_whether_it_is_right(masked: str, guess: str) -> None:
    stored = ["http://u:hunter2@h/a", f"http://u:{guess}@h/b", f"http://u:{guess}@h/a"]
    assert unmask_password(masked, stored) == masked.replace("***", "hunter2")


@for_each(
    ("masked", "stored"),
    [
        ("http://u:***@h", []),
        ("http://u:***@h", ["http://u@h", "http://h", ""]),
        ("http://u:***@h@evil", ["http://u:1@h"]),
        ("http://u:***@h\\@evil", ["http://u:1@h"]),
        ("http://u:***@h evil", ["http://u:1@h"]),
        ("http://evil/http://u:***@h", ["http://u:1@h"]),
        ("http://evil\\u:***@h", ["http://u:1@h"]),
        ("http://U:***@h", ["http://u:1@h"]),
    ],
)
def test_password_that_is_not_certain_is_not_taken(masked: str, stored: list[str]) -> None:
    assert is_masked(masked)
    assert unmask_password(masked, stored) is None
