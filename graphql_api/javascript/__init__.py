"""Serves the client package for frontends at `/client/…`: modules, their types, and a tarball.

`npm install http://…/client/graphql-api-client.tgz` installs it, and a page without a bundler
imports `/client/index.js`. The sources are in `clients/javascript/`; a wheel holds a copy of them.
"""

from __future__ import annotations

import gzip
import io
import json
import tarfile
from collections.abc import Iterable
from pathlib import Path

from starlette.routing import BaseRoute, Route

from graphql_api.static_files import StaticFile, page_headers

PATH = "/client"

_IN_WHEEL = Path(__file__).with_name("package")
_IN_REPOSITORY = Path(__file__).parents[2] / "clients" / "javascript"

_HEADERS = page_headers("default-src 'none'", "no-cache")  # the files of one version fit each other
_MEDIA_TYPES = {
    "": "text/plain",
    ".graphql": "application/graphql",
    ".js": "text/javascript",
    ".json": "application/json",
    ".md": "text/markdown",
    ".ts": "text/typescript",
}
_ALWAYS_PACKED = ("package.json", "README.md", "LICENSE")
_PACKED_AT_S = 499_162_500
"""The time of every file in a tarball of npm's, so that equal packages are equal bytes."""


def client_routes() -> list[BaseRoute]:
    """The files of the package below `/client/`, and the tarball that `npm pack` would make."""
    package = _IN_WHEEL if _IN_WHEEL.exists() else _IN_REPOSITORY
    contents = {path.name: path.read_bytes() for path in package_files(package)}
    name = json.loads(contents["package.json"])["name"]
    made: list[BaseRoute] = [
        Route(f"{PATH}/{file}", StaticFile(content, _media_type(file), _HEADERS).respond)
        for file, content in contents.items()
    ]
    packed = StaticFile(tarball(contents.items()), "application/gzip", _HEADERS)
    return [*made, Route(f"{PATH}/{name}.tgz", packed.respond)]


def package_files(package: Path) -> list[Path]:
    """The files that npm packs: what the package.json names, and what npm always takes."""
    declared = json.loads((package / "package.json").read_text(encoding="utf-8"))["files"]
    return sorted({path for name in (*_ALWAYS_PACKED, *declared) for path in package.glob(name)})


def tarball(files: Iterable[tuple[str, bytes]]) -> bytes:
    """The files as npm packs them, in the folder `package/`; equal files make equal bytes."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as tar:
        for name, content in files:
            member = tarfile.TarInfo(f"package/{name}")
            member.size, member.mtime = len(content), _PACKED_AT_S
            tar.addfile(member, io.BytesIO(content))
    return gzip.compress(packed.getvalue(), mtime=0)


def _media_type(file: str) -> str:
    return _MEDIA_TYPES[Path(file).suffix]
