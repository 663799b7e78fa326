"""What mutations make of a document, and what they say when they do not."""

from __future__ import annotations

import asyncio
import copy
import logging
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from graphql_api.errors import (
    DatabaseError,
    DatabaseRefusedError,
    DatabaseStorageError,
    DatabaseUnavailableError,
    OutcomeUnknownError,
    TableMissingError,
)
from graphql_api.feeds.keys import Key
from graphql_api.feeds.table import Document
from graphql_api.store import Rewrite, Run, Written, at_once
from tests.for_each import for_each
from tests.no_store import NoStore
from tests.unit.schema.documents import DOMAIN_LOGIN, POLICY, SCHEDULE, time
from tests.unit.schema.harness import Server, serve

NOW = datetime(2026, 11, 23, 22, 0, 0, 123_456, tzinfo=UTC)
SHOWN_NOW = "2026-11-23T22:00:00.123Z"

UPDATE_POLICY = """
    mutation($id: ID! = "p1", $input: UpdatePolicyInput!) {
      updatePolicy(id: $id, input: $input) { id name createdAt updatedAt invalidFields }
    }
"""
UPDATE_POLICY_IF = """
    mutation($if: DateTime, $input: UpdatePolicyInput! = {name: "New"}) {
      updatePolicy(id: "p1", input: $input, ifUpdatedAt: $if) { name updatedAt }
    }
"""
UPDATE_SCHEDULE = """
    mutation($id: ID! = "s1", $input: UpdateScheduleInput!) {
      updateSchedule(id: $id, input: $input) { id }
    }
"""
SET_LOGIN = """
    mutation($domain: String! = "example.com", $input: DomainLoginInput!) {
      setDomainLogin(domain: $domain, input: $input) { id users { username hasPassword working } }
    }
"""


@asynccontextmanager
async def serving(*, feed_wait_s: float = 5, **more: Sequence[Document]) -> AsyncIterator[Server]:
    """A server of one document of each table, at a time that stands still."""
    documents: dict[str, Sequence[Document]] = {
        "policy": [POLICY],
        "schedule": [SCHEDULE],
        "domain_login": [DOMAIN_LOGIN],
        "captcha_solver": [{"id": "c1"}, {"id": "c2"}],
        **more,
    }
    async with serve(copy.deepcopy(documents), feed_wait_s=feed_wait_s) as server:
        server.context = replace(server.context, now=lambda: NOW)
        yield server


async def error(server: Server, mutation: str, **variables: Any) -> tuple[str, str, dict[str, Any]]:
    """The code, the text and the other extensions of a mutation's only error."""
    result = await server.execute(mutation, **variables)
    assert result.errors is not None
    (found,) = result.errors
    extensions = dict(found.extensions or {})
    return extensions.pop("code"), found.message, extensions


async def stored(server: Server, table: str, key: Key) -> dict[str, Any]:
    document = await server.store.get(table, key)
    assert document is not None
    return dict(document)


# Copies

COPY_POLICY = """
    mutation($of: ID! = "p1", $input: CreatePolicyInput!) {
      createPolicy(copyOf: $of, input: $input) { id name createdAt proxyRules { proxyUrl } }
    }
"""
COPY: dict[str, Any] = {
    "name": "Copy",
    "mimeTypeRules": [{"save": True}],
    "robotsTxt": {"usage": "OBEY"},
    "urlRules": [{"action": "ADD", "amount": 1}],
    "userAgents": [{"name": "a"}],
}


async def test_copy_of_a_policy_has_what_is_not_given_and_the_passwords_of_the_original() -> None:
    original = {
        **POLICY,
        "proxy_rules": [{"proxy_url": "http://u:secret@proxy.example"}],
        "limits": {"max_items": 7},
        "of_a_newer_version": 1,
    }
    rules = [{"proxyUrl": "http://u:***@proxy.example"}]
    async with serving(policy=[original]) as server:
        for given in ({}, {"proxyRules": rules}):
            (made,) = (await server.data(COPY_POLICY, input={**COPY, **given})).values()
            written = await stored(server, "policy", made["id"])
            assert made["id"] != "p1"
            assert (made["createdAt"], made["proxyRules"]) == (SHOWN_NOW, rules)
            for name in ("proxy_rules", "limits", "of_a_newer_version", "captcha_solver_id"):
                assert written[name] == original[name]
        assert await stored(server, "policy", "p1") == original


