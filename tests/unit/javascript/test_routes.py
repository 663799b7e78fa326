"""The client package as it is served: the same files as npm packs, readable from other origins."""

from __future__ import annotations

import io
import json
import subprocess
import tarfile
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
from starlette.applications import Starlette

from graphql_api.javascript import client_routes, package_files, tarball
from tests import needs

ROOT = Path(__file__).parents[3]
PACKAGE = ROOT / "clients" / "javascript"


@pytest.fixture
async def http() -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(Starlette(routes=client_routes()))
    async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
        yield client


def contents_of(packed: bytes) -> dict[str, bytes]:
    with tarfile.open(fileobj=io.BytesIO(packed), mode="r:gz") as tar:
        files = [(member.name, tar.extractfile(member)) for member in tar]
        return {name: file.read() for name, file in files if file is not None}


def test_package_holds_what_npm_packs() -> None:
    npm = needs.npm()
    command = [str(npm), "pack", "--dry-run", "--json", str(PACKAGE)]
    result = subprocess.run(command, capture_output=True, check=True)
    (packed,) = json.loads(result.stdout)
    assert {path.name for path in package_files(PACKAGE)} == {
        file["path"] for file in packed["files"]
    }


async def test_each_file_is_served_as_what_it_is(http: httpx.AsyncClient) -> None:
    types = {".js": "text/javascript; charset=utf-8", ".ts": "text/typescript; charset=utf-8"}
    for path in package_files(PACKAGE):
        response = await http.get(f"/client/{path.name}")
        assert response.content == path.read_bytes()
        if path.suffix in types:
            assert response.headers["content-type"] == types[path.suffix]
        assert response.headers["x-content-type-options"] == "nosniff"


async def test_tarball_holds_the_same_files(http: httpx.AsyncClient) -> None:
    response = await http.get("/client/graphql-api-client.tgz")
    expected = {f"package/{path.name}": path.read_bytes() for path in package_files(PACKAGE)}
    assert contents_of(response.content) == expected


def test_equal_files_make_equal_tarballs() -> None:
    files = [("package.json", b"{}"), ("index.js", b"")]
    assert tarball(files) == tarball(files)


def test_licence_of_the_package_is_that_of_the_project() -> None:
    assert (PACKAGE / "LICENSE").read_bytes() == (ROOT / "LICENSE").read_bytes()


def test_versions_of_the_two_packages_are_one() -> None:
    version = json.loads((PACKAGE / "package.json").read_text())["version"]
    assert f'\nversion = "{version}"\n' in (ROOT / "pyproject.toml").read_text()


def test_every_export_of_the_package_has_its_module_and_its_types() -> None:
    package = json.loads((PACKAGE / "package.json").read_text())
    names = {path.name for path in package_files(PACKAGE)}
    for export in package["exports"].values():
        targets = [export] if isinstance(export, str) else export.values()
        assert {target.removeprefix("./") for target in targets} <= names
