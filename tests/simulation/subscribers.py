"""The clients of a simulation: what they ask for, how they come back, and what they make of it."""

from __future__ import annotations

import asyncio
import random
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from tests.simulation.client import Connection, Message, Socket
from tests.simulation.followers import Follows
from tests.simulation.oracle import BrokenPromise, Holding, Stage
from tests.simulation.page_oracle import Pauses
from tests.simulation.places import place
from tests.simulation.reconnecting import LAG_S, ReconnectingClient
from tests.simulation.story import shortened
from tests.simulation.streams import CONNECTIONS, ENDED, MULTIPART, StreamingConnection
from tests.simulation.tables import SimulatedTable, Where
from tests.simulation.viewers import Views

if TYPE_CHECKING:
    from tests.simulation.world import World

_MAX_BOOKMARKS = 60
_FORBIDDEN, _RESTART = 4403, 1012


@dataclass(frozen=True, slots=True)
class Bookmark:
    """A cursor, with what its holder held then, and where it came from."""

    cursor: str
    holding: Holding
    run: object
    is_of_snapshot: bool
    run_had_read: bool
    """Whether that run had read the table by then: until it has, it goes by what was kept."""


@dataclass
class Wish:
    """A subscription that a client wants, on whatever socket it has."""

    id: str
    table: SimulatedTable
    where: Where
    holding: Holding
    include_initial: bool = True
    by_init: bool = False
    """Whether its cursor goes into `connection_init`, as stock clients do it."""
    bookmarks: list[Bookmark] = field(default_factory=list)
    run: object = None
    """The run of the server that it was last served by."""
    run_has_read: bool = False
    """Whether that has read the table before what it sends now."""
    must_replay: bool = False
    foreign_cursor: str | None = None
    """A cursor of another filter, to begin with: it is worth nothing here."""
    is_asked: bool = False
    events: int = 0
    every_ms: int = 0
    pauses: Pauses | None = None
    """Judges the pace, if there is one."""

    def bookmark(self, part: float, of: str) -> Bookmark:
        """One of the bookmarks, by its place among them, or among those of the longest cursors.

        The rare cursors are the longest: those in the middle of what a server has merged.
        """
        marks = self.bookmarks
        if of == "the longest":
            length = max(len(mark.cursor) for mark in marks)
            marks = [mark for mark in marks if len(mark.cursor) == length]
        return marks[int(part * len(marks))]

    def note(self, cursor: str, *, is_of_snapshot: bool) -> None:
        if len(self.bookmarks) == _MAX_BOOKMARKS:
            del self.bookmarks[1]
        holding = self.holding.copy()
        self.bookmarks.append(
            Bookmark(cursor, holding, self.run, is_of_snapshot, self.run_has_read)
        )


