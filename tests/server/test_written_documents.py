"""What clients write can be run by the crawler: read back by the driver, and judged."""

from __future__ import annotations

import asyncio
import json
from hashlib import blake2b
from typing import Any

import httpx
import pytest

from graphql_api.rethink.url import DatabaseURL
from tests.server.client import Client
from tests.server.database import Writer
from tests.server.mutations import (
    CREATE_CAPTCHA_SOLVER,
    CREATE_POLICY,
    CREATE_SCHEDULE,
    DELETE_CAPTCHA_SOLVER,
    DELETE_POLICY,
    DELETE_RATE_LIMIT,
    OVERWRITE_POLICY,
    POLICY,
    SET_DOMAIN_LOGIN,
    SET_RATE_LIMIT,
    UPDATE_SCHEDULE,
    fail,
    schedule,
    succeed,
)
from tests.server.operations import POLICIES, RATE_LIMITS, SCHEDULES, until_seen
from tests.server.running import running, settings_for
from tests.unit.schema.starbelly import (
    run_captcha_solver,
    run_domain_login,
    run_policy,
    run_schedule,
)

CAPTCHA_SOLVER = {"name": "A", "serviceUrl": "https://solver.example/", "apiKey": "k"}
RULE = {"pattern": r"/\d{{4}}/{SEED_DOMAINS}", "match": "MATCHES"}
FULL_POLICY = POLICY | {
    "limits": {"maxDuration": 0, "maxItems": 0, "maxCost": 1e308},
    "mimeTypeRules": [{**RULE, "pattern": r"\w{2}", "save": True}, {"save": False}],
    "proxyRules": [{**RULE, "pattern": "{}", "proxyUrl": "socks5://u:p@[::1]:1"}, {}],
    "urlRules": [{**RULE, "action": "ADD", "amount": 1}, {"action": "MULTIPLY", "amount": 0}],
    "userAgents": [{"name": "{{}} {VERSION!r:>30}"}],
}


async def every(writer: Writer, table: str) -> list[dict[str, Any]]:
    documents: list[dict[str, Any]] = await writer.run(writer.table(table).coerce_to("array"))
    return documents


async def test_written_documents_can_be_run(client: Client, writer: Writer) -> None:
    solver = await succeed(client, CREATE_CAPTCHA_SOLVER, input=CAPTCHA_SOLVER)
    full = await succeed(
        client, CREATE_POLICY, input=FULL_POLICY | {"captchaSolverId": solver["id"]}
    )
    plain = await succeed(client, CREATE_POLICY, input=POLICY)
    assert plain["proxyRules"] == [{"pattern": None, "match": None, "proxyUrl": None}]
    made = await succeed(client, CREATE_SCHEDULE, input=schedule(full["id"]))
    changed = {"jobName": "{{}} {COUNT:04} {DATE} {TIME}", "timeUnit": "YEARS", "numUnits": 7000}
    await succeed(client, UPDATE_SCHEDULE, id=made["id"], input=changed)
    login = {"loginUrl": "https://example.com/login", "users": [{"username": "a", "password": "b"}]}
    await succeed(client, SET_DOMAIN_LOGIN, domain="example.com", input=login)

    policies = {policy["id"]: policy for policy in await every(writer, "policy")}
    assert policies.keys() >= {full["id"], plain["id"]}
    for policy in policies.values():  # the two that a new database holds as well
        run_policy(policy, {solver["id"]})
    for document in await every(writer, "captcha_solver"):
        run_captcha_solver(document)
    for document in await every(writer, "schedule"):
        run_schedule(document, policies)
    for document in await every(writer, "domain_login"):
        run_domain_login(document)


async def test_solver_of_a_policy_must_be_there_and_stays_until_no_policy_uses_it(
    client: Client,
) -> None:
    solver = await succeed(client, CREATE_CAPTCHA_SOLVER, input=CAPTCHA_SOLVER)
    values = POLICY | {"captchaSolverId": solver["id"]}
    for key in ("01234567-89ab-cdef-0123-456789abcdef", "x" * 200, ""):
        error = await fail(client, CREATE_POLICY, input=values | {"captchaSolverId": key})
        assert error["extensions"]["problems"] == [
            {"path": ["input", "captchaSolverId"], "message": "CAPTCHA solver does not exist"}
        ]
    policy = await succeed(client, CREATE_POLICY, input=values)
    error = await fail(client, DELETE_CAPTCHA_SOLVER, id=solver["id"])
    assert error["extensions"] == {
        "code": "CAPTCHA_SOLVER_IN_USE",
        "policies": [{"id": policy["id"], "name": POLICY["name"]}],
    }
    await succeed(client, OVERWRITE_POLICY, id=policy["id"], input={"captchaSolverId": None})
    await succeed(client, DELETE_CAPTCHA_SOLVER, id=solver["id"])


async def test_enabled_schedule_keeps_its_policy_and_lets_it_go_once_disabled(
    client: Client, writer: Writer
) -> None:
    policy = await succeed(client, CREATE_POLICY, input=POLICY)
    made = await succeed(client, CREATE_SCHEDULE, input=schedule(policy["id"]))
    error = await fail(client, DELETE_POLICY, id=policy["id"], force=True)
    assert error["extensions"]["code"] == "POLICY_IN_USE"
    assert [found["id"] for found in error["extensions"]["schedules"]] == [made["id"]]
    await succeed(client, UPDATE_SCHEDULE, id=made["id"], input={"enabled": False})
    await fail(client, DELETE_POLICY, id=policy["id"])
    await succeed(client, DELETE_POLICY, id=policy["id"], force=True)
    error = await fail(client, UPDATE_SCHEDULE, id=made["id"], input={"enabled": True})
    assert error["message"] == "Policy does not exist"
    (document,) = await every(writer, "schedule")
    assert document["enabled"] is False


