from __future__ import annotations

from typing import Any

from graphql_api.settings import EmbeddedSettings, Settings, load
from graphql_api.startup import embedded_lines, hosts_in_urls, in_url, startup_lines
from tests.for_each import for_each

SCHEMES = ("http", "ws")
URL = "rethinkdb://admin:***@127.0.0.1:43210/starbelly"


def test_lines_name_everything_that_can_be_reached() -> None:
    settings = load(Settings, {"port": 8001, "data": "/srv/data.db"})
    assert startup_lines(settings, database=URL, embedded=True) == [
        "GraphiQL is at http://127.0.0.1:8001/graphiql",
        "GraphQL is at http://127.0.0.1:8001/graphql and ws://127.0.0.1:8001/graphql",
        "the tables are shown live at http://127.0.0.1:8001/live",
        "Starbelly's own protocol is at ws://127.0.0.1:8001/starbelly",
        f"the embedded database is at {URL}; its password is in /srv/data.db.password",
        "its data is kept in /srv/data.db",
        "links to bodies are valid on this process only (no --link-key)",
        "only this machine can connect; every program on it can read and change everything",
        "web pages of this server may use it, under a loopback name",
    ]


def test_lines_name_a_database_of_ones_own() -> None:
    settings = load(
        Settings,
        {"database": "rethinkdb://a:b@c/d", "graphiql": False, "live": False, "starbelly": False},
    )
    assert startup_lines(settings, database="rethinkdb://a:***@c:28015/d", embedded=False) == [
        "GraphQL is at http://127.0.0.1:8000/graphql and ws://127.0.0.1:8000/graphql",
        "the database is rethinkdb://a:***@c:28015/d",
        "links to bodies are valid on this process only (no --link-key)",
        "only this machine can connect; every program on it can read and change everything",
        "web pages of this server may use it, under a loopback name",
    ]


def test_lines_say_where_traces_are_sent() -> None:
    settings = load(Settings, {})
    line = "traces are sent to http://otel.example:4318"
    assert line not in startup_lines(settings, database=URL, embedded=True)
    collector = "http://otel.example:4318"
    assert line in startup_lines(settings, database=URL, embedded=True, collector=collector)


def test_lines_say_nothing_of_links_where_their_key_is_given() -> None:
    secret = "a secret that all servers have"
    settings = load(Settings, {"link_key": secret + "!!"})
    lines = startup_lines(settings, database=URL, embedded=True)
    assert not any("link" in line or secret in line for line in lines)
    assert secret not in repr(settings)


@for_each("host", ["0.0.0.0", "::", "192.168.7.5", "crawler.example.org"])
def test_lines_warn_where_others_can_connect(host: str) -> None:
    settings = load(Settings, {"host": host, "insecure": True})
    lines = startup_lines(settings, database=URL, embedded=True)
    assert (
        lines[-2] == f"every client that reaches {host} can read and change everything (--insecure)"
    )


def test_lines_say_what_clients_need() -> None:
    settings = load(Settings, {"host": "0.0.0.0", "tokens": "t.json", "jwt_jwks": "k.json"})
    lines = startup_lines(settings, database=URL, embedded=True)
    assert lines[-2] == "clients need a bearer token that t.json or k.json knows"


@for_each("host", ["127.0.0.1", "::1", "localhost"])
def test_lines_do_not_warn_on_loopback(host: str) -> None:
    lines = startup_lines(load(Settings, {"host": host}), database=URL, embedded=True)
    assert "whoever" not in lines[-2]


def test_lines_name_each_address_and_what_may_be_named_there() -> None:
    given = {
        "host": ["::", "192.0.2.7"],
        "insecure": True,
        "graphiql": False,
        "live": False,
        "starbelly": False,
    }
    page = "https://b.example"
    allowed = {"allow_host": ["a"], "allow_origin": [page]}
    lines = startup_lines(load(Settings, given | allowed), database=URL, embedded=False)
    assert lines == [
        "GraphQL is at "
        + " and ".join(f"{s}://{h}:8000/graphql" for h in ("[::1]", "192.0.2.7") for s in SCHEMES),
        f"the database is {URL}",
        "links to bodies are valid on this process only (no --link-key)",
        "every client that reaches :: or 192.0.2.7 can read and change everything (--insecure)",
        f"web pages of this server and {page} may use it, under a loopback name or 192.0.2.7 or a",
    ]


@for_each(
    ("flags", "hosts"),
    [
        ({"host": ["::"]}, ["[::1]", "127.0.0.1"]),
        ({"host": ["::"], "ipv6_only": True}, ["[::1]"]),
        ({"host": ["::", "0.0.0.0"]}, ["[::1]", "127.0.0.1"]),
        ({"host": ["localhost"]}, ["localhost"]),
    ],
)
def test_wildcard_of_ipv6_is_reached_by_ipv4_too(flags: dict[str, Any], hosts: list[str]) -> None:
    assert hosts_in_urls(load(Settings, {"insecure": True, **flags})) == hosts


def test_lines_say_that_memory_keeps_nothing() -> None:
    settings = load(EmbeddedSettings, {"data": ":memory:", "password": False})
    assert embedded_lines(settings, URL, password=False) == [
        f"the embedded database is at {URL}; it has no password",
        "its data is kept in memory only",
    ]


@for_each(
    ("host", "expected"),
    [
        ("127.0.0.1", "127.0.0.1"),
        ("0.0.0.0", "127.0.0.1"),
        ("::", "[::1]"),
        ("2001:db8::1", "[2001:db8::1]"),
        ("fe80::1%eth0", "[fe80::1%25eth0]"),
        ("localhost", "localhost"),
    ],
)
def test_listening_host_in_a_url(host: str, expected: str) -> None:
    assert in_url(host) == expected
