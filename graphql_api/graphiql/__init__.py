"""GraphiQL, the page in which people explore the API."""

from __future__ import annotations

from importlib.resources import files

_FETCH_URL = 'window.location.href.split("?")[0]'


def page() -> str:
    """The page, for a server whose GraphQL is at `/graphql`. It loads GraphiQL from a CDN."""
    html = files("strawberry").joinpath("static/graphiql.html").read_text(encoding="utf-8")
    assert _FETCH_URL in html, "Strawberry's page is as we know it"
    return html.replace(_FETCH_URL, 'new URL("/graphql", window.location.href).href').replace(
        "{{ SUBSCRIPTION_ENABLED }}", "true"
    )
