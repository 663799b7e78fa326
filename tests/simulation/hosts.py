"""The programs of a simulation: the database, the API server, and the crawler that writes."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import random
import signal
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Any

from pydantic import SecretStr

from graphql_api.app import create_app
from graphql_api.embedded import EmbeddedServer
from graphql_api.embedded.catalog import Catalog
from graphql_api.embedded.storage import Storage
from graphql_api.embedded.terms.indexes import build_index
from graphql_api.embedded.transaction import Transaction
from graphql_api.errors import DatabaseError
from graphql_api.feeds.feed import Feed
from graphql_api.log_feeds.log_feeds import LogFeeds
from graphql_api.machine import Machine
from graphql_api.rethink.database_connection import DatabaseConnection
from graphql_api.rethink.driver import r
from graphql_api.rethink.failover import connect
from graphql_api.rethink.url import DatabaseURL
from graphql_api.server import uvicorn_server as product
from graphql_api.settings import Settings
from tests.simulation.entropy import EPOCH_S
from tests.simulation.log_truth import RESPONSES
from tests.simulation.network import Network, Process
from tests.simulation.nodes import FIRST, SECOND
from tests.simulation.tables import TABLES, Document
from tests.simulation.tcp import FakeSocket, Transport, ask_kernel
from tests.simulation.truth import Truth

DATABASE = "starbelly"
PORT = 28015
PASSWORD = "simulated"
URL = DatabaseURL(FIRST, PORT, DATABASE, password=PASSWORD)
API_PORT = 8000
_SECRET = b"the secret of simulated tokens, which are worth nothing"


_ROW: list[Any] = [10, [1]]  # the terms VAR, BRACKET, MAKE_ARRAY and FUNC
_OF_BOTH: list[Any] = [2, [[170, [_ROW, "job_id"]], [170, [_ROW, "sequence"]]]]
_BY_JOB: dict[str, Any] = {"function": [69, [[2, [1]], _OF_BOTH]], "multi": False}


class Disk:
    """What survives the database: its file, in memory, and the record of every commit."""

    def __init__(self, truth: Truth, tables: Collection[str]) -> None:
        self.truth = truth
        self.tables = tables
        """The tables that are served; jobs and responses are followed if they are none of them."""
        self.storage: Storage | None = None
        self.catalog: RecordedCatalog | None = None
        """What all nodes of a database serve, if it has several."""
        self.losing: set[str] = set()
        """Tables of which the next commit reaches no changefeed."""

    def close(self) -> None:
        """Throw away the file."""
        if self.storage is not None:
            self.storage.close()


class RecordedCatalog(Catalog):
    """A catalog that records what it commits."""

    def __init__(self, disk: Disk) -> None:
        assert disk.storage is not None
        self.disk = disk
        super().__init__(disk.storage, build_index)

    def _apply(self, transaction: Transaction) -> None:
        deaf = []
        for write in transaction.writes:
            table = write.table
            document = write.new if write.new is not None else write.old
            assert document is not None
            key = document[table.primary_key]
            truth = self.disk.truth.get(table.name)
            if truth is not None and table.name in self.disk.tables:
                truth.commit(key, write.new)
            else:
                self.disk.truth.logs.commit(table.name, key, write.old, write.new)
            if table.name in self.disk.losing:
                self.disk.losing.discard(table.name)
                deaf.append((table, dict(table.changefeeds)))
                table.changefeeds.clear()
        super()._apply(transaction)
        for table, changefeeds in deaf:
            table.changefeeds.update(changefeeds)

    def close(self) -> None:
        """Keep the file: the next run of the database opens it again."""


class Database(EmbeddedServer):
    """The embedded database, with a disk that outlives it: a node of it, if there are several.

    Args:
        disk: The disk.
        host: The host of the node.
        has_tables: Whether it serves what is on the disk.
    """

    def __init__(self, disk: Disk, host: str = FIRST, *, has_tables: bool = True) -> None:
        super().__init__(None, host=host, port=PORT, password=PASSWORD)
        self.disk = disk
        self.has_tables = has_tables
        self.catalog: RecordedCatalog

    def _load(self, storage: Storage) -> Catalog:
        if not self.has_tables:
            empty = Catalog(storage, build_index)
            empty.create_database(DATABASE)
            return empty
        if self.disk.catalog is not None:
            storage.close()
            self.catalog = self.disk.catalog
            return self.catalog
        if self.disk.storage is None:
            self.disk.storage = storage
        else:
            storage.close()
        self.catalog = RecordedCatalog(self.disk)
        return self.catalog

    def make_tables(self, names: Iterable[str]) -> None:
        """Make some of Starbelly's tables, where they are missing."""
        if DATABASE not in self.catalog.databases:
            self.catalog.create_database(DATABASE)
        for name in names:
            if not self.has_table(name):
                self.make_table(name)

    def has_table(self, name: str) -> bool:
        return name in self.catalog.database(DATABASE).tables

    def make_table(self, name: str) -> None:
        database = self.catalog.database(DATABASE)
        if name == RESPONSES:
            self.catalog.create_table(database, name, "sequence", "hard")
            by_job = build_index("job_sync", _BY_JOB, self.catalog)
            self.catalog.create_index(database.tables[name], by_job)
            return
        self.catalog.create_table(database, name, TABLES[name].key, "hard")
        for index in TABLES[name].indexes:
            definition: dict[str, Any] = {"function": None, "multi": False}
            self.catalog.create_index(
                database.tables[name], build_index(index, definition, self.catalog)
            )

    def drop_table(self, name: str) -> None:
        self.catalog.drop_table(self.catalog.database(DATABASE), name)
        self.disk.truth[name].drop()

    def changefeeds(self, name: str) -> int:
        """How many changefeeds of a table are open."""
        table = self.catalog.database(DATABASE).tables.get(name)
        return 0 if table is None else len(table.changefeeds)


