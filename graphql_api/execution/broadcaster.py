"""One event, many subscribers: executed and encoded once, written to each client by a plain loop.

```
 source ──wake──▶ ready ──turn──▶ pull ─▶ the group's result ─▶ outlet
   ▲                ▲                       (made by the first)     │
   │                └───────────────── empty again ◀─── too full ◀──┘
   └ merges, while nobody pulls
```

A member is a subscription being served. It has no task: when its source has something for it, it is
put in a queue, from which one callback of the event loop serves all. A member whose outlet is too
full is left alone until that is empty; its source merges meanwhile, so nothing piles up here.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable, Coroutine
from contextvars import Context
from types import TracebackType
from typing import Any, Self

from graphql_api.execution.group import Group, GroupKey
from graphql_api.execution.member import EVENTS_AT_ONCE, Member, SharedSource
from graphql_api.execution.operation import RequestError, SubscriptionExecution
from graphql_api.execution.shared_results import SharedResults
from graphql_api.execution.sink import Framing, Outlet
from graphql_api.feeds.feed import STEPS_IN_A_ROW
from graphql_api.limits.cpu_budget import ClientBudget
from graphql_api.limits.traffic import Traffic

_TURNS_IN_A_ROUND = 2 * STEPS_IN_A_ROW // EVENTS_AT_ONCE
"""How often members are served in a round, if they need it: so all that a feed applies between two
rounds is sent unmerged to those who take it, even if it is large."""
_TURN_S = 0.01
"""How long members are served before the event loop has its turn."""


class FanOut:
    """Serves all members of one server.

    As an async context manager it owns the tasks in which results are awaited; those that are there
    at once need none.

    Args:
        max_result_bytes: How much the remembered results may take.
        recent_events: How many events are kept alive, so that their results may be used again.
        clock: Tells the time, in seconds; an event loop's own may stand still during a turn.
        traffic: Where to count what is done.
    """

    def __init__(
        self,
        *,
        max_result_bytes: int = 64 * 1024 * 1024,
        recent_events: int = 1024,
        clock: Callable[[], float] = time.monotonic,
        traffic: Traffic | None = None,
    ) -> None:
        self._clock = clock
        # Not that of the client whose task happens to wake a member, or it would be charged.
        self._context = Context()
        self.traffic = Traffic() if traffic is None else traffic
        self._ready: deque[Member | _EndOfRound | _EndOfLag] = deque()
        self._lag: _EndOfLag | None = None
        self._is_scheduled = False
        self._groups: dict[GroupKey, Group] = {}
        self._tasks: asyncio.TaskGroup | None = None
        self._results = SharedResults(max_bytes=max_result_bytes, recent_events=recent_events)

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
    def executions(self) -> int:
        """How many events have been executed."""
        return self.traffic.executions

    @property
    def results(self) -> int:
        """How many results are remembered."""
        return len(self._results)

    def join(
        self,
        key: GroupKey,
        execution: SubscriptionExecution,
        source: SharedSource,
        outlet: Outlet,
        *,
        framing: Framing,
        on_failure: Callable[[RequestError], None],
        on_leave: Callable[[], None] | None,
        budget: ClientBudget | None = None,
    ) -> Member:
        """Serve a subscription from now on, until it leaves.

        Args:
            key: Its group's.
            execution: How events are executed; the first member's is the whole group's.
            source: Its events; it is closed when the member leaves.
            outlet: Where to send them.
            framing: What becomes of its payloads there.
            on_failure: Told what to tell the client when the source fails; the member has left.
            on_leave: Called when nobody needs the execution any more; on_leave of the first
                member is called when the last one leaves.
            budget: What the member is charged to while it is the only one of its group; what is
                done for several is charged to no client.
        """
        group = self._groups.get(key)
        if group is None:
            group = self._groups[key] = Group(self, key, execution, self._results, on_leave)
            on_leave = None
        return Member(
            self,
            group,
            source,
            outlet,
            framing=framing,
            on_failure=on_failure,
            on_leave=on_leave,
            budget=budget,
        )

    async def round(self) -> None:
        """Give the event loop its turn, and every member a few for which there is something now.

        Whoever makes events waits for this now and then: otherwise it has a turn as often as all
        members together, and they fall behind although their clients do not. A client that takes
        nothing holds up nobody, nor does one that always has more to send.
        """
        if not self._ready:
            await asyncio.sleep(0)
            return
        done = asyncio.Event()
        self.enqueue(_EndOfRound(self, done))
        await done.wait()

    # What members and groups use.

    def enqueue(self, member: Member | _EndOfRound) -> None:
        """Serve a member soon."""
        self._ready.append(member)
        if self._lag is None:
            self._lag = _EndOfLag(self, self._clock())
        self._schedule()

    @property
    def has_ready(self) -> bool:
        """Whether somebody is to be served soon."""
        return bool(self._ready)

    def create_task(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Await something on behalf of a group.

        Raises:
            RuntimeError: The context manager has not been entered, or has been left.
        """
        if self._tasks is None:
            work.close()
            raise RuntimeError("a result is to be awaited, and FanOut is not running")
        return self._tasks.create_task(work, name="shared execution", context=self._context)

    def disband(self, group: Group) -> None:
        """Forget a group that has no members any more."""
        del self._groups[group.key]

    def end_lag(self, began_at_s: float) -> None:
        """All who were ready since then have been served."""
        self._lag = None
        self.traffic.lag.observe(self._clock() - began_at_s)

    def _schedule(self) -> None:
        if not self._is_scheduled:
            self._is_scheduled = True
            asyncio.get_running_loop().call_soon(self._turn, context=self._context)

    def _turn(self) -> None:
        self._is_scheduled = False
        until_s = self._clock() + _TURN_S
        if self._lag is not None and not self._lag.is_queued:
            # Behind all for whom there was something when the first of them was served.
            self._lag.is_queued = True
            self._ready.append(self._lag)
        try:
            for _ in range(len(self._ready)):
                self._ready.popleft().serve()
                if self._clock() >= until_s:
                    break
        finally:  # even if one of them has failed
            if self._ready:
                self._schedule()


class _EndOfRound:
    """Stands in the queue of members, behind all who were there before."""

    def __init__(self, fan_out: FanOut, done: asyncio.Event) -> None:
        self._fan_out = fan_out
        self._done = done
        self._turns = 0

    def serve(self) -> None:
        """All of them have been served; those who have more stand behind."""
        self._turns += 1
        if self._turns < _TURNS_IN_A_ROUND and self._fan_out.has_ready:
            self._fan_out.enqueue(self)
        else:
            self._done.set()


class _EndOfLag:
    """The same, to see how long it takes from the first of them to the last."""

    def __init__(self, fan_out: FanOut, began_at_s: float) -> None:
        self._fan_out = fan_out
        self._began_at_s = began_at_s
        self.is_queued = False

    def serve(self) -> None:
        """All of them have been served."""
        self._fan_out.end_lag(self._began_at_s)
