from __future__ import annotations

import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from graphql_api.schema.masking import is_masked, mask_password, unmask_password


@pytest.mark.parametrize(
    ("url", "masked"),
    [
        ("http://user:secret@host", "http://user:***@host"),
        ("http://user:secret@host:80/path?q#f", "http://user:***@host:80/path?q#f"),
        ("HTTP://user:secret@host", "HTTP://user:***@host"),
        ("socks5://user:secret@host:1080", "socks5://user:***@host:1080"),
        ("http://:secret@host", "http://:***@host"),
        ("http://user:@host", "http://user:***@host"),
        ("http://u:p@ss@host", "http://u:***@host"),
        ("http://u@h:p@ss@host", "http://u@h:***@host"),
        ("//u:p@h", "//u:***@h"),
        ("u:p@host:80", "u:***@host:80"),
        ("http:u:p@host", "http:***@host"),
        ("http:/u:p@host", "http:***@host"),
        (" http://u:p@host", " http://u:***@host"),
        ("ht tp://u:p@host", "ht tp:***@host"),
        ("http://u:p/w@host/path", "http://u:***@host/path"),
        ("http://u:p?w@host", "http://u:***@host"),
        ("http://u:p#w@host", "http://u:***@host"),
        ("http://u:p\\w@host", "http://u:***@host"),
        ("http://u:/w@host", "http://u:***@host"),
        ("http://u:123@host", "http://u:***@host"),
        ("http://u:p\nw@host", "http://u:***@host"),
        ("http://[::1]:p@host", "http://[:***@host"),
        ("http:///u:p@h", "http:///u:***@h"),
        ("http:////u:p@h/path", "http:////u:***@h/path"),
        ("http:\\\\u:p@h", "http:\\\\u:***@h"),
        ("http:/\\u:p@h", "http:/\\u:***@h"),
        ("http://proxy/http:///u:p@host/", "http://proxy/http:///u:***@host/"),
        ("http://proxy/http://u:p@host/", "http://proxy/http://u:***@host/"),
        ("http://host/?next=http://u:p@host", "http://host/?next=http://u:***@host"),
    ],
)
def test_password_is_masked(url: str, masked: str) -> None:
    assert mask_password(url) == masked


@pytest.mark.parametrize(
    "url",
    [
        "",
        "@",
        ":",
        "no URL at all",
        "http://host",
        "http://host:80/path",
        "https://example.com/@user",
        "https://example.com:8443/@user",
        "https://example.com/@user:name",
        "https://example.com?mail=a@b.c",
        "https://archive.example/web/https://example.com:443/@user",
        "http://[::1]:80/",
        "http:///host/@user",
        "///host:80/@user",
        "https:\\\\host:80/@user",
        "http://user@host:80/",
        "user@host",
    ],
)
def test_url_without_password_stays_as_it_is(url: str) -> None:
    assert mask_password(url) == url


SLASHES = re.compile(r"[/\\]{2,}$")
USERS = st.text(st.characters(exclude_characters=":/?#@\\", exclude_categories=["Z", "C"]))
STARTS = st.sampled_from(
    ["http://", "HTTPS://", "socks5h://", "//", "", "http:/", " ftp://"]
    + [f"http:{slashes}" for slashes in ("///", "////", "\\\\", "/\\", "\\/\\")]
)


@given(start=STARTS, user=USERS, password=st.text(min_size=1), rest=st.text())
@example(start="http://", user="", password="/", rest="")
def test_no_part_of_a_password_survives(start: str, user: str, password: str, rest: str) -> None:
    # What reads as a port and a path to every program is no password: http://host:80/@user.
    digits = password[: len(password) - len(password.lstrip("0123456789"))]
    if SLASHES.search(start) and digits and password[len(digits) :][:1] in tuple("/?#"):
        return
    masked = mask_password(f"{start}{user}:{password}@{rest}")
    head, _, tail = masked.partition("***")
    assert len(head) <= len(f"{start}{user}:")
    assert f"@{rest}".endswith(tail)


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
        return  # what reads as a port and a path to every program is no password
    assert unmask_password(f"{scheme}://{user}:***@{host}/new?x#y", [stored]) == (
        f"{scheme}://{user}:{password}@{host}/new?x#y"
    )


@given(user=NAMES, host=HOSTS, url=st.text(), wanted=HOSTS)
def test_password_is_sent_to_no_other_host(user: str, host: str, url: str, wanted: str) -> None:
    stored = f"https://{user}:hunter2@{host}"
    for masked in (url, f"https://{user}:***@{wanted}", f"https://{user}:***@{wanted}@{host}"):
        found = unmask_password(masked, [stored])
        assert found is None or f":hunter2@{host}" in found.casefold()


@pytest.mark.parametrize("guess", ["hunter2", "hunter3"])
@pytest.mark.parametrize("masked", ["http://u:***@h/a", "http://u:***@h/new"])
def test_guess_beside_a_password_does_not_show_whether_it_is_right(masked: str, guess: str) -> None:
    stored = ["http://u:hunter2@h/a", f"http://u:{guess}@h/b", f"http://u:{guess}@h/a"]
    assert unmask_password(masked, stored) == masked.replace("***", "hunter2")


@pytest.mark.parametrize(
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
def test_password_that_cannot_be_told_for_sure_is_not_taken(masked: str, stored: list[str]) -> None:
    assert is_masked(masked)
    assert unmask_password(masked, stored) is None
