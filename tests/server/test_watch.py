"""`graphql-api watch` as a process, on real sockets, pipes and terminals."""

from __future__ import annotations

import asyncio
import json
import os
import pty
import re
import signal
import ssl
import termios
from asyncio.subprocess import PIPE
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from random import Random
from typing import Any

import pytest
from websockets.asyncio.server import ServerConnection, serve
from websockets.datastructures import Headers
from websockets.http11 import Request, Response
from websockets.typing import Subprotocol

from graphql_api.embedded import EmbeddedServer
from graphql_api.exit_codes import FAILED, INTERRUPTED, MISUSED, OK
from graphql_api.rethink.url import DatabaseURL
from graphql_api.watch import run
from graphql_api.watch.failures import WatchError
from graphql_api.watch.tables import TABLES
from tests.clients.load import random_cuts, table, write_at_random
from tests.clients.tcp_proxy import TCPProxy
from tests.forks import Forked, forked
from tests.patience import LONGEST_S
from tests.server.client import WAIT_S, Client
from tests.server.database import Writer, prepare_file, writing
from tests.server.operations import POLICIES, Replica, until_seen
from tests.server.running import Running, running, settings_for
from tests.unit.schema.documents import POLICY


class Watching:
    """A running command, and what it writes."""

    def __init__(self, process: Forked) -> None:
        self.process = process

    async def line(self) -> str:
        """The next line of its standard output, without its end; nothing at its end."""
        assert self.process.stdout is not None
        async with asyncio.timeout(WAIT_S):
            return (await self.process.stdout.readline()).decode().removesuffix("\n")

    async def until(self, text: str) -> list[str]:
        """The lines up to and with the next one that holds this text, without their times."""
        assert self.process.stdout is not None
        lines = [await self.line()]
        while text not in lines[-1]:
            assert not self.process.stdout.at_eof(), lines
            lines.append(await self.line())
        return [re.sub(r"^\d\d:\d\d:\d\d ", "", line) for line in lines]

    async def event(self) -> dict[str, Any]:
        """The event that the next line holds."""
        event: dict[str, Any] = json.loads(await self.line())
        return event

    async def ended(self) -> tuple[int, str]:
        """Its exit code, and what it wrote to stderr."""
        assert self.process.stderr is not None
        async with asyncio.timeout(WAIT_S):
            complaint = (await self.process.stderr.read()).decode()
            return await self.process.wait(), complaint


def environment(**variables: str) -> dict[str, str]:
    """That of the test, without what would reach the command from the tester's own.

    It is noon there: at midnight a line with the date would come between the others.
    """
    kept = {
        name: value
        for name, value in os.environ.items()
        if name not in {"NO_COLOR", "TERM"} and not name.lower().endswith("_proxy")
    }
    noon = f"NOON{datetime.now(UTC).hour - 12:+}"  # west of Greenwich is more
    ours = {"TERM": "xterm-256color", "PYTHONUNBUFFERED": "", "LC_ALL": "C.UTF-8", "TZ": noon}
    return kept | ours | variables


@asynccontextmanager
async def watching(
    *arguments: str, stdout: int = PIPE, variables: Mapping[str, str] | None = None
) -> AsyncIterator[Watching]:
    """The command, until the context is left."""
    process = await forked(
        "watch",
        *arguments,
        env=environment(**(variables or {})),
        stdout=stdout,
        stderr=PIPE,
    )
    try:
        yield Watching(process)
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()


def policy(key: str, name: str) -> dict[str, Any]:
    return POLICY | {"id": key, "name": name}


async def test_shows_the_rows_and_then_each_change(server: Running, writer: Writer) -> None:
    async with watching("policies", "--url", server.http, "--where", "name=CRAWL") as watch:
        begin = await watch.until("live")
        assert begin[1:3] == [f"  connected to {server.http}/graphql", ""]
        assert [line.split("  ")[0] for line in begin[3:6]] == [
            "NAME",
            "Broad Crawl",
            "Deep Crawl",
        ]
        assert begin[6:] == ["", "  live: 2 policies (name=CRAWL)"]
        await writer.insert("policy", policy("a", "Crawl 1"))
        await writer.update("policy", "a", {"limits": {"max_items": 7}})
        await writer.update("policy", "a", {"name": "other"})
        await writer.update("policy", "a", {"name": "Crawl 2"})
        await writer.delete("policy", "a")
        lines = await watch.until("- Crawl 2")
    assert lines[0].startswith("+ Crawl 1      created  robots ")
    assert "limits.maxItems: " in lines[1]
    assert lines[1].endswith(" → 7")
    assert lines[2] == "- Crawl 1      does not pass the filter any more"
    assert lines[3].startswith("+ Crawl 2      passes the filter now  ")
    assert lines[4] == "- Crawl 2      deleted"


