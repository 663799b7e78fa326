"""One subscription being served: it pulls from its source what its outlet has room for."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from graphql_api.execution.group import Group, call_safely
from graphql_api.execution.responder import Responder
from graphql_api.execution.scheduler import EVENTS_AT_ONCE, Scheduler
from graphql_api.feeds.events import Event, EventSource

_BYTES_AT_ONCE = 65_536
"""How many bytes one member is sent before the others have their turn."""


class Member:
    """One subscription being served. `Broadcaster.join` makes it.

    Args:
        scheduler: Gives it its turns.
        group: Gives it the payloads of events.
        source: Its events; it is closed when the member leaves.
        responder: Where to send them.
        on_leave: Called when the member has left.
    """

    __slots__ = (
        "_around",
        "_group",
        "_is_awaiting",
        "_is_held_up",
        "_is_queued",
        "_on_leave",
        "_payload",
        "_responder",
        "_scheduler",
        "_source",
    )

    def __init__(
        self,
        scheduler: Scheduler,
        group: Group,
        source: EventSource[Any],
        responder: Responder,
        on_leave: Callable[[], None] | None,
    ) -> None:
        self._scheduler = scheduler
        self._group: Group | None = group
        self._source = source
        self._responder = responder
        # What framing adds to a payload, in bytes: a client's id may be of any length.
        self._around = len(responder.framing.prefix) + len(responder.framing.suffix)
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
            self._scheduler.enqueue(self)

    def leave(self) -> None:
        """Free everything at once; nothing happens the second time."""
        if self._group is None:
            return
        group, self._group = self._group, None
        self._source.on_wake(None)
        call_safely(self._source.close)
        if self._on_leave is not None:
            call_safely(self._on_leave)
        group.leave()

    def serve(self) -> None:
        """Send what there is, as far as it is this member's turn."""
        self._is_queued = False
        group, responder = self._group, self._responder
        if group is None or self._is_awaiting:
            return
        outlet = responder.outlet
        if not outlet.is_writable:
            self._is_held_up = True
            outlet.on_writable(self._go_on)
            return
        budget = responder.budget if group.members == 1 else None
        if budget is not None and (wait_s := budget.wait_s):
            self._is_held_up = True
            asyncio.get_running_loop().call_later(wait_s, self._go_on)
            return
        payloads: list[bytes] = []
        failure = None
        began_s = 0.0 if budget is None else budget.clock()
        try:
            self._pull(group, payloads)
        except Exception as error:  # noqa: BLE001 - `failed` logs it
            failure = group.failed(error)
        if budget is not None:
            budget.spend(budget.clock() - began_s)
        if payloads:
            framing = responder.framing
            outlet.write_texts(framing.prefix, payloads, framing.suffix)
            traffic = group.traffic
            traffic.messages_sent += len(payloads)
            traffic.bytes_sent += sum(map(len, payloads)) + self._around * len(payloads)
        if failure is not None:
            self.leave()
            responder.fail(failure.errors)

    def _pull(self, group: Group, payloads: list[bytes]) -> None:
        identify, around = self._responder.framing.identify, self._around
        size = 0
        while len(payloads) < EVENTS_AT_ONCE and size < _BYTES_AT_ONCE:
            payload, self._payload = self._payload, None
            if payload is None:
                event = self._source.pull()
                if event is None:
                    return
                payload = group.payload(event, self._deliver)
                if payload is None:
                    self._is_awaiting = True
                    return
                if identify is not None:
                    payload = identify(event.value, payload)
            payloads.append(payload)
            size += around + len(payload)
        self.wake()  # there may be more

    def _deliver(self, event: Event[Any], payload: bytes) -> None:
        """Receive the payload for which the member has been waiting."""
        identify = self._responder.framing.identify
        self._payload = payload if identify is None else identify(event.value, payload)
        self._is_awaiting = False
        self.wake()

    def _go_on(self) -> None:
        self._is_held_up = False
        self.wake()
