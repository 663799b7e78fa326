"""Clients of Starbelly's own protocol, made from the numbers of its fields."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple
from uuid import UUID

from tests.simulation.client import Socket
from tests.simulation.log_oracle import Following
from tests.simulation.oracle import BrokenPromise
from tests.simulation.page_oracle import Pauses
from tests.simulation.reconnecting import LAG_S, ReconnectingClient
from tests.simulation.starbelly_oracle import HeldList
from tests.simulation.story import shortened
from tests.simulation.tables import JOB, LOGIN, POLICY, SCHEDULE
from tests.starbelly_numbers import (
    ADDED,
    COMPLETE,
    DELETED,
    GONE,
    UPDATED,
    Request,
    ServerMessage,
)

if TYPE_CHECKING:
    import random

    from tests.simulation.world import World

COMMANDS = {
    POLICY.name: "subscribe_policy_list",
    SCHEDULE.name: "subscribe_schedule_list",
    LOGIN.name: "subscribe_domain_login_list",
    JOB.name: "subscribe_job_status",
}
"""What asks for a list, by table."""


class _Mark(NamedTuple):
    token: bytes
    holding: Following


@dataclass
class Stream:
    """A subscription that a client wants, on whatever socket it has.

    Attributes:
        holding: What it has: of a list, or of a job's responses.
        min_interval: Of the job status, in seconds.
        marks: The tokens of a job's responses, with what was there then.
    """

    name: str
    holding: HeldList | Following
    min_interval: float = 0.0
    marks: list[_Mark] = field(default_factory=list)
    pauses: Pauses | None = None
    """Judges the pace of the job status, on one socket."""

    def command(self, *, serial: int) -> dict[str, Any]:
        """What asks for it; what it holds begins again."""
        holding = self.holding
        if isinstance(holding, HeldList):
            holding.begin(serial)
            fields = {"min_interval": self.min_interval} if holding.table == JOB.name else {}
            return {COMMANDS[holding.table]: fields}
        holding.begin(resumes=bool(self.marks))
        asked: dict[str, Any] = {"job_id": UUID(holding.job).bytes}
        if self.marks:
            asked["sync_token"] = self.marks[-1].token
        return {"subscribe_job_sync": asked}

    @property
    def is_over(self) -> bool:
        """Whether a job's responses are complete, or there is no such job."""
        return isinstance(self.holding, Following) and self.holding.is_over


