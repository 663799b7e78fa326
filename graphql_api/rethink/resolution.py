"""The nodes that a database URL names: a name with several addresses is as many nodes."""

from __future__ import annotations

import asyncio
import ipaddress
import socket
from typing import Final

from graphql_api.errors import DatabaseError
from graphql_api.rethink.driver_errors import not_connected
from graphql_api.rethink.nodes import Node
from graphql_api.rethink.url import DatabaseURL, host_and_port

HEAD_START_S: Final = 1.0
"""How long names are waited for that are still not resolved when others are."""

Failures = list[tuple[Node, DatabaseError]]


async def resolved(url: DatabaseURL, within_s: float) -> tuple[list[Node], Failures]:
    """The nodes of a database, in the operator's order, each address once.

    The names are looked up at the same time, and again each time: a cluster's name may lead to
    other addresses every day.

    Args:
        url: The database.
        within_s: How long that may take.

    Returns:
        The nodes, and for each name that has no address a node that stands for it, with why.
    """
    loop = asyncio.get_running_loop()
    lookups: dict[tuple[str, int], asyncio.Future[list[str]] | list[str]] = {
        (host, port): [host] if _is_address(host) else asyncio.ensure_future(_look_up(host, port))
        for host, port in url.hosts
    }
    pending = {each for each in lookups.values() if isinstance(each, asyncio.Future)}
    give_up_at = loop.time() + within_s
    try:
        if pending:
            head_start_s = within_s if len(lookups) == 1 else min(HEAD_START_S, within_s)
            await asyncio.wait(pending, timeout=head_start_s)
            if not any(_has_addresses(each) for each in lookups.values()):
                left_s = max(0.0, give_up_at - loop.time())
                await asyncio.wait(pending, timeout=left_s)
        return _nodes(url, lookups)
    finally:
        for each in pending:
            each.cancel()
        if pending:
            await asyncio.wait(pending)


def _nodes(
    url: DatabaseURL,
    lookups: dict[tuple[str, int], asyncio.Future[list[str]] | list[str]],
) -> tuple[list[Node], Failures]:
    nodes: dict[tuple[str, int], Node] = {}
    failures: Failures = []
    for (host, port), lookup in lookups.items():
        stand_in = Node(host, port, host, url.user)
        if isinstance(lookup, list):
            addresses = lookup
        elif not lookup.done():
            error = not_connected(stand_in, ": its name is not resolved in time")
            failures.append((stand_in, error))
            continue
        elif (reason := lookup.exception()) is not None:
            failures.append((stand_in, not_connected(stand_in, f": {reason}")))
            continue
        else:
            addresses = lookup.result()
        for ip in addresses:
            node = Node(host, port, ip, url.user, is_alone=len(addresses) == 1)
            nodes.setdefault((ip, port), node)
    return [*nodes.values()], failures


async def _look_up(host: str, port: int) -> list[str]:
    loop = asyncio.get_running_loop()
    try:
        found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except UnicodeError as error:
        raise OSError(f"{host_and_port(host, port)} is no name of a host") from error
    return list(dict.fromkeys(str(place[0]) for *_, place in found))


def _has_addresses(lookup: asyncio.Future[list[str]] | list[str]) -> bool:
    if isinstance(lookup, list):
        return True
    return lookup.done() and lookup.exception() is None


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True
