"""What is refused is freed at once, and not kept until Python's search for cycles.

Frames that an error has passed hold what the client has sent: megabytes, for a few small objects.
"""

from __future__ import annotations

import gc
import json
from types import FrameType, TracebackType
from typing import Any

from tests.server.running import Running
from tests.server.test_http import BODIES, HEADERS, JSON, URLS, answer, request

POST = [("Content-Type", JSON)]
UPDATE = "mutation ($i: UpdatePolicyInput!) { updatePolicy(id: %s, input: $i) { id } }"


def posted(query: str, **variables: Any) -> bytes:
    body = json.dumps({"query": query, "variables": variables}).encode()
    return request("POST", "/graphql", POST, body)


REFUSED = {
    **{f"body {i}": request("POST", "/graphql", POST, body) for i, body in enumerate(BODIES)},
    **{f"headers {i}": request("POST", "/graphql", h, b"{}") for i, h in enumerate(HEADERS)},
    **{f"URL {i}": request("GET", url) for i, url in enumerate(URLS)},
    "a method": request("PATCH", "/graphql"),
    "a body that is too long": request("POST", "/graphql", POST, b"", length=5_000_000),
    "a variable": posted("query ($l: Int!) { policies(limit: $l) { total } }", l="x"),
    "an argument": posted("{ policies(limit: -1) { total } }"),
    "a cursor": posted('subscription { policyChanges(since: "x") { __typename } }'),
    "an input": posted(UPDATE % '"x"', i={"name": 5}),
    "a problem": posted(UPDATE % '"x"', i={"name": "", "urlRules": []}),
    "a missing row": posted('mutation { deletePolicy(id: "x") }'),
    "a page": posted('{ jobResponses(jobId: "x", after: "y") { cursor } }'),
    "a link": request("GET", "/responses/1/body?expires=1&signature=x"),
    "a body's number": request("GET", "/responses/x/body"),
}


def frames() -> int:
    """How many frames and tracebacks are kept."""
    return sum(isinstance(each, TracebackType | FrameType) for each in gc.get_objects())


async def test_what_is_refused_is_freed(server: Running) -> None:
    for refused in REFUSED.values():
        await answer(server, refused)
    gc.collect()
    gc.freeze()  # what is there already need not be counted each time
    gc.disable()
    try:
        for name, refused in REFUSED.items():
            before = frames()
            for _ in range(5):
                await answer(server, refused)
            assert frames() - before < 5, name
    finally:
        gc.enable()
