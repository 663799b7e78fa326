"""The proxies of `docs/`, in front of a server: requests, streams and sockets get through."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TypeAlias

import httpx
import pytest

from tests import needs
from tests.certificates import Authority
from tests.server.client import WAIT_S, connected
from tests.server.database import Writer
from tests.server.running import Running, until_ready

DOCS = Path(__file__).parents[2] / "docs"
SERVER = "127.0.0.1:8000"
STREAM = {
    "query": "subscription { policyChanges(includeInitial: false) { __typename } }",
}
SOCKET = "subscription { policyChanges { __typename ... on FeedState { status } } }"


Command: TypeAlias = Callable[[Path, Running, int, Path, Path], list[str]]
"""Makes the command that runs a proxy: of a directory for its files, the server behind it, the port
to listen on, and the files of a certificate and of its key."""


def replaced(text: str, **changes: str) -> str:
    """A file of `docs/` with what whoever copies it replaces; each must be there."""
    for old, new in changes.items():
        assert old in text
        text = text.replace(old, new)
    return text


def nginx(directory: Path, server: Running, port: int, chain: Path, key: Path) -> list[str]:
    """The command that runs nginx by the file of `docs/`."""
    site = replaced(
        (DOCS / "nginx.conf").read_text(),
        **{
            SERVER: f"{server.host}:{server.port}",
            "listen 443 ssl": f"listen 127.0.0.1:{port} ssl",
            "/etc/ssl/live.example.org.pem": str(chain),
            "/etc/ssl/live.example.org.key": str(key),
            "server_name live.example.org": "server_name localhost",
        },
    )
    kinds = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    paths = " ".join(f"{kind}_temp_path {directory / kind};" for kind in kinds)
    file = directory / "nginx.conf"
    file.write_text(
        f"daemon off; pid {directory}/pid; events {{}} http {{ access_log off; {paths} {site} }}"
    )
    return ["nginx", "-e", "stderr", "-c", str(file)]


def caddy(directory: Path, server: Running, port: int, chain: Path, key: Path) -> list[str]:
    """The same of Caddy."""
    site = replaced(
        (DOCS / "Caddyfile").read_text(),
        **{
            SERVER: f"{server.host}:{server.port}",
            "live.example.org {": f"https://localhost:{port} {{\ntls {chain} {key}",
        },
    )
    file = directory / "Caddyfile"
    file.write_text(f"{{\nadmin off\nauto_https disable_redirects\n}}\n{site}")
    return ["caddy", "run", "--adapter", "caddyfile", "--config", str(file)]


@asynccontextmanager
async def proxy(command: list[str], port: int) -> AsyncIterator[None]:
    """A proxy that listens, until the context is left."""
    process = await asyncio.create_subprocess_exec(*command, stderr=asyncio.subprocess.DEVNULL)
    try:
        async with asyncio.timeout(WAIT_S):
            while True:
                try:
                    _, writer = await asyncio.open_connection("127.0.0.1", port)
                except OSError:
                    await asyncio.sleep(0.05)
                else:
                    writer.close()
                    break
        yield
    finally:
        process.terminate()
        await process.wait()


@pytest.mark.optional
@pytest.mark.parametrize("command", [nginx, caddy])
async def test_everything_gets_through_the_proxies_that_the_docs_offer(
    command: Command, server: Running, writer: Writer, tmp_path: Path, reserved_port: int
) -> None:
    authority = Authority()
    port = reserved_port
    run = command(tmp_path, server, port, *authority.issue(tmp_path))
    needs.program(run[0])
    tls = authority.client_context()
    await until_ready(server)  # else Caddy has nobody to ask until it looks again
    url = f"localhost:{port}"
    async with proxy(run, port), httpx.AsyncClient(verify=tls, base_url=f"https://{url}") as http:
        answer = await http.post("/graphql", json={"query": "{ policies { total } }"})
        assert answer.json() == {"data": {"policies": {"total": 2}}}
        assert (await http.get("/metrics")).status_code == 403
        async with (
            connected(f"wss://{url}/graphql", tls=tls) as client,
            http.stream(
                "POST", "/graphql", json=STREAM, headers={"accept": "text/event-stream"}
            ) as stream,
        ):
            operation = await client.subscribe(SOCKET)
            await operation.until_status("READY")
            data = (line async for line in stream.aiter_lines() if line.startswith("data:"))
            assert "FeedState" in await anext(data)
            await writer.insert("policy", {"id": "p", "name": "new"})
            # Neither is held back until a buffer is full.
            async with asyncio.timeout(WAIT_S):
                assert "PolicyAdded" in await anext(data)
            assert (await operation.change())["__typename"] == "PolicyAdded"
