"""What `problems` says of documents that are stored, whatever they hold."""

from __future__ import annotations

import asyncio
import copy
import json
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from graphql_api.schema.problems import MAX_PROBLEMS, Place
from graphql_api.tables import policy as policy_module
from graphql_api.tables.policy import POLICIES
from graphql_api.tables.policy_rules import check_policy
from graphql_api.tables.schedule import SCHEDULES, read_schedule_problems
from tests.for_each import for_each
from tests.properties import examples
from tests.unit.schema.documents import FIELDS, ODD_VALUES, POLICY, SCHEDULE, Field, with_value
from tests.unit.schema.harness import serve
from tests.unit.schema.test_rules import SCHEMES, says

Stored = dict[str, Any]

PROBLEMS = "problems { path message }"

PROBLEMATIC = {"policy", "schedule"}
"""The tables whose rows have problems."""

NAMES = sorted({str(step) for field in FIELDS for step in field.place if isinstance(step, str)})

SNAKE = {
    "mimeTypeRules": "mime_type_rules",
    "proxyRules": "proxy_rules",
    "proxyUrl": "proxy_url",
    "robotsTxt": "robots_txt",
    "urlNormalization": "url_normalization",
    "stripParameters": "strip_parameters",
    "urlRules": "url_rules",
    "userAgents": "user_agents",
    "maxCost": "max_cost",
    "maxDuration": "max_duration",
    "maxItems": "max_items",
    "captchaSolverId": "captcha_solver_id",
}


def stored_policy(values: Any) -> Any:
    """The document that Starbelly's own API makes of an input."""
    if isinstance(values, list):
        return [stored_policy(item) for item in values]
    if isinstance(values, dict):
        return {SNAKE.get(name, name): stored_policy(item) for name, item in values.items()}
    return values


async def problems_of_policy(document: Stored) -> list[tuple[str, str]]:
    documents = {"policy": [{**document, "id": "p1"}], "captcha_solver": [{"id": "c1"}]}
    async with serve(documents) as server:
        data = await server.data(f'{{ policy(id: "p1") {{ {PROBLEMS} }} }}')
        return [(p["path"], p["message"]) for p in data["policy"]["problems"]]


async def problems_of_schedule(
    document: Stored, policy: Stored | None = POLICY
) -> list[tuple[str, str]]:
    policies = [] if policy is None else [policy]
    async with serve({"schedule": [{**document, "id": "s1"}], "policy": policies}) as server:
        data = await server.data(f'{{ schedule(id: "s1") {{ {PROBLEMS} }} }}')
        return [(p["path"], p["message"]) for p in data["schedule"]["problems"]]


def walk(value: Any, place: tuple[str | int, ...] = ()) -> list[tuple[str | int, ...]]:
    """Every place in a document."""
    inner: list[tuple[str | int, ...]] = [place] if place else []
    if isinstance(value, dict):
        for name, item in value.items():
            inner += walk(item, (*place, name))
    if isinstance(value, list):
        for index, item in enumerate(value):
            inner += walk(item, (*place, index))
    return inner


async def test_documents_that_can_be_run_have_no_problems() -> None:
    assert await problems_of_policy(POLICY) == []
    assert await problems_of_schedule(SCHEDULE) == []


POLICY_PROBLEMS: list[tuple[Stored, list[tuple[str, str]]]] = [
    ({"mime_type_rules": None}, [("mimeTypeRules", "At least one MIME type rule is required")]),
    ({"proxy_rules": None}, [("proxyRules", "Proxy rules are required")]),
    ({"limits": None}, [("limits", "Limits are required")]),
    ({"authentication": None}, [("authentication", "Authentication is required")]),
    ({"name": 5}, [("name", "Value of `name` does not fit")]),
    (
        {"url_rules": [{"action": "ADD", "amount": 1, "pattern": None}]},
        [("urlRules[0].pattern", "Pattern is not allowed in last URL rule")],
    ),
    (
        {"url_rules": [5, {"match": "MATCHES", "action": "ADD", "amount": 1}, {"amount": 1}]},
        [
            ("urlRules[0]", "Value of `urlRules[0]` does not fit"),
            ("urlRules[1].pattern", "Pattern is required in URL rule #2"),
            ("urlRules[2].action", "Action is required in last URL rule"),
        ],
    ),
    (
        {"user_agents": [{"name": "x {"}]},
        [("userAgents[0].name", "Invalid user agent in User agent #1")],
    ),
    (
        {"proxy_rules": [{"proxy_url": "http://user:hunter2@:80"}]},
        [
            (
                "proxyRules[0].proxyUrl",
                f"{SCHEMES} in last proxy rule",
            )
        ],
    ),
    (
        {"captcha_solver_id": "nobody's"},
        [("captchaSolverId", "CAPTCHA solver does not exist")],
    ),
]


