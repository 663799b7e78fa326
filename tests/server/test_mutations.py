"""Mutations over real sockets, and what the database holds afterwards."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from typing import Any

import httpx
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
    fail,
    schedule,
    succeed,
)
from tests.server.running import Running, running, settings_for

ADD_LINE = """
    mutation($id: ID!, $input: UpdatePolicyInput!, $ifUpdatedAt: DateTime) {
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


async def test_mutation_over_http_needs_post(server: Running) -> None:
    async with httpx.AsyncClient(base_url=server.http) as http:
        body = {"query": CREATE_POLICY, "variables": {"input": POLICY}}
        response = await http.post("/graphql", json=body)
        created = response.json()["data"]["createPolicy"]
        query = {"query": f'{{ policy(id: "{created["id"]}") {{ name }} }}'}
        response = await http.post("/graphql", json=query)
        assert response.json() == {"data": {"policy": {"name": POLICY["name"]}}}
        mutation = f'mutation {{ deletePolicy(id: "{created["id"]}") }}'
        response = await http.get("/graphql", params={"query": mutation})
        assert response.status_code == 405
        body = {"query": CREATE_POLICY, "variables": {"input": {**POLICY, "name": " "}}}
        response = await http.post("/graphql", json=body)
        assert response.json()["data"] == {"createPolicy": None}
        assert response.json()["errors"][0]["extensions"] == {
            "code": "BAD_USER_INPUT",
            "problems": [{"path": ["input", "name"], "message": "Policy name cannot be blank"}],
        }


async def test_masked_password_that_is_read_and_written_back_stays_the_stored_one(
    client: Client, writer: Writer
) -> None:
    secret = "socks5://crawler:hunter2@proxy.example:1080"
    rules = [{"pattern": "^a", "match": "MATCHES", "proxyUrl": secret}, {"proxyUrl": None}]
    policy = await succeed(client, CREATE_POLICY, input=POLICY | {"proxyRules": rules})
    assert policy["proxyRules"][0]["proxyUrl"] == "socks5://crawler:***@proxy.example:1080"
    edited = {
        "name": "Edited",
        "proxyRules": [
            {"pattern": "^b", "match": "MATCHES", "proxyUrl": "http://other.example"},
            *policy["proxyRules"],
        ],
    }
    await succeed(
        client, UPDATE_POLICY, id=policy["id"], input=edited, ifUpdatedAt=policy["updatedAt"]
    )
    document = await stored(writer, "policy", policy["id"])
    assert [rule.get("proxy_url") for rule in document["proxy_rules"]] == [
        "http://other.example",
        secret,
        None,
    ]
    stolen = {"proxyRules": [{"proxyUrl": "socks5://crawler:***@evil.example:1080"}]}
    error = await fail(client, UPDATE_POLICY, id=policy["id"], input=stolen, ifUpdatedAt=None)
    assert error["extensions"]["code"] == "CONFLICT"
    assert "hunter2" not in json.dumps(error)
    changed = error["extensions"]["current"]["updatedAt"]
    error = await fail(client, UPDATE_POLICY, id=policy["id"], input=stolen, ifUpdatedAt=changed)
    assert error["extensions"]["code"] == "BAD_USER_INPUT"
    assert "hunter2" not in json.dumps(error)


async def test_subscribers_see_what_mutations_write_and_no_password(
    server: Running, client: Client
) -> None:
    async with connected(server.ws) as other:
        await succeed(other, "{ domainLogins { total } }")  # the feed is ready then
        watching = await other.subscribe(
            """subscription { domainLoginChanges(includeInitial: false) {
              ... on DomainLoginAdded { domainLogin { domain users { username hasPassword } } }
              ... on DomainLoginUpdated { changedFields domainLogin { loginTest } }
              ... on DomainLoginDeleted { domain }
              ... on FeedState { status }
            } }"""
        )
        assert await watching.change() == {"status": "READY"}
        users = [{"username": "ann", "password": "hunter2"}]
        given = {"loginUrl": "https://example.com/login", "users": users}
        login = {"domain": "example.com"}
        await succeed(client, SET_DOMAIN_LOGIN, **login, input=given)
        users[0]["password"] = "hunter3"  # a change of nothing that is served
        await succeed(client, SET_DOMAIN_LOGIN, **login, input={"users": users})
        await succeed(client, SET_DOMAIN_LOGIN, **login, input={"loginTest": "Log out"})
        await succeed(client, DELETE_DOMAIN_LOGIN, **login)
        assert [await watching.change() for _ in range(3)] == [
            {"domainLogin": login | {"users": [{"username": "ann", "hasPassword": True}]}},
            {"changedFields": ["loginTest"], "domainLogin": {"loginTest": "Log out"}},
            login,
        ]


async def test_database_that_is_away_is_reported_and_nothing_hangs(starbelly: DatabaseURL) -> None:
    away = replace(starbelly, port=1)
    async with running(settings_for(away)) as server, connected(server.ws) as client:
        error = await fail(client, CREATE_POLICY, input=POLICY)
        assert error["extensions"] == {"code": "DATABASE_UNAVAILABLE"}
        error = await fail(client, CREATE_POLICY, input=POLICY | {"name": ""})
        assert error["extensions"]["code"] == "BAD_USER_INPUT"


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
