"""The bugs that are planted where Starbelly's protocol is spoken."""

from __future__ import annotations

from typing import Any

from graphql_api.feeds.events import FeedStatus
from graphql_api.schema.changes import FeedState
from tests.simulation.planting import Bug, Function


def _forgets_deletions_of_an_outage(original: Function) -> Function:
    def shown(self: Any, event: Any) -> Any:
        value = event.value
        if isinstance(value, FeedState):
            self.was_stale = value.status is FeedStatus.STALE
        elif isinstance(value, self._listed.table.changes.deleted) and vars(self).get("was_stale"):
            return None
        return original(self, event)

    return shown


def _frees_nothing(original: Function) -> Function:
    def obey(self: Any, request: Any, response: Any) -> None:
        id_ = request.unsubscribe.subscription_id
        if self._subscriptions.pop(id_, None) is None:
            original(self, request, response)

    return obey


def _calls_what_comes_back_updated(original: Function) -> Function:
    def shown(self: Any, event: Any) -> Any:
        held = set(self._held)
        made = original(self, event)
        self._held |= held
        return made

    return shown


def _says_everything(_: Function) -> Function:
    def can_say(self: Any, key: str) -> bool:
        return True

    return can_say


def _takes_no_token(original: Function) -> Function:
    def job_sync(self: Any, command: str, asked: Any, context: Any) -> Any:
        asked.ClearField("sync_token")
        return original(self, command, asked, context)

    return job_sync


def _does_not_say_the_end(_: Function) -> Function:
    def complete(self: Any, operation: int) -> None:
        self._subscriptions.pop(operation, None)

    return complete


_STARBELLY = "graphql_api.protocols.starbelly"
_CONNECTION = f"{_STARBELLY}.connection:StarbellyConnection"

STARBELLY_BUGS = (
    Bug(
        "what was deleted in an outage is not sent to Starbelly's clients",
        "starbelly: after an outage the difference",
        f"{_STARBELLY}.listing:Listing._shown",
        _forgets_deletions_of_an_outage,
    ),
    Bug(
        "a cancelled stream of Starbelly's is not freed",
        "starbelly: cancelling frees everything",
        f"{_CONNECTION}._obey",
        _frees_nothing,
    ),
    Bug(
        "a row that comes back is UPDATED",
        "starbelly: a row that comes back is ADDED",
        f"{_STARBELLY}.listing:Listing._shown",
        _calls_what_comes_back_updated,
    ),
    Bug(
        "a key that is no UUID is said",
        "starbelly: keys are 16 bytes",
        f"{_STARBELLY}.listing:ListEncoder.can_say",
        _says_everything,
    ),
    Bug(
        "a sync_token is not looked at",
        "starbelly: a token resumes",
        f"{_CONNECTION}._job_sync",
        _takes_no_token,
    ),
    Bug(
        "a job sync ends without COMPLETE",
        "starbelly: a job sync ends with COMPLETE",
        f"{_CONNECTION}.complete",
        _does_not_say_the_end,
    ),
)
