"""Where and how measures are made."""

from __future__ import annotations

import os
from dataclasses import dataclass

from tests.benchmarks.database import Database


@dataclass(frozen=True)
class Sizes:
    """How much is done.

    Attributes:
        repeat: How often each measurement is made; the servers take turns.
        subscribers: How many a change goes to.
        joining: How many join at once, and how many changefeeds are counted for.
        joined_documents: How many documents there are then.
        idle: How many idle subscribers' memory is compared.
        seconds: How long a throughput is measured.
        bulk: How many documents a write in bulk changes.
        latency_writes: How many writes' latency is measured.
        paced: How many subscribers with a pace there are.
        growing_subscribers: The sizes between which the cost of a change is compared.
        growing_documents: The same, of the table.
        growing_changes: How many changes it is measured by, at least.
        kept: Numbers of changes that are kept for a restart, and their sizes in bytes, about.
    """

    repeat: int = 3
    subscribers: int = 500
    joining: int = 1000
    joined_documents: int = 200
    idle: int = 2000
    seconds: float = 3.0
    bulk: int = 64
    latency_writes: int = 250
    paced: int = 5000
    growing_subscribers: tuple[int, ...] = (10, 100, 1000, 5000)
    growing_documents: tuple[int, ...] = (100, 1000, 10_000)
    growing_changes: int = 300
    kept: tuple[tuple[int, int], ...] = ((10_000, 6000), (80_000, 0))


QUICK = Sizes(
    repeat=1,
    subscribers=5,
    joining=5,
    joined_documents=5,
    idle=5,
    seconds=0.2,
    bulk=8,
    latency_writes=5,
    paced=5,
    growing_subscribers=(2, 4),
    growing_documents=(10, 20),
    growing_changes=5,
    kept=((100, 1000),),
)


@dataclass(frozen=True)
class Cores:
    """Who runs where; None is anywhere.

    Attributes:
        server: The server that is measured.
        rest: The database, the writer and the clients.
    """

    server: set[int] | None
    rest: set[int] | None

    @classmethod
    def of_this_machine(cls) -> Cores:
        """The first core for the server, the second for the rest."""
        if not hasattr(os, "sched_getaffinity"):
            return cls(None, None)
        available = sorted(os.sched_getaffinity(0))
        if len(available) < 2:
            return cls(None, None)
        return cls({available[0]}, {available[1]})


@dataclass(frozen=True)
class Setting:
    """What a measure is given."""

    database: Database
    cores: Cores
    sizes: Sizes