@for_each(
    ("original", "path", "text"),
    [
        ({"id": "p2"}, ["copyOf"], "Policy does not exist"),
        (
            {"captcha_solver_id": "gone"},
            ["input", "captchaSolverId"],
            "CAPTCHA solver does not exist",
        ),
        ({"limits": {"max_items": -1}}, ["input", "limits", "maxItems"], "Max items must be ≥0"),
    ],
)
async def test_copy_that_the_crawler_cannot_run_is_refused(
    original: dict[str, Any], path: list[str], text: str
) -> None:
    async with serving(policy=[{**POLICY, **original}]) as server:
        code, _, extensions = await error(server, COPY_POLICY, input=COPY)
        assert code == "BAD_USER_INPUT"
        assert extensions["problems"] == [{"path": path, "message": text}]
        assert len(server.store.documents("policy")) == 1


# Partial updates


@for_each(
    ("given", "field", "value"),
    [
        ({"name": "New"}, "name", "New"),
        ({"captchaSolverId": None}, "captcha_solver_id", None),
        ({"captchaSolverId": "c2"}, "captcha_solver_id", "c2"),
        ({"authentication": {}}, "authentication", {"enabled": True}),
        ({"authentication": {"enabled": None}}, "authentication", {"enabled": False}),
        ({"authentication": None}, "authentication", {"enabled": False}),
        ({"limits": None}, "limits", {}),
        (
            {"limits": {"maxItems": 5, "maxCost": None}},
            "limits",
            {"max_duration": 3600.5, "max_items": 5},
        ),
        ({"proxyRules": None}, "proxy_rules", [{}]),
        ({"proxyRules": []}, "proxy_rules", []),
        ({"proxyRules": [{"pattern": None}]}, "proxy_rules", [{}]),
        (
            {"robotsTxt": {"usage": "INVERT", "readSitemaps": None}},
            "robots_txt",
            {"usage": "INVERT", "obey_crawl_delay": True},
        ),
        (
            {"urlNormalization": {"enabled": False}},
            "url_normalization",
            {"enabled": False, "strip_parameters": ["JSESSIONID", "sid"]},
        ),
        (
            {"urlNormalization": {"enabled": None, "stripParameters": []}},
            "url_normalization",
            {"enabled": True, "strip_parameters": []},
        ),
        (
            {"urlNormalization": None},
            "url_normalization",
            {"enabled": True, "strip_parameters": []},
        ),
        (
            {"mimeTypeRules": [{"save": False, "pattern": None, "match": None}]},
            "mime_type_rules",
            [{"save": False}],
        ),
        ({"userAgents": [{"name": "a"}]}, "user_agents", [{"name": "a"}]),
        ({}, "name", "Deep Crawl"),
    ],
)
async def test_update_of_a_policy_changes_what_is_given_and_its_time(
    given: dict[str, Any], field: str, value: object
) -> None:
    async with serving() as server:
        await server.data(UPDATE_POLICY, input=given)
        document = await stored(server, "policy", "p1")
        assert document == {**POLICY, field: value, "updated_at": time(1_795_471_200.123)}


async def test_what_the_api_does_not_know_stays() -> None:
    unknown = {"x": 1, "limits": {"y": 2, "z": None}, "robots_txt": {"usage": "OBEY", "w": [3]}}
    login = {"domain": "d", "x": 1, "users": [{"username": "ann", "y": 2, "working": False}]}
    async with serving(policy=[{**POLICY, **unknown}], domain_login=[login]) as server:
        given = {"limits": {"maxItems": 1}, "robotsTxt": {"readSitemaps": True}}
        await server.data(UPDATE_POLICY, input=given)
        document = await stored(server, "policy", "p1")
        assert document["x"] == 1
        assert document["limits"] == {"y": 2, "z": None, "max_items": 1}
        assert document["robots_txt"] == {"usage": "OBEY", "w": [3], "read_sitemaps": True}
        await server.data(SET_LOGIN, domain="d", input={"users": [{"username": "ann"}]})
        assert await stored(server, "domain_login", "d") == login


async def test_odd_nested_values_are_replaced_by_proper_ones() -> None:
    odd = {"id": "p1", "limits": "none", "authentication": 5, "url_normalization": [], "name": 1}
    async with serving(policy=[odd]) as server:
        given = {
            "name": "New",
            "limits": {"maxItems": 1},
            "authentication": {"enabled": True},
            "urlNormalization": {"stripParameters": ["sid"]},
        }
        data = await server.data(UPDATE_POLICY, input=given)
        assert data["updatePolicy"]["invalidFields"] == []


