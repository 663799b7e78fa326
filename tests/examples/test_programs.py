"""The examples that are programs: each prints every change once, over a lost connection too."""

from __future__ import annotations

import asyncio
import os
import sys
from asyncio.subprocess import PIPE

import pytest

from tests.clients import npm
from tests.clients.load import policy
from tests.clients.tcp_proxy import TCPProxy
from tests.examples.example import EXAMPLES, WAIT_S
from tests.server.database import Writer
from tests.server.running import Running

pytestmark = pytest.mark.timeout(300)


async def test_program_prints_each_event_once_over_a_lost_connection(
    server: Running, writer: Writer
) -> None:
    folder = EXAMPLES / "events"
    npm.install(folder)
    async with TCPProxy(server.host, server.port) as proxy:
        process = await asyncio.create_subprocess_exec(
            *("node", "--experimental-websocket", "main.js"),
            cwd=folder,
            env={**os.environ, "GRAPHQL_API": f"ws://{proxy.host}:{proxy.port}/graphql"},
            stdout=PIPE,
        )
        assert process.stdout is not None

        async def line() -> str:
            assert process.stdout is not None
            async with asyncio.timeout(WAIT_S):
                return (await process.stdout.readline()).decode().rstrip()

        async def change() -> str:
            while (said := await line()) == "READY":  # of a connection that goes on
                pass
            return said

        try:
            first, *rows, last = [await line() for _ in range(4)]
            assert {*rows} == {"+ Broad Crawl (INITIAL)", "+ Deep Crawl (INITIAL)"}
            assert (first, last) == ("INITIALIZING", "READY")
            await writer.insert("policy", policy("a", "Crawl 1"))
            assert await change() == "+ Crawl 1 (CREATED)"
            proxy.cut_now()
            await writer.update("policy", "a", {"name": "Crawl 2"})
            assert await change() == "~ Crawl 2: name"
            await writer.update("policy", "a", {"name": "other"})
            assert await change() == "- a (LEFT_FILTER)"
        finally:
            process.kill()
            await process.communicate()


async def test_python_program_prints_each_change_once_over_a_lost_connection(
    server: Running, writer: Writer
) -> None:
    async with TCPProxy(server.host, server.port) as proxy:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, EXAMPLES / "python/main.py"),
            env={**os.environ, "GRAPHQL_API": f"http://{proxy.host}:{proxy.port}"},
            stdout=PIPE,
        )
        try:
            assert process.stdout is not None
            async with asyncio.timeout(WAIT_S):
                names = [await process.stdout.readline() for _ in range(2)]
                await writer.insert("policy", policy("a", "Crawl 1"))
                changes = [await process.stdout.readline()]
                proxy.cut_now()
                await writer.update("policy", "a", {"name": "Crawl 2"})
                changes.append(await process.stdout.readline())
                await writer.update("policy", "a", {"name": "other"})
                changes.append(await process.stdout.readline())
        finally:
            process.kill()
            await process.communicate()
    assert {*names} == {b"Broad Crawl\n", b"Deep Crawl\n"}
    assert changes == [b"added Crawl 1\n", b"updated Crawl 2\n", b"deleted Crawl 2\n"]
