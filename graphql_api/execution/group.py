"""Groups of equal subscriptions: the payload of an event is made once for the whole group.

A group is what they have in common. A member is one of them: it pulls from its source what its
client has room for, and the group gives it the payloads.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass
from typing import Any, TypeAlias

from graphql_api.execution.encoder import Encoded, Encoder, RequestError
from graphql_api.execution.encodings import Encodings
from graphql_api.execution.responder import Responder
from graphql_api.execution.scheduler import Scheduler
from graphql_api.feeds.subscription import EventSource
from graphql_api.feeds.view import Event
from graphql_api.limits.traffic import Traffic

log = logging.getLogger(__name__)

_BYTES_AT_ONCE = 65_536
"""How many bytes one member is sent before the others have their turn."""

CreateTask: TypeAlias = Callable[[Coroutine[Any, Any, None]], asyncio.Task[None]]
"""Has something awaited on behalf of a group."""

Deliver: TypeAlias = Callable[[Event[Any], bytes | Exception], None]
"""Receives an event and its payload, or why there is none, when that was not there at once."""


class Group:
    """Subscriptions that share one payload of each event.

    Args:
        encoder: How payloads are made: that of the first member.
        encodings: Where payloads are remembered.
        traffic: Where to count what is done.
        create_task: For payloads that are not there at once.
        on_empty: Called when the last member has left.
    """

    def __init__(
        self,
        encoder: Encoder,
        encodings: Encodings,
        *,
        traffic: Traffic,
        create_task: CreateTask,
        on_empty: Callable[[], None],
    ) -> None:
        self._encoder = encoder
        self._encodings = encodings
        self._create_task = create_task
        self._on_empty = on_empty
        self._has_encodings = False
        self._awaited: dict[Event[Any], _Awaited] = {}
        self.traffic = traffic
        self.members = 0

    def payload(self, event: Event[Any], deliver: Deliver) -> bytes | None:
        """What an event brings; None, if `deliver` is called with it later.

        Raises:
            Exception: The event cannot be encoded.
        """
        payload = self._encodings.get(event, self)
        if payload is not None:
            self.traffic.shared_results += 1
            return payload
        awaited = self._awaited.get(event)
        if awaited is not None:
            awaited.deliver.append(deliver)
            return None
        self.traffic.executions += 1
        encoded = self._encoder.encode(event)
        if isinstance(encoded, Encoded):
            return self._remember(event, encoded)
        task = self._create_task(self._await(event, encoded))
        self._awaited[event] = _Awaited(task, [deliver])
        return None

    def failed(self, error: Exception) -> RequestError:
        """The error for a client whose source of events, or whose event, has failed."""
        return self._encoder.failed(error)

    def cancel(self) -> None:
        """Wait for no payload any more."""
        for awaited in self._awaited.values():
            # Not before it has begun, or what it is to await would never be awaited.
            asyncio.get_running_loop().call_soon(awaited.task.cancel)

    def leave(self) -> None:
        """One member less; the last one frees everything."""
        self.members -= 1
        if not self.members:
            self.cancel()
            if self._has_encodings:
                self._encodings.forget_group(self)
            self._on_empty()

    async def _await(self, event: Event[Any], encoding: Awaitable[Encoded]) -> None:
        outcome: bytes | Exception
        try:
            outcome = self._remember(event, await encoding)
        except Exception as error:  # noqa: BLE001 - the members' `failed` logs it
            outcome = error
        finally:
            awaited = self._awaited.pop(event)
        for deliver in awaited.deliver:
            deliver(event, outcome)

    def _remember(self, event: Event[Any], encoded: Encoded) -> bytes:
        if self.members > 1 and encoded.is_remembered:
            self._has_encodings = True
            self._encodings.put(event, self, encoded.payload, encoded.positions)
        return encoded.payload


@dataclass(slots=True)
class _Awaited:
    """An event that is being encoded, and the members that wait for its payload."""

    task: asyncio.Task[None]
    deliver: list[Deliver]


def call_safely(callback: Callable[[], None]) -> None:
    """Call something that is not ours, and go on even if it fails."""
    try:
        callback()
    except Exception:
        log.exception("the end of an operation has failed")


class Member:
    """One subscription that is being served. `Broadcaster.join` makes it.

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
        self._payload: bytes | Exception | None = None
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

    def bookmark(self) -> None:
        """Send what there is, and then the newest cursor, as far as the client takes it now."""
        if self._group is not None:
            self._source.bookmark()
            self.serve()

    def serve(self) -> None:
        """Send what there is, as far as it is this member's turn."""
        self._is_queued = False
        group, responder = self._group, self._responder
        if group is None or self._is_awaiting:
            return
        sink = responder.sink
        if not sink.is_writable:
            self._is_held_up = True
            sink.on_writable(self._go_on)
            return
        budget = responder.budget if group.members == 1 else None
        if budget is not None and (wait_s := budget.wait_s):
            self._is_held_up = True
            asyncio.get_running_loop().call_later(wait_s, self._go_on)
            return
        payloads: list[bytes] = []
        failure, has_ended = None, False
        began_s = 0.0 if budget is None else budget.clock()
        try:
            self._pull(group, payloads)
        except StopAsyncIteration:
            has_ended = True
        except Exception as error:  # noqa: BLE001 - `failed` logs it
            failure = group.failed(error)
        if budget is not None:
            budget.spend(budget.clock() - began_s)
        if payloads:
            framing = responder.framing
            if framing.frames is not None:
                payloads = framing.frames(payloads)
            sink.write_texts(framing.prefix, payloads, framing.suffix)
            traffic = group.traffic
            traffic.messages_sent += len(payloads)
            traffic.bytes_sent += sum(map(len, payloads)) + self._around * len(payloads)
        if failure is not None:
            self.leave()
            responder.fail(failure.errors)
        elif has_ended:
            self.leave()
            responder.complete()

    def _pull(self, group: Group, payloads: list[bytes]) -> None:
        framing, around = self._responder.framing, self._around
        identify, at_once = framing.identify, framing.events_at_once
        size = 0
        while len(payloads) < at_once and size < _BYTES_AT_ONCE:
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
            elif isinstance(payload, Exception):
                raise payload
            payloads.append(payload)
            size += around + len(payload)
        self.wake()  # there may be more

    def _deliver(self, event: Event[Any], outcome: bytes | Exception) -> None:
        """Receive the payload for which the member has been waiting, or why there is none."""
        identify = self._responder.framing.identify
        if identify is not None and isinstance(outcome, bytes):
            outcome = identify(event.value, outcome)
        self._payload = outcome
        self._is_awaiting = False
        self.wake()

    def _go_on(self) -> None:
        self._is_held_up = False
        self.wake()