async def test_schedule_is_updated_in_part_and_its_job_count_stays() -> None:
    async with serving() as server:
        await server.data(UPDATE_SCHEDULE, input={"enabled": False, "tags": None, "numUnits": 2})
        assert await stored(server, "schedule", "s1") == {
            **SCHEDULE,
            "enabled": False,
            "tags": [],
            "num_units": 2,
            "updated_at": time(1_795_471_200.123),
        }


async def test_schedule_whose_policy_is_gone_can_be_changed_otherwise() -> None:
    async with serving(policy=[]) as server:
        await server.data(UPDATE_SCHEDULE, input={"enabled": False})
        code, text, _ = await error(server, UPDATE_SCHEDULE, input={"policyId": "p1"})
        assert (code, text) == ("BAD_USER_INPUT", "Policy does not exist")


# Passwords


async def test_users_without_a_password_keep_theirs_and_others_are_gone() -> None:
    users = [
        {"username": "ann", "password": "hunter2", "working": False},
        {"username": "bob", "password": "hunter3", "working": True},
        {"username": "cid", "password": "hunter4", "working": False},
    ]
    async with serving(domain_login=[{**DOMAIN_LOGIN, "users": users}]) as server:
        given = [
            {"username": "cid", "password": "new"},
            {"username": "ann"},
            {"username": "dan", "password": "hunter5", "working": False},
        ]
        data = await server.data(SET_LOGIN, input={"users": given})
        assert (await stored(server, "domain_login", "example.com"))["users"] == [
            {"username": "cid", "password": "new", "working": True},
            {"username": "ann", "password": "hunter2", "working": False},
            {"username": "dan", "password": "hunter5", "working": False},
        ]
        assert "hunter" not in str(data)


ANN = {"username": "ann"}
BOB = {"username": "bob", "password": "new"}


@for_each(
    "url",
    [
        "https://other.example/",
        "http://example.com/login",
        "https://example.com:444/login",
        "https://example.com@other.example/login",
    ],
)
@for_each(
    ("users", "path"),
    [
        ({}, ["input", "users"]),
        ({"users": [ANN]}, ["input", "users", 0, "password"]),
        ({"users": [BOB, ANN]}, ["input", "users", 1, "password"]),
    ],
)
async def test_stored_passwords_are_not_sent_to_another_site(
    url: str, users: dict[str, Any], path: list[str | int]
) -> None:
    async with serving() as server:
        code, text, more = await error(server, SET_LOGIN, input={"loginUrl": url, **users})
        assert code == "BAD_USER_INPUT"
        assert "for another site" in text
        assert [problem["path"] for problem in more["problems"]] == [path]
        assert await stored(server, "domain_login", "example.com") == DOMAIN_LOGIN


@for_each(
    ("login", "values"),
    [
        ({}, {"loginUrl": "https://Example.com/elsewhere"}),
        ({}, {"loginUrl": "https://other.example/", "users": [{**ANN, "password": "new"}]}),
        ({}, {"loginUrl": "https://other.example/", "users": [BOB]}),
        ({}, {"loginUrl": "https://other.example/", "users": None}),
        ({"users": []}, {"loginUrl": "https://other.example/"}),
        ({"users": [{"username": ["ann"]}]}, {"loginUrl": "https://other.example/"}),
    ],
)
async def test_login_moves_to_another_site_without_stored_passwords(
    login: Document, values: dict[str, Any]
) -> None:
    async with serving(domain_login=[{**DOMAIN_LOGIN, **login}]) as server:
        await server.data(SET_LOGIN, input=values)
        written = await stored(server, "domain_login", "example.com")
        assert written["login_url"] == values["loginUrl"]


@for_each("name", [None, 5, ["None"], {"a": 1}])
async def test_password_of_a_user_without_a_proper_name_goes_to_no_other(name: object) -> None:
    users = [{"username": name, "password": "hunter2"}, "odd", {"password": "hunter3"}]
    async with serving(domain_login=[{**DOMAIN_LOGIN, "users": users}]) as server:
        given = [{"username": "None"}]
        code, text, _ = await error(server, SET_LOGIN, input={"users": given})
        assert (code, text) == ("BAD_USER_INPUT", "Password is required in user #1")


