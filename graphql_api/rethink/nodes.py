"""The nodes of a database, and the order in which they are tried. Pure.

A node that works is used until it fails; then it comes after all others. So a server that loses its
node is at the next one at once, and comes back to a node only when the others have failed since.
A try of the database is a try of each of its nodes, so that how soon a node is tried again is what
`graphql_api.feeds.backoff` says.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from graphql_api.errors import (
    DatabaseError,
    DatabaseUnavailableError,
    FeedLostError,
    OutcomeUnknownError,
    TableMissingError,
)
from graphql_api.rethink.driver_errors import CHECK
from graphql_api.rethink.url import host_and_port

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Node:
    """One address of a database.

    Attributes:
        host: The name or address that the operator wrote; a certificate is for it.
        port: The client driver port.
        ip: The address of that name.
        user: The RethinkDB user.
        is_alone: Whether its name has no other address.
    """

    host: str
    port: int
    ip: str
    user: str = field(compare=False)
    is_alone: bool = field(default=True, compare=False)

    @property
    def written(self) -> str:
        """`host:port`, as the operator wrote it."""
        return host_and_port(self.host, self.port)

    @property
    def address(self) -> str:
        """How messages name it: `host:port`, and which address where the name has several."""
        return self.written if self.is_alone else f"{self.written} ({self.ip})"


def says_that_node_fails(error: DatabaseError) -> bool:
    """Whether an error is a reason to try the same on another node.

    That is every loss and every refusal to serve a table: "primary replica not available", "not
    connected to a quorum", a changefeed that is aborted. A node that has just joined a cluster, or
    has lost it, may not know the tables of the others.
    """
    return isinstance(
        error,
        DatabaseUnavailableError | OutcomeUnknownError | TableMissingError | FeedLostError,
    )


class Nodes:
    """The nodes of one database and their state, shared by all that connect to it.

    Attributes:
        connections: How many connections are open to each node.
        failures: How often each node has failed.
    """

    def __init__(self) -> None:
        self.connections: dict[str, int] = {}
        self.failures: dict[str, int] = {}
        self._known: Sequence[Node] = ()
        self._failed: dict[Node, int] = {}
        self._failing: set[Node] = set()
        self._count = 0
        self._used: Node | None = None

    def order(self, nodes: Sequence[Node]) -> list[Node]:
        """Return the nodes in the order in which to try them: the one that failed last at the end.

        Args:
            nodes: All that there are now, in the operator's order.
        """
        self._known = nodes
        for gone in self._failed.keys() - set(nodes):
            del self._failed[gone]
        self._failing &= set(nodes)
        self.failures = {node.address: self.failures.get(node.address, 0) for node in nodes}
        return sorted(nodes, key=lambda node: self._failed.get(node, 0))

    @property
    def number(self) -> int:
        """How many nodes there were at the last try."""
        return len(self._known)

    def is_failing(self, node: Node) -> bool:
        """Whether a node has failed, and not worked since."""
        return node in self._failing

    def fails(self, node: Node, error: DatabaseError) -> None:
        """Record that a node could not be reached, or could not serve."""
        self._count += 1
        self._failed[node] = self._count
        self.failures[node.address] = self.failures.get(node.address, 0) + 1
        if node not in self._failing and len({each.written for each in self._known}) > 1:
            log.warning("%s; trying the other nodes", error)
        self._failing.add(node)

    def works(self, node: Node) -> None:
        """Record that a node serves."""
        self._failing.discard(node)
        if node != self._used and len(self._known) > 1:
            log.info("using the database at %s", node.address)
        self._used = node

    def count_opened(self, node: Node) -> None:
        """Count a connection that was opened."""
        self.connections[node.address] = self.connections.get(node.address, 0) + 1

    def count_closed(self, node: Node) -> None:
        """Count a connection that was closed."""
        self.connections[node.address] -= 1
        if not self.connections[node.address]:
            del self.connections[node.address]


def failure_of_all(failures: Sequence[tuple[Node, DatabaseError]]) -> DatabaseError:
    """The error that says why no node serves; there is at least one.

    It is of one kind with the nodes' errors, if those agree; otherwise the database cannot be
    reached, for the one that can be may not know the tables of those that cannot.
    """
    errors = [error for _, error in failures]
    kinds = {type(error) for error in errors}
    kind = kinds.pop() if len(kinds) == 1 else DatabaseUnavailableError
    alike = _once(str(error).replace(node.address, node.written) for node, error in failures)
    if len(alike) == 1:
        return kind(alike[0])
    texts = _once(str(error).removesuffix(CHECK) for error in errors)
    check = CHECK if any(str(error).endswith(CHECK) for error in errors) else ""
    return kind("; ".join(texts) + check)


def _once(texts: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(texts))
