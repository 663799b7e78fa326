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
import logging
import time
from collections import deque
from collections.abc import Awaitable, Callable, Coroutine, Hashable, Mapping
from dataclasses import dataclass, replace
from types import TracebackType
from typing import Any, Protocol, Self, TypeAlias, runtime_checkable

from graphql import ExecutionResult

from graphql_api.feeds.feed import STEPS_IN_A_ROW, Feed
from graphql_api.schema import Context
from graphql_api.schema.errors import internal_error
from graphql_api.transport import messages
from graphql_api.transport.documents import Document
from graphql_api.transport.execution import RequestError, SubscriptionExecution
from graphql_api.transport.outlet import Framing, Outlet
from graphql_api.transport.request import Request
from graphql_api.transport.shared_results import ReadFeeds, ResultsOfGroup, SharedResults
from graphql_api.transport.traffic import Traffic

log = logging.getLogger(__name__)

_EVENTS_AT_ONCE = 32
"""How many events one member is served before the others have their turn."""
_BYTES_AT_ONCE = 65_536
"""How many bytes, the same."""
_TURNS_IN_A_ROUND = 2 * STEPS_IN_A_ROW // _EVENTS_AT_ONCE
"""How often members are served in a round, if they need it: so all that a feed applies between two
rounds is sent unmerged to those who take it, even if it is large."""
_TURN_S = 0.01
"""How long members are served before the event loop has its turn."""


@runtime_checkable
class SharedSource(Protocol):
    """A source of events of which equal subscriptions get the same ones.

    That is a promise: its events never change, and one that another subscription gets too is the
    same object. `feeds.subscription.Subscription` keeps it.
    """

    def pull(self) -> object | None:
        """The next event, if there is one; otherwise `on_wake`'s callback is called later."""

    def on_wake(self, callback: Callable[[], None] | None) -> None:
        """Have `callback` called whenever there may be an event after there was none."""

    def close(self) -> None:
        """Free everything."""


GroupKey: TypeAlias = Hashable
"""What all members of a group have in common: whatever can make their results differ."""


def group_key(request: Request, document: Document, context: Context) -> GroupKey:
    """The key of the group to which a subscription belongs.

    Values are compared by the text that JSON has for them: 1, 1.0 and true are three, and a null is
    not the same as nothing. Where the events begin makes no difference to what comes of them.
    """
    variables = {
        name: value
        for name, value in (request.variables or {}).items()
        if name not in document.resumption_variables
    }
    return (
        document.text,
        request.operation_name,
        messages.to_json(variables, sort_keys=True),
        messages.to_json(request.extensions or {}, sort_keys=True),
        context.scopes,
    )


def _failed_execution(error: Exception) -> bytes:
    masked = internal_error(error, "the execution of an event")
    return messages.execution_result(None, [masked], None)


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
        self.traffic = Traffic() if traffic is None else traffic
        self._ready: deque[Member | _EndOfRound | _EndOfLag] = deque()
        self._lag: _EndOfLag | None = None
        self._is_scheduled = False
        self._groups: dict[GroupKey, _Group] = {}
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
        """
        group = self._groups.get(key)
        if group is None:
            group = self._groups[key] = _Group(self, key, execution, self._results, on_leave)
            on_leave = None
        return Member(
            self, group, source, outlet, framing=framing, on_failure=on_failure, on_leave=on_leave
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
        return self._tasks.create_task(work, name="shared execution")

    def disband(self, group: _Group) -> None:
        """Forget a group that has no members any more."""
        del self._groups[group.key]

    def end_lag(self, began_at_s: float) -> None:
        """All who were ready since then have been served."""
        self._lag = None
        self.traffic.lag.observe(self._clock() - began_at_s)

    def _schedule(self) -> None:
        if not self._is_scheduled:
            self._is_scheduled = True
            asyncio.get_running_loop().call_soon(self._turn)

    def _turn(self) -> None:
        self._is_scheduled = False
        until_s = self._clock() + _TURN_S
        if self._lag is not None and not self._lag.is_queued:
            # Behind all for whom there was something when the first of them was served.
            self._lag.is_queued = True
            self._ready.append(self._lag)
        for _ in range(len(self._ready)):
            self._ready.popleft().serve()
            if self._clock() >= until_s:
                break
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


class Member:
    """One subscription being served. `FanOut.join` makes it."""

    __slots__ = (
        "_fan_out",
        "_framing",
        "_group",
        "_is_awaiting",
        "_is_held_up",
        "_is_queued",
        "_on_failure",
        "_on_leave",
        "_outlet",
        "_payload",
        "_source",
    )

    def __init__(
        self,
        fan_out: FanOut,
        group: _Group,
        source: SharedSource,
        outlet: Outlet,
        *,
        framing: Framing,
        on_failure: Callable[[RequestError], None],
        on_leave: Callable[[], None] | None,
    ) -> None:
        self._fan_out = fan_out
        self._group: _Group | None = group
        self._source = source
        self._outlet = outlet
        self._framing = framing
        self._on_failure = on_failure
        self._on_leave = on_leave
        self._is_queued = False
        self._is_held_up = False
        self._is_awaiting = False
        self._payload: bytes | None = None
        group.members += 1
        source.on_wake(self.wake)
        self.wake()

    def wake(self) -> None:
        """Look soon whether there is something to send."""
        if not (self._is_queued or self._is_held_up):
            self._is_queued = True
            self._fan_out.enqueue(self)

    def leave(self) -> None:
        """Free everything at once; nothing happens the second time."""
        if self._group is None:
            return
        group, self._group = self._group, None
        self._source.on_wake(None)
        _call(self._source.close)
        if self._on_leave is not None:
            _call(self._on_leave)
        group.members -= 1
        if not group.members:
            group.disband()

    def deliver(self, event: object, payload: bytes) -> None:
        """Take what came of the event for which the member has been waiting."""
        identify = self._framing.identify
        self._payload = payload if identify is None else identify(event, payload)
        self._is_awaiting = False
        self.wake()

    def serve(self) -> None:
        """Send what there is, as far as it is this member's turn."""
        self._is_queued = False
        if self._group is None or self._is_awaiting:
            return
        if not self._outlet.is_writable:
            self._is_held_up = True
            self._outlet.on_writable(self._go_on)
            return
        payloads: list[bytes] = []
        failure = None
        try:
            self._pull(self._group, payloads)
        except Exception as error:  # noqa: BLE001 - whoever is told logs it
            failure = self._group.failed(error)
        if payloads:
            framing = self._framing
            self._outlet.write_texts(framing.prefix, payloads, framing.suffix)
            traffic = self._fan_out.traffic
            traffic.messages_sent += len(payloads)
            around = len(framing.prefix) + len(framing.suffix)
            traffic.bytes_sent += sum(map(len, payloads)) + around * len(payloads)
        if failure is not None:
            self.leave()
            self._on_failure(failure)

    def _pull(self, group: _Group, payloads: list[bytes]) -> None:
        identify = self._framing.identify
        size = 0
        while len(payloads) < _EVENTS_AT_ONCE and size < _BYTES_AT_ONCE:
            payload, self._payload = self._payload, None
            if payload is None:
                event = self._source.pull()
                if event is None:
                    return
                payload = group.payload(event, self)
                if payload is None:
                    self._is_awaiting = True
                    return
                if identify is not None:
                    payload = identify(event, payload)
            payloads.append(payload)
            size += len(payload)
        self.wake()  # there may be more

    def _go_on(self) -> None:
        self._is_held_up = False
        self.wake()


