"""The official JavaScript driver works with the embedded server."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from graphql_api.embedded import EmbeddedServer
from tests.clients import npm
from tests.patience import LONGEST_S

pytestmark = [pytest.mark.long, pytest.mark.embedded_only, pytest.mark.timeout(300)]

FOLDER = Path(__file__).parents[1] / "clients" / "rethinkdb-js"
PASSWORD = "pässword, with = and ,"


async def test_javascript_driver_works() -> None:
    npm.install(FOLDER)
    async with EmbeddedServer(None, password=PASSWORD) as server:
        process = await asyncio.create_subprocess_exec(
            *("node", str(FOLDER / "drive.mjs"), server.host, str(server.port), PASSWORD),
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        try:
            output, errors = await asyncio.wait_for(process.communicate(), LONGEST_S)
        except TimeoutError:
            process.kill()
            output, errors = await process.communicate()
    assert (process.returncode, errors.decode()) == (0, ""), output.decode()
    assert len(output.decode().splitlines()) == 9