@for_each(("change", "expected"), POLICY_PROBLEMS)
async def test_problem_of_a_stored_policy_has_its_path_and_starbellys_words(
    change: Stored, expected: list[tuple[str, str]]
) -> None:
    document = {name: value for name, value in {**POLICY, **change}.items() if value is not None}
    found = await problems_of_policy(document)
    assert says(found, expected), found
    assert "hunter2" not in str(found)


SCHEDULE_PROBLEMS: list[tuple[Stored, list[tuple[str, str]]]] = [
    ({"tags": None}, [("tags", "Tags must be a list")]),
    ({"job_count": None}, [("jobCount", "Job count must be a number")]),
    ({"enabled": None}, [("enabled", "Enabled must be true or false")]),
    ({"policy_id": "gone"}, [("policyId", "Policy does not exist")]),
    (
        {"seeds": [5, "example.com"]},
        [
            ("seeds[0]", "Value of `seeds[0]` does not fit"),
            ("seeds[1]", "Invalid URL in seed #2"),
        ],
    ),
    ({"num_units": 8000, "time_unit": "YEARS"}, [("numUnits", "Time units are too many")]),
    ({"job_name": "{"}, [("jobName", "Invalid job name")]),
]


@for_each(("change", "expected"), SCHEDULE_PROBLEMS)
async def test_problem_of_a_stored_schedule_has_its_path_and_starbellys_words(
    change: Stored, expected: list[tuple[str, str]]
) -> None:
    document = {name: value for name, value in {**SCHEDULE, **change}.items() if value is not None}
    found = await problems_of_schedule(document)
    assert says(found, expected), found


async def test_very_many_problems_are_counted_and_not_listed() -> None:
    seeds = ["example.com"] * 50_000 + [5] * 50_000
    found = await problems_of_schedule({**SCHEDULE, "seeds": seeds})
    assert len(found) == MAX_PROBLEMS + 1
    assert found[-1] == ("", "99900 more problems are not listed")


async def test_policy_that_is_gone_is_a_problem_of_its_schedule_and_no_change_of_it() -> None:
    query = "{ schedules { items { problems { message } } } }"
    async with serve({"schedule": [SCHEDULE], "policy": [POLICY]}) as server:
        assert await server.data(query) == {"schedules": {"items": [{"problems": []}]}}
        position = server.feed("schedule").position
        await server.store.write("policy", "p1", lambda _: None)
        while server.feed("policy").documents:
            await asyncio.sleep(0)
        assert await server.data(query) == {
            "schedules": {"items": [{"problems": [{"message": "Policy does not exist"}]}]}
        }
        assert server.feed("schedule").position == position


async def test_problem_that_nothing_else_shows_is_gone_once_it_is_mended() -> None:
    """An absent list and an empty one are served alike, so that mending it is no change."""
    broken = {name: value for name, value in SCHEDULE.items() if name != "tags"}
    fence = {**SCHEDULE, "id": "fence"}
    query = '{ schedule(id: "s1") { tags problems { path } } }'
    async with serve({"schedule": [broken], "policy": [POLICY]}) as server:
        problems = [{"path": "tags"}]
        assert (await server.data(query))["schedule"] == {"tags": [], "problems": problems}
        await server.store.write("schedule", "s1", lambda _: {**broken, "tags": []})
        await server.store.write("schedule", "fence", lambda _: fence)
        while server.feed("schedule").documents == 1:
            await asyncio.sleep(0)
        assert server.feed("schedule").position == 1
        assert (await server.data(query))["schedule"] == {"tags": [], "problems": []}


