"""Heartbeat of a connection: detects one that is dead although the peer has not closed it.

A peer that vanishes without a FIN (a pulled cable, a NAT that forgot) looks like one that has
nothing to say, and TCP would wait for hours (rethinkdb issue #4572). So this
side asks when it has waited.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, Protocol

from graphql_api.errors import DatabaseUnavailableError

_TOLERANCE = 0.1
"""By how much of the time a reader may come late and still say that nothing was heard."""

_MAX_EXCUSES = 3
"""How often in a row the reader may be late before it says so all the same."""


class Askable(Protocol):
    """A connection that can be asked for a sign of life."""

    def ask_server(self) -> asyncio.Future[Any]:
        """Ask for something cheap; the future is done when the answer has come, or never will."""


class Heartbeat:
    """The time limits of one reader's connection; it needs no task.

    ```
    QUIET ──half the time without a word: ask──▶ ASKED ──the other half──▶ DatabaseUnavailableError
      ▲                                            │
      └──────────── an answer, or a row ───────────┘
    ```

    The reader calls `check` before each wait, waits no longer than until `wake_at` and for
    `answers`, and calls `heard` for each row.
    """

    def __init__(self, connection: Askable, *, within_s: float, clock: Callable[[], float]) -> None:
        self._connection = connection
        self._within_s = within_s
        self._clock = clock
        self._heard_at = clock()
        self._asked_at = 0.0
        self._answer: asyncio.Future[Any] | None = None
        self._excuses = 0

    @property
    def wake_at(self) -> float:
        """When `check` has something to do again, by the clock."""
        since = self._heard_at if self._answer is None else max(self._asked_at, self._heard_at)
        return since + self._within_s / 2

    @property
    def answers(self) -> tuple[asyncio.Future[Any], ...]:
        """The answer that is awaited, if one is."""
        return () if self._answer is None else (self._answer,)

    def note_arrival(self) -> None:
        """Note that something has arrived."""
        self._heard_at = self._clock()

    def check(self) -> None:
        """Ask if it has been quiet for long, and take note of an answer.

        Raises:
            DatabaseUnavailableError: The answer has not come in time, or says that the connection
                is lost.
        """
        if self._answer is not None and self._answer.done():
            answer, self._answer = self._answer, None
            answer.result()
            self.note_arrival()
        late_s = self._clock() - self.wake_at
        if late_s < 0:
            return
        if self._answer is None:
            self._answer = self._connection.ask_server()
            self._excuses = 0
        elif late_s < self._within_s * _TOLERANCE or self._excuses == _MAX_EXCUSES:
            raise DatabaseUnavailableError(f"the database has been silent for {self._within_s:g} s")
        else:
            self._excuses += 1
        # Counted from the question, and again when the event loop was held up: what the database
        # has sent by then lies unread, and a server that is busy must not lose its feeds for it.
        self._asked_at = self._clock()
