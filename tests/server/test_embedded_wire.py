"""What the embedded server does with clients that break the protocol, stall, or hang up."""

from __future__ import annotations

import asyncio
import json
import struct
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Any

import pytest

from graphql_api.embedded import EmbeddedServer
from graphql_api.embedded.frames import MAX_QUERY_SIZE
from tests.transcripts.wire_client import MAGIC, TIMEOUT_S, WireClient, hello, scram_proof

pytestmark = pytest.mark.embedded_only

TABLE = [15, ["t"]]
INVALID_QUERY = "Client is buggy (failed to deserialize query)."


@pytest.fixture
async def server() -> AsyncIterator[EmbeddedServer]:
    async with EmbeddedServer(None) as server:
        yield server


@pytest.fixture
async def client(server: EmbeddedServer) -> AsyncIterator[WireClient]:
    async with await WireClient.connect(server.port) as client:
        await client.run([60, ["t"]])
        yield client


async def refusal(server: EmbeddedServer, *messages: bytes) -> Any:
    """Send messages, and return the last thing that the server says before it hangs up."""
    async with await WireClient.open(server.port) as client:
        for message in messages:
            client.writer.write(message)
        said = await asyncio.wait_for(client.reader.read(), TIMEOUT_S)
    return said.rstrip(b"\0").rpartition(b"\0")[2]


# --- handshake ---


@pytest.mark.parametrize(
    "first",
    [
        b"GET / HTTP/1.1\r\n\r\n",
        struct.pack("<I", 0x400C2D20),  # V0_4
        b"\0\0\0\0",
        b"\xff\xff\xff\xff",
    ],
    ids=["http", "v0_4", "zeros", "ones"],
)
async def test_another_protocol_is_refused_in_plain_text(
    server: EmbeddedServer, first: bytes
) -> None:
    assert await refusal(server, first) == (
        b"ERROR: Received an unsupported protocol version. This port is for RethinkDB queries. "
        b"Does your client driver version not match the server?\n"
    )


async def test_protobuf_protocol_is_refused_in_plain_text(server: EmbeddedServer) -> None:
    said = await refusal(server, struct.pack("<I", 0x3F61BA36))
    assert said == b"ERROR: The PROTOBUF client protocol is no longer supported\n"


def _hello_with(**changes: Any) -> bytes:
    message = {**hello("admin"), **changes}
    return json.dumps({name: value for name, value in message.items() if value is not ...}).encode()


@pytest.mark.parametrize(
    ("message", "code", "error"),
    [
        (b"{", 8, "Invalid JSON object."),
        (b"\xff", 8, "Invalid JSON object."),
        (b"[]", 9, "Failed to convert JSON to datum."),
        (b'{"$reql_type$":"NO"}', 9, "Failed to convert JSON to datum."),
        (b"x" * 3000, 7, "Limited read buffer size."),
        (_hello_with(protocol_version=...), 1, "Expected a number for `protocol_version`."),
        (_hello_with(protocol_version="0"), 1, "Expected a number for `protocol_version`."),
        (_hello_with(protocol_version=1), 2, "Unsupported `protocol_version`."),
        (_hello_with(authentication_method=0), 3, "Expected a string for `authentication_method`."),
        (_hello_with(authentication_method="PLAIN"), 4, "Unsupported `authentication_method`."),
        (_hello_with(authentication=...), 5, "Expected a string for `authentication`."),
        (_hello_with(authentication="p=tls,,n=admin,r=x"), 15, "Channel binding is not supported"),
        (_hello_with(authentication="n,n=admin;r=x"), 10, "Invalid encoding"),
        (_hello_with(authentication="n,,n=admin"), 10, "Invalid encoding"),
        (_hello_with(authentication="n,,n=admin,r=x,r=y"), 10, "Invalid encoding"),
        (_hello_with(authentication="n,,n=admin,r=x,m=y"), 11, "Extensions not supported"),
        (_hello_with(authentication="n,,n=,r=x"), 18, "Empty username"),
        (_hello_with(authentication="n,,n=a=b,r=x"), 18, "Invalid username encoding"),
    ],
)
async def test_malformed_handshake_gets_rethinkdbs_error(
    server: EmbeddedServer, message: bytes, code: int, error: str
) -> None:
    said = await refusal(server, MAGIC, message + b"\0")
    assert json.loads(said) == {"error": error, "error_code": code, "success": False}