class Subscriber(ReconnectingClient):
    """A client with some subscriptions."""

    def __init__(
        self, world: World, name: str, host: str, rng: random.Random, *, transport: str = ""
    ) -> None:
        self._transport = transport
        self.wishes: dict[str, Wish] = {}
        self._ended_at_s: dict[str, float] = {}
        self.late_events = 0
        """How many have come of subscriptions that it has ended."""
        self._queries = 0
        self._awaited: dict[str, Any] = {}
        self._resumed_by_init: set[str] = set()
        self.follows = Follows(self)
        self.views = Views(self)
        super().__init__(world, name, host, rng)

    # The socket.

    def _make_socket(self) -> Socket:
        return Socket(self._opened, self._received, self._ended)

    async def _open(self) -> Connection:
        if (make := CONNECTIONS.get(self._transport)) is None:
            return await super()._open()
        connection = make(self, self._received, self._ended)
        await connection.open()
        return connection

    async def _connect(self) -> None:
        await super()._connect()
        if isinstance(self.socket, StreamingConnection):
            self._opened()

    def _ended(self, code: int) -> None:
        if code == ENDED:
            code = _FORBIDDEN if self._token_may_be_over() else _RESTART
        super()._ended(code)

    def _last_cursors(self) -> dict[str, str]:
        if self._transport == MULTIPART:
            return {}  # with the first response that ends, it forgets the others
        return {
            wish.id: wish.holding.cursor
            for wish in self.wishes.values()
            if wish.is_asked and wish.holding.stage is Stage.LIVE and wish.holding.cursor
        }

    def _forget_socket(self) -> None:
        for wish in self.wishes.values():
            wish.is_asked = False
        self.follows.lose()
        self.views.lose()
        for future in self._awaited.values():
            if not future.done():
                future.cancel()
        self._awaited.clear()

    def _send_ping(self) -> None:
        self.send({"type": "ping"})

    def _opened(self) -> None:
        self._failures = 0
        self.is_acknowledged = False
        payload: dict[str, Any] = {}
        if (token := self._new_token()) is not None:
            payload["authorization"] = f"Bearer {token}"
        since = {
            wish.id: wish.bookmarks[-1].cursor
            for wish in self.wishes.values()
            if wish.by_init and wish.bookmarks
        }
        since |= self.follows.since()
        self._resumed_by_init = set(since)
        if since:
            payload["since"] = since
        self.send({"type": "connection_init", "payload": payload})

    def send(self, message: Message) -> None:
        if self.socket is not None:
            self.socket.send(message)

    def _received(self, message: Message) -> None:
        if self.world.is_over:
            return
        try:
            self._act(message)
        except BrokenPromise as error:
            self.world.fail(f"{self.name}: {error}")

    def _act(self, message: Message) -> None:
        kind, id_ = message["type"], message.get("id")
        self._heard += 1
        if kind == "connection_ack":
            self.is_acknowledged = True
            for each in self.wishes.values():
                self._ask(each, by_init=each.id in self._resumed_by_init)
            self.follows.ask(self._resumed_by_init)
            self.views.ask()
            return
        if id_ in self._awaited:
            future = self._awaited.pop(id_)
            if kind == "next" and not future.done():
                future.set_result(message["payload"])
            elif kind == "error" and not future.done():
                future.set_result({"errors": message["payload"]})
            elif kind == "lost":
                future.cancel()
            return
        if self.follows.act(message) or self.views.act(message):
            return
        wish = self.wishes.get(str(id_))
        if wish is None or not wish.is_asked:
            self.late_events += kind == "next"
            if kind == "next" and self._must_have_ended(str(id_)):
                raise BrokenPromise(f"clause 9: an event of {id_}, which has long been ended")
            return
        if kind != "next":
            raise BrokenPromise(f"clause 5: the subscription {id_} was ended: {message}")
        payload = message["payload"]
        if payload.get("errors"):
            raise BrokenPromise(f"an event with errors: {payload['errors']}")
        (event,) = payload["data"].values()
        self._take(wish, event)

    def _must_have_ended(self, id_: str) -> bool:
        """Whether the server has known for long that a subscription is over."""
        now_s = self.world.loop.time()
        is_late = now_s > self._ended_at_s.get(id_, now_s) + LAG_S
        return is_late and self.strictness.sees_every_change

    def _take(self, wish: Wish, event: dict[str, Any]) -> None:
        world = self.world
        world.note(f"{self.name} {wish.id}: {_said(event)}")
        is_first = wish.must_replay
        wish.must_replay = False
        # What has come since the cursor was sent may have driven it out of a short history.
        is_known = is_first and world.history_reaches(wish.table.name)
        if is_known and event.get("status") == "INITIALIZING":
            raise BrokenPromise(
                "clause 7: a cursor that this run must know was answered with a snapshot, "
                f"though the history reaches back ({wish.id})"
            )
        if self.token_ends_s is not None:
            over_s = world.wall_s(self.server_host) - self.token_ends_s
            over_s = min(over_s, world.loop.time() - world.leaped_at_s.get(self.server_host, 0.0))
            is_prompt = (
                world.setting.clients_are_never_slow and world.loop.time() > self.excused_until_s
            )
            if is_prompt and over_s > world.setting.token_tolerance_s:
                raise BrokenPromise(f"an event came {over_s:.1f} s after the token's end")
        try:
            if wish.pauses is not None:
                _judge_pace(wish.pauses, wish.holding, event, world.loop.time())
            wish.holding.take(event)
        except BrokenPromise as error:
            raise BrokenPromise(f"{wish.id}: {error}; the event: {_said(event)}") from None
        if (status := event.get("status", "INITIALIZING")) != "INITIALIZING":
            assert self.api is not None
            self.api.note_status(wish.table.name, status)
            wish.run_has_read |= status == "READY"
        world.note_cursor(event["cursor"])
        is_of_snapshot = event.get("status") == "INITIALIZING" or event.get("cause") == "INITIAL"
        wish.events += 1
        wish.note(event["cursor"], is_of_snapshot=is_of_snapshot)

    # What the story has it do.

    def subscribe(self, id_: str, table: SimulatedTable, where: Where, **options: Any) -> None:
        """Want a subscription from now on."""
        strictness = self.world.strictness_for(table)
        if options.get("every_ms"):
            strictness = replace(strictness, sees_every_change=False)
        holding = Holding(self.world.truth[table.name], where, strictness)
        wish = self.wishes[id_] = Wish(id_, table, where, holding, **options)
        if self.is_acknowledged:
            self._ask(wish, by_init=False)

    def unsubscribe(self, id_: str) -> Wish | None:
        """Want it no more."""
        self._ended_at_s[id_] = self.world.loop.time()
        wish = self.wishes.pop(id_, None)
        if wish is not None and wish.is_asked:
            self.send({"type": "complete", "id": id_})
        return wish

    def go_back(self, id_: str, part: float, of: str) -> None:
        """Subscribe again from an earlier cursor, with what was held then."""
        wish = self.unsubscribe(id_)
        if wish is None:
            return
        bookmarks = wish.bookmarks
        again = self.wishes[f"{id_}'"] = Wish(
            f"{id_}'",
            wish.table,
            wish.where,
            wish.holding,
            by_init=wish.by_init,
            run=wish.run,
            every_ms=wish.every_ms,
        )
        if bookmarks:
            mark = wish.bookmark(part, of)
            again.holding = mark.holding.copy()
            again.run = mark.run  # what was held then, another server may not have come to
            again.bookmarks.append(mark)
        if self.is_acknowledged:
            self._ask(again, by_init=False)

    def use_elsewhere(self, wish: Wish, place: int) -> None:
        """Subscribe to the same table with another filter and this one's cursor."""
        where = wish.table.filters[place % len(wish.table.filters)]
        if where == wish.where or not wish.bookmarks or not self.is_acknowledged:
            return
        id_ = f"{wish.id}/{place}"
        while id_ in self.wishes or id_ in self._ended_at_s:
            self.unsubscribe(id_)
            id_ += "'"  # by the same one, events of its predecessor may still be on their way
        self.subscribe(id_, wish.table, where, foreign_cursor=wish.bookmarks[-1].cursor)

    def _ask(self, wish: Wish, *, by_init: bool) -> None:
        variables: dict[str, Any] = {"where": dict(wish.where)}
        mark = wish.bookmarks[-1] if wish.bookmarks else None
        if mark is not None and not by_init:
            variables["since"] = mark.cursor
        if wish.foreign_cursor is not None:
            variables["since"], wish.foreign_cursor = wish.foreign_cursor, None
        variables["initial"] = wish.include_initial
        if wish.every_ms:
            variables["everyMs"] = wish.every_ms
            wish.pauses = Pauses(wish.every_ms / 1000, self.world.pace_tolerance_s)
        serial = wish.holding.truth.serial_at(self.world.loop.time() - LAG_S)
        if mark is None or mark.is_of_snapshot:
            wish.holding.begin(
                include_initial=wish.include_initial or mark is not None,
                resumes=False,
                serial=serial,
            )
        else:
            wish.holding.begin(include_initial=True, resumes=True, serial=0)
            wish.holding.goes_by_content = mark.run is not self.api
            wish.holding.may_be_behind = not self._goes_on_from(mark, wish.table.name)
        assert self.api is not None
        wish.must_replay = (
            mark is not None
            and not mark.is_of_snapshot
            and (self._has_given(mark) or self._is_kept(mark, wish.table.name))
            and self.world.history_reaches(wish.table.name)
        )
        if wish.run is not None and wish.run is not self.api:
            setting = self.world.setting
            wish.holding.has_moved = self.world.has_two_servers or setting.keeps_state
        wish.run = self.api
        wish.run_has_read = wish.table.name in self.api.has_read
        wish.is_asked = True
        payload = {"query": wish.table.subscription(), "variables": variables}
        self.send({"type": "subscribe", "id": wish.id, "payload": payload})

    def _has_given(self, mark: Bookmark) -> bool:
        """Whether a cursor is of the server's own run, and of the history that it has.

        What was kept of a table that is made again is forgotten when the other one has been read,
        with all that was sent by then.
        """
        setting = self.world.setting
        forgets = setting.keeps_state and "dropped tables" in setting.troubles
        return mark.run is self.api and (mark.run_had_read or not forgets)

    def _goes_on_from(self, mark: Bookmark, table: str) -> bool:
        """Whether the server has all that the run of a cursor had kept."""
        assert self.api is not None
        return mark.run in self.api.goes_on_from.get(table, ())

    def _is_kept(self, mark: Bookmark, table: str) -> bool:
        """Whether a cursor of an earlier run is one that the server has kept.

        One within a merged batch needs both ends, whose content may have come again since.
        """
        setting = self.world.setting
        return (
            self._goes_on_from(mark, table)
            and (at := place(mark.cursor)) is not None
            and at.is_whole
            and not self.world.has_two_servers
            and "dropped tables" not in setting.troubles
        )

    async def execute(self, query: str, variables: dict[str, Any]) -> dict[str, Any] | None:
        """The result of a query or mutation; None if the socket is lost before it comes."""
        if not self.is_acknowledged:
            return None
        self._queries += 1
        id_ = f"{self.name}-query-{self._queries}"
        future = self._awaited[id_] = self.world.loop.create_future()
        self.send(
            {"type": "subscribe", "id": id_, "payload": {"query": query, "variables": variables}}
        )
        try:
            result: dict[str, Any] = await future
        except asyncio.CancelledError:
            if self._awaited.get(id_) is future:
                raise
            return None
        return result

    def difference(self) -> str | None:
        """What is not as it should be, when all is calm."""
        if self.socket is None or not self.is_acknowledged:
            return f"{self.name} is not connected"
        for wish in self.wishes.values():
            difference = wish.holding.difference()
            if difference is not None:
                return f"{self.name}, {wish.id}: {difference}"
        difference = self.follows.difference() or self.views.difference()
        return None if difference is None else f"{self.name}, {difference}"


def _said(event: dict[str, Any]) -> str:
    short = {name: value for name, value in event.items() if name not in ("cursor", "__typename")}
    return shortened(f"{event['__typename']} {short}")


def _judge_pace(pauses: Pauses, holding: Holding, event: dict[str, Any], now_s: float) -> None:
    if "status" not in event:
        if holding.stage is Stage.LIVE:
            pauses.change(now_s)
    elif event["status"] != holding.status:  # the same one is sent for its cursor
        pauses.status(now_s)
