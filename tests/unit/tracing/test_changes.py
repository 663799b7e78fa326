"""Spans of changes and of their deliveries, over real feeds and groups."""

from __future__ import annotations

import asyncio
import sys
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from types import FrameType
from typing import Any

from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF, ALWAYS_ON, Sampler

import graphql_api
from graphql_api.documents.request import Request
from graphql_api.execution.broadcaster import Broadcaster
from graphql_api.execution.group import Member
from graphql_api.execution.responder import Framing
from graphql_api.execution.runner import OperationRunner, RequestedOperation, SharedSubscription
from graphql_api.tracing.changes import INTERVAL_S, MAX_EXEMPLARS, ChangeTraces
from graphql_api.tracing.operations import TracedRunner
from graphql_api.tracing.spans import Spans
from tests.unit.execution.test_sharing import policy
from tests.unit.execution.toy import DOCUMENTS, FakeResponder, FakeSink, served
from tests.unit.schema.harness import Server, serve

ROOT = Path(graphql_api.__file__).parent
QUERY = """
    subscription %s {
      policyChanges(includeInitial: false) { ... on PolicyUpdated { policy { name } } }
    }
"""


class Policies:
    """A server of one policy, with or without traces."""

    def __init__(self, server: Server, broadcaster: Broadcaster, sampler: Sampler | None) -> None:
        self._server = server
        self._broadcaster = broadcaster
        self._name = "a"
        self.now_s = 0.0
        self.exporter = InMemorySpanExporter()
        self.changes: ChangeTraces | None = None
        self._runner = OperationRunner(server.schema, broadcaster)
        if sampler is not None:
            provider = TracerProvider(sampler=sampler, shutdown_on_exit=False)
            provider.add_span_processor(SimpleSpanProcessor(self.exporter))
            spans = Spans(provider.get_tracer("test"))
            self.changes = ChangeTraces(spans, clock=lambda: self.now_s)
            self.changes.follow([server.feed("policy")])
            self._runner = TracedRunner(server.schema, broadcaster, spans, self.changes)

    async def subscribe(self, sink: FakeSink, name: str = "Watch") -> Member:
        request = Request(QUERY % name)
        document, operation = request.operation(DOCUMENTS)
        begun = await self._runner.begin(
            RequestedOperation(request, document, operation.operation, self._server.context)
        )
        assert isinstance(begun, SharedSubscription)
        member = begun.send(FakeResponder(sink, Framing()))
        await self.settle()
        return member

    async def rename(self, name: str) -> None:
        self._server.source.change("policy", policy("p", self._name), policy("p", name))
        self._name = name
        await self.settle()

    async def settle(self) -> None:
        for _ in range(5):
            await asyncio.sleep(0)
            await served(self._broadcaster)

    def spans(self, name: str) -> list[Any]:
        return [span for span in self.exporter.get_finished_spans() if span.name == name]


@asynccontextmanager
async def policies(sampler: Sampler | None = ALWAYS_ON) -> AsyncIterator[Policies]:
    async with (
        serve({"policy": [policy("p", "a")], "schedule": []}) as server,
        Broadcaster(clock=lambda: 0.0, cpu_clock=lambda: 0.0) as broadcaster,  # no turn ends
        asyncio.TaskGroup() as tasks,
    ):
        made = Policies(server, broadcaster, sampler)
        running = None
        if made.changes is not None:
            running = tasks.create_task(made.changes.run(broadcaster.scheduler.round))
        await server.feed("policy").ready(5)
        yield made
        if running is not None:
            running.cancel()


async def test_few_deliveries_have_spans_and_one_that_leaves_is_replaced() -> None:
    async with policies() as made:
        members = [await made.subscribe(FakeSink()) for _ in range(MAX_EXEMPLARS + 2)]
        await made.rename("b")
        (change,) = made.spans("change policy")
        deliveries = made.spans("deliver policy")
        assert [span.parent.span_id for span in deliveries] == [
            change.context.span_id
        ] * MAX_EXEMPLARS
        subscriptions = {span.context.span_id for span in made.spans("subscription")}
        assert {link.context.span_id for span in deliveries for link in span.links} < subscriptions

        members[0].leave()
        members[0].leave()
        await made.subscribe(FakeSink(), "Late")
        await made.subscribe(FakeSink(), "Later")
        made.now_s += INTERVAL_S
        await made.rename("c")
        later = made.spans("deliver policy")[MAX_EXEMPLARS:]
        assert Counter(span.attributes["graphql.operation.name"] for span in later) == {
            "Watch": MAX_EXEMPLARS - 1,
            "Late": 1,
        }


async def test_one_change_of_a_table_has_a_span_in_an_interval() -> None:
    async with policies() as made:
        await made.subscribe(FakeSink())
        for name in "bcd":
            await made.rename(name)
        assert len(made.spans("change policy")) == len(made.spans("deliver policy")) == 1
        made.now_s += INTERVAL_S
        await made.rename("e")
        assert len(made.spans("change policy")) == len(made.spans("deliver policy")) == 2


async def test_exemplars_are_sent_what_all_others_are_sent_once_executed() -> None:
    async with policies() as made:
        sinks = [FakeSink() for _ in range(MAX_EXEMPLARS + 1)]
        for sink in sinks:
            await made.subscribe(sink)
        before = made._broadcaster.traffic.executions
        await made.rename("b")
        assert made._broadcaster.groups == 1
        assert made._broadcaster.traffic.executions == before + 1
        assert sinks[0].frames[-1].endswith(b'{"policy":{"name":"b"}}}}')
        assert all(sink.frames == sinks[0].frames for sink in sinks)


async def test_slow_client_has_a_span_of_the_delivery_once_it_is_sent_the_change() -> None:
    async with policies() as made:
        sink = FakeSink()
        await made.subscribe(sink)
        sink.room = False
        await made.rename("b")
        assert not made.spans("deliver policy")
        (change,) = made.spans("change policy")
        sink.make_room()
        await made.settle()
        (delivery,) = made.spans("deliver policy")
        assert delivery.end_time > change.end_time


async def calls_of_a_change(sampler: Sampler | None) -> Counter[str]:
    """How often each function of the package is called for a change, with three subscribers."""
    calls: Counter[str] = Counter()

    def count(frame: FrameType, event: str, argument: object) -> None:
        file = Path(frame.f_code.co_filename)
        if event == "call" and file.is_relative_to(ROOT):
            calls[f"{file.relative_to(ROOT).as_posix()} {frame.f_code.co_qualname}"] += 1

    async with policies(sampler) as made:
        for _ in range(3):
            await made.subscribe(FakeSink())
        await made.rename("b")
        sys.setprofile(count)
        try:
            await made.rename("c")
        finally:
            sys.setprofile(None)
    return calls


async def test_change_without_a_span_costs_one_look_and_nothing_where_traces_are_off() -> None:
    off, on = await calls_of_a_change(None), await calls_of_a_change(ALWAYS_OFF)
    assert off["feeds/cache.py WatchCache.apply"] == 1
    assert not [name for name in off if name.startswith("tracing/")]
    assert on - off == {"tracing/changes.py ChangeTraces._saw_change": 1}
    assert off - on == {}
