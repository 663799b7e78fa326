from __future__ import annotations

from pathlib import Path

import certifi
import pytest

from graphql_api.errors import ConfigurationError
from graphql_api.rethink.url import DatabaseURL
from tests.for_each import for_each


@for_each(
    ("text", "expected"),
    [
        ("rethinkdb://db.local/starbelly", DatabaseURL("db.local", 28015, "starbelly")),
        ("rethinkdb://10.0.0.1:1234/x-1_2", DatabaseURL("10.0.0.1", 1234, "x-1_2")),
        ("rethinkdb://[::1]/starbelly", DatabaseURL("::1", 28015, "starbelly")),
        ("rethinkdb://[fe80::1]:99/starbelly", DatabaseURL("fe80::1", 99, "starbelly")),
        ("rethinkdb://app@h/d", DatabaseURL("h", 28015, "d", "app")),
        ("rethinkdb://app:s3cret@h:5/d", DatabaseURL("h", 5, "d", "app", "s3cret")),
        ("rethinkdb://app:@h/d", DatabaseURL("h", 28015, "d", "app", "")),
        ("rethinkdb://a%40b:%2F%3F%23%40%3A@h/d", DatabaseURL("h", 28015, "d", "a@b", "/?#@:")),
        ("rethinkdb://app:a:b@h/d", DatabaseURL("h", 28015, "d", "app", "a:b")),
        ("rethinkdb://app:p%C3%A4%C3%9F@h/d", DatabaseURL("h", 28015, "d", "app", "päß")),
        ("rethinkdb://app:€@h/d", DatabaseURL("h", 28015, "d", "app", "€")),
        ("rethinkdb://app%3D@h/d", DatabaseURL("h", 28015, "d", "app=")),
        ("RethinkDB://h/d", DatabaseURL("h", 28015, "d")),
        ("rethinkdb://h,g/d", DatabaseURL("h", 28015, "d", others=(("g", 28015),))),
        (
            "rethinkdb://a:x%2C%40@h:1,[::1],[fe80::1]:5,10.0.0.1/d",
            DatabaseURL(
                "h",
                1,
                "d",
                "a",
                "x,@",
                others=(("::1", 28015), ("fe80::1", 5), ("10.0.0.1", 28015)),
            ),
        ),
        ("rethinkdb://h:1,h:2/d", DatabaseURL("h", 1, "d", others=(("h", 2),))),
        (
            "rethinkdb://a:b,c@h,g/d",
            DatabaseURL("h", 28015, "d", "a", "b,c", None, (("g", 28015),)),
        ),
    ],
)
def test_url_is_taken_apart(text: str, expected: DatabaseURL) -> None:
    assert DatabaseURL.parse(text) == expected


def test_ca_certs_are_read_from_the_query() -> None:
    url = DatabaseURL.parse(f"rethinkdb://h/d?ca_certs={certifi.where()}")
    assert url.ca_certs == certifi.where()


