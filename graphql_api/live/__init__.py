"""The page that shows the tables as they are, and marks what changes in them.

It is three tables in plain HTML, with a style sheet and a few modules of JavaScript that speak
graphql-transport-ws themselves. `main.mjs` puts the modules together.
"""

from __future__ import annotations

from importlib.resources import files
from pathlib import PurePath

from starlette.responses import RedirectResponse, Response
from starlette.routing import BaseRoute, Route

PATH = "/live"

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
_MEDIA_TYPES = {".html": "text/html", ".css": "text/css", ".mjs": "text/javascript"}


def live_routes() -> list[BaseRoute]:
    """The page at `/live`, and its files below that. Its GraphQL is `/graphql` of the same host."""
    made: list[BaseRoute] = [Route(f"{PATH}/", RedirectResponse(f"..{PATH}"))]
    for file in files(__name__).iterdir():
        media_type = _MEDIA_TYPES.get(PurePath(file.name).suffix)
        if media_type is not None:
            path = PATH if file.name == "index.html" else f"{PATH}/{file.name}"
            made.append(Route(path, Response(file.read_bytes(), 200, _HEADERS, media_type)))
    return made
