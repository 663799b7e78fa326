"""Java's HttpClient and curl offer HTTP/2 with requests without TLS; the answer is HTTP/1.1."""

from __future__ import annotations

import asyncio
import json
from asyncio.subprocess import PIPE
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests import needs
from tests.curl import EVENT_STREAM, Curl
from tests.server.client import WAIT_S
from tests.server.database import Writer
from tests.server.running import Running

pytestmark = [pytest.mark.long, pytest.mark.timeout(300)]

PROBE = Path(__file__).parent / "http/Probe.java"
TOTAL = json.dumps({"query": "{ policies { total } }"})
ANSWER = {"data": {"policies": {"total": 2}}}
CHANGES = json.dumps(
    {
        "query": "subscription { policyChanges { "
        "... on FeedState { status } ... on PolicyAdded { cause policy { id } } } }"
    }
)


async def java(task: str, url: str, body: str) -> AsyncIterator[str]:
    """The lines that `Probe.java` prints, until it ends without error."""
    light = "-XX:TieredStopAtLevel=1"  # it runs for a moment
    process = await asyncio.create_subprocess_exec(
        needs.program("java"), light, str(PROBE), task, url, body, stdout=PIPE
    )
    assert process.stdout is not None
    try:
        while line := await asyncio.wait_for(process.stdout.readline(), 2 * WAIT_S):
            yield line.decode().rstrip()
        assert await process.wait() == 0
    finally:
        if process.returncode is None:
            process.kill()
            await process.communicate()


async def test_every_post_of_java_is_answered(server: Running) -> None:
    lines = [line async for line in java("post", f"{server.http}/graphql", TOTAL)]
    assert len(lines) == 3
    for line in lines:
        status, version, body = line.split(maxsplit=2)
        assert (status, version, json.loads(body)) == ("200", "HTTP_1_1", ANSWER)


@pytest.mark.parametrize("task", ["stream", "socket"])
async def test_streams_and_sockets_of_java_follow_changes(
    task: str, server: Running, writer: Writer
) -> None:
    url = f"{server.http}/graphql" if task == "stream" else server.ws
    lines = []
    async for line in java(task, url, CHANGES):
        lines.append(line)
        if "READY" in line:
            await writer.insert("policy", {"id": "new", "name": "new"})
    assert '"id":"new"' in lines[-1]


async def test_requests_of_curl_that_offer_http2_are_answered(
    server: Running, writer: Writer
) -> None:
    curl = Curl(("--http2",))
    url = f"{server.http}/graphql"
    for answer in (
        await curl.post(url, TOTAL),
        await curl("--get", "--data-urlencode", "query={ policies { total } }", url),
        await curl.post(url, TOTAL, "-H", "expect: 100-continue"),
        await curl.post(url, TOTAL, "-H", "transfer-encoding: chunked"),
    ):
        assert (answer.status, answer.version) == (200, "1.1")
        assert json.loads(answer.body) == ANSWER

    stream = ("-H", "content-type: application/json", "-d", CHANGES, *EVENT_STREAM, url)
    async with curl.lines(*stream) as lines:
        async for line in lines:
            if "READY" in line:
                await writer.insert("policy", {"id": "new", "name": "new"})
            if "CREATED" in line:
                break
        else:
            pytest.fail("the stream has ended")
