"""What each operation is given by the server that it shares with all others."""

from __future__ import annotations

import asyncio
from contextlib import closing

from graphql import OperationType

from graphql_api.auth.principal import ANYBODY
from graphql_api.documents.documents import Documents
from graphql_api.documents.request import Request
from graphql_api.execution.broadcaster import Broadcaster
from graphql_api.execution.runner import OperationRunner, RequestedOperation
from graphql_api.limits.long_answers import LongAnswers
from graphql_api.protocols.backend import Backend
from tests.fault.clock import some_steps
from tests.toy_world import SCHEMA, Topic, context


async def make(asked: RequestedOperation) -> None:
    await asked.context.begin_long()
    await asked.context.answer_turns.pause()


async def test_long_answers_of_queries_have_their_places_and_others_need_none() -> None:
    broadcaster = Broadcaster()
    backend = Backend(
        runner=OperationRunner(SCHEMA, broadcaster),
        make_context=lambda _: context(Topic()),
        traffic=broadcaster.traffic,
        long_answers=LongAnswers(places=1),
    )

    def asked(kind: OperationType, text: str) -> RequestedOperation:
        request = Request(text)
        document, _ = request.operation(Documents())
        return backend.operation(
            request,
            document,
            kind,
            principal=ANYBODY,
            budget=backend.budgets.of({}),
            resume_from=None,
        )

    first, second = (asked(OperationType.QUERY, "{ hello }") for _ in range(2))
    with closing(first):
        await make(first)
        making = asyncio.create_task(make(second))
        await make(asked(OperationType.SUBSCRIPTION, "subscription { count }"))
        await make(asked(OperationType.MUTATION, "mutation { set(value: 1) }"))
        await some_steps()
        assert not making.done()
        await backend.runner.execute(first)  # which is the end of its making
        await making
        second.close()
