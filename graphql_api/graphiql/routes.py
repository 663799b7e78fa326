"""Serves GraphiQL: the page at `/graphiql`, and the files that it loads below."""

from __future__ import annotations

import asyncio
import json
import re
from base64 import b64encode
from collections import defaultdict
from collections.abc import Sequence
from hashlib import sha256
from importlib.resources import files
from pathlib import Path, PurePath

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, Response
from starlette.routing import BaseRoute, Route

from graphql_api.files import FileVersion, UnreadableFileError, look_at_file, read_file
from graphql_api.static_files import StaticFile, page_headers

_BUILD = Path(__file__).with_name("dist")

_POLICY = (
    "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
    "font-src 'self' data:; connect-src 'self'; worker-src 'self'; object-src 'none'"
)
"""Nothing from anywhere else. The editor sets styles in the page, so these may be inline."""

_IMMUTABLE = "public, max-age=31536000, immutable"
"""For files whose names hold a hash of what they are."""

_MEDIA_TYPES = {".css": "text/css", ".js": "text/javascript", ".ttf": "font/ttf"}
"""What a build holds, and all that is served of it. The standard library's guess depends on the
machine, and a browser that must not sniff runs no script of another type."""

_MAX_FILE_BYTES = 32 * 1024 * 1024
_MAX_FILES = 100
"""How many files are kept in memory; a build has twenty."""

_INLINE = re.compile(r"<(style|script)>(.*?)</\1>", re.DOTALL)
_LINK_TO_LIVE = re.compile(r' *<p id="live">.*?</p>\n', re.DOTALL)


def graphiql_routes(
    tabs: Sequence[str], build: Path = _BUILD, *, has_live: bool = True
) -> list[BaseRoute]:
    """The routes of a server whose GraphQL is at `/graphql`.

    The page names its files by the URL by which it was asked for, with or without a last slash, so
    a proxy may serve it below any path.

    As long as there is no build the page says so. It is looked for at each request, so a build that
    appears later needs no restart.

    Args:
        tabs: The documents of its ready-made tabs, besides those of the page itself.
        build: What `page/` was built into: `index.html`, and what it loads in `graphiql/`.
        has_live: Whether there is the page /live beside it, to which it links.
    """
    assets = _Assets(build / "graphiql")
    unbuilt = _Unbuilt(has_live=has_live)
    ready_made = StaticFile(
        json.dumps(tabs).encode(), "application/json", page_headers(_POLICY, "no-cache")
    )

    def page(request: Request) -> Response:
        has_slash = request.scope["raw_path"].endswith(b"/")  # as the browser sees the URL
        try:
            html = (build / "index.html").read_text(encoding="utf-8")
        except FileNotFoundError:
            return unbuilt.respond(has_slash=has_slash)
        if has_live:
            html = html.replace("<html ", "<html data-live ", 1)
        if has_slash:
            html = html.replace('="./graphiql/', '="./')
        return HTMLResponse(html, headers=page_headers(_POLICY, "no-cache"))

    return [
        Route("/graphiql", page),
        Route("/graphiql/tabs.json", ready_made.respond),
        Route("/graphiql/{name}", assets.respond),
    ]


class _Assets:
    """The files of a build, read and compressed at their first use, in a thread."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._made: dict[str, tuple[FileVersion, StaticFile]] = {}
        self._making: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)

    async def respond(self, request: Request) -> Response:
        """The response to a request of one file."""
        name: str = request.path_params["name"]
        path = self._directory / name
        version = look_at_file(path)
        if version is not None and PurePath(name).suffix in _MEDIA_TYPES:
            try:
                async with self._making[name]:
                    file = await self._file(path, version)
            except UnreadableFileError:
                pass
            else:
                # Workers obey the policy of their own script's response, so each file has one.
                return await file.respond(request)
        return PlainTextResponse("Not Found", 404, page_headers(_POLICY, "no-store"))

    async def _file(self, path: Path, version: FileVersion) -> StaticFile:
        known = self._made.get(path.name)
        if known is not None and known[0] == version:
            return known[1]
        file = await run_in_threadpool(_read, path)
        if len(self._made) >= _MAX_FILES:  # of builds that are gone
            self._made.clear()
        self._made[path.name] = version, file
        return file


def _read(path: Path) -> StaticFile:
    content = read_file(path, max_bytes=_MAX_FILE_BYTES).data
    return StaticFile(content, _MEDIA_TYPES[path.suffix], page_headers(_POLICY, _IMMUTABLE))


class _Unbuilt:
    """The page as long as there is no build: it says so, and loads itself again when there is one.

    Args:
        has_live: Whether there is the page /live beside it.
    """

    def __init__(self, *, has_live: bool) -> None:
        html = files(__package__).joinpath("unbuilt.html").read_text(encoding="utf-8")
        self._html = html if has_live else _LINK_TO_LIVE.sub("", html)
        inside = [f"'sha256-{_hash(text)}'" for _, text in _INLINE.findall(html)]
        policy = "default-src 'none'; style-src {}; script-src {}; connect-src 'self'"
        self._headers = page_headers(policy.format(*inside), "no-cache")

    def respond(self, *, has_slash: bool) -> Response:
        """The page, for a URL with or without a last slash."""
        html = self._html.replace('href="live"', 'href="../live"') if has_slash else self._html
        return HTMLResponse(html, headers=self._headers)


def _hash(text: str) -> str:
    return b64encode(sha256(text.encode()).digest()).decode()
