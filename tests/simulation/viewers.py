"""The live pages of one client."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tests.simulation.client import Message
from tests.simulation.oracle import BrokenPromise, Holding
from tests.simulation.page_oracle import Pauses, ShownPage
from tests.simulation.reconnecting import LAG_S
from tests.simulation.tables import SimulatedTable

if TYPE_CHECKING:
    from tests.simulation.subscribers import Subscriber


@dataclass
class View:
    """A live page that a client wants, on whatever socket it has."""

    id: str
    table: SimulatedTable
    shown: ShownPage
    every_ms: int
    pauses: Pauses | None = None
    api: object = None
    is_asked: bool = False

    @property
    def query(self) -> str:
        """The document."""
        return self.table.live_page(with_policy=self.shown.policies is not None)


class Views:
    """All of them."""

    def __init__(self, subscriber: Subscriber) -> None:
        self._subscriber = subscriber
        self._views: dict[str, View] = {}
        self._ended: set[str] = set()
        self.events = 0

    def begin(self, id_: str, table: SimulatedTable, shown: ShownPage, every_ms: int) -> None:
        """Look at a page from now on."""
        view = self._views[id_] = View(id_, table, shown, every_ms)
        if self._subscriber.is_acknowledged:
            self._ask(view)

    def end(self, which: int) -> None:
        """Look at one no more."""
        if (view := self.view(which)) is not None:
            del self._views[view.id]
            self._ended.add(view.id)
            if view.is_asked:
                self._subscriber.send({"type": "complete", "id": view.id})

    def view(self, which: int) -> View | None:
        """One of them."""
        views = [*self._views.values()]
        return views[which % len(views)] if views else None

    def ask(self) -> None:
        """The socket is acknowledged: subscribe."""
        for view in self._views.values():
            self._ask(view)

    def lose(self) -> None:
        """The socket is lost."""
        for view in self._views.values():
            view.is_asked = False

    def act(self, message: Message) -> bool:
        """Take a message, if it is for one of them."""
        view = self._views.get(str(message.get("id")))
        if view is None:
            return message.get("id") in self._ended
        world = self._subscriber.world
        payload = message.get("payload", {})
        if message["type"] != "next" or payload.get("errors"):
            raise BrokenPromise(f"live page {view.id}: it was ended: {message}")
        (page,) = payload["data"].values()
        self.events += 1
        world.note(f"{self._subscriber.name} {view.id}: {page}")
        try:
            is_status = view.shown.take(page)
            assert view.pauses is not None, "it was asked for"
            view.pauses.page(world.loop.time(), is_status=is_status)
        except BrokenPromise as error:
            raise BrokenPromise(f"{view.id}: {error}") from None
        return True

    def holding(self, view: View) -> Holding | None:
        """What the client holds by the last page, if that has all rows."""
        shown, world = view.shown, self._subscriber.world
        page = shown.last
        if (
            page is None
            or shown.is_first
            or not shown.is_whole
            or view.api is not (self._subscriber.api)
        ):
            return None
        holding = Holding(shown.truth, shown.where, world.strictness_for(view.table))
        holding.begin(include_initial=True, resumes=False, serial=0)
        events: list[dict[str, Any]] = [{"__typename": "FeedState", "status": "INITIALIZING"}]
        for item in page["items"]:
            row = {name: value for name, value in item.items() if name != "policy"}
            events.append({"__typename": "Added", "cause": "INITIAL", "row": row})
        events.append({"__typename": "FeedState", "status": page["status"]})
        # The page may be older than the newest that the client could have been sent.
        holding.strictness = type(holding.strictness)(
            sees_every_change=False, feed_was_never_lost=False
        )
        for event in events:
            holding.take({**event, "cursor": page["cursor"]})
        return holding

    def difference(self) -> str | None:
        """What is not as it should be, when all is calm."""
        for view in self._views.values():
            difference = view.shown.difference()
            if difference is not None:
                return f"{view.id}: {difference}"
        return None

    def asked(self, table: str) -> int:
        """How many the server sends of a table."""
        return sum(view.is_asked and view.table.name == table for view in self._views.values())

    def _ask(self, view: View) -> None:
        subscriber, shown = self._subscriber, view.shown
        world = subscriber.world
        serial = shown.truth.serial_at(world.loop.time() - LAG_S)
        shown.begin(serial=serial)
        view.pauses = Pauses(view.every_ms / 1000, world.pace_tolerance_s)
        view.api = subscriber.api
        view.is_asked = True
        variables = {
            "where": dict(shown.where),
            "orderBy": shown.order_by,
            "limit": shown.limit,
            "offset": shown.offset,
            "everyMs": view.every_ms,
        }
        payload = {"query": view.query, "variables": variables}
        subscriber.send({"type": "subscribe", "id": view.id, "payload": payload})
