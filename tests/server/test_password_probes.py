"""Whatever clients try, the passwords that are stored reach neither them nor the log."""

from __future__ import annotations

import asyncio
import base64
import json
import os
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
import pytest

from graphql_api.cli import main
from graphql_api.rethink.init import initialise
from graphql_api.rethink.url import DatabaseURL
from graphql_api.settings import Settings, load
from graphql_api.tables import TABLES
from tests.forks import forked
from tests.patience import LONGEST_S
from tests.server.client import Client, GraphQLErrors, connected
from tests.server.database import Writer, writing
from tests.server.mutations import (
    CREATE_CAPTCHA_SOLVER,
    CREATE_POLICY,
    OVERWRITE_POLICY,
    SET_DOMAIN_LOGIN,
    UPDATE_CAPTCHA_SOLVER,
    UPDATE_POLICY,
    UPDATE_SCHEDULE,
)
from tests.server.operations import (
    CAPTCHA_SOLVERS,
    DOMAIN_LOGINS,
    JOBS,
    POLICIES,
    RATE_LIMITS,
    SCHEDULES,
    WATCHES,
    Watch,
)
from tests.server.running import Running, running, settings_for
from tests.unit.schema.documents import CAPTCHA_SOLVER, DOMAIN_LOGIN, JOB, POLICY, SCHEDULE

USER, LOGIN, PROXY, SEED = "pw-Nightingale", "pw-Oystercatcher", "pw-Kittiwake", "pw-Guillemot"
API_KEY = "pw-Turnstone"
SECRETS = (USER, LOGIN, PROXY, SEED, API_KEY)


def policy(key: str = "p", secret: str = PROXY, **fields: Any) -> dict[str, Any]:
    url = f"socks5://user:{secret}@proxy.example:1080"
    rules = [{"pattern": "^a", "match": "MATCHES", "proxy_url": url}, {"proxy_url": url}]
    return {**POLICY, "id": key, "proxy_rules": rules, **fields}


def schedule(key: str = "s", secret: str = SEED, **fields: Any) -> dict[str, Any]:
    seeds = [f"https://user:{secret}@example.com/", f"user:{secret}@example.com"]
    return {**SCHEDULE, "id": key, "policy_id": "p", "seeds": seeds, **fields}


def login(
    key: str = "d.example", secret: str = USER, in_url: str = LOGIN, **fields: Any
) -> dict[str, Any]:
    return {
        **DOMAIN_LOGIN,
        "domain": key,
        "login_url": f"https://ann:{in_url}@d.example/login",
        "users": [{"username": "ann", "password": secret, "working": True}],
        **fields,
    }


def solver(key: str = "c", secret: str = API_KEY, **fields: Any) -> dict[str, Any]:
    url = f"https://user:{secret}@solver.example/"
    return {**CAPTCHA_SOLVER, "id": key, "api_key": secret, "service_url": url, **fields}


def job(key: str = "j", secret: str = PROXY, seed: str = SEED) -> dict[str, Any]:
    """A job, whose copy of a policy holds more secrets than a policy does."""
    copy = policy(secret=secret) | {"captcha_solver": solver()}
    return {**JOB, "id": key, "policy": copy, "seeds": [f"https://user:{seed}@example.com/"]}


ODD = {
    "policy": {
        "id": "odd",
        "name": {"password": PROXY},
        "proxy_rules": [PROXY, {"proxy_url": [PROXY]}],
    },
    "schedule": {"id": "odd", "seeds": [{"url": SEED}, 5], "tags": SEED, "password": SEED},
    "domain_login": {
        "domain": "odd.example",
        "login_url": [LOGIN],
        "users": [USER, {"username": {"password": USER}, "password": [USER], "secret": USER}],
    },
    "captcha_solver": {
        "id": "odd",
        "api_key": [API_KEY],
        "service_url": {"url": API_KEY},
        "characters": API_KEY,
        "antigate": {"api_key": API_KEY},
    },
}
"""Passwords where no reader of documents expects them."""