async def test_new_domain_login_holds_all_that_starbelly_reads() -> None:
    async with serving(domain_login=[]) as server:
        await server.data(SET_LOGIN, domain="new.example", input={"loginUrl": "https://x/"})
        assert await stored(server, "domain_login", "new.example") == {
            "domain": "new.example",
            "login_url": "https://x/",
            "login_test": None,
            "users": [],
        }


@for_each(
    ("url", "written"),
    [
        ("socks5://user:***@proxy.example:1080", "socks5://user:hunter2@proxy.example:1080"),
        ("http://user:***@proxy.example:1080/x", "http://user:hunter2@proxy.example:1080/x"),
        ("http://user:new@proxy.example:1080", "http://user:new@proxy.example:1080"),
        ("http://user:***@proxy.example:1080/x@y", "http://user:hunter2@proxy.example:1080/x@y"),
        ("http://proxy.example/***", "http://proxy.example/***"),
    ],
)
async def test_masked_password_of_a_proxy_stays_the_stored_one(url: str, written: str) -> None:
    async with serving() as server:
        rules = [{"pattern": "x", "match": "MATCHES", "proxyUrl": "http://h"}, {"proxyUrl": url}]
        await server.data(UPDATE_POLICY, input={"proxyRules": rules})
        document = await stored(server, "policy", "p1")
        assert document["proxy_rules"][1] == {"proxy_url": written}


@for_each(
    "url",
    [
        "socks5://other:***@proxy.example:1080",
        "socks5://user:***@evil.example:1080",
        "socks5://user:***@proxy.example:1081",
        "socks5://user:***@proxy.example:1080@evil.example",
        "socks5://evil.example\\user:***@proxy.example:1080",
    ],
)
async def test_masked_password_goes_to_no_other_user_and_host(url: str) -> None:
    async with serving() as server:
        code, text, more = await error(
            server, UPDATE_POLICY, input={"proxyRules": [{"proxyUrl": url}]}
        )
        assert code == "BAD_USER_INPUT"
        assert text.split("; ")[0] == (
            "Password is masked, and not one is stored for this user and host in last proxy rule"
        )
        assert more["problems"][0]["path"] == ["input", "proxyRules", 0, "proxyUrl"]
        assert await stored(server, "policy", "p1") == POLICY


async def test_masked_passwords_of_seeds_and_login_stay_the_stored_ones() -> None:
    async with serving() as server:
        seeds = ["https://user:***@example.com/new", "https://example.com/"]
        await server.data(UPDATE_SCHEDULE, input={"seeds": seeds})
        assert (await stored(server, "schedule", "s1"))["seeds"] == [
            "https://user:hunter2@example.com/new",
            "https://example.com/",
        ]
        url = "https://user:***@example.com/other"
        await server.data(SET_LOGIN, input={"loginUrl": url})
        document = await stored(server, "domain_login", "example.com")
        assert document["login_url"] == "https://user:hunter2@example.com/other"


# Times and conflicts


async def test_new_documents_have_a_key_and_both_times() -> None:
    async with serving() as server:
        data = await server.data(
            """mutation { createPolicy(input: {
                 name: "New", mimeTypeRules: [{save: true}], robotsTxt: {usage: OBEY},
                 urlRules: [{action: ADD, amount: 1}], userAgents: [{name: "a"}]
               }) { id createdAt updatedAt invalidFields } }"""
        )
        key = data["createPolicy"].pop("id")
        assert data["createPolicy"] == {
            "createdAt": SHOWN_NOW,
            "updatedAt": SHOWN_NOW,
            "invalidFields": [],
        }
        document = await stored(server, "policy", key)
        assert document["limits"] == {}
        assert document["authentication"] == {"enabled": False}
        assert document["url_normalization"] == {"enabled": True, "strip_parameters": []}


async def test_updates_within_one_millisecond_differ_by_one_each() -> None:
    async with serving() as server:
        times = [
            (await server.data(UPDATE_POLICY, input={"name": str(n)}))["updatePolicy"]["updatedAt"]
            for n in range(5)
        ]
        assert times == [f"2026-11-23T22:00:00.{ms}Z" for ms in range(123, 128)]
        assert (await stored(server, "policy", "p1"))["created_at"] == POLICY["created_at"]