async def test_rules_are_applied_once_to_each_version_of_a_row(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    applied = []

    def counting(document: Stored, at: Place) -> None:
        applied.append(document["name"])
        check_policy(document, at)

    monkeypatch.setattr(policy_module, "check_policy", counting)
    aliases = " ".join(f"a{number}: problems {{ message }}" for number in range(50))
    query = f"{{ policies {{ items {{ {aliases} }} }} }}"
    broken, mended = {**POLICY, "user_agents": []}, {**POLICY, "name": "mended"}
    async with serve({"policy": [broken], "captcha_solver": [{"id": "c1"}]}) as server:
        for _ in range(2):
            ((item,),) = [(await server.data(query))["policies"]["items"]]
            assert item["a0"] == item["a49"] == [{"message": "At least one user agent is required"}]
        assert applied == [POLICY["name"]]
        await server.store.write("policy", "p1", lambda _: mended)
        while server.feed("policy").position == 0:
            await asyncio.sleep(0)
        ((item,),) = [(await server.data(query))["policies"]["items"]]
        assert item["a0"] == []
        assert applied == [POLICY["name"], "mended"]


def test_interval_that_the_calendar_has_no_room_for_becomes_a_problem_with_time() -> None:
    row = SCHEDULES.decode("s1", {**SCHEDULE, "time_unit": "DAYS", "num_units": 2_900_000})
    policy = POLICIES.decode("p1", POLICY)
    feeds = {POLICIES: {"p1": policy}}
    for year, expected in ((2026, []), (2100, ["numUnits"])):
        now = datetime(year, 1, 1, tzinfo=UTC)
        context = SimpleNamespace(feeds=feeds, now=lambda now=now: now)
        found = read_schedule_problems(row, SimpleNamespace(context=context))  # type: ignore[arg-type]
        assert [problem.path for problem in found] == expected


def test_row_of_a_history_holds_no_judgement() -> None:
    row = POLICIES.decode("p1", {**POLICY, "user_agents": []})
    before = POLICIES.packing.pack(row)
    assert row.judged_by(check_policy)
    assert POLICIES.packing.pack(row) == before
    assert POLICIES.packing.unpack(before) == row


async def test_conflict_shows_no_problems() -> None:
    async with serve({"policy": [{**POLICY, "name": ""}]}) as server:
        result = await server.execute(
            'mutation { updatePolicy(id: "p1", input: {}, ifUpdatedAt: null) { id } }'
        )
        assert result.errors is not None
        assert result.errors[0].extensions is not None
        current = result.errors[0].extensions["current"]
        assert "problems" not in current
        assert "hidden" not in current


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=8)
    | st.sampled_from(["MATCHES", "ADD", "{", "(", "http://u:p@h", "YEARS", "{COUNT:d}", "\ud800"])
    | st.sampled_from(list(ODD_VALUES.values())),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(NAMES) | st.text(max_size=5), inner, max_size=4)
    ),
    max_leaves=12,
)


@given(st.data())
@examples(150)
async def test_problems_of_any_document_are_reported_without_an_error(data: st.DataObject) -> None:
    policy = with_odd_values(data, POLICY)
    schedule = with_odd_values(data, SCHEDULE)
    for problems in (await problems_of_policy(policy), await problems_of_schedule(schedule)):
        json.dumps(problems, ensure_ascii=False).encode()
        assert "hunter2" not in str(problems)


def with_odd_values(data: st.DataObject, document: Stored) -> Stored:
    """A document with arbitrary JSON in some places."""
    document = copy.deepcopy(document)
    for place in data.draw(st.lists(st.sampled_from(walk(document)), max_size=3)):
        holder: Any = document
        try:
            for step in place[:-1]:
                holder = holder[step]
            holder[place[-1]] = data.draw(JSON)
        except (LookupError, TypeError, AttributeError):
            continue
    return document


@for_each("field", [f for f in FIELDS if f.table in PROBLEMATIC])
async def test_value_that_does_not_fit_is_a_problem_at_its_path(field: Field) -> None:
    look = problems_of_policy if field.table == "policy" else problems_of_schedule
    found = await look(with_value(field, {"odd": [1]} if field.kind != "object" else "odd"))
    assert (field.path, f"Value of `{field.path}` does not fit") in found
    assert len([path for path, _ in found if path == field.path]) == 1
