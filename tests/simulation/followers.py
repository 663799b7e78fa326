"""The subscriptions of one client to jobs' responses."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

from tests.simulation.client import Message
from tests.simulation.log_oracle import Following
from tests.simulation.oracle import BrokenPromise

if TYPE_CHECKING:
    from tests.simulation.subscribers import Subscriber

_QUERY = (
    "subscription Responses($jobId: ID!, $kinds: [ResponseKind!], $since: String) { "
    "jobResponseAdded(jobId: $jobId, kinds: $kinds, since: $since) { cursor "
    "response { sequence jobId url kind statusCode } } }"
)


class _Mark(NamedTuple):
    cursor: str
    holding: Following


@dataclass
class Follow:
    """A subscription that a client wants until it is complete, on whatever socket it has."""

    id: str
    holding: Following
    by_init: bool
    marks: list[_Mark] = field(default_factory=list)
    is_asked: bool = False


class Follows:
    """All of them."""

    def __init__(self, subscriber: Subscriber) -> None:
        self._subscriber = subscriber
        self._follows: dict[str, Follow] = {}
        self._ended: set[str] = set()
        self.events = 0

    def begin(self, id_: str, holding: Following, *, by_init: bool) -> None:
        """Follow a job from now on."""
        follow = self._follows[id_] = Follow(id_, holding, by_init)
        self._ask_soon(follow)

    def end(self, which: int) -> Follow | None:
        """Want one no more."""
        if not self._follows:
            return None
        follow = [*self._follows.values()][which % len(self._follows)]
        del self._follows[follow.id]
        self._ended.add(follow.id)
        if follow.is_asked:
            self._subscriber.send({"type": "complete", "id": follow.id})
        return follow

    def go_back(self, which: int, part: float) -> None:
        """Subscribe again from an earlier cursor, with what was there then."""
        follow = self.end(which)
        if follow is None:
            return
        holding = follow.holding
        again = Follow(f"{follow.id}'", holding, follow.by_init)
        if follow.marks:
            mark = follow.marks[int(part * len(follow.marks))]
            again.marks.append(mark)
            again.holding = mark.holding.copy()
        self._follows[again.id] = again
        self._ask_soon(again)

    def since(self) -> dict[str, str]:
        """The cursors for `connection_init`."""
        return {
            each.id: each.marks[-1].cursor
            for each in self._follows.values()
            if each.by_init and each.marks and not each.holding.is_over
        }

    def ask(self, resumed_by_init: set[str]) -> None:
        """The socket is acknowledged: subscribe."""
        for follow in self._follows.values():
            self._ask(follow, by_init=follow.id in resumed_by_init)

    def lose(self) -> None:
        """The socket is lost."""
        for follow in self._follows.values():
            follow.is_asked = False

    def act(self, message: Message) -> bool:
        """Take a message, if it is for one of them."""
        follow = self._follows.get(str(message.get("id")))
        if follow is None:
            return message.get("id") in self._ended
        world, holding = self._subscriber.world, follow.holding
        try:
            self._take(follow, message)
        except BrokenPromise as error:
            raise BrokenPromise(f"{follow.id}: {error}") from None
        finally:
            said = message.get("payload", {})
            world.note(f"{self._subscriber.name} {follow.id}: {message['type']} {said}")
        if holding.is_over:
            follow.is_asked = False
        return True

    def _take(self, follow: Follow, message: Message) -> None:
        holding = follow.holding
        if message["type"] == "complete":
            holding.complete()
        elif message["type"] == "error":
            (error,) = message["payload"]
            holding.fail(error.get("extensions", {}).get("code"))
        elif message["payload"].get("errors"):
            (error,) = message["payload"]["errors"]
            holding.fail(error.get("extensions", {}).get("code"))
        else:
            self.events += 1
            event = message["payload"]["data"]["jobResponseAdded"]
            holding.take(event)
            follow.marks.append(_Mark(event["cursor"], holding.copy()))

    def difference(self) -> str | None:
        """What is not as it should be, when all is calm."""
        for follow in self._follows.values():
            difference = follow.holding.difference()
            if difference is not None:
                return f"{follow.id}: {difference}"
        return None

    @property
    def asked_jobs(self) -> list[str]:
        """The job of each that the server sends to."""
        return [each.holding.job for each in self._follows.values() if each.is_asked]

    def _ask_soon(self, follow: Follow) -> None:
        if self._subscriber.is_acknowledged:
            self._ask(follow, by_init=False)

    def _ask(self, follow: Follow, *, by_init: bool) -> None:
        holding = follow.holding
        if holding.is_over:
            return
        holding.begin(resumes=bool(follow.marks))
        variables: dict[str, Any] = {"jobId": holding.job, "kinds": holding.kinds}
        if follow.marks and not by_init:
            variables["since"] = follow.marks[-1].cursor
        follow.is_asked = True
        payload = {"query": _QUERY, "variables": variables}
        self._subscriber.send({"type": "subscribe", "id": follow.id, "payload": payload})
