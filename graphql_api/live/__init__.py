"""The page that shows the tables as they are, and what changes in them.

It is plain HTML, with a style sheet and small modules of JavaScript, one concept each, which speak
graphql-transport-ws themselves. `main.mjs` puts the modules together.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from importlib.resources import files
from pathlib import PurePath
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from graphql_api.static_files import StaticFile, page_headers

PATH = "/live"
_PAGE = "index.html"

# Documents are untrusted, and are shown as text alone: nothing may make code of any.
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src data:; "
    "require-trusted-types-for 'script'; trusted-types 'none'"
)
_HEADERS = page_headers(_POLICY, "no-cache")  # the files of one version fit each other
_MEDIA_TYPES = {".css": "text/css", ".mjs": "text/javascript"}


def live_routes(tables: Sequence[Mapping[str, Any]], *, graphiql: bool) -> list[BaseRoute]:
    """The page at `/live`, and its files below that.

    The page names its files by the URL by which it was asked for, with or without a last slash, so
    a proxy may serve it below any path. Its GraphQL is at `graphql` beside it.

    Args:
        tables: What it shows, each as the type `Declared` of `tables.mjs`.
        graphiql: Whether there is GraphiQL beside it, to which it links.
    """
    declared = (
        f"export const DECLARED = {json.dumps(tables)};\n"
        f"export const HAS_GRAPHIQL = {json.dumps(graphiql)};\n"
    ).encode()
    module = StaticFile(declared, _MEDIA_TYPES[".mjs"], _HEADERS)
    made: list[BaseRoute] = [
        Route(PATH, _page()),
        Route(f"{PATH}/declared.mjs", module.respond),
    ]
    for file in files(__name__).iterdir():
        media_type = _MEDIA_TYPES.get(PurePath(file.name).suffix)
        if media_type is not None:
            static = StaticFile(file.read_bytes(), media_type, _HEADERS)
            made.append(Route(f"{PATH}/{file.name}", static.respond))
    return made


def _page() -> Callable[[Request], Awaitable[Response]]:
    html = files(__name__).joinpath(_PAGE).read_text(encoding="utf-8")
    without_slash = StaticFile(html.encode(), "text/html", _HEADERS)
    with_slash = StaticFile(html.replace('="live/', '="./').encode(), "text/html", _HEADERS)

    async def respond(request: Request) -> Response:
        has_slash = request.scope["raw_path"].endswith(b"/")  # as the browser sees the URL
        return await (with_slash if has_slash else without_slash).respond(request)

    return respond
