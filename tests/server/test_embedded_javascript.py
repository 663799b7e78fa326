"""The official JavaScript driver works with the embedded server."""

from __future__ import annotations

import asyncio
import shutil
import subprocess
from pathlib import Path

import pytest

from graphql_api.embedded import EmbeddedServer

pytestmark = pytest.mark.embedded_only

FOLDER = Path(__file__).parents[1] / "clients" / "rethinkdb-js"
PASSWORD = "pässword, with = and ,"


@pytest.fixture(scope="session")
def node() -> str:
    """Node.js, with the driver installed."""
    found, npm = shutil.which("node"), shutil.which("npm")
    if found is None or npm is None:
        pytest.skip("needs Node.js and npm")
    if not (FOLDER / "node_modules" / "rethinkdb").exists():
        command = [npm, "ci", "--no-audit", "--no-fund"]
        done = subprocess.run(command, cwd=FOLDER, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            pytest.fail(f"npm ci failed:\n{done.stdout}{done.stderr}")
    return found


async def test_javascript_driver_works(node: str) -> None:
    async with EmbeddedServer(None, password=PASSWORD) as server:
        process = await asyncio.create_subprocess_exec(
            *(node, str(FOLDER / "drive.mjs"), server.host, str(server.port), PASSWORD),
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        try:
            output, errors = await asyncio.wait_for(process.communicate(), 40)
        except TimeoutError:
            process.kill()
            output, errors = await process.communicate()
    assert (process.returncode, errors.decode()) == (0, ""), output.decode()
    assert len(output.decode().splitlines()) == 9
