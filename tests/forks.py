"""Commands as processes that begin at once: copies of one that has imported what they run.

A command of a new Python imports for more than a second. Here a process imports once, and is forked
for each command: that is a process as any other, with streams, signals, an environment and an end
of its own. What a test says of the start itself needs a new Python.
"""

from __future__ import annotations

import asyncio
import atexit
import contextlib
import gc
import json
import os
import runpy
import signal
import socket
import subprocess
import sys
import time
from asyncio.subprocess import DEVNULL, PIPE
from collections.abc import Mapping
from contextlib import ExitStack
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]

_IMPORTED = (
    "graphql_api.cli",
    "graphql_api.commands",
    "graphql_api.logs",
    "graphql_api.server.listening",
    "graphql_api.watch.run",
    "graphql_api.watch.tables",
    "uvicorn.lifespan.on",
    "uvicorn.loops.asyncio",
)
_IMPATIENT = {
    "graphql_api.client.follow": ("_ANSWER_TIMEOUT_S", "_HEARTBEAT_S"),
    "graphql_api.watch.run": ("_ONCE_SILENCE_S",),
}
"""Limits of the commands that are over in ten seconds, in which a busy machine may do nothing."""
_STREAMS = 3
"""Input, output and errors; the socket of a command is sent after them."""


class Forked:
    """A command that runs; it is used as `asyncio.subprocess.Process`.

    Attributes:
        pid: Its number.
        stdout: What it writes, if that is a pipe.
        stderr: What it writes to the stream of errors, if that is a pipe.
        returncode: As of other processes; None while it runs.
    """

    def __init__(
        self,
        pid: int,
        stdout: asyncio.StreamReader | None,
        stderr: asyncio.StreamReader | None,
        end: asyncio.StreamReader,
        command: asyncio.StreamWriter,
    ) -> None:
        self.pid = pid
        self.stdout = stdout
        self.stderr = stderr
        self.returncode: int | None = None
        self._end = asyncio.create_task(self._ended(end, command))

    async def _ended(self, end: asyncio.StreamReader, command: asyncio.StreamWriter) -> int:
        self.returncode = os.waitstatus_to_exitcode(int(await end.readline()))
        command.close()
        return self.returncode

    async def wait(self) -> int:
        """Its exit code, when it has ended."""
        return await asyncio.shield(self._end)

    async def communicate(self) -> tuple[bytes, bytes]:
        """What it writes to its pipes from now on, when it has ended."""
        written = [
            b"" if stream is None else await stream.read() for stream in (self.stdout, self.stderr)
        ]
        await self.wait()
        return written[0], written[1]

    def send_signal(self, number: int) -> None:
        """Send it a signal; nothing happens if it has ended."""
        if self.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, number)

    def terminate(self) -> None:
        """Ask it to end."""
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        """End it at once."""
        self.send_signal(signal.SIGKILL)


async def forked(
    *arguments: str,
    env: Mapping[str, str],
    module: str = "graphql_api",
    stdout: int = PIPE,
    stderr: int = DEVNULL,
) -> Forked:
    """Run `python -m MODULE ARGUMENTS`, which reads nothing.

    Args:
        arguments: What comes after the module's name.
        env: Its whole environment.
        module: What is run.
        stdout: PIPE, DEVNULL or a descriptor.
        stderr: PIPE, DEVNULL or a descriptor.
    """
    with ExitStack() as theirs:
        nothing = os.open(os.devnull, os.O_RDWR)
        theirs.callback(os.close, nothing)
        streams: list[int] = [nothing]
        readers: list[asyncio.StreamReader | None] = []
        for wanted in (stdout, stderr):
            if wanted == PIPE:
                reading, writing = os.pipe()
                theirs.callback(os.close, writing)
                readers.append(await _reader(reading))
                streams.append(writing)
            else:
                readers.append(None)
                streams.append(nothing if wanted == DEVNULL else wanted)
        ours, their = socket.socketpair()
        theirs.callback(their.close)
        socket.send_fds(_first(), [b"."], [*streams, their.fileno()])
    end, command = await asyncio.open_unix_connection(sock=ours)
    run = {"module": module, "arguments": arguments, "env": dict(env), "folder": str(Path.cwd())}
    command.write(json.dumps(run).encode() + b"\n")
    written, complaints = readers
    return Forked(int(await end.readline()), written, complaints, end, command)


