from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import pytest

from tests.clients import npm
from tests.clients.program import LISTS, PACKAGE
from tests.server.conftest import client, server, starbelly, writer

__all__ = ["client", "server", "starbelly", "writer"]


@pytest.fixture(scope="session")
def packages() -> None:
    """The npm packages that the client programs need."""
    npm.install(PACKAGE)


@pytest.fixture(scope="session")
def http_packages() -> None:
    """The npm packages that the programs of `http/` need."""
    npm.install(PACKAGE / "http")


@pytest.fixture(scope="session")
def typed_documents() -> None:
    """What graphql-codegen makes of the documents of the lists, in `src/gql/`."""
    npm.install(LISTS)
    npm.run_once(LISTS, "graphql-codegen")


@pytest.fixture(scope="session")
def page_origin(typed_documents: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Where the page of the lists is served, as from a development server."""
    directory = tmp_path_factory.mktemp("page")
    npm.run(
        LISTS,
        "esbuild",
        "src/page.tsx",
        "--bundle",
        "--format=esm",
        "--jsx=automatic",
        f"--outfile={directory / 'page.js'}",
    )
    html = '<!doctype html><link rel="icon" href="data:,"><script type="module" src="/page.js">'
    (directory / "index.html").write_text(f"{html}</script>")
    with ThreadingHTTPServer(
        ("127.0.0.1", 0), partial(QuietHandler, directory=directory)
    ) as server:
        thread = Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


class QuietHandler(SimpleHTTPRequestHandler):
    """Serves a directory, and says nothing of it."""

    def log_message(self, *_: object) -> None:
        pass
