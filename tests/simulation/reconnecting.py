"""What all clients of a simulation do: connect, be cut off for a reason, and come back."""

from __future__ import annotations

import random
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, NamedTuple

from tests.simulation import hosts
from tests.simulation.client import Connection, Socket
from tests.simulation.network import Process
from tests.simulation.oracle import BrokenPromise, Strictness
from tests.simulation.story import FILLS_BUFFERS

if TYPE_CHECKING:
    from tests.simulation.world import World

LAG_S = 1.0
"""How old what the server knows may be, when nothing is in its way."""

_FIRST_WAIT_S, _LAST_WAIT_S = 0.2, 2.0
_PING_EVERY_S = 8.0

_CALM_TOKEN_S = 3600.0
"""A token's life when all is calm: some links need longer than a short one for all questions."""

_EARLY_S = 0.5
"""How long before its end a token may be over: its life begins on the client's side."""

_FORBIDDEN, _LOST = 4403, 1006


class End(NamedTuple):
    """The end of a socket.

    Attributes:
        at_s: When it was.
        code: Its close code.
        cursors: By its id, the last cursor of each subscription whose client held the table.
    """

    at_s: float
    code: int
    cursors: dict[str, str]


class ReconnectingClient(ABC):
    """A client that comes back whenever it is sent away."""

    def __init__(self, world: World, name: str, host: str, rng: random.Random) -> None:
        self.world = world
        self.name = name
        self.server_host = host
        self.rng = rng
        self.socket: Connection | None = None
        self.api: hosts.API | None = None
        """The run of the server that its last connection has reached, whether or not it took it."""
        self.is_acknowledged = False
        self.is_stalled = False
        self.excused_until_s = 0.0
        self.excuses = 0
        self.slow_until_s = 0.0
        self.before_leap_until_s = 0.0
        """Until when it may be sent something by the clock before a leap."""
        self.token_ends_s: float | None = None
        self.ends: list[End] = []
        self._heard = 0
        self._failures = 0
        self.process = Process(world.network, name)
        self.process.spawn(self._connect(), name)

    @property
    def strictness(self) -> Strictness:
        return self.world.strictness

    def excuse(self, seconds: float) -> None:
        """Something has been done to its connection: it may be lost for some time."""
        self.excuses += 1
        self.excused_until_s = max(self.excused_until_s, self.world.loop.time() + seconds)

    # What each protocol does in its own way.

    @abstractmethod
    def _make_socket(self) -> Socket:
        """A connection that is about to be opened."""

    @abstractmethod
    def _forget_socket(self) -> None:
        """The socket is lost, and everything that was asked for on it."""

    def _last_cursors(self) -> dict[str, str]:
        """By its id, the last cursor of each subscription whose table the client holds."""
        return {}

    @abstractmethod
    def _send_ping(self) -> None:
        """Ask for a sign of life."""

    @abstractmethod
    def difference(self) -> str | None:
        """What is not as it should be, when all is calm."""

    # The socket.

    async def _connect(self) -> None:
        try:
            socket = await self._open()
        except OSError:
            if self.process.is_alive:
                self._come_back()
            return
        self.socket = socket
        self.api = self.world.apis.get(self.server_host)
        self._ping_later(socket, self._heard)

    async def _open(self) -> Connection:
        """A connection to the server.

        Raises:
            OSError: It cannot be reached.
        """
        _, socket = await self.world.network.connect(
            self._make_socket, self.server_host, hosts.API_PORT
        )
        assert isinstance(socket, Socket)
        return socket

    def _come_back(self) -> None:
        wait_s = min(_LAST_WAIT_S, _FIRST_WAIT_S * 2 ** min(self._failures, 5))
        self._failures += 1
        wait_s *= self.rng.uniform(0.5, 1.0)
        process = self.process
        self.world.loop.call_later(wait_s, self._again, process, context=process.context)

    def _again(self, process: Process) -> None:
        if process.is_alive:
            process.spawn(self._connect(), self.name)

    def crash(self, *, power: bool) -> None:
        """Be killed, or lose the power."""
        self.process.kill(power=power)
        self._lose_socket()

    def _lose_socket(self) -> None:
        self.socket = None
        self.is_acknowledged = self.is_stalled = False
        self._forget_socket()

    def restart(self) -> None:
        """Begin again after a crash, with what was kept of the subscriptions."""
        self.process = Process(self.world.network, self.name)
        self._failures = 0
        self.process.spawn(self._connect(), self.name)

    def _new_token(self) -> str | None:
        """A token that lasts as long as those of the story do, if it has any."""
        if not self.world.setting.has_tokens:
            return None
        self.before_leap_until_s = 0.0  # what was sent before a leap cannot come on a new socket
        life_s = _CALM_TOKEN_S if self.world.is_calm else self.world.setting.token_life_s
        self.token_ends_s = self.world.wall_s(self.server_host) + life_s
        return hosts.token(self.token_ends_s)

    def _ended(self, code: int) -> None:
        self.ends.append(End(self.world.loop.time(), code, self._last_cursors()))
        self._lose_socket()
        self.world.note(f"{self.name}'s socket is closed: {code}")
        if not self.process.is_alive or self.world.is_over:
            return
        try:
            self._judge_end(code)
        except BrokenPromise as error:
            self.world.fail(str(error))
        self._come_back()

    @property
    def is_excused(self) -> bool:
        """Whether its connection may be lost by now."""
        return self.world.loop.time() <= self.excused_until_s

    @property
    def is_slow(self) -> bool:
        """Whether it does not read all the time."""
        return self.is_stalled or self.world.loop.time() < self.slow_until_s

    def _token_may_be_over(self) -> bool:
        """Whether the server may take its token for over, also by the clock before a leap."""
        if self.token_ends_s is None:
            return False
        world = self.world
        if world.loop.time() < self.before_leap_until_s:
            return True
        return self.token_ends_s - world.wall_s(self.server_host) <= _EARLY_S

    def leap(self) -> None:
        """The clock of its server leaps; a slow client reads later what was sent before."""
        self.before_leap_until_s = max(self.world.loop.time(), self.slow_until_s) + LAG_S

    def _judge_end(self, code: int) -> None:
        api = self.api
        if api is not None and (api.is_stopping or not api.process.is_alive):
            return
        now_s = self.world.loop.time()
        takes_slowly = self.is_slow or self.world.setting.troubles & FILLS_BUFFERS
        if code == _LOST and takes_slowly and self._token_may_be_over():
            return  # the last words found no room in time
        if code == _FORBIDDEN and self.token_ends_s is not None:
            if self._token_may_be_over():
                return
            left_s = self.token_ends_s - self.world.wall_s(self.server_host)
            raise BrokenPromise(f"{self.name} was forbidden {left_s:.1f} s before its token ended")
        if code in (_LOST, 1005, 503, 4408) and now_s <= self.excused_until_s:
            return
        raise BrokenPromise(f"clause 8: {self.name} was cut off without a reason: {code}")

    def _ping_later(self, socket: Connection | None, heard: int) -> None:
        self.world.loop.call_later(
            _PING_EVERY_S, self._ping, socket, heard, context=self.process.context
        )

    def _ping(self, socket: Connection | None, heard: int) -> None:
        """Ask whether the server is there; if it has said nothing since the last time, it is not.

        Otherwise a client would never hear of a server that has lost its power.
        """
        if socket is None or self.socket is not socket or self.world.is_over:
            return
        if self._heard == heard and not self.is_stalled:
            self.world.note(f"{self.name} hears nothing, and goes away")
            socket.abort()
            return
        heard = self._heard
        self._send_ping()
        self._ping_later(socket, heard)

    def stall(self) -> None:
        """Read nothing more."""
        if self.socket is not None and not self.is_stalled:
            self.is_stalled = True
            self.socket.pause_reading()

    def read_on(self) -> None:
        """Read again."""
        if self.socket is not None and self.is_stalled:
            self.is_stalled = False
            self.socket.resume_reading()

    def leave(self, *, politely: bool) -> None:
        """Close the socket, and come back."""
        self.excuse(1.0)
        if self.socket is not None:
            self.socket.leave(politely=politely)
