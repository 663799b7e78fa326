"""A reader of an event stream that is slow, or stops: it harms no other, and loses nothing."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from graphql_api.rethink.url import DatabaseURL
from tests.fault.clock import LoopClock
from tests.fault.test_slow_clients import (
    DOCUMENTS,
    FEWER,
    LAST,
    SEND_TIMEOUT_S,
    table,
    until_no_subscribers,
    until_version,
    write_versions,
)
from tests.server.client import connected
from tests.server.database import Writer, writing
from tests.server.event_source import EventSource, event_source
from tests.server.operations import POLICIES, Replica
from tests.server.running import Running, running, settings_for


@pytest.fixture(autouse=True)
def _leaves_nothing() -> None:
    """Nothing is counted here, and the loop is not in debug mode: this is about load."""


@pytest.fixture
async def writer(starbelly: DatabaseURL) -> AsyncIterator[Writer]:
    async with writing(starbelly) as writer:
        yield writer


def hesitant(server: Running, last_event_id: str | None = None) -> Any:
    """A reader with a tiny receive buffer, which reads only when it is asked to."""
    return event_source(
        (server.host, server.port),
        POLICIES.subscription,
        last_event_id=last_event_id,
        receive_buffer_bytes=4096,
    )


async def read_to_the_end(source: EventSource, replica: Replica) -> None:
    """Read what is on its way still, until the connection is aborted."""
    try:
        while True:
            replica.apply(await source.change())
    except (OSError, EOFError):
        pass


async def test_stream_that_is_not_read_is_aborted_resumes_and_converges(
    starbelly: DatabaseURL, writer: Writer, clock: LoopClock
) -> None:
    settings = settings_for(starbelly, send_timeout_s=SEND_TIMEOUT_S, send_buffer_bytes=4096)
    async with running(settings) as server, connected(server.ws) as observer:
        replica = Replica(POLICIES)
        async with hesitant(server) as stalled:
            while replica.status != "READY":
                replica.apply(await stalled.change())
            await write_versions(writer, range(3))
            await until_version(observer, 2, DOCUMENTS)
            await until_no_subscribers(observer, clock)
            await read_to_the_end(stalled, replica)
        assert replica.events < 3 * DOCUMENTS, "it was cut off before it had everything"
        await writer.insert("policy", {"id": LAST})
        async with hesitant(server, last_event_id=replica.cursor) as again:
            while LAST not in replica.rows:
                replica.apply(await again.change())
            assert replica.rows == await table(observer)
        assert replica.snapshots == 1


@pytest.mark.long
async def test_stream_that_is_read_slowly_but_steadily_is_never_cut_and_gets_changes_merged(
    starbelly: DatabaseURL, writer: Writer, clock: LoopClock
) -> None:
    settings = settings_for(starbelly, send_timeout_s=SEND_TIMEOUT_S, send_buffer_bytes=4096)
    versions = 10
    async with (
        running(settings) as server,
        connected(server.ws) as observer,
        hesitant(server) as slow,
    ):
        replica = Replica(POLICIES)
        while replica.status != "READY":
            replica.apply(await slow.change())
        # It reads one event for each twenty that are written: much too slow, and steadily.
        for version in range(versions):
            await write_versions(writer, range(version, version + 1), FEWER)
            await until_version(observer, version, FEWER)
            clock.forward(SEND_TIMEOUT_S / 6)
            replica.apply(await slow.change())
        await writer.insert("policy", {"id": LAST})
        while LAST not in replica.rows:
            replica.apply(await slow.change())
        assert replica.rows == await table(observer)
        assert replica.snapshots == 1
        assert replica.events < versions * FEWER, "changes of one document were merged"


@pytest.mark.parametrize(
    "position", [6, *(pytest.param(position, marks=pytest.mark.long) for position in (0, 3))]
)
async def test_a_batch_that_is_cut_is_resumed_behind_the_cut_by_its_ids(
    position: int, starbelly: DatabaseURL, writer: Writer
) -> None:
    documents, versions = 8, 15
    settings = settings_for(starbelly, send_timeout_s=3600, send_buffer_bytes=4096)
    async with running(settings) as server, connected(server.ws) as observer:
        await write_versions(writer, range(1), documents)
        await until_version(observer, 0, documents)
        replica = Replica(POLICIES)
        async with hesitant(server) as source:
            while replica.status != "READY":
                replica.apply(await source.change())
            await write_versions(writer, range(1, versions), documents)
            await until_version(observer, versions - 1, documents)
            # What fits into buffers comes one by one, what follows as a merged batch.
            while replica.rows["p00"]["name"] != str(versions - 1):
                replica.apply(await source.change())
            for _ in range(position):
                replica.apply(await source.change())
            assert replica.events < documents * versions, "changes were merged"
            last_event_id = source.last_event_id
        async with hesitant(server, last_event_id=last_event_id) as again:
            for _ in range(documents - 1 - position):
                replica.apply(await again.change())
            assert (await again.change()).get("status") == "READY"
            assert replica.rows == await table(observer)
        assert replica.snapshots == 1
