"""What an answer over HTTP must be; schemathesis loads it."""

from __future__ import annotations

from typing import Any

import schemathesis

REFUSALS = frozenset(
    {
        "BAD_USER_INPUT",
        "CONFLICT",
        "GRAPHQL_VALIDATION_FAILED",
        "LIMIT_EXCEEDED",
        "NOT_FOUND",
        "CAPTCHA_SOLVER_IN_USE",
        "POLICY_IN_USE",
    }
)
"""What an operation may be refused with where the database is well."""


def is_a_graphql_response(ctx: Any, response: Any, case: Any) -> None:
    """The answer has the form of the specification, and no error that nothing explains."""
    assert response.status_code == 200, response.status_code
    assert response.headers["content-type"][0].startswith("application/")
    body = response.json()
    assert body.keys() <= {"data", "errors", "extensions"}, body
    assert body.get("errors") != [], "no errors, and no empty list of them"
    if "errors" not in body:
        assert isinstance(body["data"], dict)
    for error in body.get("errors", []):
        assert error.keys() <= {"message", "locations", "path", "extensions"}
        assert error["message"]
        assert error["extensions"]["code"] in REFUSALS, error
        assert ("path" in error) == ("data" in body), "a field has failed, or nothing was executed"


schemathesis.check(is_a_graphql_response)