async def fill(writer: Writer) -> None:
    await writer.insert("policy", policy(), ODD["policy"])
    await writer.insert("schedule", schedule(), ODD["schedule"])
    await writer.insert("domain_login", login(), ODD["domain_login"])
    await writer.insert("captcha_solver", solver(), ODD["captcha_solver"])
    await writer.insert("job", job())


def assert_no_secret(said: object, *more: str) -> None:
    """No secret is in a text or JSON value, as it is, encoded, or in a cursor."""
    text = said if isinstance(said, str) else json.dumps(said, ensure_ascii=False)
    cursors = re.findall(r"[A-Za-z0-9_-]{20,}", text)
    decoded = [base64.urlsafe_b64decode(one[: len(one) // 4 * 4]) for one in cursors]
    for secret in (*SECRETS, *more):
        for form in (secret, quote(secret), base64.b64encode(secret.encode()).decode()[:-3]):
            assert form not in text
        assert not any(secret.encode() in one for one in decoded)


@pytest.fixture
async def writer(starbelly: DatabaseURL) -> AsyncIterator[Writer]:
    async with writing(starbelly) as writer:
        await fill(writer)
        yield writer


@pytest.fixture
async def server(starbelly: DatabaseURL, writer: Writer) -> AsyncIterator[Running]:
    async with running(settings_for(starbelly)) as server:
        yield server


async def everything(client: Client, writer: Writer) -> list[object]:
    """All that queries and subscriptions tell of the rows, of a change of each and of its end."""
    said: list[object] = []
    for watch, changed in (
        (POLICIES, policy(name="Changed", secret="pw-other")),
        (SCHEDULES, schedule(schedule_name="Changed", secret="pw-other")),
        (DOMAIN_LOGINS, login(login_test="Changed", secret="pw-other", in_url="pw-other")),
        (CAPTCHA_SOLVERS, solver(name="Changed", secret="pw-other")),
    ):
        said.append(await client.execute(watch.query))
        operation = await client.subscribe(watch.subscription)
        said += await operation.until_status("READY")
        await writer.insert(watch.table, changed)
        await writer.delete(watch.table, changed[watch.primary_key])
        said += [await operation.change(), await operation.change()]
        await operation.complete()
    return said


async def test_nothing_that_is_served_holds_a_password(client: Client, writer: Writer) -> None:
    said = await everything(client, writer)
    assert_no_secret(said, "pw-other")
    assert len(re.findall(r"user:\*\*\*@|ann:\*\*\*@", json.dumps(said))) >= 20


ODD_URLS = [
    url.format(PROXY)
    for url in (
        "http://u:12/{}@h",
        "http://u%3A{}@h",
        "http://u:{}%40h",
        "http://u\uff1a{}\uff20h",
        "http://domain\\u:{}@h",
        "http://u:a@{}@h",
        "http://u:a/{}@h/x@y",
        "http:\\\\u:{}@h",
        "ht\ntp://u:{}@h",
        "HTTP://u:a\tb {}@h",
        "http://us/er:{}@h",
        "http://u:{}@[::1]:80/",
        "http:u:{}@h",
        "u:12#{}@h",
        "//u:{}@h",
        "see http://u:{}@h now",
    )
]


async def test_url_of_an_odd_form_is_served_without_its_password(
    client: Client, writer: Writer
) -> None:
    rules = [{"proxy_url": url} for url in ODD_URLS]
    await writer.insert("policy", policy(proxy_rules=rules))
    await writer.insert("schedule", schedule(seeds=ODD_URLS))
    for number, url in enumerate(ODD_URLS):
        await writer.insert("domain_login", {"domain": f"d{number}.example", "login_url": url})
    await until_seen(client, writer)
    said = await everything(client, writer)
    assert_no_secret(said)
    assert json.dumps(said).count("***") > 3 * len(ODD_URLS)


async def test_event_stream_and_get_hold_no_password(server: Running) -> None:
    async with httpx.AsyncClient(base_url=server.http) as http:
        for watch in WATCHES:
            answer = await http.get("/graphql", params={"query": watch.query})
            assert answer.json()["data"]
            assert_no_secret(answer.text)
            query, accept = {"query": watch.subscription}, {"accept": "text/event-stream"}
            async with http.stream("GET", "/graphql", params=query, headers=accept) as stream:
                async for line in stream.aiter_lines():
                    assert_no_secret(line)
                    if '"READY"' in line:
                        break


# By filter.


def probes(secret: str) -> list[str]:
    """What could be found in a text that holds the secret."""
    return [secret, secret[:5], secret[-5:], secret.upper(), f":{secret}@", "pw-", "***"]


PROBED = [
    (JOBS, "ids"),
    (JOBS, "nameContains"),
    (JOBS, "scheduleId"),
    (JOBS, "anyTag"),
    (POLICIES, "nameContains"),
    (POLICIES, "ids"),
    (SCHEDULES, "nameContains"),
    (SCHEDULES, "ids"),
    (SCHEDULES, "policyId"),
    (SCHEDULES, "anyTag"),
    (DOMAIN_LOGINS, "domains"),
    (DOMAIN_LOGINS, "domainContains"),
    (CAPTCHA_SOLVERS, "ids"),
    (CAPTCHA_SOLVERS, "nameContains"),
    (RATE_LIMITS, "ids"),
    (RATE_LIMITS, "domains"),
    (RATE_LIMITS, "domainContains"),
]


async def filter_members(client: Client) -> set[tuple[str, str]]:
    """The members of every filter that take text."""
    found = set()
    for watch in WATCHES:
        query = """query($name: String!) {
          __type(name: $name) { inputFields { name type { name ofType { ofType { name } } } } }
        }"""
        result = await client.execute(query, name=watch.filter_type)
        for member in result["data"]["__type"]["inputFields"]:
            kind = member["type"]
            if (kind["name"] or kind["ofType"]["ofType"]["name"]) in ("String", "ID"):
                found.add((watch.table, member["name"]))
    return found


async def test_no_filter_finds_a_row_by_its_password(client: Client) -> None:
    assert await filter_members(client) == {(watch.table, name) for watch, name in PROBED}
    probed = [one for secret in SECRETS for one in probes(secret)]
    for watch, name in PROBED:
        wanted: list[Any] = [probed] if name in ("ids", "domains", "anyTag") else probed
        for value in wanted:
            where = {name: value}
            result = await client.execute(watch.query, where=where)
            assert result["data"][watch.page_field]["total"] == 0, where


async def test_rows_that_differ_only_in_passwords_stay_in_their_order(
    client: Client, writer: Writer
) -> None:
    """A page, its order and its total say the same, whichever of two rows has which password."""

    async def pages() -> list[Any]:
        answers = [await client.execute(watch.query) for watch in WATCHES]
        pages = [
            answer["data"][watch.page_field] for answer, watch in zip(answers, WATCHES, strict=True)
        ]
        return [{name: page[name] for name in ("items", "total", "status")} for page in pages]

    async def store(first: str, second: str) -> list[Any]:
        for key, secret in (("1", first), ("2", second)):
            await writer.insert("policy", policy(key, secret))
            await writer.insert("schedule", schedule(key, secret))
            await writer.insert("domain_login", login(key, secret, secret))
            await writer.insert("captcha_solver", solver(key, secret))
            await writer.insert("job", job(key, secret, secret))
        await until_seen(client, writer)
        return await pages()

    assert await store("pw-a", "pw-zzzz") == await store("pw-zzzz", "pw-a")


async def until_seen(client: Client, writer: Writer) -> None:
    """Wait until the server has all that was written."""
    for watch in WATCHES:
        operation = await client.subscribe(watch.subscription, includeInitial=False)
        await operation.until_status("READY")
        await writer.insert(watch.table, {watch.primary_key: watch.key("fence")})
        await operation.change()
        await writer.delete(watch.table, watch.key("fence"))
        await operation.change()
        await operation.complete()


# By what changes.


async def test_changing_only_passwords_is_no_event(client: Client, writer: Writer) -> None:
    replaced: list[tuple[Watch, dict[str, Any]]] = [
        (POLICIES, policy(secret="pw-other")),
        (SCHEDULES, schedule(secret="pw-other")),
        (DOMAIN_LOGINS, login(secret="pw-other")),
        (DOMAIN_LOGINS, login(in_url="pw-other")),
        (CAPTCHA_SOLVERS, solver(secret="pw-other")),
    ]
    for watch, document in replaced:
        operation = await client.subscribe(watch.subscription, includeInitial=False)
        await operation.until_status("READY")
        await writer.insert(watch.table, document)
        await writer.insert(watch.table, {watch.primary_key: watch.key("fence")})
        event = await operation.change()
        assert event[watch.entity]["id"] == watch.id("fence"), "this is the first event"
        await writer.delete(watch.table, watch.key("fence"))
        await operation.change()
        await operation.complete()


async def test_a_change_beside_a_password_does_not_name_it(client: Client, writer: Writer) -> None:
    operation = await client.subscribe(DOMAIN_LOGINS.subscription, includeInitial=False)
    await operation.until_status("READY")
    await writer.insert("domain_login", login(secret="pw-other", login_test="Bye"))
    event = await operation.change()
    assert event["changedFields"] == ["loginTest"]
    assert event["previous"]["users"] == event["domainLogin"]["users"]


# By error text.

ERRORS: list[tuple[str, dict[str, Any]]] = [
    ("{ domainLogins { items { users { password } } } }", {}),
    ("{ domainLogins { items { password } } }", {}),
    ("{ policies { items { proxyRules { proxyUrl { password } } } } }", {}),
    ('{ domainLogins(where: {password: "a"}) { total } }', {}),
    ('{ domainLogins(where: {users: {password: "a"}}) { total } }', {}),
    ("{ domainLogin(domain: 5) { domain } }", {}),
    ("{ domainLogins(limit: -1) { total } }", {}),
    ("{ domainLogins(limit: 5000) { total } }", {}),
    (DOMAIN_LOGINS.query, {"where": {"domains": [{"a": 1}]}}),
    (DOMAIN_LOGINS.subscription, {"since": "a cursor of nobody"}),
    (SET_DOMAIN_LOGIN, {"domain": "d.example", "input": {"users": [{"username": " "}]}}),
    (SET_DOMAIN_LOGIN, {"domain": "d.example", "input": {"users": [{"username": "eve"}]}}),
    (SET_DOMAIN_LOGIN, {"domain": "d.example", "input": {"loginUrl": "https://ann:***@evil/"}}),
    (
        SET_DOMAIN_LOGIN,
        {"domain": "d.example", "input": {"loginUrl": "https://eve:***@d.example/"}},
    ),
    (SET_DOMAIN_LOGIN, {"domain": "d.example", "input": {"users": [{"password": "***"}]}}),
    (OVERWRITE_POLICY, {"id": "p", "input": {"name": ""}}),
    (OVERWRITE_POLICY, {"id": "p", "input": {"proxyRules": [{"proxyUrl": "http://user:***@b/"}]}}),
    (UPDATE_POLICY, {"id": "p", "input": {"name": "x"}, "ifUpdatedAt": "2001-01-01T00:00:00Z"}),
    (UPDATE_POLICY, {"id": "p", "input": {"name": "x"}, "ifUpdatedAt": None}),
    (UPDATE_SCHEDULE, {"id": "s", "input": {"seeds": ["https://eve:***@example.com/"]}}),
    (UPDATE_SCHEDULE, {"id": "s", "input": {"numUnits": 0}}),
    (CREATE_POLICY, {"input": {"proxyRules": [{"proxyUrl": "http://user:***@proxy.example/"}]}}),
    ("{ captchaSolvers { items { apiKey } } }", {}),
    ('{ captchaSolvers(where: {apiKey: "a"}) { total } }', {}),
    (UPDATE_CAPTCHA_SOLVER, {"id": "c", "input": {"apiKey": ""}}),
    (UPDATE_CAPTCHA_SOLVER, {"id": "c", "input": {"serviceUrl": "https://user:***@evil/"}}),
    (UPDATE_CAPTCHA_SOLVER, {"id": "c", "input": {"minLength": 9, "maxLength": 1}}),
    (CREATE_CAPTCHA_SOLVER, {"input": {"serviceUrl": "https://user:***@solver.example/"}}),
]


async def test_no_error_holds_a_password(client: Client, server: Running) -> None:
    async with httpx.AsyncClient(base_url=server.http) as http:
        for query, variables in ERRORS:
            errors: object
            try:
                errors = (await client.execute(query, **variables))["errors"]
            except GraphQLErrors as refused:
                errors = refused.errors
            assert errors, query
            assert_no_secret(errors)
            answer = await http.post("/graphql", json={"query": query, "variables": variables})
            assert "errors" in answer.json(), query
            assert_no_secret(answer.text)


MINE = "pw-Yellowhammer7357"
"""A password that a client sends, beside a mistake of its own."""

USERS = [{"username": "ann", "password": MINE}]
MISTAKES: list[tuple[str, Any]] = [
    # (literal or variables): beside a misspelt member, of the wrong type, in the wrong place
    (SET_DOMAIN_LOGIN, {"domain": "d.example", "input": {"usrs": USERS}}),
    (SET_DOMAIN_LOGIN, {"domain": "d.example", "input": {"users": [{**USERS[0], "usrname": "a"}]}}),
    (SET_DOMAIN_LOGIN, {"domain": "d.example", "input": {"users": [{"password": MINE}], "x": 1}}),
    (
        SET_DOMAIN_LOGIN,
        {"domain": "d.example", "input": {"users": [{**USERS[0], "working": MINE}]}},
    ),
    (SET_DOMAIN_LOGIN, {"domain": "d.example", "input": {"users": [[MINE]]}}),
    (SET_DOMAIN_LOGIN, {"domain": "d.example", "input": {"users": {"password": {"is": MINE}}}}),
    (SET_DOMAIN_LOGIN, {"domain": [MINE], "input": {"users": []}}),
    (SET_DOMAIN_LOGIN, {"domain": "d.example", "input": MINE}),
    (SET_DOMAIN_LOGIN, {"input": {"users": USERS}}),
    (SET_DOMAIN_LOGIN, {"domain": "d.example", "input": {"users": [MINE + "\ud83d"]}}),
    (CREATE_POLICY, {"input": {"proxyRules": [{"proxyURL": f"http://a:{MINE}@b/"}]}}),
    (CREATE_POLICY, {"input": {"proxyRules": [{"proxyUrl": [f"http://a:{MINE}@b/"], "a": 1}]}}),
    (CREATE_POLICY, {"input": {"robotsTxt": {"usage": MINE}}}),
    (UPDATE_POLICY, {"id": "p", "input": {}, "ifUpdatedAt": MINE}),
    (UPDATE_SCHEDULE, {"id": "s", "input": {"timeUnit": MINE}}),
    (UPDATE_SCHEDULE, {"id": "s", "input": {"numUnits": MINE}}),
    (UPDATE_SCHEDULE, {"id": "s", "input": {"enabled": MINE, "seeds": [f"http://a:{MINE}@b/"]}}),
    (DOMAIN_LOGINS.query, {"where": {"password": MINE}}),
    (DOMAIN_LOGINS.subscription, {"where": {"domains": [{"password": MINE}]}}),
    (DOMAIN_LOGINS.subscription, {"since": {"password": MINE}}),
    (DOMAIN_LOGINS.subscription, {"since": MINE}),
    *(
        (
            f'mutation {{ setDomainLogin(domain: "d", input: {{users: [{{{user}}}]}}) {{ id }} }}',
            {},
        )
        for user in (
            f'usrname: "ann", password: "{MINE}"',
            f'username: "ann" password "{MINE}"',
            f'username: "ann", password: {MINE.replace("-", "")}',
            f'username: "ann", password: [{{is: "{MINE}"}}]',
            f'username: "ann", password: "{MINE}',
            f'username: "ann", password: """{MINE}"""""',
            f'username: "ann", working: "{MINE}"',
            f'username: "ann", password: "a" {MINE.replace("-", "")} "b"',
            f'username: "ann", "{MINE}": 5',
            f'username: "ann", password: "{MINE}\\q"',
        )
    ),
]


async def test_mistake_beside_a_password_is_not_answered_by_the_password(
    client: Client, server: Running, caplog: pytest.LogCaptureFixture
) -> None:
    async with httpx.AsyncClient(base_url=server.http) as http:
        for query, variables in MISTAKES:
            payload = {"query": query, "variables": variables}
            with pytest.raises(GraphQLErrors) as caught:
                await client.execute(query, **variables)
            answers = [json.dumps(caught.value.errors)]
            for accept in ("application/json", "text/event-stream"):
                headers = {"accept": accept, "content-type": "application/json"}
                response = await http.post("/graphql", content=json.dumps(payload), headers=headers)
                answers.append(response.text)
            url = {"query": query, "variables": json.dumps(variables)}
            answers.append((await http.get("/graphql", params=url)).text)
            assert all('"extensions"' in answer for answer in answers), payload
            said = "".join(answers) + caplog.text
            for secret in (MINE, "Yellowhammer", "7357"):
                assert secret not in said, payload


async def test_a_masked_url_gets_the_password_of_no_other_row(
    client: Client, writer: Writer
) -> None:
    """By which one could send it to a host of one's own; or see whether two are the same."""
    masked = {"loginUrl": "https://ann:***@d.example/login", "users": []}
    result = await client.execute(SET_DOMAIN_LOGIN, domain="other.example", input=masked)
    assert result["errors"][0]["extensions"]["code"] == "BAD_USER_INPUT"
    seeds = {"seeds": ["socks5://user:***@proxy.example:1080"]}
    result = await client.execute(UPDATE_SCHEDULE, id="s", input=seeds)
    assert result["errors"][0]["extensions"]["code"] == "BAD_USER_INPUT"
    stored = await writer.run(writer.table("domain_login").get("other.example"))
    assert stored is None


async def test_no_output_type_has_a_field_for_a_password(client: Client) -> None:
    query = "{ __schema { types { kind name fields { name } } } }"
    types = (await client.execute(query))["data"]["__schema"]["types"]
    fields = {
        f"{type_['name']}.{field['name']}"
        for type_ in types
        for field in type_["fields"] or ()
        if re.search("password|secret|token|apikey", field["name"], re.IGNORECASE)
    }
    assert fields == {
        "DomainLoginUser.hasPassword",
        "CaptchaSolver.hasApiKey",
        "CaptchaSolverVersion.hasApiKey",
    }


# By the log and by metrics.


@asynccontextmanager
async def logging_server(url: DatabaseURL, log: Path) -> AsyncIterator[str]:
    """The server as a process of its own that logs all it can to a file; its host and port."""
    database = settings_for(url).database
    assert database is not None
    environment = {
        **{name: os.environ[name] for name in os.environ if not name.startswith("GRAPHQL_API_")},
        "GRAPHQL_API_DATABASE": database.get_secret_value(),
        "GRAPHQL_API_SELF_CHECK_S": "0.2",
    }
    command = "serve", "--port", "0", "--log-level", "debug"
    with log.open("wb") as stderr:
        process = await forked(*command, stderr=stderr.fileno(), env=environment)
    assert process.stdout is not None
    said = b""
    try:
        async with asyncio.timeout(LONGEST_S):
            while b"/graphiql" not in said:
                line = await process.stdout.readline()
                assert line, log.read_text()
                said += line
        yield said.decode().partition("http://")[2].partition("/")[0]
    finally:
        process.terminate()
        rest, _ = await process.communicate()
        with log.open("ab") as file:
            file.write(said + rest)


async def test_no_password_is_in_the_log_at_any_level_or_in_metrics(
    starbelly: DatabaseURL, writer: Writer, tmp_path: Path
) -> None:
    log, mine = tmp_path / "log", "pw-given"
    users = [{"username": "ann", "password": mine}, {"username": mine + "-no", "password": [mine]}]
    credentials = {"Authorization": f"Bearer {mine}"}
    async with logging_server(starbelly, log) as address:
        url = f"ws://{address}/graphql?token={mine}"
        async with connected(url, init={"authorization": f"Bearer {mine}"}) as client:
            said = await everything(client, writer)
            for given in (
                {"users": users[:1], "loginUrl": f"https://a:{mine}@b/"},
                {"users": users},
            ):
                await client.subscribe(SET_DOMAIN_LOGIN, domain="d.example", input=given)
            for given_key in ({"apiKey": mine}, {"apiKey": mine, "minLength": -1}):
                await client.subscribe(UPDATE_CAPTCHA_SOLVER, id="c", input=given_key)
            await client.send({"type": "subscribe", "id": mine, "payload": mine})
            await client.socket.send(mine)  # which is no JSON
            await client.socket.wait_closed()
        async with httpx.AsyncClient(base_url=f"http://{address}", headers=credentials) as http:
            variables = {"domain": "d.example", "input": {"users": users[:1]}}
            body = {"query": SET_DOMAIN_LOGIN, "variables": variables}
            assert (await http.post("/graphql", json=body)).status_code == 200
            assert (await http.post("/graphql", content=f"{{{mine}")).status_code == 415
            assert (await http.get("/graphql", params={"token": mine})).status_code == 404
            metrics = (await http.get("/metrics")).text
            said += [(await http.get(path)).text for path in ("/readyz", "/healthz", "/live")]
    assert "graphql_api_" in metrics
    assert_no_secret(metrics, mine)
    assert_no_secret(said, mine)
    text = log.read_text()
    assert "the WebSocket of 127.0.0.1" in text, "it logs"
    assert_no_secret(text, mine, starbelly.password or "no password")


async def test_failing_database_with_passwords_in_its_rows_is_reported_without_them(
    starbelly: DatabaseURL, writer: Writer, tmp_path: Path
) -> None:
    log = tmp_path / "log"
    async with (
        logging_server(starbelly, log) as address,
        connected(f"ws://{address}/graphql") as client,
    ):
        operation = await client.subscribe(DOMAIN_LOGINS.subscription)
        await operation.until_status("READY")
        await writer.run(writer.r.db(starbelly.database).table_drop("domain_login"))
        said = await operation.until_status("STALE")
        await initialise(starbelly, TABLES)
        await writer.insert("domain_login", login(login_test="new"))
        # The new table may be seen ready before the row comes, as if there were none any more.
        while said[-1].get("domainLogin", {}).get("loginTest") != "new":
            said.append(await operation.change())
        assert_no_secret(said)
    text = log.read_text()
    assert "domain_login" in text
    assert_no_secret(text)


def test_config_shows_no_password(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    url = DatabaseURL("db.example", 28015, "starbelly", password=USER)
    database = settings_for(replace(url)).database
    assert database is not None
    monkeypatch.setenv("GRAPHQL_API_DATABASE", database.get_secret_value())
    assert main(["config"]) == 0
    assert USER not in repr(load(Settings, {}))
    monkeypatch.setenv("GRAPHQL_API_DATABASE", f"http://me:{USER}@db.example")
    assert main(["config"]) != 0
    shown = capsys.readouterr()
    assert "db.example" in shown.out
    assert_no_secret(shown.out + shown.err)
