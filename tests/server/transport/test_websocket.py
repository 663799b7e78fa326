"""graphql-transport-ws over real sockets: what a client sees, and that nothing stays behind."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from starlette.types import Scope
from websockets.asyncio.client import connect
from websockets.typing import Subprotocol

from graphql_api.auth.authenticator import Authenticator, OnEnd, Session
from graphql_api.auth.principal import ANYBODY, Principal
from graphql_api.documents.documents import Documents
from graphql_api.documents.request import Members
from graphql_api.errors import UnauthenticatedError
from graphql_api.limits.client_limits import ClientLimits
from graphql_api.protocols.connection_operations import QUERIES_AT_ONCE
from tests.conformance import raw_websocket
from tests.fault.clock import LoopClock
from tests.server.transport.toy import PATIENT, Client, Running, connected, opened, serve
from tests.toy_world import Row


@pytest.fixture
async def server() -> AsyncIterator[Running]:
    async with serve() as running:
        yield running
        await nothing_left(running)


async def nothing_left(running: Running) -> None:
    """See that no socket, operation, registration or task is left behind."""
    await running.toys.wait_for(lambda: running.app.connections == 0)
    assert running.app.operations == 0
    assert running.broadcaster.members == running.broadcaster.groups == 0
    assert running.toys.topic.sources == []
    assert running.toys.open == running.toys.blocked == 0
    names = [task.get_name() for task in asyncio.all_tasks()]
    assert not [name for name in names if name.startswith(("operation ", "WebSocket "))]


def next_(data: Any, id_: str = "a") -> dict[str, Any]:
    return {"type": "next", "id": id_, "payload": {"data": data}}


def complete(id_: str = "a") -> dict[str, Any]:
    return {"type": "complete", "id": id_}


async def error_code(client: Client, query: str, **payload: Any) -> str:
    """The code of the `error` with which an operation is answered; the socket lives on."""
    await client.subscribe(query, **payload)
    answer = await client.receive()
    assert await client.fence() == []
    assert answer["type"] == "error"
    assert answer["id"] == "a"
    (error,) = answer["payload"]
    assert "secret" not in error["message"]
    return str(error["extensions"]["code"])


# Connections


async def test_subprotocol_that_is_not_ours_is_not_acceptable(server: Running) -> None:
    async with opened(server, "graphql-ws") as client:
        assert client.socket.subprotocol is None
        assert await client.receive() == (4406, "Subprotocol not acceptable")


async def test_no_subprotocol_is_not_acceptable(server: Running) -> None:
    async with connect(server.url, proxy=None) as socket:
        assert await Client(socket).receive() == (4406, "Subprotocol not acceptable")


async def test_subprotocol_is_found_among_others(server: Running) -> None:
    async with opened(server, "graphql-ws", "graphql-transport-ws") as client:
        assert client.socket.subprotocol == "graphql-transport-ws"


async def test_handshake_that_is_read_in_several_turns_is_answered(server: Running) -> None:
    async with connected(server, additional_headers={"x-long": "x" * 7_000}) as client:
        assert await client.fence() == []


async def test_client_without_init_is_closed() -> None:
    async with (
        serve(limits=ClientLimits(connection_init_timeout_s=0.01)) as server,
        opened(server) as client,
    ):
        assert await client.receive() == (4408, "Connection initialisation timeout")


async def test_init_timeout_does_not_end_a_connection_that_was_acknowledged() -> None:
    clock = LoopClock(asyncio.get_running_loop())
    async with serve() as server, connected(server) as client, opened(server) as late:
        clock.forward(PATIENT.connection_init_timeout_s)
        assert await late.receive() == (4408, "Connection initialisation timeout")
        assert await client.fence() == []


async def test_messages_may_come_all_at_once(server: Running) -> None:
    async with opened(server) as client:
        await client.send({"type": "ping"}, {"type": "connection_init"})
        await client.subscribe("{ hello }")
        answers = [await client.receive() for _ in range(4)]
    assert answers == [
        {"type": "pong"},
        {"type": "connection_ack"},
        next_({"hello": "hello world"}),
        complete(),
    ]


async def test_fault_closes_the_socket_and_frees_all(server: Running) -> None:
    faults: list[tuple[str | bytes, tuple[int, str]]] = [
        ("[]", (4400, "Invalid message received")),
        (b'{"type":"ping"}', (4400, "Invalid message received")),
        *(
            (
                '{"type":"ping","payload":{"a":@}}'.replace("@", "[" * levels + "]" * levels),
                (4400, "Invalid message received"),
            )
            for levels in (100, 253, 1000, 30_000)
        ),
        ('{"type":"ping","payload":{"a":"%s"}}' % ("x" * 65_536), (1009, "Message too big")),
        ('{"type":"connection_init"}', (4429, "Too many initialisation requests")),
        (
            '{"type":"subscribe","id":"a","payload":{"query":"{hello}"}}',
            (4409, "Subscriber for a already exists"),
        ),
    ]
    for frame, closure in faults:
        async with connected(server) as client:
            await client.subscribe("subscription { silence }")
            assert await client.receive() == next_({"silence": 0})
            await client.subscribe("{ blocked }", "b")
            await server.toys.wait_for(lambda: server.toys.blocked == 1)
            await client.socket.send(frame)
            assert await client.receive() == closure, frame[:20]
            await nothing_left(server)


async def test_fault_is_no_trouble_if_a_broken_frame_comes_with_it(
    server: Running, caplog: pytest.LogCaptureFixture
) -> None:
    broken = raw_websocket.frame(raw_websocket.Opcode.TEXT, b"\xff")
    async with raw_websocket.raw_websocket("127.0.0.1", server.port) as client:
        await client.send(raw_websocket.text("[]") + broken)
        last = await client.receive()
        assert last is not None
        assert last.code == 1007
        assert await client.receive() is None
    await nothing_left(server)
    assert "Exception in ASGI application" not in caplog.text


async def test_broken_frame_is_no_trouble_between_results(
    server: Running, caplog: pytest.LogCaptureFixture
) -> None:
    async with connected(server) as client:
        await client.subscribe("subscription { flood(size: 10) }")
        await client.receive()
        client.socket.transport.write(raw_websocket.frame(raw_websocket.Opcode.TEXT, b"\xff"))
        await client.socket.wait_closed()
        assert client.socket.close_code == 1007
    await nothing_left(server)
    assert [record for record in caplog.records if record.name.startswith("graphql_api")] == []


async def test_client_that_disappears_frees_all(server: Running) -> None:
    async with connected(server) as client:
        for i in range(10):
            await client.subscribe("subscription { silence }", f"s{i}")
            await client.subscribe("{ blocked }", f"q{i}")
        await server.toys.wait_for(
            lambda: (server.toys.open, server.toys.blocked) == (10, QUERIES_AT_ONCE)
        )
        assert server.app.operations == 20
        client.socket.transport.abort()
        await server.toys.wait_for(lambda: server.app.connections == 0)
        assert server.app.operations == 0


async def test_few_queries_of_a_socket_are_executed_at_once_and_every_mutation(
    server: Running,
) -> None:
    number = QUERIES_AT_ONCE + 5
    async with connected(server) as client:
        for i in range(number):
            await client.subscribe("{ blocked }", f"q{i}")
        await server.toys.wait_for(
            lambda: (server.app.operations, server.toys.blocked) == (number, QUERIES_AT_ONCE)
        )
        for _ in range(number):
            assert await client.fence() == []
        assert server.toys.blocked == QUERIES_AT_ONCE
        for i in range(5):
            await client.complete(f"q{i}")  # so those that wait are executed
        await server.toys.wait_for(
            lambda: server.app.operations == server.toys.blocked == QUERIES_AT_ONCE
        )
        await client.subscribe("mutation { set(value: 1) }", "m")
        assert (await client.receive())["payload"] == {"data": {"set": 1}}
        client.socket.transport.abort()
        await server.toys.wait_for(lambda: server.app.operations == 0)
    await nothing_left(server)


class Bouncer(Authenticator):
    """Serves those who say that they are good, and for a word each."""

    def __init__(self) -> None:
        super().__init__()
        self.admitted: list[Session] = []

    async def admit(self, scope: Scope, payload: Members | None) -> Principal:
        assert scope["type"] == "websocket"
        match payload:
            case {"am": "good"}:
                return ANYBODY
            case {"am": "slow"}:
                await asyncio.Event().wait()
            case {"am": "crashing"}:
                raise RuntimeError("a secret")
        raise UnauthenticatedError("be good", for_log="bad", has_token=True)

    def session(self, principal: Principal, on_end: OnEnd) -> Session:
        session = super().session(principal, on_end)
        self.admitted.append(session)
        return session


async def test_client_that_is_not_to_be_served_is_forbidden() -> None:
    bouncer = Bouncer()
    async with serve(authenticator=bouncer) as server:
        async with connected(server, {"am": "good"}) as client:
            assert await client.fence() == []
            assert bouncer.sessions == 1
        async with opened(server) as client:
            await client.send({"type": "connection_init", "payload": {"am": "bad"}})
            assert await client.receive() == (4403, "Forbidden: be good")
        await nothing_left(server)
    assert bouncer.sessions == 0


async def test_client_is_forbidden_at_the_moment_when_it_is_not_to_be_served_any_more() -> None:
    bouncer = Bouncer()
    async with serve(authenticator=bouncer) as server:
        async with connected(server, {"am": "good"}) as client:
            await client.subscribe("subscription { rows { value } }")
            await client.subscribe("{ blocked }", "b")
            assert await client.fence() == []
            bouncer.admitted[0].end("be good")
            assert await client.receive() == (4403, "Forbidden: be good")
        await nothing_left(server)


async def test_decision_that_takes_too_long_is_a_timeout_of_the_initialisation() -> None:
    async with serve(
        authenticator=Bouncer(), limits=ClientLimits(connection_init_timeout_s=0.05)
    ) as server:
        async with opened(server) as client:
            await client.send({"type": "connection_init", "payload": {"am": "slow"}})
            assert await client.receive() == (4408, "Connection initialisation timeout")
        await nothing_left(server)


async def test_internal_error_closes_the_socket_and_is_logged_once(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async with serve(authenticator=Bouncer()) as server, opened(server) as client:
        await client.send({"type": "connection_init", "payload": {"am": "crashing"}})
        assert await client.receive() == (4500, "Internal server error")
    assert [record.levelno for record in caplog.records if record.exc_info] == [logging.ERROR]


# Operations

ROWS = "subscription { rows { value } }"


async def test_query_and_mutation_are_answered_once(server: Running) -> None:
    async with connected(server) as client:
        await client.subscribe('{ hello(name: "you") }')
        assert [await client.receive(), await client.receive()] == [
            next_({"hello": "hello you"}),
            complete(),
        ]
        await client.subscribe(
            "mutation M($v: Int!) { set(value: $v) } query Q { hello }",
            operationName="M",
            variables={"v": 7},
            extensions={"unknown": []},
        )
        assert [await client.receive(), await client.receive()] == [next_({"set": 7}), complete()]


async def test_subscription_ends_with_its_source(server: Running) -> None:
    async with connected(server) as client:
        await client.subscribe("subscription { count(to: 2) }")
        answers = [await client.receive() for _ in range(3)]
    assert answers == [next_({"count": 0}), next_({"count": 1}), complete()]


async def test_id_is_free_as_soon_as_it_is_completed(server: Running) -> None:
    async with connected(server) as client:
        for _ in range(50):
            await client.subscribe("subscription { silence }")
            await client.complete()
        await client.subscribe("subscription { count(to: 1) }")
        answers = [await client.receive()]
        while answers[-1] != complete():
            answers.append(await client.receive())
        assert answers[-2] == next_({"count": 0})
        assert server.toys.open == 0


async def test_completed_operation_sends_nothing_more(server: Running) -> None:
    async with connected(server) as client:
        await client.subscribe("{ blocked }")
        await server.toys.wait_for(lambda: server.toys.blocked == 1)
        await client.complete()
        await server.toys.wait_for(lambda: server.toys.blocked == 0)
        server.toys.go.set()
        assert await client.fence() == []


async def test_mistake_in_a_request_ends_that_operation_only(server: Running) -> None:
    async with connected(server) as client:
        assert await error_code(client, "{ hello") == "GRAPHQL_PARSE_FAILED"
        assert await error_code(client, "") == "GRAPHQL_PARSE_FAILED"
        assert await error_code(client, "{ a " * 100_000) == "GRAPHQL_PARSE_FAILED"
        assert await error_code(client, "{ nothing }") == "GRAPHQL_VALIDATION_FAILED"
        assert await error_code(client, "subscription { x }") == "GRAPHQL_VALIDATION_FAILED"
        unresolved = "OPERATION_RESOLUTION_FAILURE"
        assert await error_code(client, "{ hello }", operationName="x") == unresolved
        assert await error_code(client, "query A { hello } query B { hello }") == unresolved
        assert await error_code(client, "fragment F on Query { hello }") == unresolved
        for kind, field in [("query", "hello(name: $v)"), ("subscription", "count(to: $v)")]:
            query = f"{kind} ($v: {'String' if kind == 'query' else 'Int'}!) {{ {field} }}"
            wrong: list[Any] = [None, {}, {"v": None}, {"v": {}}, {"v": [[[]]]}]
            for variables in wrong:
                code = await error_code(client, query, variables=variables)
                assert code == "BAD_USER_INPUT"
        code = await error_code(client, "subscription { count(to: 99999999999999999999) }")
        assert code == "GRAPHQL_VALIDATION_FAILED"


NESTED = "[" * 30_000 + "]" * 30_000


def subscribing(query: str, variables: str) -> str:
    """A message whose variables are this JSON."""
    payload = f'{{"query":"{query}","variables":{variables}}}'
    return f'{{"type":"subscribe","id":"a","payload":{payload}}}'


async def test_fault_of_one_operation_is_its_error_and_the_others_go_on(server: Running) -> None:
    faults = [
        ('{"type":"subscribe","id":"a","payload":{"query":5}}', "BAD_REQUEST"),
        ('{"type":"subscribe","id":"a"}', "BAD_REQUEST"),
        (
            '{"type":"subscribe","id":"a","payload":{"query":"{hello}","extensions":[]}}',
            "BAD_REQUEST",
        ),
        (
            '{"type":"subscribe","id":"a","payload":{"query":"{hello}","variables":{"a":@}}}'.replace(
                "@", NESTED
            ),
            "BAD_REQUEST",
        ),
        (
            '{"payload":{"query":"{hello}","variables":{"a":@}},"type":"subscribe","id":"a"}'.replace(
                "@", NESTED * 10
            ),
            "BAD_REQUEST",
        ),
        (subscribing("query($n:String!){hello(name:$n)}", '{"n":"\\ud83d"}'), "BAD_USER_INPUT"),
        (subscribing("{hello#\\ud83d", "{}"), "BAD_USER_INPUT"),
        *(
            (subscribing("query($n:Int!){large(size:$n)}", f'{{"n":{number}}}'), "BAD_USER_INPUT")
            for number in ("1e999", "-1e999", "1" * 30, "1" * 5000, "1.5")
        ),
    ]
    async with connected(server) as client:
        await client.subscribe("subscription { silence }", "b")
        assert await client.receive() == next_({"silence": 0}, "b")
        for message, code in (fault for fault in faults for _ in range(2)):  # its id is free again
            await client.send(message)
            answer = await client.receive()
            assert (answer["type"], answer["id"]) == ("error", "a"), message[:80]
            assert answer["payload"][0]["extensions"]["code"] == code, message[:80]
        await client.subscribe("{ hello }")
        assert [await client.receive(), await client.receive()] == [
            next_({"hello": "hello world"}),
            complete(),
        ]
        assert server.toys.open == 1
        await client.complete("b")
        assert await client.fence() == []


@pytest.mark.parametrize("compression", [None, "deflate"])
@pytest.mark.parametrize("is_fragmented", [False, True])
async def test_message_that_is_too_long_is_the_error_of_its_operation(
    compression: Any, is_fragmented: bool
) -> None:
    options = {"ws_max_size": 100_000, "ws_per_message_deflate": compression is not None}
    long = {"query": "{ hello }", "variables": {"a": ["http://seed.example/"] * 40_000}}
    async with serve(uvicorn_options=options) as server, opened(server) as first:
        async with connect(
            server.url,
            subprotocols=[Subprotocol("graphql-transport-ws")],
            proxy=None,
            compression=compression,
        ) as socket:
            client = Client(socket)
            await client.send({"type": "connection_init"})
            assert await client.receive() == {"type": "connection_ack"}
            await client.subscribe("subscription { silence }", "b")
            assert await client.receive() == next_({"silence": 0}, "b")
            # What is compressed is not inflated beyond the limit: the id must be at its beginning.
            for message in (
                {"id": "a", "type": "subscribe", "payload": long},
                *([{"payload": long, "type": "subscribe", "id": "a"}] if not compression else []),
            ):
                text = json.dumps(message)
                if is_fragmented:
                    await socket.send(text[i : i + 9999] for i in range(0, len(text), 9999))
                else:
                    await socket.send(text)
                answer = await client.receive()
                assert (answer["type"], answer["id"]) == ("error", "a")
                (error,) = answer["payload"]
                assert error["extensions"] == {"code": "MESSAGE_TOO_LONG"}
                assert "may have 100000 bytes" in error["message"]
            assert server.toys.open == 1
            await client.subscribe("{ hello }")
            assert await client.receive() == next_({"hello": "hello world"})
            await client.complete("b")
        # A client that is not known yet is not read to the end.
        await first.socket.send(json.dumps({"id": "a", "type": "subscribe"}).ljust(65_537))
        assert (await first.receive())[0] == 1009
        await nothing_left(server)


async def test_error_of_a_source_ends_the_operation(server: Running) -> None:
    async with connected(server) as client:
        assert await error_code(client, "subscription { refused }") == "BAD_CURSOR"
        assert await error_code(client, "subscription { fails }") == "INTERNAL_SERVER_ERROR"


async def test_unexpected_errors_are_masked_and_logged(
    server: Running, caplog: pytest.LogCaptureFixture
) -> None:
    async with connected(server) as client:
        await client.subscribe("{ perhaps }")
        answer = await client.receive()
        (error,) = answer["payload"].pop("errors")
        assert answer["payload"] == {"data": {"perhaps": None}}
        extensions = error.pop("extensions")
        assert error == {
            "message": "Internal error",
            "locations": [{"line": 1, "column": 3}],
            "path": ["perhaps"],
        }
        assert extensions["code"] == "INTERNAL_SERVER_ERROR"
        assert f"request {extensions['requestId']}: " in caplog.text
        assert await client.receive() == complete()
        await client.subscribe("{ secret }")
        answer = await client.receive()
        assert answer["type"] == "next"
        assert answer["payload"]["data"] is None
        assert await client.receive() == complete()
        await client.subscribe("subscription { breaks }")
        assert await client.receive() == next_({"breaks": 1})
        last = [await client.receive()]
        assert "secret" not in str(last)
    assert [record.levelno for record in caplog.records if record.exc_info] == [logging.ERROR] * 3


async def test_subscriptions_and_queries_are_capped_apart() -> None:
    limits = PATIENT.model_copy(update={"max_subscriptions": 2, "max_queries": 1})
    async with serve(limits=limits) as server, connected(server) as client:
        for id_ in "ab":
            await client.subscribe("subscription { silence }", id_)
            assert await client.receive() == next_({"silence": 0}, id_)
        await client.subscribe("subscription { silence }", "c")
        refusal = await client.receive()
        assert refusal["type"] == "error"
        (error,) = refusal["payload"]
        assert error["extensions"] == {"code": "TOO_MANY_OPERATIONS"}
        assert error["message"].startswith("this socket has 2 subscriptions already")
        await client.subscribe("{ blocked }", "q")
        await server.toys.wait_for(lambda: server.toys.blocked == 1)
        await client.subscribe("{ hello }", "r")
        assert (await client.receive())["payload"][0]["extensions"]["code"] == "TOO_MANY_OPERATIONS"
        await client.complete("a")
        await client.subscribe("subscription { silence }", "c")
        assert await client.receive() == next_({"silence": 0}, "c")


async def test_operations_of_a_socket_may_be_long_or_many_but_not_both() -> None:
    async with (
        serve(limits=PATIENT.model_copy(update={"max_message_bytes": 10_000})) as server,
        connected(server) as client,
    ):
        long = "subscription { silence }" + " " * 4500
        for id_ in "ab":
            await client.subscribe(long, id_)
            assert await client.receive() == next_({"silence": 0}, id_)
        await client.subscribe(long, "c")
        error = (await client.receive())["payload"][0]
        assert error["extensions"]["code"] == "TOO_MANY_OPERATIONS"
        assert "10000 characters" in error["message"]
        await client.subscribe("subscription { silence }", "d")
        assert await client.receive() == next_({"silence": 0}, "d")
        await client.complete("a")
        await client.subscribe(long, "c")
        assert await client.receive() == next_({"silence": 0}, "c")


async def test_connection_resumes_operations_from_its_cursors(server: Running) -> None:
    query = 'subscription { resumed(since: "argument") }'
    async with connected(server, {"since": {"a": "cursor", "x": "other"}}) as client:
        for id_, expected in [("b", "argument"), ("a", "cursor"), ("a", "argument")]:
            await client.subscribe(query, id_)
            assert await client.receive() == next_({"resumed": f"from {expected}"}, id_)
            assert await client.receive() == complete(id_)


async def test_cursors_that_are_malformed_or_too_many_are_refused() -> None:
    async with serve(limits=PATIENT.model_copy(update={"max_since": 1})) as server:
        wrong: list[Any] = [{"a": 1}, [], {"a": "1", "b": "2"}]
        for since in wrong:
            async with opened(server) as client:
                await client.send({"type": "connection_init", "payload": {"since": since}})
                assert await client.receive() == (4400, "Invalid message received")


# Subscriptions that share


async def test_idle_subscriber_has_no_task() -> None:
    def tasks() -> list[str]:
        coroutines = [task.get_coro() for task in asyncio.all_tasks()]
        files = [getattr(it, "cr_code", None) and it.cr_code.co_filename for it in coroutines]  # type: ignore[union-attr]
        return [file for file in files if file and "graphql_api" in file]

    async with serve() as server:
        before = tasks()
        async with connected(server) as client:
            await client.subscribe(ROWS)
            assert await client.fence() == []
            await server.toys.wait_for(lambda: server.broadcaster.members == 1)
            await server.toys.wait_for(lambda: tasks() == before)
            server.toys.topic.publish(Row(value=1))
            assert await client.receive() == next_({"rows": {"value": 1}})
            assert tasks() == before


async def test_equal_subscriptions_are_executed_once(server: Running) -> None:
    async with connected(server) as one, connected(server) as other:
        await one.subscribe(ROWS, "a")
        await one.subscribe(ROWS, "b")
        await other.subscribe(ROWS, "a")
        await server.toys.wait_for(lambda: server.broadcaster.members == 3)
        server.toys.topic.publish(Row(value=1), Row(value=2))
        answers = [await one.receive() for _ in range(4)]
        assert [answer for answer in answers if answer["id"] == "a"] == [
            next_({"rows": {"value": 1}}),
            next_({"rows": {"value": 2}}),
        ]
        assert [answer["id"] for answer in answers].count("b") == 2
        assert await other.receive() == next_({"rows": {"value": 1}})
        assert server.broadcaster.traffic.executions == 2


async def test_completed_subscription_is_gone_at_once(server: Running) -> None:
    async with connected(server) as client:
        for _ in range(20):
            await client.subscribe(ROWS)
            await client.complete()
        await client.subscribe(ROWS)
        await client.fence()
        await server.toys.wait_for(lambda: server.broadcaster.members == 1)
        assert len(server.toys.topic.sources) == server.app.operations == 1
        await client.complete()
        assert await client.fence() == []
        assert server.broadcaster.members == len(server.toys.topic.sources) == 0
        server.toys.topic.publish(Row(value=1))
        assert await client.fence() == []


async def test_closed_socket_frees_its_subscriptions_and_no_others(server: Running) -> None:
    async with connected(server) as staying:
        await staying.subscribe(ROWS)
        async with connected(server) as leaving:
            await leaving.subscribe(ROWS)
            await server.toys.wait_for(lambda: server.broadcaster.members == 2)
        await server.toys.wait_for(lambda: server.app.connections == 1)
        assert server.broadcaster.members == len(server.toys.topic.sources) == 1
        server.toys.topic.publish(Row(value=1))
        assert await staying.receive() == next_({"rows": {"value": 1}})


async def test_source_that_fails_is_an_error_of_its_operation(
    server: Running, caplog: pytest.LogCaptureFixture
) -> None:
    async with connected(server) as client:
        await client.subscribe(ROWS)
        await server.toys.wait_for(lambda: server.broadcaster.members == 1)
        (source,) = server.toys.topic.sources
        source.failure = RuntimeError("a secret")
        server.toys.topic.publish(Row(value=1))
        answer = await client.receive()
        assert (answer["type"], answer["payload"][0]["message"]) == ("error", "Internal error")
        assert await client.fence() == []
        assert server.app.operations == 0
    assert [record.levelno for record in caplog.records if record.exc_info] == [logging.ERROR]


async def test_cycles_of_connect_subscribe_and_cut_leave_nothing_behind(server: Running) -> None:
    descriptors: list[int] = []
    for _ in range(10):
        async with connected(server) as client:
            await client.subscribe(ROWS, "shared")
            await client.subscribe("subscription { silence }", "alone")
            await client.subscribe("{ blocked }", "query")
            await server.toys.wait_for(lambda: server.app.operations == 3)
            client.socket.transport.abort()
            await nothing_left(server)
        descriptors.append(len([*Path("/dev/fd").iterdir()]))
    await server.toys.wait_for(lambda: len([*Path("/dev/fd").iterdir()]) <= descriptors[0])


async def test_documents_may_be_shared_with_others() -> None:
    documents = Documents()
    async with serve(documents=documents) as server, connected(server) as client:
        await client.subscribe("{ hello }")
        assert await client.receive() == next_({"hello": "hello world"})
    assert len(documents) == 1


async def test_time_limit_of_somebody_else_is_an_internal_error(
    caplog: pytest.LogCaptureFixture,
) -> None:
    class Impatient(Authenticator):
        async def admit(self, scope: Scope, payload: Members | None) -> Principal:
            async with asyncio.timeout(0):
                await asyncio.Event().wait()
            raise AssertionError

    async with serve(authenticator=Impatient()) as server, opened(server) as client:
        await client.send({"type": "connection_init"})
        assert await client.receive() == (4500, "Internal server error")
    assert [record.levelno for record in caplog.records if record.exc_info] == [logging.ERROR]
