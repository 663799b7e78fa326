"""Stock clients whose token expires: they come again with the next one, and go on by the cursor."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from graphql_api.rethink.url import DatabaseURL
from tests.clients.load import policy
from tests.clients.program import program
from tests.server.database import Writer
from tests.server.operations import POLICIES, Replica
from tests.server.running import running, settings_for
from tests.unit.transport.signing import SECRET, signed

pytestmark = [pytest.mark.usefixtures("packages"), pytest.mark.timeout(300)]


@pytest.mark.parametrize("name", ["graphql-ws", "apollo", "urql"])
async def test_client_whose_token_expires_goes_on_with_the_next_one(
    name: str, starbelly: DatabaseURL, writer: Writer, tmp_path: Path
) -> None:
    key, token = tmp_path / "key", tmp_path / "token"
    key.write_bytes(SECRET)
    token.write_text(signed("HS256", exp=time.time() + 4))
    replica = Replica(POLICIES)
    async with (
        running(settings_for(starbelly, jwt_key=key)) as server,
        program(name, server.ws, resume=True, token_file=token) as client,
    ):
        client.subscribe("a", POLICIES.subscription)
        while replica.status != "READY":
            replica.apply((await client.change())[1])
        token.write_text(signed("HS256"))
        while await client.next() != {"connected": 2}:
            pass
        await writer.insert("policy", policy("new", "new"))
        while "new" not in replica.rows:
            replica.apply((await client.change())[1])
    assert replica.snapshots == 1, "it went on by its cursor"
