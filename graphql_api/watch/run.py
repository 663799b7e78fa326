"""The command: puts the client, the report and standard output together."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Iterable, Iterator
from contextlib import aclosing, contextmanager
from datetime import datetime
from random import Random
from types import FrameType

from graphql_api.client.endpoint import Endpoint
from graphql_api.client.events import Disconnected, FeedProblem, State
from graphql_api.client.failures import SubscriptionError
from graphql_api.client.follow import TableSubscription, follow
from graphql_api.client.text import clean
from graphql_api.errors import ConfigurationError
from graphql_api.exit_codes import INTERRUPTED
from graphql_api.watch.failures import WatchError
from graphql_api.watch.output import Output
from graphql_api.watch.report import JSONReport, Report, TextReport
from graphql_api.watch.table import Table
from graphql_api.watch.view import View
from graphql_api.watch.where import parse_where

_ONCE_SILENCE_S = 10.0
"""How long a server that is asked once may send nothing: it does, until it has read its table."""

_END_S = 2.0
"""How long a signal may take to end the command: that closes its socket first."""


async def watch(
    table: Table,
    *,
    url: str,
    where: Iterable[str] = (),
    token: str | None = None,
    as_json: bool = False,
    once: bool = False,
    color: bool = True,
) -> bool:
    """Write a table's rows to standard output, and then each change, until a signal.

    It also ends when its output is a pipe whose reader has gone. Its socket is closed with 1000.

    Args:
        table: One of TABLES.
        url: Where the server is; see `Endpoint.parse`.
        where: Which rows, as `key=value`; see `parse_where`.
        token: A bearer token for the server.
        as_json: Write the events as JSON, one a line.
        once: End when the rows are there. Then neither the server nor its database is waited for.
        color: Use colours where they are seen.

    Returns:
        Whether it has ended by itself: False, if SIGINT or SIGTERM has ended it.

    Raises:
        ConfigurationError: `url` or `where` is not what it should be.
        WatchError: The server cannot be watched, and that will not pass by itself.
    """
    conditions = tuple(where)
    subscription = TableSubscription(table, parse_where(table.conditions, conditions))
    endpoint = _endpoint(url)
    output = Output(sys.stdout)
    report: Report
    if as_json:
        report = JSONReport()
    else:
        view = View(
            table,
            filter_text=", ".join(conditions),
            place=endpoint.shown,
            now=lambda: datetime.now().astimezone(),
            width=lambda: output.width,
        )
        report = TextReport(view, color=color and output.shows_color(os.environ))
    try:
        with _ending_at_signals() as signalled, output.ending_with_reader():
            happenings = follow(endpoint, subscription, token=token, rng=Random())  # noqa: S311 - jitter
            async with asyncio.timeout(None) as silence, aclosing(happenings):
                async for happening in happenings:
                    if once and isinstance(happening, Disconnected):
                        raise WatchError(happening.reason)
                    if once and isinstance(happening, FeedProblem):
                        raise WatchError(
                            f"{endpoint.shown} cannot read the table: {clean(happening.reason)}"
                        )
                    output.write(report.lines(happening))
                    if once and isinstance(happening, State) and happening.has_all_rows:
                        return True
                    if once:
                        silence.reschedule(asyncio.get_running_loop().time() + _ONCE_SILENCE_S)
    except asyncio.CancelledError:
        if not signalled.is_set():
            raise
    except SubscriptionError as error:
        how = ", by --token or GRAPHQL_API_WATCH_TOKEN" if error.needs_token else ""
        raise WatchError(f"{error}{how}") from error
    except TimeoutError as error:
        raise WatchError(
            f"{endpoint.shown} has not read the table from its database yet; its log says why"
        ) from error
    except BrokenPipeError:
        return True
    return False


@contextmanager
def _ending_at_signals() -> Iterator[asyncio.Event]:
    """Cancel the task at SIGINT or SIGTERM, so that its socket is closed; the event says so.

    The program ends at once at a second signal, and after _END_S: no task runs while standard
    output takes nothing.
    """
    task = asyncio.current_task()
    assert task is not None
    loop, signalled = asyncio.get_running_loop(), asyncio.Event()

    def end(number: int, frame: FrameType | None) -> None:  # noqa: ARG001 - the signature of handlers
        if signalled.is_set():
            os._exit(INTERRUPTED)
        signalled.set()
        loop.call_soon_threadsafe(task.cancel)
        signal.setitimer(signal.ITIMER_REAL, _END_S)

    numbers = signal.SIGINT, signal.SIGTERM, signal.SIGALRM
    before = {number: signal.signal(number, end) for number in numbers}
    try:
        yield signalled
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        for number, handler in before.items():
            signal.signal(number, handler)


def _endpoint(url: str) -> Endpoint:
    try:
        return Endpoint.parse(url)
    except ConfigurationError as error:
        raise ConfigurationError(f"--{error}") from error  # it begins with `url: `
