"""curl, as a client of the tests."""

from __future__ import annotations

import asyncio
from asyncio.subprocess import PIPE
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from tests import needs
from tests.server.client import WAIT_S

EVENT_STREAM = ("-H", "accept: text/event-stream")


@dataclass(frozen=True)
class Answer:
    """What curl got.

    Attributes:
        status: The HTTP status.
        version: The version of HTTP, such as `1.1` or `2`.
        url: Where the answer comes from, after redirects.
        body: The body, as text.
    """

    status: int
    version: str
    url: str
    body: str


@dataclass(frozen=True)
class Curl:
    """curl with the options that all requests of a test have.

    Attributes:
        options: Such as `--http2`.
        certificate: The file of the certificate that it trusts, for TLS.
    """

    options: tuple[str, ...] = ()
    certificate: Path | None = None

    def _command(self, arguments: tuple[str, ...]) -> list[str]:
        trust = () if self.certificate is None else ("--cacert", str(self.certificate))
        quiet = ("--silent", "--show-error", "--noproxy", "*", "--max-time", str(WAIT_S))
        return [str(needs.program("curl")), *quiet, *trust, *self.options, *arguments]

    async def __call__(self, *arguments: str, body: str | None = None) -> Answer:
        """One request.

        Args:
            arguments: curl's.
            body: The body of a POST.

        Raises:
            AssertionError: curl fails.
        """
        report = ("--write-out", "%{stderr}%{http_code} %{http_version} %{url_effective}")
        data = () if body is None else ("--data-binary", "@-")
        process = await asyncio.create_subprocess_exec(
            *self._command((*report, *data, *arguments)), stdin=PIPE, stdout=PIPE, stderr=PIPE
        )
        text, said = await process.communicate((body or "").encode())
        assert process.returncode == 0, (arguments, said.decode())
        status, version, url = said.decode().split()
        return Answer(int(status), version, url, text.decode())

    async def post(self, url: str, body: str, *arguments: str) -> Answer:
        """A POST of JSON."""
        return await self("-H", "content-type: application/json", *arguments, url, body=body)

    @asynccontextmanager
    async def lines(self, *arguments: str) -> AsyncIterator[AsyncIterator[str]]:
        """The lines of an answer as they arrive, until the context is left."""
        process = await asyncio.create_subprocess_exec(
            *self._command(("--no-buffer", *arguments)), stdout=PIPE, limit=2**24
        )
        assert process.stdout is not None
        stdout = process.stdout

        async def lines() -> AsyncIterator[str]:
            while line := await asyncio.wait_for(stdout.readline(), WAIT_S):
                yield line.decode().rstrip("\r\n")

        try:
            yield lines()
        finally:
            process.terminate()
            await process.communicate()