class StarbellyClient(ReconnectingClient):
    """A client with some streams."""

    def __init__(self, world: World, name: str, host: str, rng: random.Random) -> None:
        self.streams: dict[str, Stream] = {}
        self.events = 0
        self._requests = 0
        self._asked: dict[int, Stream] = {}
        self._running: dict[int, Stream] = {}
        self._leaving: dict[int, int] = {}
        """Subscriptions that are ended by a request, by that."""
        super().__init__(world, name, host, rng)

    def _make_socket(self) -> Socket:
        token = self._new_token()
        headers = "" if token is None else f"Authorization: Bearer {token}\r\n"
        on_events = self._opened, self._received, self._ended
        return Socket(*on_events, path="/starbelly", headers=headers)

    def _opened(self) -> None:
        self._failures = 0
        self._heard += 1
        self.is_acknowledged = True
        for stream in self.streams.values():
            self._ask(stream)

    def _forget_socket(self) -> None:
        self._asked.clear()
        self._running.clear()
        self._leaving.clear()

    def _send_ping(self) -> None:
        if isinstance(self.socket, Socket):
            self.socket.send_ping()

    # What the story has it do.

    def subscribe(self, stream: Stream) -> None:
        """Want a stream from now on."""
        self.streams[stream.name] = stream
        if self.is_acknowledged:
            self._ask(stream)

    def unsubscribe(self, which: int) -> Stream | None:
        """Want one no more."""
        if not self.streams:
            return None
        stream = [*self.streams.values()][which % len(self.streams)]
        del self.streams[stream.name]
        for id_, running in [*self._running.items()]:
            if running is stream:
                self._leave_out(id_)
        return stream

    def go_back(self, which: int, part: float) -> None:
        """Ask again: for a list, or for a job's responses from an earlier token."""
        stream = self.unsubscribe(which)
        if stream is None:
            return
        again = Stream(f"{stream.name}'", stream.holding, stream.min_interval)
        if isinstance(stream.holding, HeldList):
            again.holding = HeldList(stream.holding.truth, stream.holding.strictness)
        else:
            again.holding = stream.holding.copy()
            again.holding.is_over = False
        if stream.marks:
            mark = stream.marks[int(part * len(stream.marks))]
            again.marks.append(mark)
            again.holding = mark.holding.copy()
        self.subscribe(again)

    def _ask(self, stream: Stream) -> None:
        if stream.is_over:
            return
        serial = 0
        if isinstance(stream.holding, HeldList):
            serial = stream.holding.truth.serial_at(self.world.loop.time() - LAG_S)
        stream.pauses = Pauses(stream.min_interval, self.world.pace_tolerance_s)
        self._asked[self._request(**stream.command(serial=serial))] = stream

    def _leave_out(self, id_: int) -> None:
        del self._running[id_]
        self._leaving[self._request(unsubscribe={"subscription_id": id_})] = id_

    def _request(self, **command: Any) -> int:
        self._requests += 1
        if isinstance(self.socket, Socket):
            request = Request(request_id=self._requests, **command)
            self.socket.send_bytes(request.SerializeToString())
        return self._requests

    # What it is sent.

    def _received(self, data: bytes) -> None:
        self._heard += 1
        if self.world.is_over or not data:
            return
        message = ServerMessage.FromString(data)
        try:
            if message.HasField("response"):
                self._take_response(message.response)
            else:
                self._take(message.event)
        except BrokenPromise as error:
            self.world.fail(f"{self.name}: {error}")

    def _take_response(self, response: Any) -> None:
        id_ = response.request_id
        if id_ in self._leaving:
            self._leaving.pop(id_)
            # A refusal says that it has just ended by itself, which was seen before.
            return
        stream = self._asked.pop(id_, None)
        _expect(stream is not None, f"an answer to nothing: {response}")
        assert stream is not None
        _expect(response.is_success, f"{stream.name} was refused: {response.error_message}")
        subscription_id = response.new_subscription.subscription_id
        self._running[subscription_id] = stream
        if self.streams.get(stream.name) is not stream:
            self._leave_out(subscription_id)

    def _take(self, event: Any) -> None:
        id_ = event.subscription_id
        if id_ in self._leaving.values():
            return
        stream = self._running.get(id_)
        _expect(stream is not None, f"clause 9: an event of {id_}, which is not there: {event}")
        assert stream is not None
        said = shortened(" ".join(str(event).split()))
        self.world.note(f"{self.name} {stream.name}: {said}")
        self.events += 1
        holding = stream.holding
        try:
            if event.HasField("subscription_closed"):
                del self._running[id_]
                self._take_end(stream, event.subscription_closed)
            elif isinstance(holding, Following):
                self._take_item(stream, holding, event.sync_item)
            elif event.HasField("job_list"):
                self._judge_pace(stream)
                for job in event.job_list.jobs:
                    self._take_job(holding, job)
            else:
                _take_row(holding, event)
        except BrokenPromise as error:
            raise BrokenPromise(f"{stream.name}: {error}") from None

    def _judge_pace(self, stream: Stream) -> None:
        """The jobs come once in an interval; the beginning and the end of an outage bring more."""
        if stream.pauses is not None:
            is_sure = self.world.setting.feeds_are_never_lost and not self._server_is_stopping
            stream.pauses.page(self.world.loop.time(), is_status=not is_sure)

    @property
    def _server_is_stopping(self) -> bool:
        return self.api is None or self.api.is_stopping

    def _take_job(self, holding: HeldList, job: Any) -> None:
        key = _key(job.job_id)
        state = job.run_state if job.HasField("run_state") else None
        said = (job.name, state, job.item_count)
        if state == GONE:
            holding.deleted(key)
        elif key in holding.held:
            holding.updated(key, said)
        else:
            holding.added(key, said)

    def _take_item(self, stream: Stream, holding: Following, sync_item: Any) -> None:
        item = sync_item.item
        kind = "SUCCESS" if item.is_success else "ERROR"
        row = {
            "sequence": int(item.url.rpartition("/")[2]),
            "jobId": str(UUID(bytes=item.job_id)),
            "url": item.url,
            "kind": "EXCEPTION" if item.HasField("exception") else kind,
            "statusCode": item.status_code if item.HasField("status_code") else None,
        }
        holding.take({"response": row})
        stream.marks.append(_Mark(sync_item.token, holding.copy()))

    def _take_end(self, stream: Stream, closed: Any) -> None:
        holding = stream.holding
        _expect(isinstance(holding, Following), f"the list was ended: {closed.message}")
        assert isinstance(holding, Following)
        if closed.reason == COMPLETE:
            holding.complete()
        else:
            is_missing = closed.message == f"there is no job '{holding.job}'"
            holding.fail("NOT_FOUND" if is_missing else closed.message)

    # What checks ask.

    @property
    def asked_tables(self) -> list[str]:
        """The table of each list that the server sends."""
        holdings = (each.holding for each in self._running.values())
        return [each.table for each in holdings if isinstance(each, HeldList)]

    @property
    def asked_jobs(self) -> list[str]:
        """The job of each whose responses the server sends."""
        holdings = (each.holding for each in self._running.values())
        return [each.job for each in holdings if isinstance(each, Following)]

    def difference(self) -> str | None:
        """What is not as it should be, when all is calm."""
        if self.socket is None or not self.is_acknowledged or self._asked or self._leaving:
            return f"{self.name} is not connected, or waits for an answer"
        for stream in self.streams.values():
            difference = stream.holding.difference()
            if difference is not None:
                return f"{self.name}, {stream.name}: {difference}"
        return None


def _take_row(holding: HeldList, event: Any) -> None:
    if event.HasField("policy_event"):
        row, table = event.policy_event, POLICY.name
        key, said = _key(row.policy_id), row.name
    elif event.HasField("schedule_event"):
        row, table = event.schedule_event, SCHEDULE.name
        key, said = _key(row.schedule_id), row.schedule_name
    else:
        row, table = event.domain_login_event, LOGIN.name
        key, said = row.domain, ""
    _expect(table == holding.table, f"an event of {table} came for {holding.table}")
    if row.event_type == ADDED:
        holding.added(key, said)
    elif row.event_type == UPDATED:
        holding.updated(key, said)
    else:
        _expect(row.event_type == DELETED, f"{row.event_type} is no type of events")
        holding.deleted(key)


def _key(data: bytes) -> str:
    _expect(len(data) == 16, f"a key has 16 bytes, and not {len(data)}")
    return str(UUID(bytes=data))


def _expect(condition: bool, text: str) -> None:
    if not condition:
        raise BrokenPromise(f"starbelly: {text}")