class _Group:
    """All members whose results are the same."""

    def __init__(
        self,
        fan_out: FanOut,
        key: GroupKey,
        execution: SubscriptionExecution,
        results: SharedResults,
        on_disband: Callable[[], None] | None,
    ) -> None:
        self._fan_out = fan_out
        self._execution = execution
        self._results = results
        self._on_disband = on_disband
        self._remembered: ResultsOfGroup = {}
        self._awaited: dict[int, _Awaited] = {}
        self.key = key
        self.members = 0

    def payload(self, event: object, member: Member) -> bytes | None:
        """What comes of an event; None, if it is delivered to the member later."""
        payload = self._results.get(self._remembered, event)
        if payload is not None:
            self._fan_out.traffic.shared_results += 1
            return payload
        awaited = self._awaited.get(id(event))
        if awaited is not None:
            awaited.members.append(member)
            return None
        try:
            return self._execute(event, member)
        except Exception as error:  # noqa: BLE001 - it is logged there
            return self._remember(event, _failed_execution(error), {})

    def failed(self, error: Exception) -> RequestError:
        """What to tell the client whose source of events has failed."""
        return self._execution.failed(error)

    def cancel(self) -> None:
        """Wait for no result any more."""
        for awaited in self._awaited.values():
            awaited.task.cancel()

    def disband(self) -> None:
        """Free everything: there are no members any more."""
        self.cancel()
        self._results.forget_group(self._remembered)
        self._fan_out.disband(self)
        if self._on_disband is not None:
            _call(self._on_disband)

    def _execute(self, event: object, member: Member) -> bytes | None:
        traffic = self._fan_out.traffic
        traffic.executions += 1
        began_at_s = time.perf_counter()
        context = self._execution.context
        feeds = ReadFeeds(context.feeds)
        result = self._execution.execute(event, replace(context, feeds=feeds))
        traffic.execution_s += time.perf_counter() - began_at_s
        if isinstance(result, ExecutionResult):
            return self._finish(event, result, feeds)
        task = self._fan_out.create_task(self._await(event, result, feeds))
        self._awaited[id(event)] = _Awaited(event, task, [member])
        return None

    async def _await(
        self, event: object, result: Awaitable[ExecutionResult], feeds: ReadFeeds
    ) -> None:
        try:
            payload = self._finish(event, await result, feeds)
        except Exception as error:  # noqa: BLE001 - it is logged there
            payload = self._remember(event, _failed_execution(error), {})
        finally:
            awaited = self._awaited.pop(id(event))
        for member in awaited.members:
            member.deliver(event, payload)

    def _finish(self, event: object, result: ExecutionResult, feeds: ReadFeeds) -> bytes:
        traffic, began_at_s = self._fan_out.traffic, time.perf_counter()
        payload = self._execution.encode(result)
        traffic.encoding_s += time.perf_counter() - began_at_s
        return self._remember(event, payload, feeds.positions)

    def _remember(
        self, event: object, payload: bytes, positions: Mapping[Feed[Any, Any], object]
    ) -> bytes:
        if self.members > 1:
            self._results.put(self._remembered, event, payload, positions)
        return payload


@dataclass(slots=True)
class _Awaited:
    """An event that is being executed, and who waits for what comes of it."""

    event: object
    task: asyncio.Task[None]
    members: list[Member]


def _call(callback: Callable[[], None]) -> None:
    """Call something that is not ours, and go on whatever it does."""
    try:
        callback()
    except Exception:
        log.exception("the end of an operation has failed")
