"""What `problems` says of documents that are stored, whatever they hold."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from graphql_api.schema.problems import MAX_PROBLEMS
from tests.unit.schema.documents import FIELDS, ODD_VALUES, POLICY, SCHEDULE, with_value
from tests.unit.schema.harness import serve

Stored = dict[str, Any]

PROBLEMS = "problems { path message }"

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
    async with serve({"policy": [{**document, "id": "p1"}]}) as server:
        data = await server.data(f'{{ policy(id: "p1") {{ {PROBLEMS} }} }}')
        return [(p["path"], p["message"]) for p in data["policy"]["problems"]]


async def problems_of_schedule(
    document: Stored, policy: Stored | None = POLICY
) -> list[tuple[str, str]]:
    policies = [] if policy is None else [policy]
    async with serve({"schedule": [{**document, "id": "s1"}], "policy": policies}) as server:
        data = await server.data(f'{{ schedule(id: "s1") {{ {PROBLEMS} }} }}')
        return [(p["path"], p["message"]) for p in data["schedule"]["problems"]]
