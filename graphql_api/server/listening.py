"""The sockets that a server listens on."""

from __future__ import annotations

import errno
import os
import socket
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any, NamedTuple

from graphql_api.errors import ConfigurationError
from graphql_api.masking import mask_password

_BACKLOG = 2048
_IPV6_WILDCARD = "::"
_PORT_TRIES = 20
_NOT_OF_THIS_MACHINE = {errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT}
"""Errors of an address that a name has, but not this machine."""


@contextmanager
def listening(
    hosts: Sequence[str], port: int, *, ipv6_only: bool = False
) -> Iterator[list[socket.socket]]:
    """Sockets that listen on these hosts, on one port, until the context is left.

    A name counts for all its addresses that this machine has. `::` counts for IPv4 too, unless an
    IPv4 address is among the others or `ipv6_only` says otherwise. A client that connects before
    the application has started waits, and is served then.

    Raises:
        ConfigurationError: A host cannot be listened on; the text names it and says why.
    """
    for left in reversed(range(_PORT_TRIES)):
        with ExitStack() as stack:
            try:
                sockets = _listen_on_each(hosts, port, ipv6_only=ipv6_only, stack=stack)
            except _PortTakenError as error:
                # The free port of one address is another program's on the next.
                if port == 0 and left:
                    continue
                raise error.reason from error
            yield sockets
        return


def listen(host: str, port: int) -> socket.socket:
    """A socket that listens on the first address of a host; as `listening`."""
    try:
        return _listen_on(_addresses(host, port)[0], port, dual_stack=host == _IPV6_WILDCARD)
    except (OSError, UnicodeError) as error:
        raise listening_failed(host, port, error) from error


class _PortTakenError(Exception):
    """Another program listens on the port of one host."""

    def __init__(self, reason: ConfigurationError) -> None:
        super().__init__(str(reason))
        self.reason = reason


class _Address(NamedTuple):
    family: socket.AddressFamily
    address: tuple[Any, ...]


def _listen_on_each(
    hosts: Sequence[str], port: int, *, ipv6_only: bool, stack: ExitStack
) -> list[socket.socket]:
    made: dict[_Address, socket.socket] = {}
    resolved = []
    for host in hosts:
        try:
            resolved.append((host, _addresses(host, port)))
        except (OSError, UnicodeError) as error:
            raise listening_failed(host, port, error) from error
    has_ipv4 = any(each.family == socket.AF_INET for _, found in resolved for each in found)
    for host, addresses in resolved:
        failure: OSError | None = None
        count = 0
        for address in addresses:
            if address in made:
                count += 1
                continue
            try:
                made[address] = stack.enter_context(
                    _listen_on(address, port, dual_stack=not (ipv6_only or has_ipv4))
                )
            except OSError as error:
                failure = error
                if error.errno not in _NOT_OF_THIS_MACHINE:
                    break
            else:
                count += 1
                port = port or made[address].getsockname()[1]
        if failure is not None and (count == 0 or failure.errno not in _NOT_OF_THIS_MACHINE):
            reason = listening_failed(host, port, failure)
            if failure.errno == errno.EADDRINUSE and made:
                raise _PortTakenError(reason) from failure
            raise reason from failure
    return [*made.values()]


def _addresses(host: str, port: int) -> list[_Address]:
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    return [
        *dict.fromkeys(
            _Address(family, (address[0], *address[2:])) for family, _, _, _, address in found
        )
    ]


def _listen_on(address: _Address, port: int, *, dual_stack: bool) -> socket.socket:
    # The whole address: of a link-local one, the last part says which link.
    host, *rest = address.address
    is_dual = dual_stack and host == _IPV6_WILDCARD and socket.has_dualstack_ipv6()
    return socket.create_server(
        (host, port, *rest), family=address.family, backlog=_BACKLOG, dualstack_ipv6=is_dual
    )


def listening_failed(host: str, port: int, error: OSError | UnicodeError) -> ConfigurationError:
    """The operator's version of an error that came of listening on an address."""
    host = mask_password(host)
    if isinstance(error, UnicodeError):
        return ConfigurationError(f"cannot listen on {host}, port {port}: it is no host name")
    if error.errno == errno.EADDRINUSE:
        return ConfigurationError(
            f"port {port} of {host} is taken by another program; --port chooses another"
        )
    # Python adds the address to the text, in a form of its own.
    reason = os.strerror(error.errno) if error.errno and error.errno > 0 else error.strerror
    return ConfigurationError(f"cannot listen on {host}, port {port}: {reason or error}")