class Crawler:
    """Writes to the database as Starbelly does, over a connection of its own."""

    def __init__(self, host: str = FIRST) -> None:
        self._url = DatabaseURL(host, PORT, DATABASE, password=PASSWORD)
        self._connection: DatabaseConnection | None = None
        self._stack: Any = None

    async def write(self, table: str, writes: list[tuple[Any, Document | None]]) -> None:
        """Make some writes to one table with one query; if the database is not there, none."""
        try:
            connection = await self._open()
            term = r.db(DATABASE).table(table)
            documents = [document for _, document in writes if document is not None]
            deleted = [key for key, document in writes if document is None]
            if documents:
                await connection.run(term.insert(documents, conflict="replace"))
            if deleted:
                await connection.run(term.get_all(*deleted).delete())
        except DatabaseError:
            await self.close()

    async def _open(self) -> DatabaseConnection:
        if self._connection is None or not self._connection.is_open:
            await self.close()
            stack = connect(self._url)
            self._connection = await stack.__aenter__()
            self._stack = stack
        return self._connection

    async def close(self) -> None:
        stack, self._stack, self._connection = self._stack, None, None
        if stack is not None:
            with suppress(DatabaseError):
                await stack.__aexit__(None, None, None)


def _written(nodes: str) -> SecretStr:
    return SecretStr(f"rethinkdb://{URL.user}:{PASSWORD}@{nodes}/{DATABASE}")


TWO_NODES = _written(f"{FIRST}:{PORT},{SECOND}:{PORT}")
"""The setting for a database of two nodes."""


@cache
def _settings() -> Settings:
    """What all servers have in common."""
    url = _written(f"{FIRST}:{PORT}")
    values: dict[str, Any] = {"database": url, "graphiql": False, "live": False}
    return Settings(**values)


class InOrder(dict[Any, None]):
    """A set whose order is that of its making: uvicorn has sets of what is hashed by address."""

    add = dict.setdefault

    def discard(self, item: object) -> None:
        self.pop(item, None)

    remove = dict.__delitem__