@pytest.mark.parametrize(
    ("change", "code", "error"),
    [
        (lambda proof: proof.replace("c=biws", "c=eSws"), 10, "Invalid encoding"),
        (lambda proof: proof.replace(",p=", ",p=x"), 12, "Wrong password"),
        (lambda proof: proof.replace("r=r", "r=x"), 12, "Wrong password"),
        (lambda proof: proof.partition(",p=")[0], 10, "Invalid encoding"),
        (lambda _: "", 10, "Invalid encoding"),
    ],
)
async def test_malformed_proof_gets_rethinkdbs_error(
    server: EmbeddedServer, change: Any, code: int, error: str
) -> None:
    async with await WireClient.open(server.port) as client:
        client.writer.write(MAGIC)
        client.send_message(hello("admin"))
        await client.read_message()
        reply = await client.read_message()
        proof = scram_proof(hello("admin"), reply, "")["authentication"]
        client.send_message({"authentication": change(proof)})
        said = await client.read_message()
        assert said == {"error": error, "error_code": code, "success": False}
        assert await client.at_end()


@pytest.mark.parametrize("messages", [[], [b"\xc3"], [MAGIC], [MAGIC, b'{"protocol_version":0']])
async def test_unfinished_handshake_is_cut_off(messages: list[bytes]) -> None:
    async with (
        EmbeddedServer(None, handshake_timeout_s=0.2) as server,
        await WireClient.open(server.port) as client,
    ):
        for message in messages:
            client.writer.write(message)
        with suppress(ConnectionResetError):  # it hangs up before it has read everything
            await asyncio.wait_for(client.reader.read(), TIMEOUT_S)


async def test_queries_sent_right_behind_the_proof_are_answered(server: EmbeddedServer) -> None:
    async with await WireClient.open(server.port) as client:
        client.writer.write(MAGIC)
        client.send_message(hello("admin"))
        await client.read_message()
        proof = scram_proof(hello("admin"), await client.read_message(), "")
        client.send_message(proof)
        client.send(7, [1, 1, {}])
        assert (await client.read_message())["success"] is True
        assert await client.read() == (7, {"t": 1, "r": [1]})


# --- frames ---


@pytest.mark.parametrize(
    ("data", "error"),
    [
        (b"", INVALID_QUERY),
        (b"\0\xff{", INVALID_QUERY),
        (b"[1,", INVALID_QUERY),
        (b"[1,1e999]", INVALID_QUERY),
        (b'[1,"\\ud800"]', INVALID_QUERY),
        (b"[" * 5000, INVALID_QUERY),
        (b"1", "Expected a query to be an array, but found NUMBER."),
        (b"{}", "Expected a query to be an array, but found OBJECT."),
        (b"[]", "Expected 1 to 3 elements in the top-level query, but found 0."),
        (b"[1,2,{},4]", "Expected 1 to 3 elements in the top-level query, but found 4."),
        (b'["x"]', "Expected a query type as a number, but found STRING."),
        (b"[9]", "Unrecognized QueryType: 9."),
        (b"[1,1,[]]", "Expected global optargs as an object, but found ARRAY."),
        (b"[1]", "Expected a term in the top-level query."),
    ],
)
async def test_malformed_query_is_a_client_error_and_the_connection_lives_on(
    client: WireClient, data: bytes, error: str
) -> None:
    client.send_bytes(5, data)
    prefix = "" if error == INVALID_QUERY else "Server could not parse query: "
    assert await client.read() == (5, {"t": 16, "r": [prefix + error], "b": []})
    assert await client.run(1) == {"t": 1, "r": [1]}


@pytest.mark.parametrize(
    ("term", "error"),
    [
        ([], "Expected between 1 and 3 elements in a raw term, but found 0."),
        ([1, 2, 3, 4], "Expected between 1 and 3 elements in a raw term, but found 4."),
        (["x"], "Expected a TermType as a NUMBER but found STRING."),
        ([9999, []], "Unrecognized TermType: 9999."),
        ([-1], "Unrecognized TermType: -1."),
        ([15, 1], "Second element in a Term is neither arguments nor optional arguments."),
        ([15, {}, {}], "Second and third element in a term are both optional arguments."),
        ([15, [], []], "Third element in a Term is not optional arguments."),
        ([10, [1]], "Variable name not found."),
        ([13, []], "r.row is not defined in this context."),
        ([73, ["x"]], "ASC may only be used as an argument to ORDER_BY or UNION."),
    ],
)
async def test_malformed_term_is_a_compile_error(client: WireClient, term: Any, error: str) -> None:
    assert await client.run(term) == {"t": 17, "r": [error], "b": []}


async def test_deeply_nested_query_is_an_error_and_the_connection_lives_on(
    client: WireClient,
) -> None:
    term: Any = 1
    for _ in range(450):
        term = [23, [term]]
    assert (await client.run(term))["t"] in (17, 18)
    assert await client.run(1) == {"t": 1, "r": [1]}


