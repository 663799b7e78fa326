"""What mutations write can be run: inputs by the rules are accepted, and no others are.

`tests.unit.schema.starbelly` states the rules a second time, and judges every document written.
"""

from __future__ import annotations

import copy
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from tests.properties import examples
from tests.unit.schema.harness import Server, serve
from tests.unit.schema.starbelly import run_domain_login, run_policy, run_schedule
from tests.unit.schema.test_round_trips import LOGINS, POLICIES, SCHEDULES
from tests.unit.schema.test_rules import (
    CREATE_POLICY,
    CREATE_SCHEDULE,
    POLICY,
    SCHEDULE,
    SET_LOGIN,
    problems,
)
from tests.unit.schema.test_stored_problems import walk

Values = dict[str, Any]

STORED = {"id": "p1", "name": "Stored", "url_normalization": {"enabled": True}}

FRAGMENTS = st.sampled_from(
    [
        *("{", "}", "{{", "}}", "{}", "{0}", "{SEED_DOMAINS}", "{SEED_DOMAINS!r}", "{VERSION}"),
        *("{SEED_DOMAINS[0]}", "{VERSION:>9}", "{VERSION:d}", "{VERSION.x}", "{COUNT}", "{DATE}"),
        *("{COUNT:04}", "{TIME:c}", "{DATE!s:.10}", "{COUNT:{TIME}}", "{X}", "{ COUNT}"),
        *("a", "\\d", "(", ")", "[", "]", "|", "*", "+", "++", "*+", "?+", "?", "(?>", "(?i)"),
        *("(?:", "(?P<n>", "(?P=n)", "\\1", "\\p", "\\z", "\\Z", "{2}", "{{2}}", "{{2,1}}", "\\"),
        *("(?<=a+)b", "(?<=a)b", "(?a)", "(?u)", "(?L)", "(?t)", "(?(1)a|b)", "(?(+1)a)", "é"),
    ]
)
TEXT = st.lists(FRAGMENTS, max_size=4).map("".join)
URL = st.lists(
    st.sampled_from(
        [
            *("http", "https", "HTTP", "socks5", "ftp", ":", "//", "://", "/", "\\", "?", "#", "@"),
            *("h", "example.com", "xn--bcher-kva.example", "xn--a", "bücher.example", "[::1]"),
            *("[", "]", ":80", ":0", ":65536", ":x", " ", "\t", "user:password@", "..", "1.2.3.4"),
        ]
    ),
    max_size=5,
).map("".join)
ODD = st.one_of(
    TEXT,
    URL,
    st.builds("http://{}".format, URL),
    st.none(),
    st.integers(-3, 2**31 - 1),
    st.floats(allow_nan=False, allow_infinity=False),
    st.booleans(),
    st.just([]),
    st.just({}),
    st.sampled_from(["MATCHES", "ADD", "OBEY", "YEARS", "MONTHS", "MINUTES", "c1", "p1", "\ud800"]),
)


def with_odd_values(data: st.DataObject, values: Values) -> Values:
    """An input with other values in some places."""
    values = copy.deepcopy(values)
    for place in data.draw(st.lists(st.sampled_from(walk(values)), min_size=1, max_size=3)):
        holder: Any = values
        try:
            for step in place[:-1]:
                holder = holder[step]
            if isinstance(holder, dict) != isinstance(place[-1], str):
                continue  # no JSON: an object where a list was, or the other way round
            if data.draw(st.booleans()):
                holder[place[-1]] = data.draw(ODD)
            elif isinstance(holder, dict):
                del holder[place[-1]]
            else:
                holder.append(copy.deepcopy(holder[place[-1]]))
        except (LookupError, TypeError, AttributeError):
            continue  # an earlier change has taken the place away
    return values


async def is_written(server: Server, mutation: str, **variables: Any) -> bool:
    """Whether an input is accepted; the errors of one that is not are all the client's."""
    result = await server.execute(mutation, **variables)
    for error in result.errors or ():
        assert error.extensions is not None
        assert error.extensions["code"] == "BAD_USER_INPUT", error
    return result.errors is None


def judge(server: Server) -> None:
    """Run every document that is stored."""
    for policy in server.store.documents("policy"):
        if policy["id"] != STORED["id"]:
            run_policy(policy, {"c1"})
    policies = {policy["id"]: policy for policy in server.store.documents("policy")}
    for schedule in server.store.documents("schedule"):
        run_schedule(schedule, policies)
    for login in server.store.documents("domain_login"):
        run_domain_login(login)


def empty() -> dict[str, list[Any]]:
    return {
        "policy": [STORED],
        "schedule": [],
        "domain_login": [],
        "captcha_solver": [{"id": "c1"}],
    }


@given(POLICIES, SCHEDULES, LOGINS)
@examples(40)
async def test_documents_by_the_rules_are_written_and_run(
    policy: Values, schedule: Values, login: Values
) -> None:
    async with serve(empty()) as server:
        assert await problems(server, CREATE_POLICY, input=policy) == []
        assert await problems(server, CREATE_SCHEDULE, input=schedule) == []
        assert await problems(server, SET_LOGIN, domain="example.com", input=login) == []
        judge(server)


@given(st.data())
@examples(200)
async def test_no_input_makes_a_document_that_cannot_be_run(data: st.DataObject) -> None:
    policy = with_odd_values(data, POLICY)
    schedule = with_odd_values(data, {**SCHEDULE, "enabled": True, "tags": ["news"]})
    async with serve(empty()) as server:
        await is_written(server, CREATE_POLICY, input=policy)
        await is_written(server, CREATE_SCHEDULE, input=schedule)
        judge(server)


@given(TEXT)
@examples(300)
async def test_no_text_with_braces_or_expressions_ends_the_crawler(text: str) -> None:
    rule = {"pattern": text, "match": "MATCHES"}
    last = {"action": "ADD", "amount": 1}
    changes: list[Values] = [
        {"urlRules": [{**rule, **last}, last]},
        {"mimeTypeRules": [{**rule, "save": True}, {"save": True}]},
        {"userAgents": [{"name": text}]},
    ]
    async with serve(empty()) as server:
        for change in changes:
            await is_written(server, CREATE_POLICY, input={**POLICY, **change})
        await is_written(server, CREATE_SCHEDULE, input={**SCHEDULE, "jobName": text})
        judge(server)


@given(URL, st.sampled_from(["", "http://", "https://"]))
@examples(300)
async def test_no_url_ends_the_crawler(rest: str, start: str) -> None:
    url = start + rest
    async with serve(empty()) as server:
        proxies = [{"proxyUrl": url}]
        await is_written(server, CREATE_POLICY, input={**POLICY, "proxyRules": proxies})
        await is_written(server, CREATE_SCHEDULE, input={**SCHEDULE, "seeds": [url]})
        for domain in ("example.com", rest):
            await is_written(server, SET_LOGIN, domain=domain, input={"loginUrl": url})
        judge(server)