@pytest.mark.parametrize("table_name", ["policies", "schedules", "logins"])
async def test_each_table_can_be_watched(table_name: str, server: Running) -> None:
    async with watching(table_name, "--url", server.ws, "--once") as watch:
        assert (await watch.until("live"))[-1].endswith(f" {table_name}")
        assert await watch.ended() == (OK, "")


async def test_waits_for_a_server_that_is_not_there_and_says_so_once(
    starbelly: DatabaseURL, reserved_port: int
) -> None:
    port = reserved_port
    async with watching("policies", "--url", f"127.0.0.1:{port}") as watch:
        first = await watch.until("no connection")
        assert first[-1] == f"! no connection: nothing listens at 127.0.0.1:{port}; trying again"
        async with running(settings_for(starbelly), port):
            assert "no connection" not in "".join(await watch.until("live"))


async def test_another_run_of_the_server_shows_what_differs(
    starbelly: DatabaseURL, writer: Writer, reserved_port: int
) -> None:
    port = reserved_port
    await writer.insert("policy", policy("a", "Goes"), policy("b", "Stays"), policy("c", "Changes"))
    async with watching("policies", "--url", f"127.0.0.1:{port}") as watch:
        async with running(settings_for(starbelly), port):
            await watch.until("live")
        assert (await watch.until("no connection"))[-1] == (
            "! no connection: the server shuts down or restarts; trying again"
        )
        await writer.delete("policy", "a")
        await writer.update("policy", "c", {"limits": {"max_items": 7}})
        await writer.insert("policy", policy("d", "Comes"))
        async with running(settings_for(starbelly), port):
            lines = await watch.until("live again")
    begin = lines.index("  connected again")
    assert lines[begin + 1].startswith("  the server begins again")
    assert {" ".join(line.split()[:3]) for line in lines[begin + 2 : -1]} == {
        "- Goes gone",
        "~ Changes limits.maxItems:",
        "+ Comes new",
    }
    assert lines[-1].endswith(": 5 policies")


async def test_outage_of_the_database_is_shown_and_its_end(
    tmp_path: Path, reserved_port: int
) -> None:
    url = DatabaseURL("127.0.0.1", reserved_port, "starbelly", password="secret word")
    file = tmp_path / "embedded.db"
    await prepare_file(file, password=url.password)
    async with (
        running(settings_for(url, reconnect_max_s=0.2)) as server,
        watching("policies", "--url", server.http) as watch,
    ):
        assert (await watch.until("connected"))[-1].startswith("  connected to ")
        async with EmbeddedServer(file, port=url.port, password=url.password):
            assert (await watch.until("live"))[-1].endswith("live: 2 policies")
        assert re.match(r"! STALE since \d\d:\d\d:\d\d: 2 p", (await watch.until("STALE"))[-1])
        async with (
            EmbeddedServer(file, password=url.password) as elsewhere,
            writing(replace(url, port=elsewhere.port)) as writer,
        ):
            await writer.insert("policy", policy("a", "Later"))
        async with EmbeddedServer(file, port=url.port, password=url.password):
            lines = await watch.until("live again")
    *reasons, added, live = lines  # an outage that lasts is explained
    assert all(line.startswith("! the server cannot follow the table: ") for line in reasons)
    assert added.startswith("+ Later ")
    assert live.endswith(": 3 policies")


async def test_json_applied_line_by_line_leaves_the_table(
    server: Running, client: Client, writer: Writer
) -> None:
    rng = Random(5)
    replica = Replica(POLICIES)
    async with (
        TCPProxy(server.host, server.port) as proxy,
        watching("policies", "--json", "--url", f"{proxy.host}:{proxy.port}") as watch,
    ):
        while replica.status != "READY":
            replica.apply(await watch.event())
        written = 0
        while proxy.cuts < 5 or written < 200:
            if proxy.is_done and proxy.cuts < 5:
                proxy.plan(random_cuts(rng, 1, last_bytes=8_000))  # they are compressed
            for _ in range(20):
                await write_at_random(writer, rng, written)
                written += 1
            await writer.insert("policy", policy("zzz", f"fence {written}"))
            while replica.rows.get("zzz", {}).get("name") != f"fence {written}":
                replica.apply(await watch.event())
        assert replica.rows == await table(client, None)
        watch.process.send_signal(signal.SIGINT)
        code, said = await watch.ended()
    assert code == INTERRUPTED
    assert proxy.cuts == 5
    assert replica.snapshots == 1, "it is resumed by its cursor"
    assert "trying again" in said
    assert said.splitlines()[-1].endswith("connected again")
    assert all(" graphql_api.watch." in line for line in said.splitlines())