async def test_rate_limit_is_stored_by_the_token_of_its_domain_and_seen_at_once(
    client: Client, writer: Writer
) -> None:
    async def stored(token: bytes) -> Any:
        return await writer.run(writer.table("rate_limit").get(token))

    operation = await client.subscribe(RATE_LIMITS.subscription, includeInitial=False)
    await operation.until_status("READY")
    token = blake2b(b"example.com", digest_size=16).digest()
    row = await succeed(client, SET_RATE_LIMIT, domain="example.com", delayS=0.5)
    assert (await operation.change())["rateLimit"] == row
    assert row["id"] == token.hex()
    assert await stored(token) == {"token": token, "name": "domain:example.com", "delay": 0.5}
    page = (await client.execute(RATE_LIMITS.query, where={"domains": ["example.com"]}))["data"]
    assert page["rateLimits"]["items"] == [row]

    await succeed(client, SET_RATE_LIMIT, domain="example.com", delayS=2)
    updated = await operation.change()
    assert (updated["previous"]["delayS"], updated["rateLimit"]["delayS"]) == (0.5, 2.0)
    assert await succeed(client, DELETE_RATE_LIMIT, domain="example.com") == token.hex()
    assert (await operation.change())["rateLimitId"] == token.hex()
    assert await stored(token) is None

    row = await succeed(client, SET_RATE_LIMIT, delayS=7.5)
    assert (row["id"], row["isGlobal"]) == ("00" * 16, True)
    expected = {"token": bytes(16), "name": "Global Limit", "delay": 7.5, "type": "global"}
    assert await stored(bytes(16)) == expected


OTHERS = (
    'name: "x", mimeTypeRules: [{save: true}], robotsTxt: {usage: OBEY}, userAgents: [{name: "a"}]'
)
DIGITS = f"1{'0' * 400}"
TOO_LARGE = [
    ("limits: {maxCost: 1e999}, urlRules: [{action: ADD, amount: 1}]", "{}"),
    ("urlRules: [{action: ADD, amount: -1e999}]", "{}"),
    (f"urlRules: [{{action: ADD, amount: {DIGITS}}}]", "{}"),
    ("limits: {maxCost: $n}, urlRules: [{action: ADD, amount: 1}]", '{"n": 1e999}'),
    ("urlRules: [{action: ADD, amount: $n}]", '{"n": -1e999}'),
    ("urlRules: [{action: ADD, amount: $n}]", f'{{"n": {DIGITS}}}'),
]


@pytest.mark.parametrize(("argument", "variables"), TOO_LARGE)
async def test_number_that_cannot_be_stored_is_the_clients_mistake(
    argument: str, variables: str, starbelly: DatabaseURL, writer: Writer
) -> None:
    before = len(await every(writer, "policy"))
    declared = "($n: Float!)" if "$n" in argument else ""
    document = f"mutation{declared} {{ createPolicy(input: {{ {OTHERS}, {argument} }}) {{ id }} }}"
    body = f'{{"query": {json.dumps(document)}, "variables": {variables}}}'
    async with running(settings_for(starbelly)) as server, httpx.AsyncClient() as http:
        headers = {"content-type": "application/json"}
        answer = await http.post(f"{server.http}/graphql", content=body, headers=headers)
    (error,) = answer.json()["errors"]
    code = "BAD_USER_INPUT" if declared else "GRAPHQL_VALIDATION_FAILED"
    assert error["extensions"]["code"] == code
    assert len(await every(writer, "policy")) == before


async def test_stored_documents_show_what_would_stop_the_crawler(
    client: Client, writer: Writer
) -> None:
    rules = [{"pattern": r"/\d{4}/", "match": "MATCHES", "action": "ADD", "amount": 1}]
    await writer.insert(
        "policy", {"id": "odd", "name": "Odd", "url_rules": [*rules, {"action": "ADD"}]}
    )
    await writer.insert("schedule", {"id": "odd", "seeds": ["example.com"], "policy_id": "gone"})
    for watch in (POLICIES, SCHEDULES):
        await until_seen(client, watch, "odd")
    page = await succeed(client, "{ policies { items { name problems { path message } } } }")
    found = {item["name"]: item["problems"] for item in page["items"]}
    assert found.pop("Odd")[-3]["message"] == (
        "Invalid regular expression in URL rule #1: braces are for `{SEED_DOMAINS}` only, and a "
        r"literal brace is written twice: write `/\d{{4}}/`"
    )
    assert list(found.values()) == [[], []]
    page = await succeed(client, "{ schedules { items { problems { path } } } }")
    paths = [problem["path"] for problem in page["items"][0]["problems"]]
    assert {"scheduleName", "seeds[0]", "policyId", "numUnits", "tags"} <= set(paths)


async def test_no_enabled_schedule_is_without_its_policy_after_races(
    client: Client, writer: Writer
) -> None:
    """The policy is deleted and given to a schedule at the same moment, again and again."""
    for _ in range(15):
        policy = await succeed(client, CREATE_POLICY, input=POLICY)
        await asyncio.gather(
            client.execute(DELETE_POLICY, id=policy["id"], force=True),
            client.execute(CREATE_SCHEDULE, input=schedule(policy["id"])),
        )
    policies = {policy["id"] for policy in await every(writer, "policy")}
    for document in await every(writer, "schedule"):
        assert document["policy_id"] in policies
