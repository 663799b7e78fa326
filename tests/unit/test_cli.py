"""The commands: what they print, how they end, and that no traceback is seen.

Those that end by themselves run in this process: to import what they run takes a second. A process
of its own has what is about processes: signals, the end of the interpreter, what is imported.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import logging
import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from importlib.metadata import version
from pathlib import Path
from typing import TypeAlias

import httpx
import pytest

from graphql_api import commands
from graphql_api.cli import main
from graphql_api.command_line import make_parser
from graphql_api.exit_codes import FAILED, MISUSED, OK
from graphql_api.server import uvicorn_server
from graphql_api.server.listening import listen
from tests.forks import Forked, forked
from tests.patience import LONGEST_S

Run: TypeAlias = Callable[..., subprocess.CompletedProcess[str]]
ROOT = Path(__file__).parents[2]


@pytest.fixture(autouse=True)
def handlers_of_signals() -> Iterator[None]:
    """`main` sets its own: they would end the tests."""
    numbers = signal.SIGINT, signal.SIGTERM
    before = [signal.getsignal(number) for number in numbers]
    yield
    for number, handler in zip(numbers, before, strict=True):
        signal.signal(number, handler)


@pytest.fixture(autouse=True)
def loggers() -> Iterator[None]:
    """`main` lets them write to what is standard error here, and no more afterwards."""
    named = [logging.getLogger(name) for name in (None, *logging.root.manager.loggerDict)]
    before = [(each, each.level, each.handlers[:], each.propagate, each.disabled) for each in named]
    yield
    for each, level, handlers, propagate, disabled in before:
        each.setLevel(level)
        each.handlers[:] = handlers
        each.propagate, each.disabled = propagate, disabled


_parser = functools.cache(make_parser)


@pytest.fixture(autouse=True)
def process(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """`main` changes the process for good; the parser is the same for each command."""
    monkeypatch.setattr(commands, "make_parser", _parser)
    monkeypatch.setattr(uvicorn_server, "collect_garbage_seldom", lambda: None)
    monkeypatch.setattr(uvicorn_server, "_allow_descriptors", lambda connections: connections)
    before = sys.getswitchinterval()
    yield
    sys.setswitchinterval(before)


STUB = """
import asyncio, contextlib, sys, types
from graphql_api.limits.connection_limits import ConnectionLimits
from graphql_api.limits.traffic import Traffic
from graphql_api.errors import ConfigurationError, DatabaseRefusedError

async def app(scope, receive, send):
    if scope["type"] == "lifespan":
        await receive()
        {start}
        await send({{"type": "lifespan.startup.complete"}})
        print("port", settings.port, flush=True)
        {running}
        await send({{"type": "lifespan.shutdown.complete"}})
        print("stopped", flush=True)
    else:
        await send({{"type": "http.response.start", "status": 204, "headers": []}})
        await send({{"type": "http.response.body"}})

async def drain(spread_s):
    pass

app.drain = drain
app.admission = ConnectionLimits()
app.traffic = Traffic()
app.answers = None  # no answer is made here

def create_app(given, announce, tracing):
    global settings
    settings = given
    return app

