"""The bugs that are planted: about one for each clause of the feed contract and for each repair.

Their targets are in the one table at the end.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from graphql_api.feeds.events import ChangeCause
from tests.simulation.answer_bugs import ANSWER_BUGS
from tests.simulation.log_bugs import LOG_BUGS
from tests.simulation.pace_bugs import PACE_BUGS
from tests.simulation.planting import Bug, Function
from tests.simulation.starbelly_bugs import STARBELLY_BUGS
from tests.simulation.state_bugs import STATE_BUGS
from tests.simulation.stream_bugs import STREAM_BUGS

# The feed: cache, views, subscribers.


def _forgets_older_rows(_: Function) -> Function:
    def keep(self: Any, key: str, before: Any) -> None:
        pass

    return keep


def _serves_no_zeros_of_keys(original: Function) -> Function:
    def served(self: Any, key: object) -> str | None:
        text = original(self, key)
        return text if text is None else text.lstrip("0")

    return served


def _remembers_initial_rows(original: Function) -> Function:
    def initial_event(self: Any, version: Any) -> Any:
        remembered = self.__dict__.setdefault("_planted", {})
        key = version.row.id
        if key not in remembered:
            remembered[key] = original(self, version)
        return remembered[key]

    return initial_event


def _merges_with_the_last_previous(original: Function) -> Function:
    def then(self: Any, later: Any) -> Any:
        merged = original(self, later)
        if merged is not None:
            merged.before = None if self.before is None else later.before or self.before
        return merged

    return then


def _merges_what_leaves_as_deleted(original: Function) -> Function:
    def then(self: Any, later: Any) -> Any:
        merged = original(self, later)
        if merged is not None and merged.after is None:
            merged.cause = ChangeCause.DELETED
        return merged

    return then


def _sends_the_newest_first(original: Function) -> Function:
    def pull_change(self: Any) -> Any:
        if not self._batch and len(self._queue) > 1:
            self._queue.insert(0, self._queue.pop())
        return original(self)

    return pull_change


def _ignores_deletions(original: Function) -> Function:
    def apply(self: Any, key: str, row: Any, **how: Any) -> None:
        if row is not None:
            original(self, key, row, **how)

    return apply


def _calls_all_created(original: Function) -> Function:
    def shown(self: Any, change: Any) -> Any:
        made = original(self, change)
        if made is not None and made.before is None:
            made.cause = ChangeCause.CREATED
        return made

    return shown


def _does_not_notice_leaving(original: Function) -> Function:
    def shown(self: Any, change: Any) -> Any:
        made = original(self, change)
        is_leaving = made is not None and made.after is None and change.after is not None
        return None if is_leaving else made

    return shown


def _does_nothing(_: Function) -> Function:
    def nothing(*args: Any, **kwargs: Any) -> None:
        pass

    return nothing


def _forgets_deletions_of_an_outage(original: Function) -> Function:
    def contains(self: Any, key: str) -> bool:
        return key not in self._unseen and bool(original(self, key))

    return contains


def _overlooks_gaps(original: Function) -> Function:
    def event(row: Any) -> Any:
        return None if "error" in row else original(row)

    return event


def _says_ready_to_joiners(original: Function) -> Function:
    def begin(self: Any, *, with_rows: bool) -> None:
        original(self, with_rows=with_rows)
        from graphql_api.feeds.events import FeedStatus

        self._statuses[-1] = replace(self._statuses[-1], status=FeedStatus.READY)

    return begin


def _says_statuses_at_once(_: Function) -> Function:
    def is_due(self: Any, status: Any) -> bool:
        return True

    return is_due


def _forgets_the_cursor(_: Function) -> Function:
    def resumable(self: Any, cursor: Any, where: Any) -> None:
        return None

    return resumable


def _takes_cursors_of_other_filters(original: Function) -> Function:
    def resumable(self: Any, cursor: Any, where: Any) -> Any:
        has_filter = cursor is not None and hasattr(cursor, "filter")
        return original(self, replace(cursor, filter=where.digest) if has_filter else cursor, where)

    return resumable


def _is_one_ahead(original: Function) -> Function:
    def resumable(self: Any, cursor: Any, where: Any) -> Any:
        found = original(self, cursor, where)
        if found is None or found.start.position == self.position:
            return found
        return replace(found, start=self.history.point(found.start.position + 1))

    return resumable


def _takes_every_digest(_: Function) -> Function:
    def find(self: Any, digest: int) -> int:
        return int(self.head)

    return find


def _skips_the_rest_of_a_batch(_: Function) -> Function:
    def cursor_within(self: Any, after: int, until: int, key: str) -> Any:
        return self.cursor(until)

    return cursor_within


def _has_no_checksum(_: Function) -> Function:
    return lambda _: bytes(6)


def _queues_without_end(_: Function) -> Function:
    def on_change(self: Any, change: Any) -> None:
        from graphql_api.feeds.stages import Replay, Scan

        if isinstance(self._stage, Replay):
            return
        if isinstance(self._stage, Scan):
            self._stage.keep(change.key, change.before)
        self._queue.append(change)
        self.wake()

    return on_change


def _drops_what_does_not_fit(original: Function) -> Function:
    def on_change(self: Any, change: Any) -> None:
        if len(self._queue) < self._queue_limit:
            original(self, change)

    return on_change


def _keeps_the_whole_history(original: Function) -> Function:
    def append(self: Any, change: Any) -> None:
        self._max_changes = 10**9
        original(self, change)

    return append


# What is around the feed.


def _takes_silence_for_life(_: Function) -> Function:
    def check(self: Any) -> None:
        self._answer = None
        self.note_arrival()

    return check


def _is_never_stalled(_: Function) -> Function:
    def is_stalled(self: Any, *, taken: int, now_s: float) -> bool:
        return False

    return is_stalled


def _counts_from_the_first_look(_: Function) -> Function:
    def is_stalled(self: Any, *, taken: int, now_s: float) -> bool:
        return bool(now_s - self._at_s >= self._timeout_s)

    return is_stalled


def _closes_all_at_once(original: Function) -> Function:
    async def close_all(self: Any, **kwargs: Any) -> None:
        await original(self, **{**kwargs, "spread_s": 0.0})

    return close_all


def _says_going_away(original: Function) -> Function:
    async def close_all(self: Any, **kwargs: Any) -> None:
        await original(self, **{**kwargs, "code": 1001})

    return close_all


async def _asleep(self: Any) -> None:
    pass


def _ages_nothing(_: Function) -> Function:
    async def age_out(self: Any, remove: Any) -> None:
        pass

    return age_out


def _finds_nothing_outside(_: Function) -> Function:
    def is_outside(self: Any, row: Any) -> bool:
        return False

    return is_outside


def _does_not_check(_: Function) -> Function:
    return _asleep


def _does_not_wait_for_the_feed(_: Function) -> Function:
    async def is_seen(self: Any, old: Any, new: Any, timeout_s: float) -> bool:
        return True

    return is_seen


def _leaves_out_a_field(original: Function) -> Function:
    def changed_fields(previous: Any, row: Any) -> list[str]:
        names: list[str] = original(previous, row)
        return names[:-1] if len(names) > 1 else names

    return changed_fields


def _forgets_who_waits(_: Function) -> Function:
    def go_on(self: Any) -> None:
        self._is_held_up = False

    return go_on


_FEEDS = "graphql_api.feeds"

BUGS = (
    Bug(
        "a snapshot forgets what its unsent rows were",
        "1: no seam between snapshot and changes",
        f"{_FEEDS}.stages:Scan.keep",
        _forgets_older_rows,
    ),
    Bug(
        "the first rows are remembered for ever",
        "1: the current rows",
        f"{_FEEDS}.cache:WatchCache.initial_event",
        _remembers_initial_rows,
    ),
    Bug(
        "a merged update has the last previous, not the first",
        "2: `previous`",
        f"{_FEEDS}.view:ViewChange.then",
        _merges_with_the_last_previous,
    ),
    Bug(
        "queued changes are sent newest first",
        "2: order",
        f"{_FEEDS}.subscriber:Subscriber._pull_change",
        _sends_the_newest_first,
    ),
    Bug(
        "changedFields leaves one out",
        "2: what an update says",
        "graphql_api.schema.changes:changed_fields",
        _leaves_out_a_field,
    ),
    Bug(
        "deletions are ignored",
        "3: convergence",
        f"{_FEEDS}.cache:WatchCache.apply",
        _ignores_deletions,
    ),
    Bug(
        "what enters a filter is called created",
        "4: causes",
        f"{_FEEDS}.view:FilterView.change",
        _calls_all_created,
    ),
    Bug(
        "what leaves a filter is not said",
        "4: filters",
        f"{_FEEDS}.view:FilterView.change",
        _does_not_notice_leaving,
    ),
    Bug(
        "an outage is not said",
        "5: STALE",
        f"{_FEEDS}.cache:WatchCache.lose",
        _does_nothing,
    ),
    Bug(
        "deletions of an outage are forgotten",
        "5: repair of what was deleted",
        f"{_FEEDS}.comparison:Comparison.__contains__",
        _forgets_deletions_of_an_outage,
    ),
    Bug(
        "a gap in a changefeed is overlooked",
        "5: repair of an overflowed queue",
        "graphql_api.rethink.changefeed:_event",
        _overlooks_gaps,
    ),
    Bug(
        "a silent database is not noticed",
        "5: repair of a dead connection",
        "graphql_api.rethink.heartbeat:Heartbeat.check",
        _takes_silence_for_life,
    ),
    Bug(
        "a subscriber that joins a stale feed gets READY",
        "6: joining when it is not ready",
        f"{_FEEDS}.subscriber:Subscriber._begin",
        _says_ready_to_joiners,
    ),
    Bug(
        "every resume is answered with a snapshot",
        "7: resume",
        f"{_FEEDS}.cache:WatchCache._resumable",
        _forgets_the_cursor,
    ),
    Bug(
        "a cursor of another filter is taken",
        "7: a cursor names its filter",
        f"{_FEEDS}.cache:WatchCache._resumable",
        _takes_cursors_of_other_filters,
    ),
    Bug(
        "a resume goes on one change too late",
        "7: a cursor means what it says",
        f"{_FEEDS}.cache:WatchCache._resumable",
        _is_one_ahead,
    ),
    Bug(
        "a cursor of another server is taken for the newest",
        "7: a cursor of another server means its content",
        f"{_FEEDS}.history:History.find",
        _takes_every_digest,
    ),
    Bug(
        "a cursor within a batch names its end",
        "8: a cursor within a batch",
        f"{_FEEDS}.view:FilterView.cursor_within",
        _skips_the_rest_of_a_batch,
    ),
    Bug(
        "the checksum of a cursor is not looked at",
        "7: an altered cursor is refused",
        f"{_FEEDS}.cursor:_checksum",
        _has_no_checksum,
    ),
    Bug(
        "an idle subscriber gets no fresh cursor",
        "7: idle cursors stay in the history",
        f"{_FEEDS}.cache:WatchCache._bookmark",
        _does_nothing,
    ),
    Bug(
        "the history has no limit",
        "7: the history is bounded",
        f"{_FEEDS}.history:History.append",
        _keeps_the_whole_history,
    ),
    Bug(
        "a status overtakes the changes before it",
        "8: a status keeps its place",
        f"{_FEEDS}.subscriber:Subscriber._is_due",
        _says_statuses_at_once,
    ),
    Bug(
        "what leaves a filter while its changes merge is called deleted",
        "8: the cause of what is merged",
        f"{_FEEDS}.view:ViewChange.then",
        _merges_what_leaves_as_deleted,
    ),
    Bug(
        "a slow subscriber's queue has no end",
        "8: bounded memory",
        f"{_FEEDS}.subscriber:Subscriber.on_change",
        _queues_without_end,
    ),
    Bug(
        "what does not fit into the queue is dropped",
        "8: the final state is never lost",
        f"{_FEEDS}.subscriber:Subscriber.on_change",
        _drops_what_does_not_fit,
    ),
    Bug(
        "a client that takes nothing is served for ever",
        "8: who takes nothing is cut",
        "graphql_api.server.flow_control:StallWatch.is_stalled",
        _is_never_stalled,
    ),
    Bug(
        "a client that reads slowly is cut",
        "8: who reads steadily is never cut",
        "graphql_api.server.flow_control:StallWatch.is_stalled",
        _counts_from_the_first_look,
    ),
    Bug(
        "a client that was held up is forgotten",
        "8: who reads again goes on",
        "graphql_api.execution.group:Member._go_on",
        _forgets_who_waits,
    ),
    Bug(
        "subscribers are never unregistered",
        "9: cancellation frees everything",
        f"{_FEEDS}.cache:WatchCache.unsubscribe",
        _does_nothing,
    ),
    Bug(
        "a shutdown closes all sockets at once",
        "9: a shutdown is spread",
        "graphql_api.protocols.websocket:WebSockets.close_all",
        _closes_all_at_once,
    ),
    Bug(
        "a shutdown closes with 1001",
        "9: a shutdown says 1012",
        "graphql_api.protocols.websocket:WebSockets.close_all",
        _says_going_away,
    ),
    Bug(
        "a shutdown sends no newest cursors",
        "9: the newest cursor before 1012",
        f"{_FEEDS}.subscriber:Subscriber.bookmark",
        _does_nothing,
    ),
    Bug(
        "BINARY keys are served without their first zeros",
        "keys: one document for each served key",
        f"{_FEEDS}.keys:_Binary.served",
        _serves_no_zeros_of_keys,
    ),
    Bug(
        "the feed does not check itself",
        "11: self-check",
        f"{_FEEDS}.consistency_check:ConsistencyCheck.check",
        _does_not_check,
    ),
    Bug(
        "rows never leave the window",
        "kinds: a window",
        f"{_FEEDS}.moving_window:MovingWindow.age_out",
        _ages_nothing,
    ),
    Bug(
        "what has left the window comes back with a change",
        "kinds: a window",
        f"{_FEEDS}.moving_window:MovingWindow.is_outside",
        _finds_nothing_outside,
    ),
    Bug(
        "a mutation does not wait until it is seen",
        "writing: the next query shows it",
        f"{_FEEDS}.write_barrier:ExpectedWrite.is_seen",
        _does_not_wait_for_the_feed,
    ),
    Bug(
        "a token's end is not noticed",
        "access: until the token's end",
        "graphql_api.auth.authenticator:Session._watch",
        _does_nothing,
    ),
    *ANSWER_BUGS,
    *PACE_BUGS,
    *LOG_BUGS,
    *STARBELLY_BUGS,
    *STATE_BUGS,
    *STREAM_BUGS,
)
