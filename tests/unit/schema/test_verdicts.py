"""What the real Starbelly said of policies: the same is said here, by its words if it has any."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from tests.for_each import for_each
from tests.unit.schema.harness import Server, serve
from tests.unit.schema.test_rules import CREATE_POLICY, problems
from tests.unit.schema.test_stored_problems import PROBLEMS, stored_policy

VERDICTS: list[dict[str, Any]] = [
    json.loads(line)
    for line in (Path(__file__).parent / "starbelly_verdicts.jsonl").read_text("utf-8").splitlines()
]
"""Policies as inputs, and `starbelly`: accepted, refused (with its message) or crashed."""

SOLVERS = [
    {"id": "01234567-89ab-cdef-0123-456789abcdef"},
    {"id": "0123456789abcdef0123456789abcdef"},
]
TRAPS = {
    ("proxy url", "http:h"): "names no host",
    ("last proxy url", "http:h"): "names no host",
    ("proxy url", "http:/h"): "names no host",
    ("last proxy url", "socks5://"): "names no host",
    ("captcha solver", ""): "names no solver",
}
"""What Starbelly accepts and cannot use."""


NULL = {
    ("lists", "mime rule without save"): "required field 'save'",
    ("url rule action", "none"): "required field 'action'",
}
"""What GraphQL itself refuses, by its words: a member that is not null."""


def case_id(verdict: dict[str, Any]) -> str:
    return f"{verdict['kind']}: {verdict['what']}".encode("unicode_escape").decode()


def is_refused(verdict: dict[str, Any]) -> bool:
    return (verdict["kind"], verdict["what"]) in TRAPS or verdict["starbelly"] != "accepted"


def test_there_are_verdicts_of_each_kind() -> None:
    assert len(VERDICTS) == 152
    assert {verdict["starbelly"] for verdict in VERDICTS} == {"accepted", "refused", "crashed"}
    assert TRAPS.keys() <= {(verdict["kind"], verdict["what"]) for verdict in VERDICTS}


@pytest.fixture
async def server() -> AsyncIterator[Server]:
    async with serve({"policy": [], "captcha_solver": SOLVERS}) as server:
        yield server


@for_each("verdict", VERDICTS)
async def test_policy_is_accepted_exactly_if_starbelly_can_run_it(
    server: Server, verdict: dict[str, Any]
) -> None:
    server.store.documents("policy").clear()
    lacking = NULL.get((verdict["kind"], verdict["what"]))
    if lacking is not None:
        result = await server.execute(CREATE_POLICY, input=verdict["input"])
        assert lacking in str(result.errors)
        return
    found = await problems(server, CREATE_POLICY, input=verdict["input"])
    assert bool(found) == is_refused(verdict), found
    assert len(server.store.documents("policy")) == (0 if is_refused(verdict) else 1)
    if verdict["starbelly"] == "refused":
        words = verdict["message"].removesuffix(".")
        assert [m for _, m in found if m == words or m.startswith(words + ":")], found


async def test_stored_policy_has_problems_exactly_if_starbelly_cannot_run_it() -> None:
    stored = [
        {**stored_policy(verdict["input"]), "id": str(number)}
        for number, verdict in enumerate(VERDICTS)
        if verdict["kind"] != "captcha solver"
    ]
    async with serve({"policy": stored, "captcha_solver": [{"id": "c1"}]}) as server:
        page = await server.data(f"{{ policies(limit: 1000) {{ items {{ id {PROBLEMS} }} }} }}")
    assert len(page["policies"]["items"]) == len(stored)
    for policy in page["policies"]["items"]:
        verdict = VERDICTS[int(policy["id"])]
        found = policy["problems"]
        assert bool(found) == is_refused(verdict), (case_id(verdict), found)
