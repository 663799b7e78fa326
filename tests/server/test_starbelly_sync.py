"""Job sync of Starbelly's protocol: every response of a job with its body, and the tokens."""

from __future__ import annotations

import asyncio
import gzip
import socket as socket_module
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest

from graphql_api.protocols import whole_bodies
from graphql_api.protocols.whole_bodies import Body, WholeBodies
from graphql_api.rethink.url import DatabaseURL
from tests.server.client import Client
from tests.server.results import Crawler, crawling
from tests.server.running import Running, running, settings_for
from tests.server.starbelly_client import (
    Ended,
    RefusedRequest,
    StarbellyClient,
    Subscription,
    starbelly_client,
)
from tests.server.test_starbelly import executions, url_of
from tests.starbelly_numbers import COMPLETE, ERROR, Request

LAG_S = 0.6


@pytest.fixture
async def crawler(starbelly: DatabaseURL) -> AsyncIterator[Crawler]:
    async with crawling(starbelly, str(uuid4())) as crawler:
        yield crawler


@pytest.fixture
async def server(starbelly: DatabaseURL, crawler: Crawler) -> AsyncIterator[Running]:
    async with running(settings_for(starbelly, response_lag_s=LAG_S)) as server:
        yield server


@pytest.fixture
async def socket(server: Running) -> AsyncIterator[StarbellyClient]:
    async with starbelly_client(url_of(server)) as client:
        yield client


async def follow(socket: StarbellyClient, crawler: Crawler, **fields: Any) -> Subscription:
    job_id = UUID(crawler.job).bytes
    return await socket.subscribe("subscribe_job_sync", job_id=job_id, **fields)


async def items(subscription: Subscription, number: int) -> list[Any]:
    return [(await subscription.event()).sync_item for _ in range(number)]


async def to_the_end(subscription: Subscription) -> tuple[list[Any], Ended]:
    found = []
    while True:
        try:
            found += await items(subscription, 1)
        except Ended as end:
            return found, end


def urls(found: list[Any]) -> list[str]:
    return [item.item.url for item in found]


def site(*sequences: int) -> list[str]:
    return [f"http://site.example/{sequence}" for sequence in sequences]


@pytest.mark.usefixtures("no_row_is_late")
async def test_responses_come_in_order_and_end_with_complete(
    socket: StarbellyClient, crawler: Crawler
) -> None:
    await crawler.respond(*range(1, 40))
    subscription = await follow(socket, crawler)
    found = await items(subscription, 39)
    await crawler.respond(50, is_success=False, status_code=404)
    found += await items(subscription, 1)
    await crawler.respond(45, exception="it broke")  # visible behind a higher one
    found += await items(subscription, 1)
    await crawler.set(run_state="completed")
    rest, end = await to_the_end(subscription)
    assert urls(found + rest) == site(*range(1, 40), 50, 45)
    assert end.reason == COMPLETE
    with pytest.raises(RefusedRequest, match="there is no subscription"):
        await subscription.unsubscribe()
    first, missing, failed = found[0].item, found[39].item, found[40].item
    assert (first.is_success, missing.is_success, failed.is_success) == (True, False, False)
    assert (missing.status_code, failed.exception) == (404, "it broke")
    assert (first.job_id, first.cost, first.duration) == (UUID(crawler.job).bytes, 1.0, 0.25)
    assert [(header.key, header.value) for header in first.headers] == [
        ("CONTENT-TYPE", "text/html"),
        ("SERVER", "strange"),
    ]
    assert not first.HasField("body")


@pytest.mark.usefixtures("no_row_is_late")
async def test_token_goes_on_where_the_client_was_and_misses_nothing(
    socket: StarbellyClient, crawler: Crawler, server: Running
) -> None:
    await crawler.respond(*range(10, 30))
    subscription = await follow(socket, crawler)
    seen = await items(subscription, 15)
    await subscription.unsubscribe()
    await crawler.respond(5, 40)
    await crawler.set(run_state="completed")
    async with starbelly_client(url_of(server)) as other:
        subscription = await follow(other, crawler, sync_token=seen[-1].token)
        rest, end = await to_the_end(subscription)
    assert end.reason == COMPLETE
    assert {*urls(seen), *urls(rest)} == {*site(5, *range(10, 30), 40)}


async def test_foreign_tokens_are_refused(socket: StarbellyClient, crawler: Crawler) -> None:
    await crawler.respond(1)
    (item,) = await items(await follow(socket, crawler), 1)
    altered = bytes([*item.token[:-1], item.token[-1] ^ 1])
    for token in (b"\x01" + bytes(8), b"", b"x", altered):
        with pytest.raises(RefusedRequest, match="cursor is not one that this API gave out"):
            await follow(socket, crawler, sync_token=token)
    with pytest.raises(RefusedRequest, match="cursor belongs to something else"):
        await socket.subscribe("subscribe_job_sync", job_id=uuid4().bytes, sync_token=item.token)


async def test_unknown_job_ends_with_an_error_and_its_reason(socket: StarbellyClient) -> None:
    job = uuid4()
    subscription = await socket.subscribe("subscribe_job_sync", job_id=job.bytes)
    with pytest.raises(Ended) as end:
        await subscription.event()
    assert (end.value.reason, end.value.message) == (ERROR, f"there is no job '{job}'")


