"""HTTPS and WSS: the same server, with a certificate that is renewed while it runs."""

from __future__ import annotations

import asyncio
import ssl
from contextlib import AsyncExitStack
from pathlib import Path

import httpx
import pytest
from websockets.asyncio.client import connect

from graphql_api.rethink.url import DatabaseURL
from tests.certificates import Authority
from tests.fault.clock import LoopClock, some_steps, websockets_unasked
from tests.server.client import connected
from tests.server.database import Writer
from tests.server.running import running, settings_for

SEND_TIMEOUT_S = 20.0
"""Passes by the clock."""


@pytest.fixture(scope="module")
def authority() -> Authority:
    return Authority()


async def test_queries_and_subscriptions_are_served_over_tls(
    starbelly: DatabaseURL, authority: Authority, tmp_path: Path
) -> None:
    chain, key = authority.issue(tmp_path)
    tls = authority.client_context()
    async with (
        running(settings_for(starbelly, tls_cert=chain, tls_key=key)) as server,
        httpx.AsyncClient(verify=tls, base_url=server.https, trust_env=False) as http,
        connected(server.wss, tls=tls) as client,
    ):
        answer = await http.post("/graphql", json={"query": "{ policies { total } }"})
        assert answer.json() == {"data": {"policies": {"total": 2}}}
        operation = await client.subscribe(
            "subscription { policyChanges { __typename ... on FeedState { status } } }"
        )
        assert len(await operation.until_status("READY")) == 4


async def test_a_renewed_certificate_is_taken_without_a_restart(
    starbelly: DatabaseURL, tmp_path: Path
) -> None:
    clock = LoopClock(asyncio.get_running_loop())
    old, new = Authority(), Authority()
    chain, key = old.issue(tmp_path)
    async with running(settings_for(starbelly, tls_cert=chain, tls_key=key)) as server:
        tls = old.client_context()
        async with connected(server.wss, tls=tls) as client:
            (tmp_path / "new").mkdir()
            for made, used in zip(new.issue(tmp_path / "new"), (chain, key), strict=True):
                made.replace(used)
            while not await accepts(server.wss, new.client_context()):
                clock.forward(1)  # the server looks now and then
            # Who was connected before is none the worse for it.
            assert "data" in await client.execute("{ __typename }")


@pytest.mark.parametrize("events", [1, 2])
async def test_silence_is_no_stall_and_the_end_is_reported(
    starbelly: DatabaseURL, writer: Writer, authority: Authority, tmp_path: Path, events: int
) -> None:
    """Over TLS a transport whose buffer is empty can be taken for one that waits."""
    clock = LoopClock(asyncio.get_running_loop())
    chain, key = authority.issue(tmp_path)
    settings = settings_for(starbelly, tls_cert=chain, tls_key=key, send_timeout_s=SEND_TIMEOUT_S)
    async with AsyncExitStack() as clients:
        clients.enter_context(websockets_unasked())
        async with running(settings) as server:
            client = await clients.enter_async_context(
                connected(server.wss, tls=authority.client_context())
            )
            operation = await client.subscribe(
                "subscription { policyChanges(includeInitial: false) "
                "{ __typename ... on FeedState { status } } }"
            )
            await operation.until_status("READY")
            for number in range(events):
                await writer.insert("policy", {"id": f"new {number}"})
                await operation.change()
            for _ in range(20):  # five times as long as a client may take nothing
                clock.forward(SEND_TIMEOUT_S / 4)
                await some_steps()
            assert "data" in await client.execute("{ __typename }")
        await client.socket.wait_closed()
        assert client.socket.close_code == 1012


async def test_handshake_that_does_not_end_is_given_up_in_the_time_of_a_request(
    starbelly: DatabaseURL, authority: Authority, tmp_path: Path
) -> None:
    clock = LoopClock(asyncio.get_running_loop())
    chain, key = authority.issue(tmp_path)
    settings = settings_for(starbelly, tls_cert=chain, tls_key=key, request_timeout_s=20)
    async with running(settings) as server:
        beginnings = (b"", bytes.fromhex("1603010200010001fc0303"))
        opened = [await asyncio.open_connection(server.host, server.port) for _ in beginnings]
        for (_, writer), beginning in zip(opened, beginnings, strict=True):
            writer.write(beginning)
        await some_steps()
        clock.forward(20)
        for reader, writer in opened:
            assert await reader.read() == b""
            writer.close()
        tls = authority.client_context()
        async with httpx.AsyncClient(verify=tls, base_url=server.https, trust_env=False) as http:
            assert (await http.get("/healthz")).status_code == 200


async def accepts(url: str, tls: ssl.SSLContext) -> bool:
    """Whether a client that trusts this authority only can connect."""
    try:
        async with connect(url, ssl=tls, subprotocols=["graphql-transport-ws"], proxy=None):  # type: ignore[list-item]
            return True
    except ssl.SSLCertVerificationError:
        return False
