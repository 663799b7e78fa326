"""The mutations, with every field of what they return, and a client that sends them."""

from __future__ import annotations

from typing import Any

from tests.server.client import Client
from tests.server.operations import (
    CAPTCHA_SOLVER_FIELDS,
    DOMAIN_LOGIN_FIELDS,
    POLICY_FIELDS,
    RATE_LIMIT_FIELDS,
    SCHEDULE_FIELDS,
)

CREATE_POLICY = f"""
    mutation($input: CreatePolicyInput!) {{ createPolicy(input: $input) {{ id {POLICY_FIELDS} }} }}
"""
UPDATE_POLICY = f"""
    mutation($id: ID!, $input: UpdatePolicyInput!, $ifUpdatedAt: DateTime) {{
      updatePolicy(id: $id, input: $input, ifUpdatedAt: $ifUpdatedAt) {{ id {POLICY_FIELDS} }}
    }}
"""
OVERWRITE_POLICY = f"""
    mutation($id: ID!, $input: UpdatePolicyInput!) {{
      updatePolicy(id: $id, input: $input) {{ id {POLICY_FIELDS} }}
    }}
"""
DELETE_POLICY = """
    mutation($id: ID!, $force: Boolean! = false) { deletePolicy(id: $id, force: $force) }
"""
CREATE_SCHEDULE = f"""
    mutation($input: CreateScheduleInput!) {{
      createSchedule(input: $input) {{ id {SCHEDULE_FIELDS} policy {{ id name }} }}
    }}
"""
UPDATE_SCHEDULE = f"""
    mutation($id: ID!, $input: UpdateScheduleInput!) {{
      updateSchedule(id: $id, input: $input) {{ id {SCHEDULE_FIELDS} }}
    }}
"""
DELETE_SCHEDULE = "mutation($id: ID!) { deleteSchedule(id: $id) }"
SET_DOMAIN_LOGIN = f"""
    mutation($domain: String!, $input: DomainLoginInput!) {{
      setDomainLogin(domain: $domain, input: $input) {{ id {DOMAIN_LOGIN_FIELDS} }}
    }}
"""
CREATE_CAPTCHA_SOLVER = f"""
    mutation($input: CreateCaptchaSolverInput!) {{
      createCaptchaSolver(input: $input) {{ id {CAPTCHA_SOLVER_FIELDS} }}
    }}
"""
UPDATE_CAPTCHA_SOLVER = f"""
    mutation($id: ID!, $input: UpdateCaptchaSolverInput!) {{
      updateCaptchaSolver(id: $id, input: $input) {{ id {CAPTCHA_SOLVER_FIELDS} }}
    }}
"""
SET_RATE_LIMIT = f"""
    mutation($domain: String, $delayS: Float!) {{
      setRateLimit(domain: $domain, delayS: $delayS) {{ id {RATE_LIMIT_FIELDS} }}
    }}
"""
DELETE_RATE_LIMIT = "mutation($domain: String!) { deleteRateLimit(domain: $domain) }"
DELETE_CAPTCHA_SOLVER = "mutation($id: ID!) { deleteCaptchaSolver(id: $id) }"
DELETE_DOMAIN_LOGIN = "mutation($domain: String!) { deleteDomainLogin(domain: $domain) }"

POLICY: dict[str, Any] = {
    "name": "Forums",
    "mimeTypeRules": [{"save": True}],
    "robotsTxt": {"usage": "OBEY"},
    "urlRules": [{"action": "ADD", "amount": 1}],
    "userAgents": [{"name": "Starbelly/{VERSION}"}],
}
"""A policy with no more than it needs."""


def schedule(policy_id: str) -> dict[str, Any]:
    """A schedule with no more than it needs."""
    return {
        "scheduleName": "Nightly",
        "timeUnit": "DAYS",
        "numUnits": 1,
        "timing": "REGULAR_INTERVAL",
        "jobName": "Nightly #{COUNT}",
        "seeds": ["https://example.com/"],
        "policyId": policy_id,
    }


async def succeed(client: Client, mutation: str, **variables: Any) -> Any:
    """What a mutation returns; there are no errors."""
    result = await client.execute(mutation, **variables)
    assert "errors" not in result, result
    (value,) = result["data"].values()
    return value


async def fail(client: Client, mutation: str, **variables: Any) -> dict[str, Any]:
    """The only error of a mutation, which returns null."""
    result = await client.execute(mutation, **variables)
    assert list(result["data"].values()) == [None]
    (error,) = result["errors"]
    return dict(error)
