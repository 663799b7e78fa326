"""Firefox reads what is compressed once for all clients, as Chromium does."""

from __future__ import annotations

import asyncio
import json
import os
from asyncio.subprocess import DEVNULL
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from graphql_api.rethink.url import DatabaseURL
from tests import needs
from tests.browser.test_compression import READ
from tests.server.operations import POLICIES
from tests.server.running import running, settings_for

_PREFERENCES = {
    "browser.aboutwelcome.enabled": False,
    "browser.shell.checkDefaultBrowser": False,
    "datareporting.policy.dataSubmissionEnabled": False,
}
_SCRIPT = """{read}
Promise.all({options}.map(read)).then(
  (answer) => fetch('/', {{ method: 'POST', body: JSON.stringify(answer) }}),
  (error) => fetch('/', {{ method: 'POST', body: JSON.stringify(String(error)) }}),
);"""


class Asked:
    """A page with a script, and what that has answered."""

    def __init__(self) -> None:
        self.script = ""
        self.origin = ""
        self.answer: asyncio.Future[Any] = asyncio.get_running_loop().create_future()

    @asynccontextmanager
    async def served(self) -> AsyncIterator[None]:
        """It is at `origin` as long as the body runs."""
        handler = partial(_Handler, self, asyncio.get_running_loop())
        with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
            thread = Thread(target=server.serve_forever)
            thread.start()
            self.origin = f"http://127.0.0.1:{server.server_port}"
            try:
                yield
            finally:
                await asyncio.to_thread(server.shutdown)
                thread.join()


class _Handler(BaseHTTPRequestHandler):
    def __init__(self, asked: Asked, loop: asyncio.AbstractEventLoop, *arguments: Any) -> None:
        self._asked = asked
        self._loop = loop
        super().__init__(*arguments)

    def do_GET(self) -> None:
        self._answer(f'<meta charset="utf-8"><script>{self._asked.script}</script>')

    def do_POST(self) -> None:
        answer = json.loads(self.rfile.read(int(self.headers["content-length"])))
        self._loop.call_soon_threadsafe(self._asked.answer.set_result, answer)
        self._answer("")

    def _answer(self, text: str) -> None:
        body = text.encode()
        self.send_response(200)
        self.send_header("content-type", "text/html")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None: ...


@asynccontextmanager
async def firefox(url: str, profile: Path) -> AsyncIterator[asyncio.Task[int]]:
    """Firefox shows a page, as long as the body runs; yields a task that lasts as long as it."""
    preferences = (f"user_pref({json.dumps(k)}, {json.dumps(v)});" for k, v in _PREFERENCES.items())
    (profile / "user.js").write_text("\n".join(preferences))
    process = await asyncio.create_subprocess_exec(
        needs.program("firefox-esr"),
        *("--headless", "--no-remote", "--profile", profile, url),
        env={**os.environ, "HOME": str(profile)},
        stdout=DEVNULL,
        stderr=DEVNULL,
    )
    ending = asyncio.create_task(process.wait())
    try:
        yield ending
    finally:
        if not ending.done():
            process.kill()
        await ending


@pytest.mark.long
async def test_firefox_reads_what_is_compressed_for_all_clients(
    starbelly: DatabaseURL, tmp_path: Path
) -> None:
    asked = Asked()
    async with (
        asked.served(),
        running(settings_for(starbelly, allow_origin=[asked.origin])) as server,
    ):
        options = {"url": server.ws, "query": POLICIES.subscription, "until": "READY"}
        each = [options | {"id": id_} for id_ in ("a", "ä" * 500)]
        asked.script = _SCRIPT.format(read=READ, options=json.dumps(each))
        async with firefox(asked.origin, tmp_path) as ending:
            await asyncio.wait({asked.answer, ending}, return_when=asyncio.FIRST_COMPLETED)
            assert asked.answer.done(), "Firefox has ended"
            one, other = asked.answer.result()
    assert "permessage-deflate" in one["extensions"]
    rows = [
        [json.loads(text)["payload"] for text in answer["texts"] if '"next"' in text]
        for answer in (one, other)
    ]
    assert len(rows[0]) == 4
    assert rows[0] == rows[1]