@for_each(
    ("before", "after"),
    [
        (time(1_800_000_000.5), "2027-01-15T08:00:00.501Z"),
        (time(253_402_300_799.999), SHOWN_NOW),
        (time(10**15), SHOWN_NOW),
        ("yesterday", SHOWN_NOW),
        (None, SHOWN_NOW),
    ],
)
async def test_update_is_later_than_the_last_where_there_is_a_later_time(
    before: object, after: str
) -> None:
    async with serving(policy=[{**POLICY, "updated_at": before}]) as server:
        data = await server.data(UPDATE_POLICY, input={})
        assert data["updatePolicy"]["updatedAt"] == after


async def test_conflict_tells_the_current_value_as_it_is_served() -> None:
    async with serving() as server:
        code, _, more = await error(server, UPDATE_POLICY_IF, **{"if": "2020-01-01T00:00:00Z"})
        assert code == "CONFLICT"
        current = more["current"]
        assert current["updatedAt"] == "2023-11-14T22:13:21.000Z"
        assert current["robotsTxt"] == {
            "usage": "OBEY",
            "readSitemaps": False,
            "obeyCrawlDelay": True,
        }
        assert current["proxyRules"][0]["proxyUrl"] == "socks5://user:***@proxy.example:1080"
        assert "hunter2" not in str(more)
        served = await server.data('{ policy(id: "p1") { id name invalidFields } }')
        assert served["policy"].items() <= current.items()
        assert await stored(server, "policy", "p1") == POLICY
        data = await server.data(UPDATE_POLICY_IF, **{"if": current["updatedAt"]})
        assert data["updatePolicy"]["name"] == "New"


async def test_who_has_read_no_time_writes_only_while_there_is_none() -> None:
    async with serving(policy=[{"id": "p1"}]) as server:
        await server.data(UPDATE_POLICY_IF, **{"if": None})
        code, _, _ = await error(server, UPDATE_POLICY_IF, **{"if": None})
        assert code == "CONFLICT"


async def test_deletions_respect_the_changes_of_others_too() -> None:
    mutations = {
        "schedule": 'deleteSchedule(id: "s1", ifUpdatedAt: $if)',
        "policy": 'deletePolicy(id: "p1", force: true, ifUpdatedAt: $if)',
    }
    async with serving() as server:
        for table, field in mutations.items():
            mutation = f"mutation($if: DateTime) {{ {field} }}"
            code, _, more = await error(server, mutation, **{"if": "2020-01-01T00:00:00Z"})
            assert code == "CONFLICT"
            assert "policy" not in more["current"]
            await server.data(mutation, **{"if": more["current"]["updatedAt"]})
            assert server.store.documents(table) == []


@for_each("key", ["nobody", "", "x" * 128, "a\0b"])
async def test_what_is_not_there_is_said_so(key: str) -> None:
    async with serving() as server:
        for mutation in (
            'updatePolicy(id: $key, input: {name: ""}) { id }',
            "deletePolicy(id: $key)",
            "updateSchedule(id: $key, input: {}) { id }",
            "deleteSchedule(id: $key)",
            "deleteDomainLogin(domain: $key)",
        ):
            kind = "String" if "Domain" in mutation else "ID"
            query = f"mutation($key: {kind}!) {{ {mutation} }}"
            code, text, _ = await error(server, query, key=key)
            assert code == "NOT_FOUND"
            assert text.startswith("there is no ")


NEW_SCHEDULE: dict[str, Any] = {
    "scheduleName": "New",
    "timeUnit": "DAYS",
    "numUnits": 1,
    "timing": "REGULAR_INTERVAL",
    "jobName": "New #{COUNT}",
    "seeds": ["https://example.com/"],
    "policyId": "p1",
}
DELETE_POLICY = 'mutation($force: Boolean!) { deletePolicy(id: "p1", force: $force) }'


async def test_policy_of_disabled_schedules_is_deleted_by_force_only() -> None:
    disabled = {**SCHEDULE, "enabled": False}
    schedules = [disabled, {"id": "s2", "policy_id": "p1", "enabled": False}, {"id": "s3"}]
    async with serving(schedule=schedules) as server:
        code, text, more = await error(server, DELETE_POLICY, force=False)
        assert code == "POLICY_IN_USE"
        assert text == "schedules use this policy: Nightly, s2"
        assert more["schedules"] == [
            {"id": "s1", "scheduleName": "Nightly"},
            {"id": "s2", "scheduleName": None},
        ]
        assert await server.data(DELETE_POLICY, force=True) == {"deletePolicy": "p1"}
        code, _, _ = await error(server, DELETE_POLICY, force=False)
        assert code == "NOT_FOUND"