async def test_reader_that_has_had_enough_ends_it_quietly_and_at_once(server: Running) -> None:
    reading, writing_ = os.pipe()
    async with watching("policies", "--url", server.http, stdout=writing_) as watch:
        os.close(writing_)
        with os.fdopen(reading) as reader:
            while "live" not in await asyncio.to_thread(reader.readline):
                pass
        assert await watch.ended() == (OK, ""), "though nothing changes"


async def test_reader_that_is_gone_before_the_first_line_ends_it_quietly(server: Running) -> None:
    reading, writing_ = os.pipe()
    os.close(reading)
    async with watching("policies", "--json", "--url", server.http, stdout=writing_) as watch:
        os.close(writing_)
        assert await watch.ended() == (OK, "")


async def test_reader_that_pauses_loses_nothing(server: Running, writer: Writer) -> None:
    async with watching("policies", "--json", "--url", server.http) as watch:
        replica = Replica(POLICIES)
        while replica.status != "READY":
            replica.apply(await watch.event())
        for number in range(40):  # more than pipes hold
            await writer.insert("policy", policy("a", f"{number} {'x' * 20_000}"))
        while not (replica.rows.get("a") or {"name": ""})["name"].startswith("39 "):
            replica.apply(await watch.event())


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
async def test_signal_ends_it_with_its_code_and_no_word(
    number: signal.Signals, server: Running
) -> None:
    async with watching("policies", "--url", server.http) as watch:
        await watch.until("live")
        watch.process.send_signal(number)
        assert await watch.ended() == (INTERRUPTED, "")


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGINT, INTERRUPTED), (signal.SIGTERM, INTERRUPTED), (None, OK)]
)
async def test_socket_is_closed_as_usual_whatever_ends_it(
    number: signal.Signals | None, code: int
) -> None:
    closed = asyncio.get_running_loop().create_future()

    async def answer(socket: ServerConnection) -> None:
        await socket.recv()
        await socket.send('{"type":"connection_ack"}')
        await socket.recv()
        for status in ("INITIALIZING", "READY"):
            change = {"__typename": "FeedState", "status": status, "cursor": "x"}
            payload = {"data": {"policyChanges": change}}
            await socket.send(json.dumps({"type": "next", "id": "1", "payload": payload}))
        await socket.wait_closed()
        closed.set_result(socket.close_code)

    once = ["--once"] if number is None else []
    async with (
        other_server(answer) as address,
        watching("policies", "--url", address, *once) as watch,
    ):
        await watch.until("live")
        if number is not None:
            watch.process.send_signal(number)
        assert await watch.ended() == (code, "")
        assert await closed == 1000


async def test_signal_ends_one_whose_reader_pauses(server: Running, writer: Writer) -> None:
    async with watching("policies", "--url", server.http) as watch:
        await watch.until("live")
        for number in range(100):  # more than a pipe holds
            await writer.insert("policy", policy(f"a{number}", f"{number} {'x' * 2000}"))
        watch.process.send_signal(signal.SIGINT)
        assert await watch.ended() == (INTERRUPTED, "")


# A terminal.


async def on_terminal(
    server: Running,
    until: str,
    *arguments: str,
    columns: int = 100,
    variables: Mapping[str, str] | None = None,
) -> str:
    """What the command writes to a terminal, up to the end of the line with a text."""
    controller, terminal = pty.openpty()
    termios.tcsetwinsize(terminal, (24, columns))
    written = b""
    try:
        async with watching(
            "policies", "--url", server.http, *arguments, stdout=terminal, variables=variables
        ):
            os.close(terminal)
            async with asyncio.timeout(WAIT_S):
                # It may come in pieces that end anywhere, within a character or what colours it.
                while not (last := re.search(rb"%b.*\n" % re.escape(until.encode()), written)):
                    written += await asyncio.to_thread(os.read, controller, 65536)
    finally:
        os.close(controller)
    return written[: last.end()].decode()


EVIL = "Evil\x1b[2J\x1b]0;owned\x07\r\n\x9b5m\u202eCrawl"


