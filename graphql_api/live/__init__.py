"""The page that shows the tables as they are, and marks what changes in them.

It is three tables in plain HTML, with a style sheet and a few modules of JavaScript that speak
graphql-transport-ws themselves. `main.mjs` puts the modules together.
"""

from __future__ import annotations

from importlib.resources import files
from pathlib import PurePath

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

PATH = "/live"
_PAGE = "index.html"

# Documents are untrusted, and are shown as text alone: nothing may make code of any.
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src data:; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'; "
    "require-trusted-types-for 'script'; trusted-types 'none'"
)
_HEADERS = {
    "content-security-policy": _POLICY,
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cache-control": "no-cache",  # the files of one version fit each other
}
_MEDIA_TYPES = {".css": "text/css", ".mjs": "text/javascript"}


def live_routes() -> list[BaseRoute]:
    """The page at `/live`, and its files below that.

    The page names its files by the URL by which it was asked for, with or without a last slash, so
    a proxy may serve it below any path. Its GraphQL is at `graphql` beside it.
    """
    made: list[BaseRoute] = [Route(PATH, _page)]
    for file in files(__name__).iterdir():
        media_type = _MEDIA_TYPES.get(PurePath(file.name).suffix)
        if media_type is not None and file.name != _PAGE:
            response = Response(file.read_bytes(), 200, _HEADERS, media_type)
            made.append(Route(f"{PATH}/{file.name}", response))
    return made


async def _page(request: Request) -> Response:
    html = files(__name__).joinpath(_PAGE).read_text(encoding="utf-8")
    if request.scope["raw_path"].endswith(b"/"):  # what a browser takes the files' names for
        html = html.replace('="live/', '="./')
    return Response(html, 200, _HEADERS, "text/html")
