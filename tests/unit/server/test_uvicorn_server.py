from __future__ import annotations

import errno
import resource
import socket
from collections.abc import Iterator
from contextlib import closing

import pytest

from graphql_api.errors import ConfigurationError
from graphql_api.server import uvicorn_server as server
from graphql_api.server.listening import listening
from tests.for_each import for_each

Limits = tuple[int, int]


@pytest.mark.parametrize(
    ("before", "after", "connections"),
    [
        ((1024, 524_288), (10_256, 524_288), 10_000),
        ((1024, resource.RLIM_INFINITY), (10_256, resource.RLIM_INFINITY), 10_000),
        ((20_000, 20_000), (20_000, 20_000), 10_000),
        ((resource.RLIM_INFINITY,) * 2, (resource.RLIM_INFINITY,) * 2, 10_000),
        ((1024, 4096), (4096, 4096), 3840),
        ((256, 256), (256, 256), 128),
    ],
)
def test_there_is_a_descriptor_for_each_connection_that_there_may_be(
    before: Limits,
    after: Limits,
    connections: int,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    limits = [before]
    monkeypatch.setattr(resource, "getrlimit", lambda _: limits[-1])
    monkeypatch.setattr(resource, "setrlimit", lambda _, new: limits.append(new))
    assert server._allow_descriptors(10_000) == connections
    assert limits[-1] == after
    warning = f"too few for 10000 connections (--max-connections): there may be {connections};"
    assert (warning in caplog.text) == (connections < 10_000)


@pytest.fixture
def taken_port() -> Iterator[int]:
    """A port of 127.0.0.1 on which another program listens."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield listener.getsockname()[1]


def connects(address: str, port: int) -> bool:
    try:
        with closing(socket.create_connection((address, port))):
            return True
    except ConnectionRefusedError:
        return False


@for_each(
    ("hosts", "ipv6_only", "reached"),
    [
        (["::"], False, {"127.0.0.1", "::1"}),
        (["::"], True, {"::1"}),
        (["::", "0.0.0.0"], False, {"127.0.0.1", "127.0.0.2", "::1"}),
        (["127.0.0.2", "::"], False, {"127.0.0.2", "::1"}),
        (["127.0.0.1", "::1"], False, {"127.0.0.1", "::1"}),
        (["127.0.0.1", "127.0.0.1"], False, {"127.0.0.1"}),
        (["0.0.0.0"], False, {"127.0.0.1", "127.0.0.2"}),
    ],
)
def test_each_address_is_listened_on_by_one_port(
    hosts: list[str], ipv6_only: bool, reached: set[str]
) -> None:
    with listening(hosts, 0, ipv6_only=ipv6_only) as listeners:
        (port,) = {listener.getsockname()[1] for listener in listeners}
        for address in ("127.0.0.1", "::1"):
            assert connects(address, port) == (address in reached)
        assert all(connects(address, port) for address in reached)


def test_name_counts_for_all_its_addresses(monkeypatch: pytest.MonkeyPatch) -> None:
    def resolve(host: str, port: int, **_: object) -> list[tuple[object, ...]]:
        assert host == "crawler"
        return [
            (socket.AF_INET6, socket.SOCK_STREAM, 6, "", ("2001:db8::1", port, 0, 0)),
            (socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", port)),
            (socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.2", port)),
        ]

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    with listening(["crawler"], 0) as listeners:
        names = {listener.getsockname()[0] for listener in listeners}
    assert names == {"127.0.0.1", "127.0.0.2"}, "and not for those of other machines"


@pytest.mark.parametrize("hosts", [["::1", "127.0.0.1"], ["127.0.0.1", "::1"]])
def test_error_names_the_address_that_failed(hosts: list[str], taken_port: int) -> None:
    with (
        pytest.raises(ConfigurationError, match=rf"^port {taken_port} of 127\.0\.0\.1 is taken"),
        listening(hosts, taken_port),
    ):
        pass


@for_each("host", ["192.0.2.1", "2001:db8::1", "no.such.host.invalid", "a" * 70])
def test_host_of_another_machine_is_named(host: str) -> None:
    with (
        pytest.raises(ConfigurationError, match=f"^cannot listen on {host}, port "),
        listening(["127.0.0.1", host], 0),
    ):
        pass


def test_free_port_is_one_that_is_free_on_every_address(
    monkeypatch: pytest.MonkeyPatch, taken_port: int
) -> None:
    made: list[int] = []
    create_server = socket.create_server

    def create(address: tuple[str, int], **options: object) -> socket.socket:
        if address[0] == "::1" and not made:  # as if the system chose the one that is taken
            made.append(taken_port)
            return create_server(("::1", taken_port), **options)  # type: ignore[arg-type]
        return create_server(address, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(socket, "create_server", create)
    with listening(["::1", "127.0.0.1"], 0) as listeners:
        (port,) = {listener.getsockname()[1] for listener in listeners}
        assert port != taken_port
    assert made


def test_sockets_are_closed_when_one_fails(taken_port: int) -> None:
    with pytest.raises(ConfigurationError), listening(["::1", "127.0.0.1"], taken_port):
        pass
    with pytest.raises(OSError, match="refused") as refused:
        socket.create_connection(("::1", taken_port))
    assert refused.value.errno == errno.ECONNREFUSED