async def test_terminal_gets_colors_and_no_control_characters_of_documents(
    server: Running, client: Client, writer: Writer
) -> None:
    await writer.insert("policy", policy(EVIL, EVIL))
    await until_seen(client, POLICIES, EVIL)
    text = await on_terminal(server, "live")
    assert "\x1b[1;32mlive\x1b[0m" in text
    assert "Evil\\x1b[2J\\x1b]0;owned\\x07\\r\\n\\x9b5m\\u202eCrawl" in text
    rest = re.sub(r"\x1b\[[0-9;]*m", "", text.replace("\r\n", ""))
    assert rest.isprintable()


@pytest.mark.parametrize(
    ("arguments", "variables"),
    [((), {"NO_COLOR": "1"}), ((), {"TERM": "dumb"}), (("--no-color",), {})],
)
async def test_colors_can_be_refused(
    arguments: tuple[str, ...], variables: dict[str, str], server: Running
) -> None:
    assert "\x1b" not in await on_terminal(server, "live", *arguments, variables=variables)


@pytest.mark.parametrize("columns", [30, 60, 100])
async def test_lines_are_as_wide_as_the_terminal_at_most(
    columns: int, server: Running, client: Client, writer: Writer
) -> None:
    await writer.insert("policy", policy("a" * 40, "世界 " * 60))
    await until_seen(client, POLICIES, "a" * 40)
    text = await on_terminal(server, "live: 3", "--no-color", columns=columns)
    lines = text.splitlines()
    assert any("世" in line and "…" in line for line in lines)
    assert all(len(line) + sum(c in "世界" for c in line) <= columns for line in lines)


# What will not pass by itself.

Handler = Callable[[ServerConnection], Awaitable[None]]
SUBPROTOCOLS = [Subprotocol("graphql-transport-ws")]


async def complaint(url: str, **options: Any) -> str:
    """Why the command fails, in this process: to import what it runs takes a second."""
    with pytest.raises(WatchError) as raised:
        await run.watch(TABLES["policies"], url=url, **options)
    return str(raised.value)


@asynccontextmanager
async def other_server(handler: Handler, **options: Any) -> AsyncIterator[str]:
    """A WebSocket server that behaves in its own way; yields its host and port."""
    options = {"subprotocols": SUBPROTOCOLS} | options
    async with serve(handler, "127.0.0.1", 0, **options) as server:
        yield f"127.0.0.1:{next(iter(server.sockets)).getsockname()[1]}"


async def test_wrong_path_is_reported_in_one_line_and_nothing_else_is(server: Running) -> None:
    async with watching("policies", "--url", f"{server.http}/graphq") as watch:
        code, said = await watch.ended()
        assert code == FAILED
        assert said == (
            f"graphql-api: {server.http}/graphq refuses the connection (403 Forbidden): is the "
            "path right? It is usually /graphql\n"
        )
        assert await watch.line() == ""


async def test_refused_host_is_reported_in_the_words_of_the_server() -> None:
    def refuse(connection: ServerConnection, request: Request) -> Response:
        body = b"host x.example is refused; --allow-host x.example allows it\n"
        return Response(403, "Forbidden", Headers({"Content-Type": "text/plain"}), body)

    async def never(socket: ServerConnection) -> None:
        raise AssertionError

    async with other_server(never, process_request=refuse) as address:
        assert (await complaint(address)).endswith(
            "(403 Forbidden): host x.example is refused; --allow-host x.example allows it"
        )


async def test_other_subprotocol_is_reported() -> None:
    async def echo(socket: ServerConnection) -> None:
        async for message in socket:
            await socket.send(message)

    async with other_server(echo, subprotocols=None) as address:
        assert "does not speak graphql-transport-ws" in await complaint(address)
    async with other_server(echo) as address:
        assert "answers otherwise than a graphql-api of this version" in await complaint(address)


@pytest.mark.parametrize(
    ("token", "expected"),
    [(None, "it needs a token; "), ("swordfish", "the token is not accepted")],
)
async def test_refused_access_is_reported_without_the_token(
    token: str | None, expected: str
) -> None:
    received = []

    async def forbid(socket: ServerConnection) -> None:
        received.append(json.loads(await socket.recv()))
        await socket.close(4403, "Forbidden")

    async with other_server(forbid) as address:
        said = await complaint(address, token=token)
    assert expected in said
    assert "GRAPHQL_API_WATCH_TOKEN" in said
    assert "swordfish" not in said
    if token is not None:
        assert received == [
            {"type": "connection_init", "payload": {"authorization": "Bearer swordfish"}}
        ]


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("UNAUTHENTICATED", "the server refuses: not \\x1b you; give a token"),
        ("FORBIDDEN", "the token does not allow this: not \\x1b you"),
        ("GRAPHQL_VALIDATION_FAILED", "the server's schema is not that of this version"),
        ("BAD_USER_INPUT", "the server refuses the subscription: not \\x1b you"),
    ],
)
async def test_refused_subscription_is_reported_and_its_socket_closed_as_usual(
    code: str, expected: str
) -> None:
    close_codes = []

    async def refuse(socket: ServerConnection) -> None:
        await socket.recv()
        await socket.send('{"type":"connection_ack"}')
        await socket.recv()
        errors = [{"message": "not \x1b you", "extensions": {"code": code}}]
        await socket.send(json.dumps({"type": "error", "id": "1", "payload": errors}))
        await socket.wait_closed()
        close_codes.append(socket.close_code)

    async with other_server(refuse) as address:
        assert expected in await complaint(address, token="t")
    assert close_codes == [1000]


