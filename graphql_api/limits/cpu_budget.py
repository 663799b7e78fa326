"""Budgets of processor time for clients.

```
 connection ──┐
              ├─▶ ClientBudget ── spend: after each step of work, what it took
 address ─────┘                └─ pause: let others have their turn; wait, if it is overdrawn
```

A budget is a pair of token buckets that hold seconds of CPU time: one of the connection, one that
all connections of its address share. Work is measured while it is done, and charged afterwards; so
a budget may be overdrawn, by one step at most. An operation of a client whose budget is overdrawn
waits until it is not, and others are served: those of one connection one after the other, and the
connections of one address in turns. One that would wait for too long is refused with
`RATE_LIMITED`.

Long work is done in turns, see `turn_queue`. It is measured by the steps of tasks. A task that is
created while a budget is in force, by graphql-core for one of many fields for instance, charges the
same budget, and begins in a turn of its own.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Coroutine, Generator, Hashable, Iterator
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import AsyncExitStack, contextmanager
from contextvars import Context, ContextVar
from types import coroutine
from typing import Any, TypeVar

from starlette.types import Scope

from graphql_api.errors import OverBudgetError
from graphql_api.limits.answer_memory import Taker
from graphql_api.limits.token_bucket import TokenBuckets
from graphql_api.limits.turn_queue import TurnQueue
from graphql_api.settings.connections import ConnectionSettings
from graphql_api.turns import Pause, Turns

T = TypeVar("T")

_SHORTEST_WAIT_S = 0.001

_budget: ContextVar[ClientBudget | None] = ContextVar("budget", default=None)
"""The budget that the current task charges."""


class ClientBudget:
    """The budget of one connection, which includes that of its address.

    Args:
        buckets: Those of connections and those of addresses, in seconds, each with this client's
            key; a key that is None has no limit.
        max_wait_s: How long one pause may last.
        queue: The turns of all clients.
        thread: Where `apart` calls functions, those of all clients one after the other.
        clock: Measures what work takes, in seconds of CPU time.
        address: What stands for the client's address; None, if that has no limits.
    """

    __slots__ = (
        *("_buckets", "_max_wait_s", "_queue", "_thread"),
        *("address", "clock", "long_answer", "long_work", "taker"),
    )

    def __init__(
        self,
        *buckets: tuple[TokenBuckets, Hashable | None],
        max_wait_s: float,
        queue: TurnQueue,
        thread: Executor | None = None,
        clock: Callable[[], float] = time.thread_time,
        address: Hashable | None = None,
    ) -> None:
        self.address = address
        self._queue = queue
        self._thread = thread
        self.long_work = asyncio.Lock()
        """Held while something is done of which one client does one at a time."""
        self.long_answer = asyncio.Lock()
        """Held from when an answer turns out to be long until it has been sent."""
        self.taker = Taker(address)
        """The connection, as what takes large answers."""
        self._buckets = [(bucket, key) for bucket, key in buckets if key is not None]
        self._max_wait_s = max_wait_s
        self.clock = clock

    def spend(self, seconds: float) -> None:
        """Charge what a step of work has taken."""
        for buckets, key in self._buckets:
            buckets.spend(key, seconds)

    @property
    def wait_s(self) -> float:
        """How long to wait before more is done for this client; 0, if it has budget left."""
        return max((buckets.wait_s(key) for buckets, key in self._buckets), default=0.0)

    def turns(self, pause: Pause | None = None) -> Turns:
        """Divide a piece of work of this client into turns.

        Args:
            pause: Awaited between two turns; `pause` of this budget, if absent.
        """
        return Turns(pause or self.pause, clock=self._queue.clock)

    async def apart(self, work: Callable[[], T], /) -> T:
        """Call a function that may take long in a thread, so that the event loop goes on.

        It is charged even if the caller does not wait for its end. A client has one at a time.

        Args:
            work: The function; it uses nothing that the event loop changes.

        Returns:
            What the function returns; what it raises is raised.
        """
        loop = asyncio.get_running_loop()

        def charge() -> T:
            began_s = self.clock()
            try:
                return work()
            finally:
                loop.call_soon_threadsafe(self.spend, self.clock() - began_s)

        async with self.long_work:
            return await loop.run_in_executor(self._thread, charge)

    async def pause(self) -> None:
        """Let others have their turn; then wait as long as the budget is overdrawn.

        Raises:
            OverBudgetError: It would be overdrawn for longer than `max_wait_s`.
        """
        await self._queue.take()
        if self.wait_s > 0 or any(buckets.has_line(key) for buckets, key in self._buckets):
            try:
                async with asyncio.timeout(self._max_wait_s), AsyncExitStack() as lines:
                    await self._wait(lines)
            except TimeoutError:
                raise self._refusal() from None

    async def _wait(self, lines: AsyncExitStack) -> None:
        """Wait in the line of each bucket until that is not overdrawn.

        Of one connection only one operation waits for the budget of the address: a client with many
        takes its turn as often as one with a single one.
        """
        waited_s = 0.0
        for buckets, key in self._buckets:
            if self.wait_s > self._max_wait_s:
                raise self._refusal()
            await lines.enter_async_context(buckets.line(key))
            while (wait_s := buckets.wait_s(key)) > 0:
                waited_s += wait_s
                if waited_s > self._max_wait_s:
                    raise self._refusal()
                await asyncio.sleep(max(wait_s, _SHORTEST_WAIT_S))

    def _refusal(self) -> OverBudgetError:
        return OverBudgetError(
            "this client has used more of the processor than it may; try again later, and ask for "
            "less at a time"
        )

    async def turn(self) -> None:
        """Wait for a turn, whether or not the budget is overdrawn."""
        await self._queue.take()

    def listening_turns(self) -> Turns:
        """Divide the reading of this client's messages into turns, while more have come."""
        return Turns(self._queue.take, clock=self._queue.clock)

    async def settle(self) -> None:
        """Wait while the budget is overdrawn, for as long as a pause may last at most."""
        if (wait_s := self.wait_s) > 0:
            await asyncio.sleep(min(wait_s, self._max_wait_s))

    @contextmanager
    def measured(self) -> Iterator[None]:
        """Charge what is done inside, which does not await."""
        began_s = self.clock()
        try:
            yield
        finally:
            self.spend(self.clock() - began_s)


