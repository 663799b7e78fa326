"""Sends events to many subscribers: each is encoded once, and written to all in a loop.

```
 source ──wake──▶ scheduler ──turn──▶ pull ─▶ the group's payload ─▶ sink
   ▲                  ▲                        (made for the first)     │
   │                  └──────────────── empty again ◀─── too full ◀─────┘
   └ merges, while nothing is pulled
```

A member is a subscription being served. It has no task: when its source has something for it, it
waits for its turn in the scheduler. A member whose sink is too full is left alone until the
sink is empty; the member's source merges until then, so nothing piles up here.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Coroutine
from contextvars import Context
from functools import partial
from types import TracebackType
from typing import Any, Final, Self

from graphql_api.execution.encoder import Encoded, Encoder, GroupKey
from graphql_api.execution.encodings import Encodings
from graphql_api.execution.group import Group, Member, call_safely
from graphql_api.execution.pace import Pace
from graphql_api.execution.payload_bundle import EncodedBundle
from graphql_api.execution.responder import Responder
from graphql_api.execution.scheduler import Scheduler
from graphql_api.feeds.subscription import EventSource
from graphql_api.limits.cpu_budget import ClientBudget, charged
from graphql_api.limits.traffic import Traffic
from graphql_api.limits.turn_queue import TurnQueue

_MAX_BUNDLE_BYTES: Final = 16 * 1024 * 1024
_MAX_BUNDLES: Final = 32
"""Of how many bundles of events the payloads are remembered together, and in how much memory. All
members that keep up are sent a bundle in one turn of each, so it is soon forgotten."""


class Broadcaster:
    """Serves the subscriptions of one server, as members of groups.

    The application's lifespan enters it, as an async context manager. It then owns the tasks in
    which results are awaited; a result that is there at once needs none.

    Args:
        max_encoding_bytes: How much memory the payloads may take that are remembered.
        max_encoded_events: Of how many events payloads are remembered.
        clock: Returns the time, in seconds; an event loop's own may stand still during a turn.
        cpu_clock: Measures what work takes, in seconds of CPU time.
        long_work: Where long work waits for its turns; a queue of its own, if absent.
        traffic: Where to count what is done.
    """

    def __init__(
        self,
        *,
        max_encoding_bytes: int = 64 * 1024 * 1024,
        max_encoded_events: int = 1024,
        clock: Callable[[], float] = time.monotonic,
        cpu_clock: Callable[[], float] = time.thread_time,
        long_work: TurnQueue | None = None,
        traffic: Traffic | None = None,
    ) -> None:
        self._context = Context()
        self._groups: dict[tuple[GroupKey, float], Group] = {}
        self._tasks: asyncio.TaskGroup | None = None
        self._encodings: Encodings[Encoded] = Encodings(
            max_bytes=max_encoding_bytes, max_events=max_encoded_events
        )
        self._bundles: Encodings[EncodedBundle] = Encodings(
            max_bytes=_MAX_BUNDLE_BYTES, max_events=_MAX_BUNDLES
        )
        self.traffic = Traffic() if traffic is None else traffic
        if long_work is None:
            long_work = TurnQueue(clock)
        self.scheduler = Scheduler(clock, cpu_clock, long_work, self.traffic.lag, self._context)

    async def __aenter__(self) -> Self:
        self._tasks = await asyncio.TaskGroup().__aenter__()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        assert self._tasks is not None
        for group in self._groups.values():
            group.cancel()
        await self._tasks.__aexit__(kind, error, traceback)

    @property
    def groups(self) -> int:
        """How many groups there are."""
        return len(self._groups)

    @property
    def members(self) -> int:
        """How many members they have together."""
        return sum(group.members for group in self._groups.values())

    @property
    def results(self) -> int:
        """How many results are remembered."""
        return len(self._encodings)

    def join(
        self,
        encoder: Encoder,
        source: EventSource[Any],
        responder: Responder,
        *,
        on_leave: Callable[[], None] | None = None,
    ) -> Member:
        """Serve a subscription from now on, until it leaves.

        Args:
            encoder: How events are encoded; the first member's is the whole group's.
            source: Its events; it is closed when the member leaves.
            responder: Where to send what they bring. Its `fail` is called when the source fails;
                the member has left then. Its budget is charged while the member is the only one of
                its group; what is done for several is charged to no client.
            on_leave: Called when the encoder is not needed any more; that of the first member,
                when the last one leaves.
        """
        key = encoder.key, source.every_s
        group = self._groups.get(key)
        if group is None:
            group = self._groups[key] = Group(
                encoder,
                self._encodings,
                self._bundles,
                traffic=self.traffic,
                create_task=self._create_task,
                pace=Pace(source.every_s, self._context) if source.every_s else None,
                on_empty=partial(self._disband, key, on_leave),
            )
            on_leave = None
        return Member(self.scheduler, group, source, responder, on_leave)

    def _create_task(
        self, work: Coroutine[Any, Any, None], budget: ClientBudget | None
    ) -> asyncio.Task[None]:
        """Await something on behalf of a group, and charge a budget for it, if there is one.

        Raises:
            RuntimeError: The context manager has not been entered, or has been left.
        """
        if self._tasks is None:
            work.close()
            raise RuntimeError("a result is to be awaited, and the broadcaster is not running")
        if budget is not None:
            work = charged(work, budget)
        context = self._context.copy()  # a budget is in force in one task
        return self._tasks.create_task(work, name="shared execution", context=context)

    def _disband(self, key: tuple[GroupKey, float], on_leave: Callable[[], None] | None) -> None:
        del self._groups[key]
        if on_leave is not None:
            call_safely(on_leave)
