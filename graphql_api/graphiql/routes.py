"""Serves GraphiQL: the page at `/graphiql`, and the files that it loads below."""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from pathlib import Path, PurePath

from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.gzip import GZipMiddleware
from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, Response
from starlette.routing import BaseRoute, Route
from starlette.staticfiles import StaticFiles

_BUILD = Path(__file__).with_name("dist")

_CONTENT_SECURITY_POLICY = (
    "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
    "font-src 'self' data:; connect-src 'self'; worker-src 'self'; object-src 'none'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
"""Nothing from anywhere else. The editor sets styles in the page, so these may be inline."""

_CDN_CONTENT_SECURITY_POLICY = (
    "default-src 'none'; script-src 'unsafe-inline' https://unpkg.com; "
    "style-src 'unsafe-inline' https://unpkg.com; img-src data:; font-src data:; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)

_IMMUTABLE = "public, max-age=31536000, immutable"
"""For files whose names hold a hash of what they are."""

_MEDIA_TYPES = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".ttf": "font/ttf",
}
"""What a build holds. The standard library's guess depends on the machine, and a browser that must
not sniff runs no script of another type."""

_FETCH_URL = 'window.location.href.split("?")[0]'


def graphiql_routes(build: Path = _BUILD) -> list[BaseRoute]:
    """The routes of a server whose GraphQL is at `/graphql`.

    The page names its files by the URL by which it was asked for, with or without a last slash, so
    a proxy may serve it below any path.

    As long as there is no build the page is Strawberry's, which loads GraphiQL from a CDN. It is
    looked for at each request, so a build that appears later needs no restart.

    Args:
        build: What `page/` was built into: `index.html`, and what it loads in `graphiql/`.
    """
    assets = StaticFiles(directory=build, check_dir=False)

    def page(request: Request) -> Response:
        has_slash = request.scope["raw_path"].endswith(b"/")  # as the browser sees the URL
        try:
            html = (build / "index.html").read_text(encoding="utf-8")
        except FileNotFoundError:
            html = _cdn_page("../graphql" if has_slash else "graphql")
            return _hardened(HTMLResponse(html), "no-cache", _CDN_CONTENT_SECURITY_POLICY)
        if has_slash:
            html = html.replace('="./graphiql/', '="./')
        return _hardened(HTMLResponse(html), "no-cache")

    async def asset(request: Request) -> Response:
        name = request.path_params["name"]
        try:
            response = await assets.get_response(f"graphiql/{name}", request.scope)
        except HTTPException as error:
            return _hardened(PlainTextResponse(error.detail, error.status_code), "no-store")
        if media_type := _MEDIA_TYPES.get(PurePath(name).suffix):
            response.headers["content-type"] = media_type
        return _hardened(response, _IMMUTABLE)

    return [
        Route("/graphiql", page),
        Route("/graphiql/{name}", asset, middleware=[Middleware(GZipMiddleware, compresslevel=6)]),
    ]


def _hardened(
    response: Response, cache_control: str, policy: str = _CONTENT_SECURITY_POLICY
) -> Response:
    # Workers obey the policy of their own script's response, so every response has one.
    response.headers["content-security-policy"] = policy
    response.headers["cache-control"] = cache_control
    response.headers["referrer-policy"] = "same-origin"
    response.headers["x-content-type-options"] = "nosniff"
    return response


@cache
def _cdn_page(graphql: str) -> str:
    html = files("strawberry").joinpath("static/graphiql.html").read_text(encoding="utf-8")
    assert _FETCH_URL in html, "Strawberry's page is as we know it"
    url = f'new URL("{graphql}", window.location.href).href'
    return html.replace(_FETCH_URL, url).replace("{{ SUBSCRIPTION_ENABLED }}", "true")
