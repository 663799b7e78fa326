"""Groups of equal subscriptions: the payload of an event is made once for the whole group.

A group is what they have in common. A member is one of them: it pulls from its source what its
client has room for, and the group gives it the payloads.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from dataclasses import dataclass
from math import inf
from typing import Any, TypeAlias

from graphql_api.execution.compressed_payload import Payload
from graphql_api.execution.encoder import Encoded, Encoder, RequestError
from graphql_api.execution.encodings import Encodings
from graphql_api.execution.pace import Pace
from graphql_api.execution.parts import Parts
from graphql_api.execution.payload_bundle import EncodedBundle
from graphql_api.execution.responder import Responder
from graphql_api.execution.scheduler import Scheduler
from graphql_api.feeds.subscription import EventSource
from graphql_api.feeds.view import Bundle, Event
from graphql_api.limits.cpu_budget import ClientBudget
from graphql_api.limits.traffic import Traffic
from graphql_api.turns import TURN_S

log = logging.getLogger(__name__)

_BYTES_AT_ONCE = 65_536
"""How many bytes one member is sent before the others have their turn."""

CreateTask: TypeAlias = Callable[
    [Coroutine[Any, Any, None], ClientBudget | None], asyncio.Task[None]
]
"""Has something awaited on behalf of a group, and a budget charged for it, if there is one."""

Deliver: TypeAlias = Callable[[Event[Any], Encoded | Exception], None]
"""Receives an event and its payload, or why there is none, when that was not there at once."""


class Group:
    """Subscriptions that share one payload of each event.

    Args:
        encoder: How payloads are made: that of the first member.
        encodings: Where payloads are remembered.
        bundles: Where those of several events are remembered together.
        traffic: Where to count what is done.
        create_task: For payloads that are not there at once.
        pace: Its ticks; None, if everything is sent at once.
        on_empty: Called when the last member has left.
    """

    def __init__(
        self,
        encoder: Encoder,
        encodings: Encodings[Encoded],
        bundles: Encodings[EncodedBundle],
        *,
        traffic: Traffic,
        create_task: CreateTask,
        pace: Pace | None = None,
        on_empty: Callable[[], None],
    ) -> None:
        self._encoder = encoder
        self._encodings = encodings
        self._bundles = bundles
        self._create_task = create_task
        self._on_empty = on_empty
        self._has_encodings = False
        self._awaited: dict[Event[Any], _Awaited] = {}
        self.pace = pace
        self.traffic = traffic
        self.members = self.executions = 0

    def payload(
        self, event: Event[Any], deliver: Deliver, budget: ClientBudget | None = None
    ) -> Encoded | None:
        """What an event brings; None, if `deliver` is called with it later.

        Args:
            event: The event.
            deliver: Receives what is not there at once.
            budget: What is charged for the work that is done later; nothing, if absent.

        Raises:
            Exception: The event cannot be encoded.
        """
        known = self._encodings.get(event, self)
        if known is not None:
            self.traffic.shared_results += 1
            return known
        awaited = self._awaited.get(event)
        if awaited is not None:
            awaited.deliver.append(deliver)
            return None
        self.executions += 1
        self.traffic.executions += 1
        encoded = self._encoder.encode(event)
        if isinstance(encoded, Encoded):
            return self._remember(event, encoded)
        task = self._create_task(self._await(event, encoded), budget)
        self._awaited[event] = _Awaited(task, [deliver])
        return None

    def payloads(self, bundle: Bundle) -> EncodedBundle | None:
        """What the events of a bundle bring, if all is known, and not too much to be sent at once.

        So the member that comes first has each event encoded; it is for those that follow.
        """
        known = self._bundles.get(bundle, self)
        if known is None:
            encodings = self._encodings.get_all(bundle.events, self)
            if not encodings or sum(len(each.payload) for each in encodings) > _BYTES_AT_ONCE:
                return None
            known = EncodedBundle.of(encodings)
            self._bundles.put(bundle, self, known)
        return known

    def failed(self, error: Exception) -> RequestError:
        """The error for a client whose source of events, or whose event, has failed."""
        return self._encoder.failed(error)

    def cancel(self) -> None:
        """Cancel the tasks that make payloads."""
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
                self._bundles.forget_group(self)
            self._on_empty()

    async def _await(self, event: Event[Any], encoding: Awaitable[Encoded]) -> None:
        outcome: Encoded | Exception
        try:
            outcome = self._remember(event, await encoding)
        except Exception as error:  # noqa: BLE001 - the members' `failed` logs it
            outcome = error
        finally:
            awaited = self._awaited.pop(event)
        for deliver in awaited.deliver:
            deliver(event, outcome)

    def _remember(self, event: Event[Any], encoded: Encoded) -> Encoded:
        event.was_read_with(encoded.positions)
        if isinstance(encoded.payload, Parts):
            return encoded
        # Also because orjson's own bytes keep 4 KB, however short they are.
        encoded = encoded._replace(payload=Payload(encoded.payload))
        if self.members > 1:
            self._has_encodings = True
            self._encodings.put(event, self, encoded)
        return encoded


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
        "_content",
        "_group",
        "_is_awaiting",
        "_is_held_up",
        "_is_queued",
        "_on_leave",
        "_outcome",
        "_responder",
        "_scheduler",
        "_sent_s",
        "_source",
        "is_long",
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
        self.is_long = True
        self._is_queued = False
        self._is_held_up = False
        self._is_awaiting = False
        self._outcome: tuple[Event[Any], Encoded | Exception] | None = None
        self._content: bytes | None = None  # of what was sent last
        self._sent_s = -inf
        group.members += 1
        source.on_wake(self.wake)
        self.wake()

    def wake(self) -> None:
        """Look soon, or at the next tick, whether there is something to send."""
        if self._is_queued or self._is_held_up or self._group is None:
            return
        pace, source = self._group.pace, self._source
        if pace is not None and not source.is_due and self._outcome is None:
            if source.awaits_tick:
                pace.wait(self, self._sent_s)
            return
        if pace is not None and source.counts_due and source.is_due:
            self._sent_s = pace.now_s
        self._enqueue()

    def tick(self, now_s: float) -> bool:
        """Send soon what has awaited a tick; False, if it is too early for that."""
        group = self._group
        if group is None or self._is_held_up:
            return True
        assert group.pace is not None, "it has ticked"
        if self._is_awaiting or group.pace.is_early(self._sent_s, now_s):
            return False
        self._sent_s = now_s
        self._source.release()
        if not self._is_queued:
            self._enqueue()
        return True

    def _enqueue(self) -> None:
        self._is_queued = True
        self._scheduler.enqueue(self)

    def leave(self) -> None:
        """Free everything at once; nothing happens the second time."""
        if self._group is None:
            return
        group, self._group = self._group, None
        if group.pace is not None:
            group.pace.forget(self)
        self._source.on_wake(None)
        call_safely(self._source.close)
        if self._on_leave is not None:
            call_safely(self._on_leave)
        group.leave()

    def bookmark(self) -> None:
        """Send what there is, and then the newest cursor, as far as the client takes it now."""
        if self._group is not None:
            if not self._source.is_whole:  # a client that comes back is sent the page anyway
                self._source.release()
            self._source.bookmark()
            self.serve()

    def serve(self) -> bool:
        """Send what there is, as far as it is this member's turn; see `Servable`."""
        self._is_queued = False
        group, responder = self._group, self._responder
        if group is None or self._is_awaiting:
            return False
        sink = responder.sink
        if not sink.is_writable:
            self._is_held_up = True
            sink.on_writable(self._go_on)
            return False
        budget = responder.budget if group.members == 1 else None
        if budget is not None and (wait_s := budget.wait_s):
            self._is_held_up = True
            asyncio.get_running_loop().call_later(wait_s, self._go_on)
            return False
        bundle = self._pull_bundle(group) if group.members > 1 else None
        if bundle is not None:
            self._write(group, bundle.payloads, bundle.size)
            return True
        payloads: list[bytes | Parts] = []
        failure, has_ended, began_s = None, False, 0.0 if budget is None else budget.clock()
        try:
            self._pull(group, payloads, budget)
        except StopAsyncIteration:
            has_ended = True
        except Exception as error:  # noqa: BLE001 - `failed` logs it
            failure = group.failed(error)
        if budget is not None:
            budget.spend(budget.clock() - began_s)
        if payloads:
            if responder.framing.frames is not None:
                payloads = responder.framing.frames(payloads)
            self._write(group, payloads, sum(map(len, payloads)))
        if failure is not None:
            self.leave()
            responder.fail(failure.errors)
        elif has_ended:
            self.leave()
            responder.complete()
        return True

    def _write(self, group: Group, payloads: Sequence[bytes | Parts], size: int) -> None:
        framing, traffic = self._responder.framing, group.traffic
        self._responder.sink.write_texts(framing.prefix, payloads, framing.suffix)
        traffic.messages_sent += len(payloads)
        traffic.bytes_sent += size + self._around * len(payloads)

    def _pull_bundle(self, group: Group) -> EncodedBundle | None:
        """Take the next events together, if their payloads are known already."""
        source = self._source
        bundle = source.bundle() if self._outcome is None else None
        if bundle is None or not self._responder.framing.is_plain:
            return None
        encoded = group.payloads(bundle)
        if encoded is None or encoded.size + self._around * len(bundle.events) > _BYTES_AT_ONCE:
            return None
        source.take(bundle)
        group.traffic.shared_results += len(bundle.events)
        if source.is_due or source.awaits_tick:
            self.wake()
        return encoded

    def _pull(
        self, group: Group, payloads: list[bytes | Parts], budget: ClientBudget | None
    ) -> None:
        framing, around = self._responder.framing, self._around
        identify, at_once = framing.identify, framing.events_at_once
        size, is_over, ends_s = 0, False, inf
        while not is_over and len(payloads) < at_once and size < _BYTES_AT_ONCE:
            if self._outcome is None:
                event = self._source.pull()
                if event is None:
                    if group.pace is not None and self._source.awaits_tick:
                        group.pace.wait(self, self._sent_s)  # what came while it was in the queue
                    return
                executions = group.executions
                outcome = group.payload(event, self._deliver, budget)
                if executions != group.executions:  # it was made for this member
                    now_s = self._scheduler.cpu_clock()
                    is_over, ends_s = now_s >= ends_s, min(ends_s, now_s + TURN_S)
                if outcome is None:
                    self._is_awaiting = True
                    return
            else:
                (event, awaited), self._outcome = self._outcome, None
                if isinstance(awaited, Exception):
                    raise awaited
                outcome = awaited
            payload, content = outcome.payload, outcome.content
            if content is not None:
                if content == self._content:
                    continue  # the client has just this
                self._content = content
            if identify is not None and isinstance(payload, bytes):
                payload = identify(event.value, payload)
            payloads.append(payload)
            size += around + len(payload)
        self.wake()  # there may be more

    def _deliver(self, event: Event[Any], outcome: Encoded | Exception) -> None:
        """Receive the payload for which the member has been waiting, or why there is none."""
        self._outcome = event, outcome
        self._is_awaiting = False
        self.wake()

    def _go_on(self) -> None:
        self._is_held_up = False
        group, source = self._group, self._source
        if group is not None and group.pace is not None and source.is_due:
            self._sent_s = group.pace.now_s  # what has been held up is sent now
            if source.is_whole:
                source.release()  # or rather the newest
        self.wake()