class CPUBudgets:
    """The budgets of all clients of one server.

    Args:
        limits: How much a connection, and all connections of one address, may use.
        address_key: What stands for a client's address; None, if that is not to be limited.
        clock: Returns the time, in seconds.
        cpu_clock: Measures what work takes, in seconds of CPU time.
        queue: The turns of all clients; one of its own, if absent.
    """

    def __init__(
        self,
        limits: ConnectionSettings | None = None,
        *,
        address_key: Callable[[str | None], Hashable | None] = lambda address: address,
        clock: Callable[[], float] = time.monotonic,
        cpu_clock: Callable[[], float] = time.thread_time,
        queue: TurnQueue | None = None,
    ) -> None:
        limits = limits or ConnectionSettings()
        burst_s = limits.cpu_burst_s
        self._connections = TokenBuckets(limits.max_cpu_per_connection, burst_s, clock=clock)
        self._addresses = TokenBuckets(limits.max_cpu_per_address, burst_s, clock=clock)
        self._max_wait_s = limits.max_cpu_wait_s
        self._address_key = address_key
        self._cpu_clock = cpu_clock
        self._queue = TurnQueue(clock) if queue is None else queue
        self._thread = ThreadPoolExecutor(1, "long work")

    def of(self, scope: Scope) -> ClientBudget:
        """The budget of the client of an ASGI connection."""
        client = scope.get("client")
        address = None if client is None else self._address_key(client[0])
        return ClientBudget(
            (self._connections, None if client is None else tuple(client)),
            (self._addresses, address),
            max_wait_s=self._max_wait_s,
            queue=self._queue,
            thread=self._thread,
            clock=self._cpu_clock,
            address=address,
        )


async def charged(work: Coroutine[Any, Any, T], budget: ClientBudget) -> T:
    """Await work, and charge each of its steps, and those of the tasks that it creates."""
    token = _budget.set(budget)
    try:
        return await _steps(work, budget)
    finally:
        _budget.reset(token)


def charge_new_tasks(loop: asyncio.AbstractEventLoop) -> None:
    """Charge tasks that are created in charged work to the same budget.

    A loop that makes its tasks by a factory goes on to do so. A second call changes nothing.
    """
    make = loop.get_task_factory()
    if not isinstance(make, _ChargedTasks):
        loop.set_task_factory(_ChargedTasks(make))


class _ChargedTasks:
    """A task factory that charges the work of each task to the budget in force.

    Args:
        make: The factory that makes the tasks; None for asyncio's own.
    """

    def __init__(self, make: Any) -> None:
        self._make = make or _plain_task

    def __call__(
        self,
        loop: asyncio.AbstractEventLoop,
        work: Coroutine[Any, Any, Any] | Generator[Any, None, Any],
        **kwargs: Any,
    ) -> Any:
        context: Context | None = kwargs.get("context")
        budget = _budget.get() if context is None else context.get(_budget)
        if budget is not None and asyncio.iscoroutine(work):
            work = _in_steps(work, budget)
        return self._make(loop, work, **kwargs)


def _plain_task(loop: asyncio.AbstractEventLoop, work: Any, **kwargs: Any) -> asyncio.Task[Any]:
    return asyncio.Task(work, loop=loop, **kwargs)


async def _in_steps(work: Coroutine[Any, Any, T], budget: ClientBudget) -> T:
    """Run work step by step as a coroutine: since Python 3.12 a task takes no generator.

    It begins in a turn of its own: the tasks of a hundred fields are created at the same moment.
    """
    try:
        await budget.turn()
    except BaseException:  # a cancellation
        _close_unbegun(work)
        raise
    return await _steps(work, budget)


def _close_unbegun(work: Coroutine[Any, Any, Any]) -> None:
    """Close a coroutine that has not begun, and those that it would await: Python warns of them."""
    frame = getattr(work, "cr_frame", None)  # a compiled one has none
    given = [] if frame is None else [*filter(asyncio.iscoroutine, frame.f_locals.values())]
    work.close()
    for each in given:
        _close_unbegun(each)


@coroutine
def _steps(work: Coroutine[Any, Any, T], budget: ClientBudget) -> Generator[Any, Any, T]:
    """Run work step by step: a step ends where the work awaits something that is not there yet."""
    clock = budget.clock
    step: Callable[[Any], Any] = work.send
    argument: Any = None
    while True:
        began_s = clock()
        try:
            awaited = step(argument)
        except StopIteration as stop:
            result: T = stop.value
            return result
        finally:
            # An error would be kept by its own traceback, and with it all that its frames refer to.
            argument = None
            budget.spend(clock() - began_s)
        try:
            argument = yield awaited
            step = work.send
        except GeneratorExit:
            work.close()
            raise
        except BaseException as error:  # noqa: BLE001 - a cancellation, most of all: it is the work's
            argument = error
            step = work.throw