async def test_cursor_that_the_server_does_not_know_begins_again() -> None:
    cursors = []

    async def answer(socket: ServerConnection) -> None:
        await socket.recv()
        await socket.send('{"type":"connection_ack"}')
        since = json.loads(await socket.recv())["payload"]["variables"]["since"]
        cursors.append(since)
        if since is not None:
            errors = [{"message": "bad", "extensions": {"code": "BAD_CURSOR"}}]
            await socket.send(json.dumps({"type": "error", "id": "1", "payload": errors}))
        for status in ("INITIALIZING", "READY"):
            change = {"__typename": "FeedState", "status": status, "cursor": "x"}
            payload = {"data": {"policyChanges": change}}
            await socket.send(json.dumps({"type": "next", "id": "1", "payload": payload}))
        await socket.close(1012)

    async with other_server(answer) as address, watching("policies", "--url", address) as watch:
        for _ in range(2):
            await watch.until("live")
    assert cursors[:3] == [None, "x", None]


async def test_tls_that_is_not_trusted_is_reported_and_trusted_by_its_file(
    server: Running, certificate: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def drop(socket: ServerConnection) -> None:
        await socket.recv()
        await socket.close(4403, "Forbidden")

    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    tls.load_cert_chain(certificate)
    async with other_server(drop, ssl=tls) as address:
        said = await complaint(f"https://{address}")
        assert said.startswith(f"the certificate of {address} is not trusted (self")
        assert "SSL_CERT_FILE" in said
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate.with_suffix(".crt")))
        assert "needs a token" in await complaint(f"https://{address}")
    said = await complaint(server.http.replace("http", "https"))
    assert said == f"{server.host}:{server.port} does not speak TLS: use http://"


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full")
async def test_disk_that_is_full_is_reported(server: Running) -> None:
    with Path("/dev/full").open("wb") as full:
        async with watching("policies", "--url", server.http, stdout=full.fileno()) as watch:
            assert await watch.ended() == (
                FAILED,
                "graphql-api: cannot write to standard output: No space left on device\n",
            )


async def test_once_does_not_wait_for_a_server(reserved_port: int) -> None:
    address = f"127.0.0.1:{reserved_port}"
    assert await complaint(address, once=True) == f"nothing listens at {address}"


async def test_once_does_not_wait_for_a_database_and_says_why(
    reserved_port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run, "_ONCE_SILENCE_S", LONGEST_S)
    url = DatabaseURL("127.0.0.1", reserved_port, "starbelly")
    async with running(settings_for(url)) as server:
        said = await complaint(server.http, once=True)
    expected = f"{server.http}/graphql cannot read the table: no connection to {url.address}"
    assert said.startswith(expected)


async def test_once_does_not_wait_for_a_server_that_is_silent(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(run, "_ONCE_SILENCE_S", 0.2)

    async def begin(socket: ServerConnection) -> None:
        await socket.recv()
        await socket.send('{"type":"connection_ack"}')
        await socket.recv()
        change = {"__typename": "FeedState", "status": "INITIALIZING", "cursor": "x"}
        payload = {"data": {"policyChanges": change}}
        await socket.send(json.dumps({"type": "next", "id": "1", "payload": payload}))
        await socket.wait_closed()

    async with other_server(begin) as address:
        assert "has not read the table from its database yet" in await complaint(address, once=True)


@pytest.mark.parametrize(
    "arguments", [["--where", "nmae=x"], ["--url", "ftp://x"], ["--url", "http://a:swordfish@b"]]
)
async def test_misuse_is_one_line(arguments: list[str]) -> None:
    async with watching("policies", *arguments) as watch:
        code, said = await watch.ended()
    assert code == MISUSED
    assert said.count("\n") == 1
    assert "swordfish" not in said
