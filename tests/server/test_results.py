"""The responses of a job: followed to the end over a real socket."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from typing import Any

import pytest

from graphql_api.limits.long_answers import PLACES
from graphql_api.rethink.log_source import RethinkLogSource
from graphql_api.rethink.url import DatabaseURL
from graphql_api.schema.context import FEW_ROWS
from tests.server.client import Client, GraphQLErrors, connected
from tests.server.database import writing
from tests.server.event_source import event_source
from tests.server.results import (
    FOLLOW,
    Crawler,
    crawling,
    received,
    response,
    sequences,
    to_the_end,
)
from tests.server.running import Running, running, settings_for

LAG_S = 0.6


@pytest.fixture
async def crawler(starbelly: DatabaseURL) -> AsyncIterator[Crawler]:
    async with crawling(starbelly) as crawler:
        yield crawler


@pytest.fixture
async def server(starbelly: DatabaseURL) -> AsyncIterator[Running]:
    async with running(settings_for(starbelly, response_lag_s=LAG_S)) as server:
        yield server


@pytest.mark.usefixtures("no_row_is_late")
async def test_those_there_and_those_that_come_then_complete(
    crawler: Crawler, client: Client
) -> None:
    await crawler.respond(*range(1, 1200))
    operation = await client.subscribe(FOLLOW, jobId="j1")
    events = await received(operation, 1199)
    await crawler.respond(1300, status_code=404, is_success=False)
    events += await received(operation, 1)
    await crawler.respond(1250)  # visible behind a higher one
    events += await received(operation, 1)
    await crawler.set(run_state="completed")
    events += await to_the_end(operation)
    assert sequences(events) == [*range(1, 1200), 1300, 1250]
    assert events[-2]["response"] == {
        "sequence": 1300,
        "kind": "ERROR",
        "url": "http://site.example/1300",
        "statusCode": 404,
    }


async def test_event_stream_goes_on_by_its_last_event_id_and_completes(
    crawler: Crawler, server: Running
) -> None:
    await crawler.respond(*range(40))
    query = 'subscription { jobResponseAdded(jobId: "j1") { response { sequence } } }'
    async with event_source((server.host, server.port), query) as stream:
        events = [await stream.change() for _ in range(20)]
        last = stream.last_event_id
        stream.abort()
    await crawler.respond(50)
    await crawler.set(run_state="completed")
    async with event_source((server.host, server.port), query, last_event_id=last) as stream:
        seen = set(sequences(events))
        while seen != crawler.written:
            seen.add((await stream.change())["response"]["sequence"])
        await stream.completed()


async def test_unknown_job_is_not_found(crawler: Crawler, client: Client) -> None:
    for job in ("nothing", "x" * 300, "", "\0"):
        operation = await client.subscribe(FOLLOW, jobId=job)
        with pytest.raises(GraphQLErrors) as refused:
            await operation.next()
        assert refused.value.errors[0]["extensions"]["code"] == "NOT_FOUND"
    operation = await client.subscribe(FOLLOW, jobId="j1")
    await crawler.respond(1)
    assert sequences(await received(operation, 1)) == [1]


async def test_deleted_job_completes_and_paused_one_stays_open(
    crawler: Crawler, client: Client
) -> None:
    await crawler.respond(1)
    operation = await client.subscribe(FOLLOW, jobId="j1")
    assert sequences(await received(operation, 1)) == [1]
    await crawler.set(run_state="paused")
    await crawler.respond(2)
    assert sequences(await received(operation, 1)) == [2]
    await crawler.delete()
    assert await to_the_end(operation) == []


async def test_job_that_counts_wrongly_completes_after_the_bound(
    crawler: Crawler, client: Client
) -> None:
    await crawler.respond(1, 2, 3)
    await crawler.set(run_state="cancelled", item_count=2)
    operation = await client.subscribe(FOLLOW, jobId="j1")
    assert sequences(await to_the_end(operation)) == [1, 2, 3]


@pytest.mark.usefixtures("no_row_is_late")
async def test_cursor_goes_on_at_another_server_and_repeats_what_is_young(
    crawler: Crawler, starbelly: DatabaseURL, client: Client
) -> None:
    await crawler.respond(*range(10, 500, 10))
    operation = await client.subscribe(FOLLOW, jobId="j1")
    events = await received(operation, 49)
    held = set(sequences(events))
    cursor = events[-1]["cursor"]
    await crawler.respond(485)  # below the last one that it has
    async with (
        running(settings_for(starbelly, response_lag_s=LAG_S)) as other,
        connected(other.ws) as second,
    ):
        resumed = await second.subscribe(FOLLOW, jobId="j1", since=cursor)
        await crawler.respond(500)
        await crawler.set(run_state="completed")
        rest = sequences(await to_the_end(resumed))
    assert held | set(rest) == crawler.written
    assert len(rest) == len(set(rest))


async def test_cursor_moves_on_once_rows_are_older_than_the_bound(
    crawler: Crawler, client: Client
) -> None:
    await crawler.respond(*range(100))
    operation = await client.subscribe(FOLLOW, jobId="j1")
    await received(operation, 100)
    sequence, again = 100, 100
    while again >= 100:  # the bound passes
        await crawler.respond(sequence)
        (event,) = await received(operation, 1)
        sequence += 1
        resumed = await client.subscribe(FOLLOW, jobId="j1", since=event["cursor"])
        await crawler.respond(sequence)
        sequence += 1
        await received(operation, 1)
        rest = [await resumed.change()]
        while rest[-1]["response"]["sequence"] != sequence - 1:
            rest.append(await resumed.change())
        again = len(rest)
        await resumed.complete()


def altered(cursor: str) -> str:
    """Another text, whatever the cursor begins with."""
    return ("b" if cursor[0] == "a" else "a") + cursor[1:]


async def test_kinds_are_filtered_and_a_cursor_of_fewer_kinds_is_refused(
    crawler: Crawler, client: Client
) -> None:
    await crawler.respond(1, 2)
    await crawler.respond(3, is_success=False, status_code=500)
    await crawler.respond(4, exception="Traceback: refused", is_success=False, status_code=None)
    await crawler.set(run_state="completed")
    operation = await client.subscribe(FOLLOW, jobId="j1", kinds=["ERROR", "EXCEPTION"])
    events = await to_the_end(operation)
    assert [event["response"]["kind"] for event in events] == ["ERROR", "EXCEPTION"]
    cursor = events[0]["cursor"]
    operation = await client.subscribe(FOLLOW, jobId="j1", kinds=["EXCEPTION"], since=cursor)
    assert sequences(await to_the_end(operation))[-1] == 4
    for variables in (
        {"jobId": "j1", "since": cursor},
        {"jobId": "j2", "since": cursor, "kinds": ["ERROR"]},
        {"jobId": "j1", "since": altered(cursor), "kinds": ["ERROR"]},
    ):
        refused = await client.subscribe(FOLLOW, **variables)
        with pytest.raises(GraphQLErrors) as error:
            await refused.next()
        assert error.value.errors[0]["extensions"]["code"] == "BAD_CURSOR"


PAGE = """
    query ($jobId: ID!, $first: Int!, $after: String, $kinds: [ResponseKind!]) {
        jobResponses(jobId: $jobId, first: $first, after: $after, kinds: $kinds) {
            items { id sequence kind headers { name value } invalidFields }
            hasMore cursor
        }
    }