async def test_oversize_frame_gets_the_error_and_a_clean_close(client: WireClient) -> None:
    client.writer.write(struct.pack("<qI", 3, MAX_QUERY_SIZE))
    token, reply = await client.read()
    message = f"Query size ({MAX_QUERY_SIZE}) greater than maximum ({MAX_QUERY_SIZE - 1})."
    assert (token, reply) == (3, {"t": 16, "r": [message], "b": []})
    assert await client.at_end()


@pytest.mark.parametrize(
    "data", [b"\1", struct.pack("<qI", 1, 100), struct.pack("<qI", 1, 9) + b"[1"]
)
async def test_frame_cut_off_by_the_client_harms_no_other(
    server: EmbeddedServer, client: WireClient, data: bytes
) -> None:
    async with await WireClient.connect(server.port) as other:
        other.writer.write(data)
        other.writer.write_eof()
        assert await other.at_end()
    assert await client.run(1) == {"t": 1, "r": [1]}


# --- tokens ---


@pytest.mark.parametrize("query", [[2], [3]])
async def test_unknown_token_is_not_in_the_stream_cache(
    client: WireClient, query: list[int]
) -> None:
    client.send(42, query)
    expected = {"t": 16, "r": ["Token 42 not in stream cache."], "b": []}
    assert await client.read() == (42, expected)


@pytest.mark.parametrize("query", [[1, 1, {}], [4]])
async def test_token_of_an_open_stream_cannot_be_used_again(
    client: WireClient, query: list[Any]
) -> None:
    client.send(8, [1, [152, [TABLE]], {}])
    assert await client.read() == (8, {"t": 3, "r": [], "n": [1]})
    client.send(8, query)
    assert await client.read() == (8, {"t": 16, "r": ["ERROR: duplicate token 8"], "b": []})
    client.send(8, [3])
    assert await client.read() == (8, {"t": 2, "r": [], "n": []})


async def test_every_continue_and_stop_of_a_feed_gets_exactly_one_reply(
    client: WireClient,
) -> None:
    client.send(8, [1, [152, [TABLE]], {}])
    await client.read()
    for query in ([2], [2], [2], [3]):
        client.send(8, query)
    for _ in range(4):
        assert await client.read() == (8, {"t": 2, "r": [], "n": []})
    assert await client.run(1) == {"t": 1, "r": [1]}


async def test_noreply_queries_get_no_reply_even_if_they_fail(client: WireClient) -> None:
    for term in ([12, ["boom"]], [56, [TABLE, {"id": 1}]], [152, [TABLE]], TABLE):
        client.send(1, [1, term, {"noreply": True}])
    client.send(2, [4])
    assert await client.read() == (2, {"t": 4, "r": []})
    assert await client.run([43, [TABLE]]) == {"t": 1, "r": [1]}


async def test_profile_is_there_if_asked_for(client: WireClient) -> None:
    assert await client.run(1, profile=True) == {"t": 1, "r": [1], "p": []}


async def test_unknown_global_optarg_is_a_compile_error(client: WireClient) -> None:
    expected = {"t": 17, "r": ["Unrecognized global optional argument `nope`."], "b": []}
    assert await client.run(1, nope=1) == expected


# --- clients that do not read ---


async def test_client_that_does_not_read_delays_no_other(
    server: EmbeddedServer, client: WireClient
) -> None:
    text = "x" * 100_000
    rows = [{"id": number, "text": text} for number in range(60)]
    await client.run([56, [TABLE, [2, rows]]])
    async with await WireClient.connect(server.port) as stalled:
        # Far more than the sockets hold; nothing of it is read.
        for token in range(50):
            stalled.send(token, [1, [51, [TABLE, "array"]], {}])
        for number in range(20):
            reply = await client.run([53, [[16, [TABLE, 1]], {"n": number}]])
            assert reply["r"][0]["replaced"] == 1


async def test_client_that_sends_many_queries_at_once_delays_no_other(
    server: EmbeddedServer, client: WireClient
) -> None:
    async with await WireClient.connect(server.port) as busy:
        for token in range(3000):
            busy.send(token, [1, [56, [TABLE, {"id": token}]], {}])
        await busy.read()
        reply = await client.run([43, [TABLE]])
        assert reply["r"][0] < 3000
        for _ in range(2999):
            await busy.read()


async def test_closing_the_server_hangs_up_on_clients_and_feeds() -> None:
    async with EmbeddedServer(None) as server:
        client = await WireClient.connect(server.port)
        await client.run([60, ["t"]])
        client.send(8, [1, [152, [TABLE]], {}])
        await client.read()
        client.send(8, [2])
        unfinished = await WireClient.open(server.port)
    with pytest.raises((asyncio.IncompleteReadError, ConnectionError)):
        await client.read()
    client.writer.close()
    unfinished.writer.close()