@for_each("enabled", [{"enabled": True}, {}, {"enabled": 1}])
async def test_policy_of_an_enabled_schedule_is_never_deleted(enabled: dict[str, Any]) -> None:
    off = {"id": "s2", "policy_id": "p1", "enabled": False}
    on = {"id": "s3", "schedule_name": "On", "policy_id": "p1", **enabled}
    async with serving(schedule=[off, on]) as server:
        code, text, more = await error(server, DELETE_POLICY, force=True)
        assert code == "POLICY_IN_USE"
        assert text.endswith(": On")
        assert more["schedules"] == [{"id": "s3", "scheduleName": "On"}]
        assert server.store.documents("policy") == [POLICY]


async def test_policy_that_a_schedule_is_given_while_it_is_deleted_comes_back() -> None:
    async with serving(schedule=[]) as server:
        write = server.store.write

        async def write_both(table: str, key: Key, change: Rewrite, **more: Any) -> Written:
            written = await write(table, key, change, **more)
            if table == "policy" and written.new is None:
                await write("schedule", "s1", lambda _: SCHEDULE)
            return written

        server.store.write = write_both  # type: ignore[method-assign]
        code, _, more = await error(server, DELETE_POLICY, force=True)
        assert code == "POLICY_IN_USE"
        assert more["schedules"] == [{"id": "s1", "scheduleName": "Nightly"}]
        assert server.store.documents("policy") == [POLICY]


@for_each("is_new", [True, False])
async def test_schedule_whose_policy_is_deleted_while_it_is_written_is_taken_back(
    is_new: bool,
) -> None:
    disabled = {**SCHEDULE, "enabled": False}
    async with serving(schedule=[disabled]) as server:
        write = server.store.write

        async def write_both(table: str, key: Key, change: Rewrite, **more: Any) -> Written:
            written = await write(table, key, change, **more)
            await write("policy", "p1", lambda _: None)
            return written

        server.store.write = write_both  # type: ignore[method-assign]
        if is_new:
            mutation = (
                "mutation($input: CreateScheduleInput!) { createSchedule(input: $input) { id } }"
            )
            given: dict[str, Any] = NEW_SCHEDULE
        else:
            mutation, given = UPDATE_SCHEDULE, {"enabled": True}
        code, text, _ = await error(server, mutation, input=given)
        assert (code, text) == ("BAD_USER_INPUT", "Policy does not exist")
        assert server.store.documents("schedule") == [disabled]


@for_each("enabled", [{"enabled": True}, {}, {"enabled": 1}])
async def test_enabled_schedule_that_is_given_a_policy_while_that_is_deleted_keeps_its_own(
    enabled: dict[str, Any],
) -> None:
    without = {name: value for name, value in SCHEDULE.items() if name != "enabled"}
    schedule = {**without, "policy_id": "p2", **enabled}
    async with serving(schedule=[schedule], policy=[POLICY, {**POLICY, "id": "p2"}]) as server:
        write = server.store.write

        async def write_both(table: str, key: Key, change: Rewrite, **more: Any) -> Written:
            written = await write(table, key, change, **more)
            await write("policy", "p1", lambda _: None)
            return written

        server.store.write = write_both  # type: ignore[method-assign]
        code, text, _ = await error(server, UPDATE_SCHEDULE, input={"policyId": "p1"})
        assert (code, text) == ("BAD_USER_INPUT", "Policy does not exist")
        assert server.store.documents("schedule") == [schedule]


@for_each("given", [{"enabled": True}, {"enabled": True, "policyId": "gone"}])
async def test_schedule_without_its_policy_is_never_enabled(given: dict[str, Any]) -> None:
    orphan = {**SCHEDULE, "enabled": False, "policy_id": "gone"}
    async with serving(schedule=[orphan]) as server:
        code, text, _ = await error(server, UPDATE_SCHEDULE, input=given)
        assert (code, text) == ("BAD_USER_INPUT", "Policy does not exist")
        await server.data(UPDATE_SCHEDULE, input={"enabled": True, "policyId": "p1"})


