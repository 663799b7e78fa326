"""Running stories: one, many, and the smallest one that still fails."""

from __future__ import annotations

import atexit
import gc
import logging
import random
import shutil
import sys
import tempfile
from asyncio import CancelledError
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import Context
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from typing import Any
from unittest import mock

from graphql_api import app, lifespan
from graphql_api.documents import documents
from graphql_api.documents.documents import Documents
from graphql_api.execution import broadcaster, scheduler
from graphql_api.feeds.feed_settings import FeedSettings
from graphql_api.feeds.feeds import Feeds
from graphql_api.javascript import client_routes
from graphql_api.limits import turn_queue
from graphql_api.schema import errors
from graphql_api.schema.fault_log import FaultLog
from tests.quick_servers import shared_schema, usual_looks
from tests.simulation import entropy
from tests.simulation.author import story_of
from tests.simulation.loop import SimulatedLoop, current_process
from tests.simulation.network import Process
from tests.simulation.oracle import BrokenPromise
from tests.simulation.story import Story
from tests.simulation.world import World

_LONG_TURNS = 0.3
"""In how many of the stories turns are long."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a story.

    Attributes:
        failure: What was broken; None if nothing was.
        digest: Equal for two runs in which the same bytes arrived at the same times.
        log: The last things that happened.
        events: How many events the clients were sent.
        duration_s: How long it took on the simulated clock.
    """

    failure: str | None
    digest: str
    log: tuple[str, ...]
    events: int
    duration_s: float


@cache
def _directory() -> Path:
    """A place for the key of tokens, for as long as this process runs."""
    directory = Path(tempfile.mkdtemp(prefix="simulation-"))
    atexit.register(shutil.rmtree, directory)
    return directory


_shared_client_routes = cache(client_routes)
"""The same files for all servers: packing them takes long."""


@cache
def _shared_documents() -> Documents:
    """Clients' documents, parsed and validated once for all stories: they are always the same."""
    return Documents()


def _feeds_of(names: Sequence[str]) -> Callable[..., Feeds]:
    """What makes a server's feeds: of some tables only, since each takes time."""

    def make_feeds(tables: Iterable[Any], make_feed: Callable[[Any], Any]) -> Feeds:
        return Feeds([table for table in tables if table.name in names], make_feed)

    return make_feeds


@contextmanager
def _no_garbage_collection() -> Iterator[None]:
    """When garbage is found depends on the whole process; so it is found between two stories."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


class _ErrorLog(logging.Handler):
    """What the servers log as errors.

    Errors of a killed process do not count. Nor do those that uvicorn logs when it cancels requests
    at the end of a shutdown, if a cut link delayed them.
    """

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.errors: list[str] = []
        self.may_give_up: Callable[[Process | None], bool] = lambda _: False

    def emit(self, record: logging.LogRecord) -> None:
        """Note an error."""
        cause = record.exc_info[1] if record.exc_info else None
        is_given_up = str(record.msg).startswith("Cancel ") or isinstance(cause, CancelledError)
        process = current_process.get()
        if is_given_up and record.name == "uvicorn.error" and self.may_give_up(process):
            return
        if process is None or process.is_alive:
            self.errors.append(f"{record.getMessage()} {cause!r}")


@contextmanager
def _logged_errors() -> Iterator[_ErrorLog]:
    """The errors that are logged; all else is worth no line where hundreds of servers run."""
    handler = _ErrorLog()
    root = logging.getLogger()
    before = root.manager.disable
    logging.disable(logging.WARNING)
    root.addHandler(handler)
    try:
        yield handler
    finally:
        root.removeHandler(handler)
        logging.disable(before)


@contextmanager
def _turns_of(story: Story) -> Iterator[None]:
    """In some stories each turn of a subscription counts as long, and no feed waits for these.

    On the simulated clock no turn takes any time.
    """
    if random.Random(f"turns {story.setting.seed}").random() < _LONG_TURNS:
        with (
            mock.patch.object(scheduler, "_LONG_S", -1.0),
            mock.patch.object(scheduler, "_ROUND_S", -1.0),
        ):
            yield
    else:
        yield


def _context_of_process() -> Context:
    """What is an empty context to the server, which then charges no client; its process is known.

    Otherwise what begins there, such as a read of the database, would have no network.
    """
    context = Context()
    context.run(current_process.set, current_process.get())
    return context


def run(story: Story) -> Outcome:
    """Let a story happen."""
    loop = SimulatedLoop()
    chance = random.Random(f"entropy {story.setting.seed}")
    feed_settings = partial(FeedSettings.of, queue_limit=story.setting.queue_limit)
    failure = None
    with (
        entropy.simulated(chance, loop.time),
        mock.patch.object(errors, "fault_log", FaultLog(interval_s=0, clock=loop.time)),
        mock.patch.object(FeedSettings, "of", feed_settings),
        mock.patch.object(lifespan, "Feeds", _feeds_of(story.setting.tables)),
        mock.patch.object(app, "client_routes", _shared_client_routes),
        mock.patch.object(app, "build_schema", shared_schema),
        _turns_of(story),
        mock.patch.object(broadcaster, "Context", _context_of_process),
        mock.patch.object(turn_queue, "Context", _context_of_process),
        mock.patch.object(lifespan, "leave_out_what_stays"),  # it would keep garbage
        mock.patch.object(app, "_documents", return_value=_shared_documents()),
        mock.patch.object(documents, "LONG_TEXT", sys.maxsize),  # a new one would take a turn more
        usual_looks(),
        _no_garbage_collection(),
        _logged_errors() as log,
    ):
        try:
            world = World(loop, story, _directory())
            log.may_give_up = world.is_stopping_behind_a_cut
            failure = loop.run_until_complete(_happen(world))
        except AssertionError as error:  # the loop does not end, or waits for nothing
            failure = str(error)
        except BaseException as error:
            error.add_note(f"It is the story of seed {story.setting.seed}.")
            raise
        finally:
            loop.close()
    if failure is None and (unexpected := [*loop.failures, *log.errors]):
        failure = f"an unexpected error: {unexpected[0]}"
    return Outcome(
        failure=failure,
        digest=world.network.digest.hexdigest(),
        log=tuple(world.log),
        events=world.events,
        duration_s=loop.time(),
    )


async def _happen(world: World) -> str | None:
    failure = None
    try:
        await world.run()
    except BrokenPromise as error:
        failure = str(error)
    finally:
        await world.free()
    return failure


def run_seed(seed: int) -> Outcome:
    """Let the story of a seed happen."""
    return run(story_of(seed))
