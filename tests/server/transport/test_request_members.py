"""The members of a request mean the same, whichever way it comes: one table for all of them."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any, NamedTuple

import httpx
import pytest

from graphql_api.protocols.http import GraphQLHTTP
from tests.server.transport.toy import Client, connected, serve

ABSENT: Any = object()
ONE = 'query A($n: String = "x") { hello(name: $n) }'
TWO = "query A { hello } query B { secret }"
X, WORLD = "hello x", "hello world"
BAD, USER, PARSE = "BAD_REQUEST", "BAD_USER_INPUT", "GRAPHQL_PARSE_FAILED"
UNRESOLVED, INVALID = "OPERATION_RESOLUTION_FAILURE", "GRAPHQL_VALIDATION_FAILED"


class Case(NamedTuple):
    """A request by its members, and what is answered: the data, or the code of the error.

    What is no text cannot be said as `query` and `operationName` of a URL, which hold texts only.
    """

    expected: str
    query: Any = ONE
    operation_name: Any = ABSENT
    variables: Any = ABSENT
    extensions: Any = ABSENT

    @property
    def members(self) -> dict[str, Any]:
        named = {
            "query": self.query,
            "operationName": self.operation_name,
            "variables": self.variables,
            "extensions": self.extensions,
        }
        return {name: value for name, value in named.items() if value is not ABSENT}

    @property
    def parameters(self) -> dict[str, str] | None:
        """The same for a URL; None, if that cannot say it."""
        made = {}
        for name, value in self.members.items():
            if name in ("variables", "extensions"):
                made[name] = json.dumps(value)
            elif isinstance(value, str) and "\ud83d" not in value:  # a URL is UTF-8
                made[name] = value
            else:
                return None
        return made


CASES = {
    "a query alone": Case(X),
    # query
    "query absent": Case(BAD, query=ABSENT),
    "query null": Case(BAD, query=None),
    "query empty": Case(PARSE, query=""),
    "query of white space": Case(PARSE, query=" \n"),
    "query a number": Case(BAD, query=5),
    "query an object": Case(BAD, query={}),
    "query an array": Case(BAD, query=[ONE]),
    "query false": Case(BAD, query=False),
    "query cut within a character": Case(USER, query=ONE + "# \ud83d"),
    # operationName
    "operationName given": Case(WORLD, query=TWO, operation_name="A"),
    "operationName absent": Case(UNRESOLVED, query=TWO),
    "operationName null": Case(X, operation_name=None),
    "operationName null of two": Case(UNRESOLVED, query=TWO, operation_name=None),
    "operationName empty": Case(X, operation_name=""),
    "operationName empty of two": Case(UNRESOLVED, query=TWO, operation_name=""),
    "operationName unknown": Case(UNRESOLVED, operation_name="C"),
    "operationName in another case": Case(UNRESOLVED, operation_name="a"),
    "operationName the text null": Case(UNRESOLVED, operation_name="null"),
    "operationName a number": Case(BAD, operation_name=0),
    "operationName false": Case(BAD, operation_name=False),
    "operationName an array": Case(BAD, operation_name=["A"]),
    "operationName cut within a character": Case(USER, operation_name="A\ud83d"),
    # variables
    "variables given": Case("hello ä", variables={"n": "ä"}),
    "variables with more": Case("hello y", variables={"n": "y", "m": [{}]}),
    "variables null": Case(X, variables=None),
    "variables empty": Case(X, variables={}),
    "variables an array": Case(BAD, variables=[]),
    "variables a text": Case(BAD, variables='{"n":"y"}'),
    "variables an empty text": Case(BAD, variables=""),
    "variables a number": Case(BAD, variables=0),
    "variables false": Case(BAD, variables=False),
    "a variable of the wrong type": Case(USER, variables={"n": 5}),
    "a variable cut within a character": Case(USER, variables={"n": "spider \ud83d"}),
    "an extra variable cut within a character": Case(USER, variables={"m": ["\udc00"]}),
    "variables nested too deeply": Case(BAD, variables={"n": json.loads("[" * 70 + "]" * 70)}),
    # extensions
    "extensions given": Case(X, extensions={"a": {"b": [1]}}),
    "extensions null": Case(X, extensions=None),
    "extensions empty": Case(X, extensions={}),
    "extensions an array": Case(BAD, extensions=[]),
    "extensions a text": Case(BAD, extensions="{}"),
    "extensions true": Case(BAD, extensions=True),
    "extensions with a document that is none": Case(BAD, extensions={"persistedQuery": 5}),
}


@pytest.fixture
async def http() -> AsyncIterator[httpx.AsyncClient]:
    async with (
        serve(GraphQLHTTP) as server,
        httpx.AsyncClient(base_url=f"http://127.0.0.1:{server.port}", trust_env=False) as client,
    ):
        yield client


@pytest.fixture
async def websocket() -> AsyncIterator[Client]:
    async with serve() as server, connected(server) as client:
        yield client


def shown(payload: Any) -> str:
    """What a result says: its data, or the code of its only error."""
    if "errors" in payload:
        (error,) = payload["errors"]
        return str(error["extensions"]["code"])
    return str(payload["data"]["hello"])


def status(expected: str) -> int:
    """Of a response that can have any."""
    return 200 if " " in expected else 400


JSON = "application/graphql-response+json"


async def test_members_by_post(http: httpx.AsyncClient) -> None:
    headers = {"content-type": "application/json", "accept": JSON}
    for name, case in CASES.items():
        response = await http.post("/", content=json.dumps(case.members), headers=headers)
        assert shown(response.json()) == case.expected, name
        assert response.status_code == status(case.expected), name


async def test_members_by_get(http: httpx.AsyncClient) -> None:
    for name, case in CASES.items():
        if case.parameters is None:
            continue
        response = await http.get("/", params=case.parameters, headers={"accept": JSON})
        assert shown(response.json()) == case.expected, name
        assert response.status_code == status(case.expected), name


async def test_members_by_event_stream(http: httpx.AsyncClient) -> None:
    headers = {"content-type": "application/json", "accept": "text/event-stream"}
    for name, case in CASES.items():
        response = await http.post("/", content=json.dumps(case.members), headers=headers)
        if response.status_code == 200:
            first = response.text.split("\n\n")[0]
            payload = json.loads(first.partition("data: ")[2])
        else:
            payload = response.json()
        assert shown(payload) == case.expected, name


async def test_members_by_websocket(websocket: Client) -> None:
    for name, case in CASES.items():
        await websocket.send({"type": "subscribe", "id": "a", "payload": case.members})
        answer = await websocket.receive()
        if answer["type"] == "error":
            assert shown({"errors": answer["payload"]}) == case.expected, name
        else:
            assert shown(answer["payload"]) == case.expected, name
            assert await websocket.receive() == {"type": "complete", "id": "a"}, name
        assert await websocket.fence() == [], name


async def test_what_only_a_url_can_say(http: httpx.AsyncClient) -> None:
    for query, expected in (
        ("query=&variables=", PARSE),
        ("query={hello}&variables=&extensions=&operationName=", WORLD),
        ("query={hello}&variables={", BAD),
        ("query={hello}&variables=NaN", BAD),
        ("query={hello}&query={perhaps}&query={hello}", WORLD),
        ("query=%ED%A0%BD", BAD),
        ("query={hello}&variables=%ff", BAD),
        ("query={hello}&variables={%22a%22:" + "1" * 5000 + "}", WORLD),
        ("query={hello}&variables={%22a%22:1e999}", WORLD),
        ("", BAD),
        ("query", PARSE),
        ("&&=&query={hello}", WORLD),
    ):
        response = await http.get(f"/?{query}", headers={"accept": JSON})
        assert shown(response.json()) == expected, query