stub = types.ModuleType("graphql_api.app")
stub.create_app = create_app
sys.modules["graphql_api.app"] = stub
"""
MAIN = """
from graphql_api.cli import main
sys.exit(main(sys.argv[1:]))
"""


def stub(start: str = "pass", running: str = "await receive()") -> str:
    """What puts another application into the place of the one that `graphql-api` serves."""
    return STUB.format(start=start, running=running)


@pytest.fixture
def ended(capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Run:
    """A command that ends by itself, in this process."""

    def run(*arguments: str, stub: str = "") -> subprocess.CompletedProcess[str]:
        with monkeypatch.context() as patch:
            patch.setitem(sys.modules, "graphql_api.app", sys.modules["graphql_api.app"])
            exec(stub, {})
            try:
                code = main(arguments)
            except SystemExit as end:
                code = int(end.code or 0)
        out, err = capfd.readouterr()
        return subprocess.CompletedProcess(arguments, code, out, err)

    return run


@contextlib.contextmanager
def running(*arguments: str, stub: str) -> Iterator[subprocess.Popen[str]]:
    with subprocess.Popen(
        [sys.executable, "-c", stub + MAIN, *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as process:
        try:
            yield process
        finally:
            process.kill()


class Copy:
    """A command that runs as a copy of a process that has imported it, for tests without a loop."""

    def __init__(self, runner: asyncio.Runner, process: Forked) -> None:
        self._runner = runner
        self._process = process

    def line(self) -> str:
        """What it prints next."""
        assert self._process.stdout is not None
        return self._runner.run(self._process.stdout.readline()).decode()

    def ended(self, by: signal.Signals | None = None) -> tuple[int, str]:
        """Its exit code, after a signal if one is given, and all that it has written to stderr."""
        if by is not None:
            self._process.send_signal(by)
        _, written = self._runner.run(self._process.communicate())
        assert self._process.returncode is not None
        return self._process.returncode, written.decode()


@contextlib.contextmanager
def copied(*arguments: str, stub: str | None = None) -> Iterator[Copy]:
    module = "graphql_api" if stub is None else "tests.executed"
    program = [] if stub is None else [stub + MAIN]
    with asyncio.Runner() as runner:
        process = runner.run(
            forked(*program, *arguments, module=module, env=os.environ, stderr=subprocess.PIPE)
        )
        try:
            yield Copy(runner, process)
        finally:
            process.kill()
            runner.run(process.communicate())


def read_port(process: subprocess.Popen[str]) -> int:
    assert process.stdout is not None
    return int(process.stdout.readline().removeprefix("port "))


def one_line(text: str) -> str:
    """The only line of an error."""
    assert text.startswith("graphql-api: ")
    assert text.count("\n") == 1
    assert text.endswith("\n")
    return text


def test_version_is_that_of_the_package(ended: Run) -> None:
    assert ended("--version").stdout == f"graphql-api {version('graphql-api')}\n"


def test_help_describes_every_command(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as raised:
        main(["--help"])
    assert raised.value.code == OK
    text = capsys.readouterr().out
    assert all(re.search(rf"^  {name} +\w", text, re.MULTILINE) for name in ("serve", "init"))


@pytest.mark.parametrize("name", ["serve", "embedded", "init", "schema", "watch"])
def test_help_of_a_command_has_text_for_every_flag(
    name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as raised:
        main([name, "--help"])
    assert raised.value.code == OK
    text = capsys.readouterr().out
    assert "%(" not in text
    assert "PydanticUndefined" not in text
    assert re.findall(r"^  --[^\n]*\n(?=  --|\n|\Z)", text, re.MULTILINE) == re.findall(
        r"^  --\S+(?: \S+)?  +\w[^\n]*\n(?=  --|\n|\Z)", text, re.MULTILINE
    )


@pytest.mark.parametrize(
    "arguments",
    [
        ["serve", "--data-base", "rethinkdb://app:xyzzy/42@db.example/starbelly"],
        ["init", "rethinkdb://app:xyzzy/42@db.example/starbelly"],
        ["init", "--database", "rethinkdb://app:xyzzy/42@db.example/starbelly"],
        ["init", "--database", "http://app:xyzzy/42@db.example/starbelly"],
        ["init", "--database", "rethinkdb://app:xyzzy%2F42@127.0.0.1:1/starbelly"],
        ["serve", "rethinkdb://app:se xyzzy@db.example/starbelly"],
        ["serve", "--databse", "app:xyzzy@db.example"],
        ["serve", "--databse=app:xyzzy@db.example"],
        ["serve", "--xyzzy@db.example"],
        ["serve", "-xyzzy@db.example"],
        ["serve", "--demo=app:xyzzy@db.example"],
        ["serve", "app:\nxyzzy"],
        ["app:xyzzy@db.example"],
        ["app:\n xyzzy"],
        ["serve", "--allow-origin", "https://app:xyzzy@db.example"],
        ["serve", "--allow-host", "app:xyzzy@db.example"],
        ["serve", "--allow-host", "http://app:12/xyzzy@db.example"],
        ["serve", "--trusted-proxy", "app:xyzzy@db.example"],
        ["serve", "--host", "app:xyzzy@db.example"],
        ["serve", "--host", "app:xyzzy@db.example", "--insecure"],
        ["embedded", "--host", "app:xyzzy@db.example"],
        ["serve", "--jwt-key", "xyzzy"],
        ["serve", "--tokens", "xyzzy/xyzzy"],
        ["token", "list", "--tokens", "xyzzy"],
        ["token", "revoke", "xyzzy", "--tokens", "xyzzy"],
        ["token", "create", "a:xyzzy@b", "--scope", "read", "--tokens", "xyzzy"],
        ["token", "create", "a", "--scope", "xyzzy", "--tokens", "xyzzy"],
        ["token", "create", "a", "--scope", "read", "--tokens", "none/xyzzy"],
        ["watch", "policies", "--url", "app:xyzzy@db.example"],
        ["watch", "policies", "--url", "http:/app:xyzzy@db.example"],
        ["watch", "policies", "--url", "http://app:12/xyzzy@db.example"],
        ["watch", "policies", "--where", "app:xyzzy@db.example"],
        ["watch", "app:xyzzy@db.example"],
    ],
)
def test_password_is_in_no_error(arguments: list[str], ended: Run) -> None:
    result = ended(*arguments)
    assert result.returncode in {MISUSED, FAILED}
    assert "xyzzy" not in result.stdout + one_line(result.stderr)


def test_init_of_a_database_that_is_away_fails_in_one_line(ended: Run) -> None:
    result = ended("init", "--database", "rethinkdb://127.0.0.1:1/starbelly")
    assert result.returncode == FAILED
    assert "127.0.0.1:1" in one_line(result.stderr)


@pytest.mark.parametrize(
    "arguments",
    [
        ["serve"],
        ["embedded"],
        ["init"],
        ["config"],
        ["token", "list"],
        ["token", "create", "a", "--scope", "read"],
        ["watch", "policies"],
    ],
    ids=" ".join,
)
def test_misspelt_variable_ends_every_command(
    arguments: list[str], monkeypatch: pytest.MonkeyPatch, ended: Run
) -> None:
    monkeypatch.setenv("GRAPHQL_API_TOKENZ", "tokens.json")
    result = ended(*arguments)
    assert result.returncode == MISUSED
    assert one_line(result.stderr) == (
        "graphql-api: GRAPHQL_API_TOKENZ in the environment is no setting of any command; "
        "did you mean GRAPHQL_API_TOKENS?\n"
    )


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("DATABASE", "nonsense"),
        ("TRUSTED_PROXY", "x"),
        ("ALLOW_HOST", "a b"),
        ("ALLOW_ORIGIN", "x"),
        ("PORT", "eighty"),
        ("TLS_CERT", "/nowhere"),
    ],
)
def test_value_that_cannot_be_used_is_named_by_its_variable(
    name: str, value: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, ended: Run
) -> None:
    monkeypatch.setenv(f"GRAPHQL_API_{name}", value)
    given = [] if name == "PORT" else ["--port", "0"]
    given += [] if name == "DATABASE" else ["--data", str(tmp_path / "x.db")]
    result = ended("serve", *given)
    assert result.returncode == MISUSED
    assert one_line(result.stderr).startswith(f"graphql-api: GRAPHQL_API_{name}")


def test_port_of_a_service_of_the_cluster_is_said_and_ignored(
    monkeypatch: pytest.MonkeyPatch, ended: Run
) -> None:
    monkeypatch.setenv("GRAPHQL_API_EMBEDDED_PORT", "tcp://10.0.0.1:80")
    result = ended("init", "--database", "rethinkdb://127.0.0.1:1/starbelly")
    assert "GRAPHQL_API_EMBEDDED_PORT is ignored" in result.stderr.splitlines()[0]


def test_port_that_is_taken_is_one_line(tmp_path: Path, ended: Run) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        result = ended("serve", "--port", str(port), "--data", str(tmp_path / "x.db"))
    assert result.returncode == MISUSED
    assert f"port {port} of 127.0.0.1 is taken" in one_line(result.stderr)


def test_host_that_is_not_of_this_machine_is_one_line(tmp_path: Path, ended: Run) -> None:
    given = "--port", "0", "--data", str(tmp_path / "x.db")
    result = ended("serve", "--host", "192.0.2.1", "--insecure", *given)
    assert result.returncode == MISUSED
    assert "cannot listen on 192.0.2.1" in one_line(result.stderr)


@pytest.mark.parametrize("name", ["serve", "embedded"])
@pytest.mark.parametrize("host", ["..", "a" * 70 + ".example", "fe80::1%no-such-link"])
def test_host_that_is_none_is_one_line(name: str, host: str, tmp_path: Path, ended: Run) -> None:
    open_to_all = ["--insecure"] if name == "serve" else []
    data = str(tmp_path / "x.db")
    result = ended(name, "--host", host, "--port", "0", "--data", data, *open_to_all)
    assert result.returncode == MISUSED
    assert f"annot listen on {host}" in one_line(result.stderr)


def test_socket_is_bound_to_the_whole_address(monkeypatch: pytest.MonkeyPatch) -> None:
    bound: list[object] = []

    def create_server(address: object, **_: object) -> None:
        bound.append(address)

    link = ("fe80::1", 8000, 0, 7)
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: [(socket.AF_INET6, 0, 0, "", link)])
    monkeypatch.setattr(socket, "create_server", create_server)
    listen("fe80::1%eth0", 8000)
    assert bound == [link]


@pytest.mark.parametrize(
    "number", [signal.SIGTERM, pytest.param(signal.SIGINT, marks=pytest.mark.long)]
)
def test_client_that_connects_early_is_served_and_a_signal_stops_the_server_cleanly(
    number: signal.Signals,
) -> None:
    program = stub(start='print("port", settings.port, flush=True); sys.stdin.readline()')
    patient = "--shutdown-grace-s", "1000"
    with running("serve", "--port", "0", *patient, stub=program) as process:
        port = read_port(process)
        with socket.create_connection(("127.0.0.1", port), timeout=LONGEST_S) as client:
            client.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
            assert process.stdin is not None
            process.stdin.write("go on\n")
            process.stdin.flush()
            assert client.recv(1000).startswith(b"HTTP/1.1 204 ")
            process.send_signal(number)
            out, err = process.communicate()
    assert (process.returncode, out) == (OK, f"port {port}\nstopped\n")
    assert [line.partition(": ")[2] for line in err.splitlines()] == [
        "stopping: clients have 1000 s to leave; a second signal ends it at once",
        "stopped",
    ]


@pytest.mark.parametrize(
    "number", [signal.SIGINT, pytest.param(signal.SIGTERM, marks=pytest.mark.long)]
)
def test_signal_while_starting_stops_the_server(number: signal.Signals) -> None:
    program = stub(start='print("starting", flush=True); await asyncio.sleep(60)')
    with copied("serve", "--port", "0", stub=program) as process:
        assert process.line() == "starting\n"
        code, err = process.ended(by=number)
    assert code == OK
    assert err.endswith(": stopped\n")
    assert err.count("\n") == 1


@pytest.mark.parametrize("error", ["ConfigurationError", "DatabaseRefusedError"])
@pytest.mark.parametrize("where", ["start", "running"])
@pytest.mark.parametrize("grouped", [False, True])
def test_failure_that_is_foreseen_ends_the_server_in_one_line(
    error: str, where: str, grouped: bool, ended: Run
) -> None:
    raised = f'{error}("the reason")'
    if grouped:
        raised = f'ExceptionGroup("tasks", [{raised}])'
    result = ended("serve", "--port", "0", stub=stub(**{where: f"raise {raised}"}))
    assert result.returncode == (MISUSED if error == "ConfigurationError" else FAILED)
    assert one_line(result.stderr) == "graphql-api: the reason\n"


def test_bug_ends_the_server_with_its_traceback() -> None:
    with copied("serve", "--port", "0", stub=stub(running="1 / 0")) as process:
        code, err = process.ended()
    assert code == 1
    assert err.count("ZeroDivisionError") == 1


def test_bug_in_the_start_ends_the_server_and_is_left_to_python(
    ended: Run, capfd: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(ZeroDivisionError):
        ended("serve", "--port", "0", stub=stub(start="1 / 0"))
    assert "ZeroDivisionError" not in capfd.readouterr().err


def test_schema_is_printed_and_checked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["schema", "--check"]) == MISUSED
    assert "schema.graphql" in one_line(capsys.readouterr().err)

    assert main(["schema"]) == OK
    text = capsys.readouterr().out
    assert "type Subscription {" in text
    Path("schema.graphql").write_text(text, encoding="utf-8")
    assert main(["schema", "--check"]) == OK

    Path("schema.graphql").write_text(text + "type Extra { id: ID }\n", encoding="utf-8")
    assert main(["schema", "--check"]) == FAILED
    output = capsys.readouterr()
    assert "-type Extra { id: ID }\n" in output.out
    assert "make schema" in one_line(output.err)


def test_start_takes_no_time_for_what_a_command_does_not_need() -> None:
    heavy = "argparse", "asyncio", "pydantic", "strawberry", "rethinkdb", "sqlite3"
    program = f"import sys, graphql_api.cli; print([m for m in {heavy!r} if m in sys.modules])"
    result = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert result.stdout == "[]\n"


@pytest.mark.parametrize("name", ["serve", "embedded"])
def test_password_file_that_others_can_read_is_one_line(
    name: str, tmp_path: Path, ended: Run
) -> None:
    password_file = tmp_path / "x.db.password"
    password_file.write_text("pw\n", encoding="utf-8")
    password_file.chmod(0o644)
    result = ended(name, "--port", "0", "--data", str(tmp_path / "x.db"))
    assert result.returncode == MISUSED
    assert f"chmod 600 {password_file}" in one_line(result.stderr)


def test_new_embedded_database_of_serve_has_samples_and_is_its_owners_alone(tmp_path: Path) -> None:
    data = tmp_path / "new" / "x.db"
    query = {"query": "{ schedules { items { policy { name } } } domainLogins { total } }"}
    with copied("serve", "--port", "0", "--no-graphiql", "--data", str(data)) as process:
        url = re.search(r"http://\S+/graphql\b", process.line())
        assert url is not None
        page = httpx.post(url[0], json=query, trust_env=False, timeout=LONGEST_S).json()["data"]
    names = {schedule["policy"]["name"] for schedule in page["schedules"]["items"]}
    assert data.parent.stat().st_mode & 0o777 == 0o700
    assert names == {"Broad Crawl", "Deep Crawl"}
    assert page["domainLogins"]["total"] == 2


@contextlib.contextmanager
def embedded(*arguments: str) -> Iterator[tuple[Copy, str]]:
    """The process of `graphql-api embedded` on a free port, and its URL, without the password."""
    with copied("embedded", "--port", "0", *arguments) as process:
        url = re.search(r"rethinkdb://\S+/starbelly", process.line())
        assert url is not None
        yield process, url[0]


def test_tokens_are_listed_without_loading_the_schema(tmp_path: Path) -> None:
    file = tmp_path / "tokens.json"
    assert main(["token", "create", "--tokens", str(file), "--scope", "read", "a"]) == 0
    program = (
        "import sys; from graphql_api.cli import main; "
        f"code = main(['token', 'list', '--tokens', {str(file)!r}]); "
        "sys.exit(code or 'strawberry' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0


def test_embedded_runs_alone_until_a_signal(tmp_path: Path, ended: Run) -> None:
    data = tmp_path / "new" / "data.db"
    with embedded("--data", str(data)) as (process, url):
        assert data.parent.stat().st_mode & 0o777 == 0o700
        password_file = data.with_name("data.db.password")
        assert password_file.stat().st_mode & 0o777 == 0o600
        password = password_file.read_text(encoding="utf-8").strip()

        refused = ended("init", "--database", url)
        assert refused.returncode == FAILED
        one_line(refused.stderr)

        with_password = url.replace("admin@", f"admin:{password}@")
        first, second = (ended("init", "--database", with_password) for _ in range(2))
        assert "created table starbelly.policy\n" in first.stdout
        assert (second.returncode, second.stdout) == (OK, "there was nothing to create\n")

        taken = ended("embedded", "--port", "0", "--data", str(data))
        assert taken.returncode == MISUSED
        assert str(data) in one_line(taken.stderr)

        code, err = process.ended(by=signal.SIGTERM)
    assert code == OK
    assert err.endswith(": stopped\n")
    assert err.count("\n") == 1


def test_embedded_without_password_needs_none(tmp_path: Path, ended: Run) -> None:
    with embedded("--no-password", "--data", str(tmp_path / "data.db")) as (_, url):
        assert ended("init", "--database", url).returncode == OK
    assert not (tmp_path / "data.db.password").exists()


def test_embedded_tells_in_one_line_why_it_does_not_start(tmp_path: Path, ended: Run) -> None:
    (tmp_path / "text").write_text("no database", encoding="utf-8")
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = str(other.getsockname()[1])
        for arguments in (
            ("--port", port, "--data", ":memory:", "--no-password"),
            ("--port", "0", "--data", str(tmp_path / "text")),
            ("--port", "0", "--data", str(tmp_path / "text" / "data.db")),
            ("--port", "0", "--host", "192.0.2.1", "--data", ":memory:", "--no-password"),
        ):
            result = ended("embedded", *arguments)
            assert result.returncode == MISUSED
            one_line(result.stderr)


def test_token_is_made_listed_and_revoked(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = ["--tokens", str(tmp_path / "tokens.json")]
    assert main(["token", "create", "ci", "--scope", "write,read", *file]) == OK
    made = capsys.readouterr()
    token = made.out.removesuffix("\n")
    assert re.fullmatch(r"gqlapi_[A-Za-z0-9_-]{43}", token)
    assert made.err == "the token ci may read, write; it cannot be shown again\n"
    assert token not in (tmp_path / "tokens.json").read_text()

    assert main(["token", "create", "b", "--scope", "logins", "--expires-in", "90d", *file]) == OK
    capsys.readouterr()
    assert main(["token", "list", *file]) == OK
    first, second = capsys.readouterr().out.splitlines()
    assert re.fullmatch(r"ci: read, write; created [-\d]+ [\d:]+ UTC, does not expire", first)
    assert re.fullmatch(r"b: logins; created [-\d]+ [\d:]+ UTC, expires [-\d]+ [\d:]+ UTC", second)

    assert main(["token", "revoke", "ci", *file]) == OK
    assert capsys.readouterr().out.startswith("revoked; ")
    assert main(["token", "revoke", "ci", *file]) == MISUSED
    assert "there is no token of this name" in one_line(capsys.readouterr().err)


@pytest.mark.parametrize(
    "scopes",
    [
        ["--scope", "read", "--scope", "write", "--scope", "logins"],
        ["--scope", "logins,write", "--scope", "read,write"],
        ["--scope", "read, write,", "--scope=logins"],
    ],
)
def test_scopes_of_a_token_add_up(
    scopes: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = ["--tokens", str(tmp_path / "tokens.json")]
    assert main(["token", "create", "ci", *scopes, *file]) == OK
    assert "the token ci may read, logins, write;" in capsys.readouterr().err


@pytest.mark.parametrize(
    "arguments",
    [
        ["ci"],
        ["ci", "--scope", "admin"],
        ["ci", "--scope", "read", "--scope", "admin"],
        ["ci", "--scope", ""],
        ["two words", "--scope", "read"],
        ["ci", "--scope", "read", "--expires-in", "soon"],
        ["ci", "--scope", "read", "--expires-in", "0d"],
        ["ci", "--scope", "read", "--expires-in", "-1d"],
    ],
)
def test_token_that_makes_no_sense_is_not_made(
    arguments: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "tokens.json"
    try:
        code = main(["token", "create", *arguments, "--tokens", str(file)])
    except SystemExit as end:
        code = int(end.code or 0)
    assert code == MISUSED
    captured = capsys.readouterr()
    one_line(captured.err)
    assert captured.out == ""
    assert not file.exists()


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["--host", "0.0.0.0"], "can be reached by others"),
        (["--tokens", "{missing}"], "token file {missing}: No such file"),
        (["--tokens", "{broken}"], "token file {broken}: Invalid JSON"),
        (["--jwt-key", "{broken}"], "JWT key file {broken}: "),
        (["--jwt-jwks", "{broken}"], "JWKS file {broken}: it is no JSON Web Key Set"),
        (["--jwt-key", "{broken}", "--jwt-algorithm", "none"], "--jwt-algorithm: there are"),
    ],
)
def test_server_that_would_let_in_the_wrong_ones_does_not_start(
    arguments: list[str], reason: str, tmp_path: Path, ended: Run
) -> None:
    broken = tmp_path / "broken"
    broken.write_text("{")
    named = {"missing": tmp_path / "missing", "broken": broken}
    result = ended(
        "serve", "--port", "0", "--data", ":memory:", *(a.format(**named) for a in arguments)
    )
    assert result.returncode == MISUSED
    assert reason.format(**named) in one_line(result.stderr)