@for_each(
    ("text", "complaint"),
    [
        ("", "does not begin with rethinkdb://"),
        ("localhost:28015", "does not begin with rethinkdb://"),
        ("postgres://h/d", "does not begin with rethinkdb://"),
        ("rethinkdb:/h/d", "does not begin with rethinkdb://"),
        ("rethinkdb:///d", "host is missing"),
        ("rethinkdb://app@/d", "host is missing"),
        ("rethinkdb://@h/d", "user is empty"),
        ("rethinkdb://:hunter2@h/d", "user is empty"),
        ("rethinkdb://[::1/d", "the host is not a name or an address"),
        ("rethinkdb://h:99999/d", "port is not a number up to 65535"),
        ("rethinkdb://h:-1/d", "port is not a number up to 65535"),
        ("rethinkdb://h:0/d", "port is 0"),
        ("rethinkdb://app:hunter2/x@h/d", "port is not a number"),
        ("rethinkdb://app:hunter2?x@h/d", "port is not a number"),
        ("rethinkdb://app:hunter2#x@h/d", "'#'; in a password, write %23"),
        ("rethinkdb://app:12/hunter2@h/d", "the database's name may hold only"),
        ("rethinkdb://app:12/d?hunter2@h/d", "only ca_certs=FILE"),
        ("rethinkdb://app:hunter2\udcff@h/d", "the password is not in UTF-8"),
        ("rethinkdb://a,b:hunter2@h/d", "misreads a user name with ',' or '='"),
        ("rethinkdb://a%3Db:hunter2@h/d", "misreads a user name with ',' or '='"),
        ("rethinkdb://äpp:hunter2@h/d", "user name in ASCII"),
        ("rethinkdb://app:hunter2%FF@h/d", "not in UTF-8"),
        ("rethinkdb://app:hunter2 @h/d", "space or a control character"),
        ("rethinkdb://app:hunter\t2@h/d", "space or a control character"),
        ("rethinkdb://h", "database is missing"),
        ("rethinkdb://h/", "database is missing"),
        ("rethinkdb://h/a/b", "name may hold only"),
        ("rethinkdb://h/d?timeout=3", "only ca_certs=FILE"),
        ("rethinkdb://h/d?ca_certs=a&ca_certs=b", "only ca_certs=FILE"),
        ("rethinkdb://h/d?ca_certs=/no/such/file", "No such file"),
        ("rethinkdb://h/d?ca_certs", "only ca_certs=FILE"),
        ("rethinkdb://app:hunter2@h,/d", "commas a host is missing"),
        ("rethinkdb://app:hunter2@,h/d", "commas a host is missing"),
        ("rethinkdb://app:hunter2@h,,g/d", "commas a host is missing"),
        ("rethinkdb://app:hunter2@h, ,g/d", "commas a host is missing"),
        ("rethinkdb://app:hunter2@h, g/d", "a space between its hosts"),
        ("rethinkdb://app:hunter2@h,:5/d", "the host is missing"),
        ("rethinkdb://app:hunter2@h,g:0/d", "port is 0"),
        ("rethinkdb://app:hunter2@h,g:x/d", "port is not a number"),
        ("rethinkdb://app:hunter2@h,[::1/d", "an IPv6 one stands in []"),
        ("rethinkdb://app:hunter2@h,::1/d", "the host is missing"),
        ("rethinkdb://app:hunter2@h,g,H:28015/d", "two of its hosts are the same"),
        ("rethinkdb://app:hunter2@h,app:hunter2@g/d", "user and password stand once"),
        ("rethinkdb://app:hunter2@h,%2C/d", "no name or address has"),
        ("rethinkdb://app:hunter2@%20/d", "no name or address has"),
        ("rethinkdb://app:1,hunter2/x@h,g/d", "name may hold only"),
    ],
)
def test_wrong_url_is_one_line_that_says_what_and_never_the_password(
    text: str, complaint: str
) -> None:
    with pytest.raises(ConfigurationError) as caught:
        DatabaseURL.parse(text)
    message = str(caught.value)
    assert complaint in message
    assert "hunter" not in message
    assert "\n" not in message


def test_ca_certs_must_hold_a_certificate(tmp_path: Path) -> None:
    file = tmp_path / "ca.pem"
    file.write_text("nothing")
    with pytest.raises(ConfigurationError, match="file of ca_certs cannot be used"):
        DatabaseURL.parse(f"rethinkdb://h/d?ca_certs={file}")


def test_no_text_form_shows_the_password() -> None:
    url = DatabaseURL.parse("rethinkdb://app:hunter2@[::1]:5/d")
    assert url.masked() == "rethinkdb://app:***@[::1]:5/d"
    for text in (str(url), repr(url), f"{url}", f"{url!r}", f"{(url,)}"):
        assert "hunter2" not in text
        assert "***" in text


def test_url_of_several_nodes_is_masked_once_and_parsed_again() -> None:
    url = DatabaseURL.parse("rethinkdb://app:hunter2@h1,[::1]:5,h2:7/d")
    assert url.masked() == "rethinkdb://app:***@h1:28015,[::1]:5,h2:7/d"
    assert DatabaseURL.parse(url.masked()).hosts == url.hosts


def test_masked_url_without_password_is_the_url() -> None:
    text = "rethinkdb://admin@localhost:28015/starbelly"
    assert DatabaseURL.parse("rethinkdb://localhost/starbelly").masked() == text
    assert DatabaseURL.parse(text).masked() == text