@pytest.mark.parametrize("compression_ok", [None, True, False])
async def test_bodies_come_as_gzip_only_if_the_client_takes_it(
    compression_ok: bool | None, socket: StarbellyClient, crawler: Crawler
) -> None:
    content = b"<p>" * 1000
    zipped = await crawler.body(content, is_compressed=True)
    plain = await crawler.body(b"plain", is_compressed=False)
    await crawler.respond(1, body_id=zipped)
    await crawler.respond(2, body_id=plain)
    fields = {} if compression_ok is None else {"compression_ok": compression_ok}
    one, two = [each.item for each in await items(await follow(socket, crawler, **fields), 2)]
    assert (two.body, two.is_compressed) == (b"plain", False)
    assert one.is_compressed == (compression_ok is not False)
    assert (gzip.decompress(one.body) if one.is_compressed else one.body) == content


async def test_body_that_cannot_be_sent_is_left_out_and_logged(
    socket: StarbellyClient,
    crawler: Crawler,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr(whole_bodies, "MAX_BYTES", 1000)
    large = await crawler.body(b"x" * 1001, is_compressed=False)
    bomb = await crawler.body(b"x" * 100_000, is_compressed=True)
    damaged = await crawler.stored(b"no gzip", is_compressed=True)
    missing = await crawler.missing_body()
    for sequence, key in enumerate((large, bomb, damaged, missing)):
        await crawler.respond(sequence, body_id=key)
    found = await items(await follow(socket, crawler, compression_ok=False), 4)
    assert not any(each.item.HasField("body") for each in found)
    assert len([record for record in caplog.records if "without its body" in record.msg]) == 3


@pytest.fixture
def bodies_are_awaited_long(monkeypatch: pytest.MonkeyPatch) -> None:
    """A body that is not there is waited for as long as any machine takes to write it."""
    monkeypatch.setattr(whole_bodies, "_LAG", timedelta(days=1))


@pytest.mark.usefixtures("bodies_are_awaited_long")
async def test_body_that_is_written_behind_its_response_is_waited_for(
    socket: StarbellyClient, crawler: Crawler
) -> None:
    key = await crawler.missing_body(b"late")
    await crawler.respond(1, body_id=key, completed_at=datetime.now(UTC))
    subscription = await follow(socket, crawler)
    await socket.ask(unsubscribe={"subscription_id": (await follow(socket, crawler)).id})
    assert await crawler.stored(b"late", is_compressed=False) == key
    (item,) = await items(subscription, 1)
    assert item.item.body == b"late"


async def test_equal_followers_share_one_reading_and_one_encoding(
    socket: StarbellyClient, crawler: Crawler, server: Running
) -> None:
    body = await crawler.body(b"shared", is_compressed=False)
    await crawler.respond(1, body_id=body)
    subscriptions = [await follow(socket, crawler) for _ in range(20)]
    for subscription in subscriptions:
        await items(subscription, 1)
    before = await executions(server)
    await crawler.respond(2, body_id=body)
    for subscription in subscriptions:
        (item,) = await items(subscription, 1)
        assert item.item.body == b"shared"
    assert await executions(server) - before == 1


@pytest.mark.usefixtures("bodies_are_awaited_long")
async def test_unsubscribe_while_a_body_is_awaited_leaves_nothing(
    socket: StarbellyClient, crawler: Crawler, client: Client
) -> None:
    key = await crawler.missing_body(b"never")
    await crawler.respond(1, body_id=key, completed_at=datetime.now(UTC))
    subscription = await follow(socket, crawler)
    before = socket.events
    await subscription.unsubscribe()
    await client.execute("{ feeds { table } }")
    assert socket.events == before


async def test_bodies_wait_in_the_database_for_a_socket_that_takes_none(
    socket: StarbellyClient,
    crawler: Crawler,
    server: Running,
    starbelly: DatabaseURL,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    read: list[int] = []

    async def counted(self: WholeBodies, sequence: int, *args: Any, **options: Any) -> Body:
        read.append(sequence)
        return await of(self, sequence, *args, **options)

    of = WholeBodies.of
    monkeypatch.setattr(WholeBodies, "of", counted)
    body = await crawler.body(bytes(2**21), is_compressed=False)
    await crawler.respond(*range(100, 105), body_id=body)
    jobs = [uuid4() for _ in range(5)]
    for sequence, job in enumerate(jobs):
        async with crawling(starbelly, str(job)) as other:
            await other.respond(sequence, body_id=body)
    async with stalled(server, jobs) as reader:
        subscription = await follow(socket, crawler)
        await items(subscription, 5)  # those before them in the queue of reads are behind
        assert len([sequence for sequence in read if sequence < 100]) == 1
        await reader.readexactly(len(jobs) * 2**21)
    assert sorted(sequence for sequence in read if sequence < 100) == [0, 1, 2, 3, 4]


@asynccontextmanager
async def stalled(server: Running, jobs: list[UUID]) -> AsyncIterator[asyncio.StreamReader]:
    """A client that follows jobs on one socket, and has read nothing but the first answers."""
    sock = socket_module.socket()
    sock.setsockopt(socket_module.SOL_SOCKET, socket_module.SO_RCVBUF, 4096)
    sock.setblocking(False)
    await asyncio.get_running_loop().sock_connect(sock, ("127.0.0.1", server.port))
    reader, writer = await asyncio.open_connection(sock=sock, limit=4096)
    try:
        writer.write(
            b"GET /starbelly HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\n"
            b"Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
            b"Sec-WebSocket-Key: MDEyMzQ1Njc4OTAxMjM0NQ==\r\n\r\n"
        )
        await reader.readuntil(b"\r\n\r\n")
        for number, job in enumerate(jobs):
            asked = Request(request_id=number, subscribe_job_sync={"job_id": job.bytes})
            data = asked.SerializeToString()
            writer.write(bytes((0x82, 0x80 | len(data), 0, 0, 0, 0)) + data)
        yield reader
    finally:
        writer.transport.abort()
