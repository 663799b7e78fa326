"""An event loop whose time passes only when nothing is left to do.

It is asyncio's own loop, callback for callback in asyncio's order, on a clock that leaps to the
next timer. Sockets are those of a `Network`; there are no threads, and no real file is watched.
"""

from __future__ import annotations

import asyncio
import contextvars
import itertools
import socket
from collections.abc import Awaitable, Callable, Coroutine
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tests.simulation.network import Network, Process

_MAX_TURNS = 400_000
"""A seed takes a hundredth of it: what takes more does not end."""

current_process: contextvars.ContextVar[Process | None] = contextvars.ContextVar(
    "current_process", default=None
)
"""The process whose code is running; its tasks, sockets and timers inherit it."""

_serials = itertools.count()


class SimulatedTask(asyncio.Task[Any]):
    """A task whose place in a set is the same in every process."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self._serial = next(_serials)
        super().__init__(*args, **kwargs)

    def __hash__(self) -> int:
        return self._serial


class SimulatedLoop(asyncio.BaseEventLoop):
    """An event loop on a simulated clock and network."""

    def __init__(self) -> None:
        global _serials  # noqa: PLW0603 - each loop counts from 0
        _serials = itertools.count()
        super().__init__()
        self._now_s = 0.0
        self._clock_resolution = 1e-9
        self._selector = self  # what asyncio asks for the events of sockets
        self.turns = 0
        self._scheduled: list[asyncio.TimerHandle]
        self._awaited: dict[asyncio.Future[None], Callable[[], bool]] = {}
        self.network: Network
        self.failures: list[str] = []
        """What went wrong in a callback or a task that nothing waits for."""
        self.set_task_factory(self._make_task)
        self.set_exception_handler(self._note_failure)

    def time(self) -> float:
        """Seconds since the simulation began."""
        return self._now_s

    def select(self, timeout: float | None) -> list[object]:
        """Let the time pass until the next timer, as a selector waits for sockets."""
        self.turns += 1
        if self.turns > _MAX_TURNS:
            raise AssertionError(f"the event loop has made {_MAX_TURNS} turns, and does not end")
        if self._has_come_true():
            return []
        if timeout is None:
            raise AssertionError("everything waits, and no timer is left to wake anything")
        if timeout > 0:
            self._now_s = max(self._now_s, self._scheduled[0].when())
        return []

    async def until(self, is_so: Callable[[], bool]) -> None:
        """Let time pass until something is so; it is looked at in each turn, before time passes."""
        future = self.create_future()
        self._awaited[future] = is_so
        try:
            await future
        finally:
            del self._awaited[future]

    def _has_come_true(self) -> bool:
        true = [future for future, is_so in self._awaited.items() if not future.done() and is_so()]
        for future in true:
            future.set_result(None)
        return bool(true)

    def _process_events(self, event_list: list[object]) -> None:
        pass

    def _write_to_self(self) -> None:
        pass

    def close(self) -> None:
        """Forget what is left to do."""
        self._selector = None  # type: ignore[assignment]
        super().close()

    def create_task(self, *args: Any, **kwargs: Any) -> asyncio.Task[Any]:
        """Make a task, which no other factory may make: a plain one is hashed by its address."""
        task = super().create_task(*args, **kwargs)
        assert isinstance(task, SimulatedTask), "another task factory is in the simulation's place"
        return task

    def _make_task(
        self, loop: asyncio.AbstractEventLoop, coro: Coroutine[Any, Any, Any] | Any, **kwargs: Any
    ) -> SimulatedTask:
        task = SimulatedTask(coro, loop=loop, **kwargs)
        process = current_process.get()
        if process is not None:
            process.tasks[task] = None
            task.add_done_callback(process.forget)
        return task

    def _note_failure(self, _: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        process = current_process.get()
        if process is not None and not process.is_alive:
            return  # what is left of a process that was killed
        error = context.get("exception")
        self.failures.append(f"{context['message']}: {error!r}")

    # What asyncio's streams, the driver and uvicorn ask a loop for.

    async def create_connection(  # type: ignore[override]
        self, protocol_factory: Callable[[], asyncio.BaseProtocol], host: str, port: int, **_: Any
    ) -> Any:
        return await self.network.connect(protocol_factory, host, port)

    async def create_server(
        self,
        protocol_factory: Callable[[], asyncio.BaseProtocol],
        host: Any = None,
        port: int | None = None,
        *,
        sock: Any = None,
        **_: Any,
    ) -> Any:
        if sock is not None:
            host, port = sock.getsockname()
        assert port is not None
        return self.network.listen(protocol_factory, host, port)

    def remove_reader(self, fd: Any) -> bool:
        """A listener can close at once: a connection has its transport as soon as it is made."""
        return False

    async def getaddrinfo(self, host: Any, port: Any, **_: Any) -> Any:
        return [(socket.AF_INET, socket.SOCK_STREAM, 0, "", (host, port))]  # hosts have no others

    def run_in_executor(self, executor: Any, func: Callable[..., Any], *args: Any) -> Any:  # type: ignore[override]
        """Run a function at once: what a thread does takes no time here, and its order is known."""
        future = self.create_future()
        try:
            future.set_result(func(*args))
        except Exception as error:  # noqa: BLE001 - it is the caller's
            future.set_exception(error)
        return future


def simulated(work: Callable[[], Awaitable[None]]) -> None:
    """Run something on a simulated clock, without a network."""
    loop = SimulatedLoop()
    asyncio.set_event_loop(loop)
    try:
        loop.run_until_complete(work())
        assert loop.failures == []
    finally:
        asyncio.set_event_loop(None)
        loop.close()


async def time_passes_until(is_so: Callable[[], bool]) -> None:
    """Let simulated time pass until something is so.

    Raises:
        AssertionError: It is not so, and nothing more happens, or things happen without end.
    """
    loop = asyncio.get_running_loop()
    assert isinstance(loop, SimulatedLoop)
    await loop.until(is_so)