"""


@pytest.mark.parametrize("kinds", [None, ["SUCCESS"], ["ERROR"], []])
async def test_pages_give_each_response_once_in_order(
    crawler: Crawler, client: Client, kinds: list[str] | None
) -> None:
    await crawler.respond(*range(0, 60, 2))
    await crawler.respond(*range(1, 60, 4), is_success=False, status_code=404)
    found: list[int] = []
    after, has_more = None, True
    while has_more:
        payload = await client.execute(PAGE, jobId="j1", first=7, after=after, kinds=kinds)
        page = payload["data"]["jobResponses"]
        found += [item["sequence"] for item in page["items"]]
        after, has_more = page["cursor"], page["hasMore"]
    wanted = {"SUCCESS": range(0, 60, 2), "ERROR": range(1, 60, 4)}
    names = ["SUCCESS", "ERROR"] if kinds is None else kinds
    assert found == sorted(number for name in names for number in wanted[name])


async def test_pages_of_one_client_are_read_one_after_the_other(
    crawler: Crawler, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    await crawler.respond(*range(5))
    read, reading = RethinkLogSource.read, 0
    seen: list[int] = []

    async def counted(source: RethinkLogSource, *args: Any, **options: Any) -> Any:
        nonlocal reading
        reading += 1
        seen.append(reading)
        try:
            return await read(source, *args, **options)
        finally:
            reading -= 1

    monkeypatch.setattr(RethinkLogSource, "read", counted)
    pages = " ".join(f'p{n}: jobResponses(jobId: "j1", first: 2) {{ hasMore }}' for n in range(9))
    assert len((await client.execute(f"{{ {pages} }}"))["data"]) == 9
    assert seen == [1] * 9


async def test_long_pages_of_few_clients_are_read_at_the_same_time_and_others_go_on(
    crawler: Crawler, server: Running, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    await crawler.respond(*range(5))
    read, reading, most = RethinkLogSource.read, 0, 0
    may_read, are_reading = asyncio.Event(), asyncio.Event()

    async def held(source: RethinkLogSource, *args: Any, **options: Any) -> Any:
        nonlocal reading, most
        reading += 1
        most = max(most, reading)
        if reading == PLACES:
            are_reading.set()
        try:
            await may_read.wait()
            return await read(source, *args, **options)
        finally:
            reading -= 1

    monkeypatch.setattr(RethinkLogSource, "read", held)
    async with AsyncExitStack() as stack:
        clients = [await stack.enter_async_context(connected(server.ws)) for _ in range(9)]
        async with asyncio.TaskGroup() as tasks:
            pages = [
                tasks.create_task(each.execute(PAGE, jobId="j1", first=FEW_ROWS + 1))
                for each in clients
            ]
            await are_reading.wait()
            assert (await client.execute("{ policies { total } }"))["data"]
            may_read.set()
    assert most == PLACES
    assert all(len(page.result()["data"]["jobResponses"]["items"]) == 5 for page in pages)


async def test_odd_responses_break_nothing(
    crawler: Crawler, client: Client, starbelly: DatabaseURL
) -> None:
    odd = {
        "url": 5,
        "headers": ["A", "b", 7, "c", "D"],
        "is_success": "yes",
        "status_code": "200",
        "body_id": "text",
        "completed_at": "today",
    }
    big = 2**40
    async with writing(starbelly) as writer:
        await writer.insert("response", {"sequence": "text", "job_id": "j1"})
        await writer.insert("response", {"sequence": 1.5, "job_id": "j1"})
        await writer.insert("response", {"sequence": 3, "job_id": 3})
        await writer.insert("response", response(big, "j1") | odd)
    payload = await client.execute(PAGE, jobId="j1", first=10)
    (item,) = payload["data"]["jobResponses"]["items"]
    assert item == {
        "id": str(big),
        "sequence": big,
        "kind": "ERROR",
        "headers": [{"name": "A", "value": "b"}],
        "invalidFields": [
            *("url", "completedAt", "kind", "statusCode"),
            *("headers[1]", "headers[2]", "hasBody"),
        ],
    }
    await crawler.set(run_state="completed", item_count=4)
    operation = await client.subscribe(FOLLOW, jobId="j1")
    assert sequences(await to_the_end(operation)) == [big]


async def test_passwords_of_urls_in_headers_and_exceptions_are_masked(
    crawler: Crawler, client: Client
) -> None:
    await crawler.respond(
        1,
        headers=["LOCATION", "http://u:hunter2@a.example/", "LINK", "<http://u:hunter2@b.example>"],
        exception="Traceback\nInvalidURL: http://u:hunter2@c.example:99999/\nend",
    )
    query = """{ jobResponses(jobId: "j1", first: 1) { items { exception headers { value } } } }"""
    (item,) = (await client.execute(query))["data"]["jobResponses"]["items"]
    assert item == {
        "headers": [{"value": "http://u:***@a.example/"}, {"value": "<http://u:***@b.example>"}],
        "exception": "Traceback\nInvalidURL: http://u:***@c.example:99999/\nend",
    }


async def test_subscriptions_that_are_complete_do_not_count_against_the_limit(
    crawler: Crawler, starbelly: DatabaseURL
) -> None:
    await crawler.respond(1)
    await crawler.set(run_state="completed")
    settings = settings_for(starbelly, response_lag_s=LAG_S, max_subscriptions=2)
    async with running(settings) as server, connected(server.ws) as client:
        for _ in range(5):
            operation = await client.subscribe(FOLLOW, jobId="j1")
            assert sequences(await to_the_end(operation)) == [1]