async def _reader(pipe: int) -> asyncio.StreamReader:
    reader = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(reader), os.fdopen(pipe, "rb", 0)
    )
    return reader


@cache
def _first() -> socket.socket:
    """The way to the process that is forked, which ends with this one."""
    ours, theirs = socket.socketpair()
    with theirs:
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.forks", str(theirs.fileno())],
            cwd=ROOT,
            env=os.environ | {"LC_ALL": "C.UTF-8", "PYTHONUNBUFFERED": ""},
            stdin=subprocess.DEVNULL,
            pass_fds=[theirs.fileno()],
        )

    def end() -> None:
        ours.close()
        process.wait()

    atexit.register(end)
    return ours


# What follows runs in the process that is forked.


def _import() -> None:
    """Import what commands run, and make what `quick_servers` has servers share."""
    from graphql_api.app import create_app
    from graphql_api.rethink.url import DatabaseURL
    from tests.patience import LONGEST_S
    from tests.quick_servers import quick_servers
    from tests.server.running import settings_for

    for module in _IMPORTED:
        import_module(module)
    for module, limits in _IMPATIENT.items():
        for limit in limits:
            setattr(sys.modules[module], limit, LONGEST_S)
    quick = ExitStack()
    quick.enter_context(quick_servers())
    atexit.register(quick.close)
    create_app(settings_for(DatabaseURL("none.example", 28015, "none")))


def _serve(requests: socket.socket) -> dict[str, Any] | None:
    """Fork for each request; returns in each of these processes, with what it is to run.

    None is for the first one: no client waits for its answer.
    """
    commands: dict[int, socket.socket] = {}

    def reap(*_: object) -> None:
        while commands and (ended := os.waitpid(-1, os.WNOHANG))[0]:
            with commands.pop(ended[0]) as command, contextlib.suppress(OSError):
                command.sendall(b"%d\n" % ended[1])

    signal.signal(signal.SIGCHLD, reap)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # a terminal sends it to all; the tests end this
    while received := socket.recv_fds(requests, 1, _STREAMS + 1)[1]:
        *streams, number = received
        command = socket.socket(fileno=number)
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGCHLD})
        pid = os.fork()
        if pid == 0:
            for other in (requests, *commands.values()):
                other.close()
            return _become(streams, command)
        commands[pid] = command
        command.sendall(b"%d\n" % pid)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGCHLD})
        for stream in streams:
            os.close(stream)
    for pid in [*commands]:
        os.kill(pid, signal.SIGKILL)
    return None


def _become(streams: list[int], command: socket.socket) -> dict[str, Any]:
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGCHLD})
    with command, command.makefile() as lines:
        run: dict[str, Any] = json.loads(lines.readline())
    for number, stream in enumerate(streams):
        os.dup2(stream, number)
        os.close(stream)
    sys.stdout = open(1, "w", encoding="utf-8", closefd=False)  # noqa: SIM115 - until its end
    sys.stderr = open(  # noqa: SIM115
        2, "w", buffering=1, encoding="utf-8", errors="backslashreplace", closefd=False
    )
    os.chdir(run["folder"])
    os.environ.clear()
    os.environ.update(run["env"])
    time.tzset()
    sys.argv[1:] = run["arguments"]
    return run


if __name__ == "__main__":
    own_requests = socket.socket(fileno=int(sys.argv[1]))
    _import()
    gc.collect()
    gc.freeze()
    own_run = _serve(own_requests)
    if own_run is not None:
        runpy.run_module(own_run["module"], run_name="__main__", alter_sys=True)