@for_each(
    ("broken", "problem"),
    [
        ({"seeds": ["example.com"]}, "Invalid URL in seed #1"),
        ({"seeds": [5]}, "URL is required in seed #1"),
        ({"num_units": 9000, "time_unit": "YEARS"}, "Time units are too many"),
        ({"num_units": 1.5}, "Time units must be positive"),
        ({"job_name": "{X}"}, "Invalid variable in job name"),
        ({"job_count": None}, "Job count must be a number"),
        ({"tags": None}, "Tags must be a list"),
        ({"timing": ["odd"]}, "Timing is required"),
    ],
)
async def test_stored_schedule_that_would_stop_the_crawler_is_not_enabled(
    broken: dict[str, Any], problem: str
) -> None:
    stored_before = {**SCHEDULE, "enabled": False, **broken}
    async with serving(schedule=[stored_before]) as server:
        await server.data(UPDATE_SCHEDULE, input={"scheduleName": "Renamed"})
        code, text, _ = await error(server, UPDATE_SCHEDULE, input={"enabled": True})
        assert code == "BAD_USER_INPUT"
        assert text.startswith(problem)


@for_each(
    ("broken", "given", "problem"),
    [
        (
            {"url_normalization": {"enabled": False, "strip_parameters": 5}},
            {"urlNormalization": {"enabled": True}},
            "Parameters to strip must be a list of text",
        ),
        (
            {"url_normalization": {"strip_parameters": ["a", 5]}},
            {"urlNormalization": {}},
            "Parameters to strip must be a list of text",
        ),
        (
            {"url_normalization": {"enabled": "no"}},
            {"urlNormalization": {"stripParameters": ["sid"]}},
            "Enabled must be true or false",
        ),
        (
            {"authentication": {"enabled": 1}},
            {"authentication": {}},
            "Enabled must be true or false",
        ),
        ({"limits": {"max_items": "x"}}, {"limits": {"maxCost": 1}}, "Max items must be ≥0"),
    ],
)
async def test_odd_members_of_a_nested_object_are_not_written_back(
    broken: dict[str, Any], given: dict[str, Any], problem: str
) -> None:
    async with serving(policy=[{**POLICY, **broken}]) as server:
        await server.data(UPDATE_POLICY, input={"name": "Renamed"})
        code, text, _ = await error(server, UPDATE_POLICY, input=given)
        assert (code, text) == ("BAD_USER_INPUT", problem)


async def test_authentication_of_an_old_policy_is_written_whole() -> None:
    old = {**POLICY, "authentication": {}}
    async with serving(policy=[old]) as server:
        await server.data(UPDATE_POLICY, input={"authentication": {}})
        document = await stored(server, "policy", "p1")
        assert document["authentication"] == {"enabled": False}


async def test_null_for_normalization_counts_as_no_as_it_does_for_the_crawler() -> None:
    stored_policy = {**POLICY, "url_normalization": {"enabled": None}}
    async with serving(policy=[stored_policy]) as server:
        odd = {"seeds": ["https://example.com/é"]}
        code, text, _ = await error(server, UPDATE_SCHEDULE, input=odd)
        assert (code, text.split(": ")[0]) == ("BAD_USER_INPUT", "Invalid URL in seed #1")


async def test_seed_that_only_normalization_makes_ascii_needs_it() -> None:
    plain = {"urlNormalization": {"enabled": False}}
    odd = {"seeds": ["https://example.com/é"]}
    async with serving() as server:
        await server.data(UPDATE_SCHEDULE, input=odd)
        code, text, _ = await error(server, UPDATE_POLICY, input=plain)
        assert (code, text.split(": ")[0]) == ("BAD_USER_INPUT", "URL normalization is required")
        await server.data(UPDATE_SCHEDULE, input={"seeds": ["https://example.com/"]})
        await server.data(UPDATE_POLICY, input=plain)
        code, text, _ = await error(server, UPDATE_SCHEDULE, input=odd)
        assert (code, text.split(": ")[0]) == ("BAD_USER_INPUT", "Invalid URL in seed #1")


