"""GraphQL over HTTP by the book: the audit of npm's graphql-http, on the whole server."""

from __future__ import annotations

import json
from collections import Counter

import pytest

from tests.clients.http.node import run
from tests.server.running import Running

pytestmark = pytest.mark.timeout(300)


@pytest.mark.usefixtures("http_packages")
async def test_every_must_should_and_may_of_the_audit_passes(server: Running) -> None:
    results = json.loads(await run("audit.js", f"{server.http}/graphql"))
    assert [result for result in results if result["status"] != "ok"] == []
    kinds = Counter(result["name"].split()[0] for result in results)
    assert kinds == {"MUST": 13, "SHOULD": 23, "MAY": 25}
