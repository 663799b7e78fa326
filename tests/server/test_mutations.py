"""Mutations over real sockets, and what the database holds afterwards."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from graphql_api.rethink.url import DatabaseURL
from tests.server.client import Client, connected
from tests.server.database import Writer
from tests.server.mutations import (
    CREATE_POLICY,
    CREATE_SCHEDULE,
    DELETE_DOMAIN_LOGIN,
    DELETE_POLICY,
    DELETE_SCHEDULE,
    POLICY,
    SET_DOMAIN_LOGIN,
    UPDATE_POLICY,
    UPDATE_SCHEDULE,
    schedule,
    succeed,
)
from tests.server.running import Running

ADD_LINE = """
    mutation($id: ID!, $input: PolicyInput!, $ifUpdatedAt: DateTime) {
      updatePolicy(id: $id, input: $input, ifUpdatedAt: $ifUpdatedAt) {
        updatedAt userAgents { name }
      }
    }
"""


async def stored(writer: Writer, table: str, key: str) -> Any:
    return await writer.run(writer.table(table).get(key))


async def test_each_mutation_is_in_the_next_query(client: Client) -> None:
    policy = await succeed(client, CREATE_POLICY, input=POLICY)
    query = "query($id: ID!) { policy(id: $id) { id name updatedAt } }"
    shown = {name: policy[name] for name in ("id", "name", "updatedAt")}
    assert await succeed(client, query, id=policy["id"]) == shown

    changed = await succeed(
        client,
        UPDATE_POLICY,
        id=policy["id"],
        input={"name": "Boards"},
        ifUpdatedAt=policy["updatedAt"],
    )
    assert changed == policy | {"name": "Boards", "updatedAt": changed["updatedAt"]}
    assert changed["updatedAt"] > policy["updatedAt"]
    assert (await succeed(client, query, id=policy["id"]))["name"] == "Boards"

    made = await succeed(client, CREATE_SCHEDULE, input=schedule(policy["id"]))
    assert made["policy"] == {"id": policy["id"], "name": "Boards"}
    assert made["jobCount"] == 0
    assert made["invalidFields"] == []
    made = await succeed(client, UPDATE_SCHEDULE, id=made["id"], input={"enabled": False})
    assert await succeed(client, "{ schedules { items { id enabled } } }") == {
        "items": [{"id": made["id"], "enabled": False}]
    }
    assert await succeed(client, DELETE_SCHEDULE, id=made["id"]) == made["id"]
    assert await succeed(client, "{ schedules { total } }") == {"total": 0}

    assert await succeed(client, DELETE_POLICY, id=policy["id"]) == policy["id"]
    assert await succeed(client, query, id=policy["id"]) is None

    login = await succeed(
        client,
        SET_DOMAIN_LOGIN,
        domain="example.com",
        input={
            "loginUrl": "https://example.com/login",
            "users": [{"username": "ann", "password": "hunter2"}],
        },
    )
    assert login["users"] == [{"username": "ann", "hasPassword": True, "working": True}]
    assert await succeed(client, "{ domainLogins { total } }") == {"total": 1}
    assert await succeed(client, DELETE_DOMAIN_LOGIN, domain="example.com") == "example.com"
    assert await succeed(client, "{ domainLogins { total } }") == {"total": 0}


@pytest.mark.long
async def test_no_update_is_lost_among_twenty_who_write_at_once(
    server: Running, starbelly: DatabaseURL, writer: Writer
) -> None:
    """Each client adds a line to what it has read, again and again, and gives way to the others."""
    async with connected(server.ws) as client:
        policy = await succeed(client, CREATE_POLICY, input=POLICY)
    key = policy["id"]
    history = await writer.run(writer.table("policy").get(key).changes(squash=False))
    accepted: list[tuple[str, str, str]] = []
    conflicts = 0

    async def write(name: str) -> None:
        nonlocal conflicts
        async with connected(server.ws) as client:
            known = policy
            for number in range(8):
                line = f"{name}-{number}"
                while True:
                    result = await client.execute(
                        ADD_LINE,
                        id=key,
                        input={"userAgents": [*known["userAgents"], {"name": line}]},
                        ifUpdatedAt=known["updatedAt"],
                    )
                    before = known["updatedAt"]
                    if "errors" not in result:
                        known = result["data"]["updatePolicy"]
                        accepted.append((before, known["updatedAt"], line))
                        break
                    (error,) = result["errors"]
                    assert error["extensions"]["code"] == "CONFLICT"
                    known = error["extensions"]["current"]
                    assert known["updatedAt"] > before
                    conflicts += 1

    async with asyncio.TaskGroup() as tasks:
        for number in range(20):
            tasks.create_task(write(f"client {number}"))

    assert conflicts > 0
    accepted.sort()
    before = policy["updatedAt"]
    for read, written, _ in accepted:
        assert read == before
        assert written > read
        before = written
    lines = [line for *_, line in accepted]
    agents = [{"name": "Starbelly/{VERSION}"}, *({"name": line} for line in lines)]
    seen = [await history.next() for _ in lines]
    assert [change["new_val"]["user_agents"][-1]["name"] for change in seen] == lines
    assert seen[-1]["new_val"]["user_agents"] == agents