@for_each(
    ("unit", "most"),
    [
        ("YEARS", 7973),
        ("MONTHS", 95_677),
        ("WEEKS", 416_016),
        ("DAYS", 2_912_115),
        ("HOURS", 69_890_761),
    ],
)
async def test_interval_is_as_long_as_the_calendar_goes_and_no_longer(unit: str, most: int) -> None:
    """From a day after 2026-11-23T22:00Z, on which the first job may start."""
    async with serving() as server:
        given = {"timeUnit": unit, "numUnits": most}
        await server.data(UPDATE_SCHEDULE, input=given)
        for more in (most + 1, 2**31 - 1):
            code, text, _ = await error(server, UPDATE_SCHEDULE, input={"numUnits": more})
            assert (code, text.split(": ")[0]) == ("BAD_USER_INPUT", "Time units are too many")
            assert str(most) in text
    async with serving(schedule=[{**SCHEDULE, "num_units": most + 1, "time_unit": "MINUTES"}]) as s:
        code, _, _ = await error(s, UPDATE_SCHEDULE, input={"timeUnit": unit})
        assert code == "BAD_USER_INPUT"


# The feed, and the database


async def test_mutation_returns_when_queries_show_it_and_not_before() -> None:
    async with serving() as server:
        server.store.is_reported = False
        mutation = asyncio.create_task(server.data(UPDATE_POLICY, input={"name": "New"}))
        while (document := await stored(server, "policy", "p1")) == POLICY:
            await asyncio.sleep(0)
        for _ in range(10):
            await asyncio.sleep(0)
        assert not mutation.done()
        server.source.change("policy", POLICY, document)
        await mutation
        assert await server.data('{ policy(id: "p1") { name } }') == {"policy": {"name": "New"}}


async def test_write_that_the_feed_does_not_show_in_time_is_a_success() -> None:
    async with serving(feed_wait_s=0.01) as server:
        server.store.is_reported = False
        data = await server.data(UPDATE_POLICY, input={"name": "New"})
        assert data["updatePolicy"]["name"] == "New"


class FailingStore(NoStore):
    """Fails at everything, or at writing only."""

    def __init__(self, error: DatabaseError, document: Document | None = None) -> None:
        self._error = error
        self._document = document

    async def get(self, table: str, key: Key) -> Document | None:
        if self._document is None:
            raise self._error
        return self._document

    async def find(self, table: str, field: str, value: str) -> list[Document]:
        raise self._error

    async def write(self, table: str, key: Key, change: Rewrite, *, run: Run = at_once) -> Written:
        raise self._error


@pytest.mark.parametrize(
    ("failure", "code", "text"),
    [
        (DatabaseUnavailableError, "DATABASE_UNAVAILABLE", "nothing was written"),
        (
            DatabaseStorageError,
            "DATABASE_UNAVAILABLE",
            "disk is full or fails: nothing was written",
        ),
        (OutcomeUnknownError, "OUTCOME_UNKNOWN", "not known"),
        (DatabaseRefusedError, "DATABASE_REFUSED", "nothing was written"),
        (TableMissingError, "DATABASE_REFUSED", "nothing was written"),
        (DatabaseError, "DATABASE_REFUSED", "nothing was written"),
    ],
)
async def test_failure_of_the_database_is_reported_by_a_code_and_logged_in_one_line(
    failure: type[DatabaseError], code: str, text: str, caplog: pytest.LogCaptureFixture
) -> None:
    secret = "db.example refuses the user 'crawler'"
    async with serving() as server:
        for mutation in (
            'mutation { updatePolicy(id: "p1", input: {}) { id } }',
            'mutation { deletePolicy(id: "p1") }',
            'mutation { updateSchedule(id: "s1", input: {policyId: "p1"}) { id } }',
            'mutation { setDomainLogin(domain: "d", input: {loginUrl: "http://x"}) { id } }',
        ):
            caplog.clear()
            server.context = replace(server.context, store=FailingStore(failure(secret)))
            found, message, more = await error(server, mutation)
            assert found == code
            assert text in message
            assert secret not in message
            assert more == {}
            (record,) = [r for r in caplog.records if r.levelno >= logging.WARNING]
            assert secret in record.getMessage()
            assert record.exc_info is None


async def test_one_mutation_that_fails_leaves_the_others_of_its_operation() -> None:
    async with serving() as server:
        result = await server.execute(
            """mutation {
              a: updatePolicy(id: "p1", input: {name: "A"}) { name }
              b: updatePolicy(id: "p1", input: {name: ""}) { name }
              c: updatePolicy(id: "p1", input: {captchaSolverId: "c2"}) { name captchaSolverId }
            }"""
        )
        assert result.data == {
            "a": {"name": "A"},
            "b": None,
            "c": {"name": "A", "captchaSolverId": "c2"},
        }
        assert [e.path for e in result.errors or []] == [["b"]]