class SimulatedServer(product.Server):
    """The product's server; signals come from the story."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


class API:
    """One run of the API server on a host."""

    def __init__(
        self,
        network: Network,
        host: str,
        *,
        rng: random.Random,
        options: dict[str, Any],
        write_buffer_bytes: int,
        goes_on_from: Mapping[str, frozenset[API]] = MappingProxyType({}),
    ) -> None:
        self.goes_on_from = goes_on_from
        """By table, the runs of which it has all that was kept, up to their end."""
        self.said: dict[str, str] = {}
        """By table, the last status that somebody was sent, who then knows that it is loaded."""
        self.has_read: set[str] = set()
        """The tables of which somebody was sent that the feed is READY."""
        self.newest_at_stop: dict[bytes, int] = {}
        """The newest place of each feed that somebody knew when it was stopped."""
        self.network = network
        self.began_s = network.loop.time()
        self.process = Process(network, host)
        self.host = host
        self.rng = rng
        self.skew_s = 0.0
        self.is_stopping = False
        self.options = options
        self.write_buffer_bytes = write_buffer_bytes
        self.server: SimulatedServer
        self.app: Any
        self.task = self.process.spawn(self._serve(), f"server {host}")

    def note_status(self, table: str, status: str) -> None:
        """Remember what somebody was sent of a table's feed."""
        self.said[table] = status
        if status == "READY":
            self.has_read.add(table)

    def wall_clock(self) -> datetime:
        """The time of day on this host, which may leap."""
        return datetime.fromtimestamp(EPOCH_S + self.network.loop.time() + self.skew_s, UTC)

    async def _serve(self) -> None:
        settings = _settings().model_copy(update=self.options)
        machine = Machine(
            now=self.wall_clock,
            monotonic_s=self.network.loop.time,
            cpu_s=lambda: 0.0,  # what a client costs would differ from run to run
            rng=random.Random(self.rng.getrandbits(64)),
            random_bytes=self.rng.randbytes,
        )
        self.app = create_app(settings, machine=machine, announce=lambda _: None)
        self.server = SimulatedServer(
            self.app, settings, kernel=ask_kernel, clock=self.network.loop.time
        )
        self.server.server_state.connections = InOrder()  # type: ignore[assignment]
        self.server.server_state.tasks = InOrder()  # type: ignore[assignment]
        config = self.server.config
        config.load()
        for name in ("ws_protocol_class", "http_protocol_class"):
            protocol: Any = getattr(config, name)
            limits = protocol.limits.model_copy(
                update={"write_buffer_bytes": self.write_buffer_bytes}
            )
            made = protocol.with_limits(limits, ask_kernel, protocol.turns, protocol.traffic)
            setattr(config, name, made)
        listener: Any = FakeSocket((self.host, API_PORT))
        await self.server.serve([listener])

    def stop(self) -> None:
        """Have it shut down, as an operator does."""
        self.is_stopping = True
        self.server.handle_exit(signal.SIGTERM, None)

    @property
    def is_up(self) -> bool:
        return self.process.is_alive and not self.task.done() and not self.is_stopping

    @property
    def followed(self) -> LogFeeds | None:
        """The jobs that are followed, once it has started."""
        services = getattr(getattr(self, "app", None), "_services", None)
        return None if services is None else services._logs

    @property
    def has_started(self) -> bool:
        return self.followed is not None

    @property
    def feeds(self) -> list[Feed[Any, Any]]:
        """Its feeds, once it has started."""
        services = getattr(getattr(self, "app", None), "_services", None)
        return [] if services is None or services._feeds is None else list(services._feeds)

    @property
    def sockets(self) -> list[Transport]:
        """Its side of every client's connection."""
        return [each for each in self.process.transports if each.name[1] == API_PORT]


def key_file(directory: Path) -> Path:
    """The key by which the servers check tokens."""
    file = directory / "simulated.key"
    file.write_bytes(_SECRET)
    file.chmod(0o600)
    return file


def token(expires_at_s: float) -> str:
    """A JWT for everything, until a time of day."""
    claims = {"exp": expires_at_s, "sub": "client", "scope": "read logins write"}
    parts = [
        base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=")
        for part in ({"alg": "HS256", "typ": "JWT"}, claims)
    ]
    signed = b".".join(parts)
    signature = hmac.digest(_SECRET, signed, hashlib.sha256)
    return b".".join((signed, base64.urlsafe_b64encode(signature).rstrip(b"="))).decode()
