"""Stock clients whose token expires: they come again with the next one, and go on by the cursor."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from pathlib import Path

import pytest

from graphql_api.auth.authenticator import Authenticator
from graphql_api.auth.principal import Verifier
from graphql_api.rethink.url import DatabaseURL
from graphql_api.watched_file import WatchedFile
from tests.clients.load import policy
from tests.clients.program import program
from tests.fault.clock import LoopClock
from tests.server.database import Writer
from tests.server.operations import POLICIES, Replica
from tests.server.running import running, settings_for
from tests.unit.auth.signing import SECRET, signed

pytestmark = [pytest.mark.usefixtures("packages"), pytest.mark.timeout(300)]


LIFETIME_S = 3600.0


class WallClock:
    """The server's time of day, which the test puts forward."""

    ahead_s = 0.0

    def __call__(self) -> float:
        return time.time() + self.ahead_s


@pytest.mark.parametrize("name", ["graphql-ws", "apollo", "urql"])
async def test_client_whose_token_expires_goes_on_with_the_next_one(
    name: str,
    starbelly: DatabaseURL,
    writer: Writer,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    machine, loop = WallClock(), LoopClock(asyncio.get_running_loop())

    def made(verifiers: Sequence[WatchedFile[Verifier]], **_: object) -> Authenticator:
        return Authenticator(verifiers, clock=machine)

    monkeypatch.setattr("graphql_api.access.Authenticator", made)
    key, token = tmp_path / "key", tmp_path / "token"
    key.write_bytes(SECRET)
    token.write_text(signed("HS256", exp=machine() + LIFETIME_S))
    replica = Replica(POLICIES)
    async with (
        running(settings_for(starbelly, jwt_key=key)) as server,
        program(name, server.ws, resume=True, token_file=token) as client,
    ):
        client.subscribe("a", POLICIES.subscription)
        while replica.status != "READY":
            replica.apply((await client.change())[1])
        token.write_text(signed("HS256", exp=machine() + 2 * LIFETIME_S))
        machine.ahead_s = LIFETIME_S
        loop.forward(60)  # the machine's clock has leapt, which is noticed now and then
        while await client.next() != {"connected": 2}:
            pass
        await writer.insert("policy", policy("new", "new"))
        while "new" not in replica.rows:
            replica.apply((await client.change())[1])
    assert replica.snapshots == 1, "it went on by its cursor"
