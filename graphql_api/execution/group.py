"""Those whose results are the same: what comes of an event is made once for all of them."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Hashable, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, TypeAlias

from graphql import ExecutionResult

from graphql_api.documents.documents import Document
from graphql_api.documents.request import Request
from graphql_api.execution import result_json
from graphql_api.execution.operation import RequestError, SubscriptionExecution
from graphql_api.execution.shared_results import ReadFeeds, ResultsOfGroup, SharedResults
from graphql_api.feeds.feed import Feed
from graphql_api.schema import Context
from graphql_api.schema.errors import internal_error

if TYPE_CHECKING:
    from graphql_api.execution.broadcaster import FanOut
    from graphql_api.execution.member import Member

log = logging.getLogger(__name__)

GroupKey: TypeAlias = Hashable
"""What all members of a group have in common: whatever can make their results differ."""


def group_key(request: Request, document: Document, context: Context) -> GroupKey:
    """The key of the group to which a subscription belongs.

    Values are compared by the text that JSON has for them: 1, 1.0 and true are three, and a null is
    not the same as nothing. Where the events begin makes no difference to what comes of them.
    """
    variables = {
        name: value
        for name, value in (request.variables or {}).items()
        if name not in document.resumption_variables
    }
    return (
        document.text,
        request.operation_name,
        result_json.to_json(variables, sort_keys=True),
        result_json.to_json(request.extensions or {}, sort_keys=True),
        context.scopes,
    )


class Group:
    """All members whose results are the same."""

    def __init__(
        self,
        fan_out: FanOut,
        key: GroupKey,
        execution: SubscriptionExecution,
        results: SharedResults,
        on_disband: Callable[[], None] | None,
    ) -> None:
        self._fan_out = fan_out
        self._execution = execution
        self._results = results
        self._on_disband = on_disband
        self._remembered: ResultsOfGroup = {}
        self._awaited: dict[int, _Awaited] = {}
        self.key = key
        self.members = 0

    def payload(self, event: object, member: Member) -> bytes | None:
        """What comes of an event; None, if it is delivered to the member later."""
        payload = self._results.get(self._remembered, event)
        if payload is not None:
            self._fan_out.traffic.shared_results += 1
            return payload
        awaited = self._awaited.get(id(event))
        if awaited is not None:
            awaited.members.append(member)
            return None
        try:
            return self._execute(event, member)
        except Exception as error:  # noqa: BLE001 - it is logged there
            return self._remember(event, _failed_execution(error), {})

    def failed(self, error: Exception) -> RequestError:
        """What to tell the client whose source of events has failed."""
        return self._execution.failed(error)

    def cancel(self) -> None:
        """Wait for no result any more."""
        for awaited in self._awaited.values():
            # Not before it has begun, or what it is to await would never be awaited.
            asyncio.get_running_loop().call_soon(awaited.task.cancel)

    def disband(self) -> None:
        """Free everything: there are no members any more."""
        self.cancel()
        self._results.forget_group(self._remembered)
        self._fan_out.disband(self)
        if self._on_disband is not None:
            call_safely(self._on_disband)

    def _execute(self, event: object, member: Member) -> bytes | None:
        traffic = self._fan_out.traffic
        traffic.executions += 1
        began_at_s = time.perf_counter()
        context = self._execution.context
        feeds = ReadFeeds(context.feeds)
        result = self._execution.execute(event, replace(context, feeds=feeds))
        traffic.execution_s += time.perf_counter() - began_at_s
        if isinstance(result, ExecutionResult):
            return self._finish(event, result, feeds)
        task = self._fan_out.create_task(self._await(event, result, feeds))
        self._awaited[id(event)] = _Awaited(event, task, [member])
        return None

    async def _await(
        self, event: object, result: Awaitable[ExecutionResult], feeds: ReadFeeds
    ) -> None:
        try:
            payload = self._finish(event, await result, feeds)
        except Exception as error:  # noqa: BLE001 - it is logged there
            payload = self._remember(event, _failed_execution(error), {})
        finally:
            awaited = self._awaited.pop(id(event))
        for member in awaited.members:
            member.deliver(event, payload)

    def _finish(self, event: object, result: ExecutionResult, feeds: ReadFeeds) -> bytes:
        traffic, began_at_s = self._fan_out.traffic, time.perf_counter()
        payload = self._execution.encode(result)
        traffic.encoding_s += time.perf_counter() - began_at_s
        return self._remember(event, payload, feeds.positions)

    def _remember(
        self, event: object, payload: bytes, positions: Mapping[Feed[Any, Any], object]
    ) -> bytes:
        if self.members > 1:
            self._results.put(self._remembered, event, payload, positions)
        return payload


@dataclass(slots=True)
class _Awaited:
    """An event that is being executed, and who waits for what comes of it."""

    event: object
    task: asyncio.Task[None]
    members: list[Member]


def _failed_execution(error: Exception) -> bytes:
    masked = internal_error(error, "the execution of an event")
    return result_json.execution_result(None, [masked], None)


def call_safely(callback: Callable[[], None]) -> None:
    """Call something that is not ours, and go on whatever it does."""
    try:
        callback()
    except Exception:
        log.exception("the end of an operation has failed")
