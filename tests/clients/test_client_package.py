"""The client package by itself: what its modules do, and what they weigh in a page."""

from __future__ import annotations

import gzip
import json
import subprocess
from asyncio import create_subprocess_exec
from pathlib import Path

import pytest

from tests import needs
from tests.clients import npm
from tests.clients.program import LISTS, PACKAGE
from tests.server.running import Running

pytestmark = pytest.mark.long

MODULES = sorted((PACKAGE / "javascript").glob("*.test.js"))
MOST_BYTES = 4096

WHAT_A_PAGE_NEEDS = {
    "plain": "export { liveList, resuming } from 'graphql-api-client';",
    "apollo": """
        export { resuming } from 'graphql-api-client';
        export { useLiveList } from 'graphql-api-client/apollo';
        export { possibleTypes } from 'graphql-api-client/possible-types';
    """,
    "urql": """
        export { resuming } from 'graphql-api-client';
        export { socketExchange, useLiveList } from 'graphql-api-client/urql';
        export { graphcache } from 'graphql-api-client/graphcache';
    """,
    "tanstack-db": """
        export { resuming } from 'graphql-api-client';
        export { liveCollectionOptions } from 'graphql-api-client/tanstack-db';
    """,
}


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.name)
def test_module_does_what_its_tests_say(path: Path) -> None:
    needs.npm()  # which asks how old Node.js is
    subprocess.run(["node", "--test", path], check=True, timeout=200)


@pytest.mark.timeout(300)
@pytest.mark.parametrize("page", WHAT_A_PAGE_NEEDS)
def test_what_a_page_needs_of_the_package_is_small(page: str, tmp_path: Path) -> None:
    npm.install(LISTS)
    outside = ("react", "urql", "@apollo/client/*", "@urql/core", "graphql-ws")
    entry = tmp_path / "page.js"
    entry.write_text(WHAT_A_PAGE_NEEDS[page])
    (tmp_path / "node_modules").symlink_to(LISTS / "node_modules")
    externals = [f"--external:{name}" for name in outside]
    arguments = ("--bundle", "--minify", "--format=esm", f"--outfile={tmp_path / 'out.js'}")
    npm.run(LISTS, "esbuild", str(entry), *arguments, *externals)
    size = len(gzip.compress((tmp_path / "out.js").read_bytes(), 9))
    print(f"{page}: {size} bytes, minified and compressed")  # noqa: T201 - shown by `pytest -s`
    assert size <= MOST_BYTES


@pytest.mark.timeout(300)
async def test_npm_installs_the_package_from_a_server(server: Running, tmp_path: Path) -> None:
    (tmp_path / "package.json").write_text("{}")
    url = f"{server.http}/client/graphql-api-client.tgz"
    process = await create_subprocess_exec(
        *(needs.npm(), "install", "--no-audit", "--no-fund", "--omit=peer", url), cwd=tmp_path
    )
    assert await process.wait() == 0
    program = "import('graphql-api-client').then((client) => console.log(Object.keys(client)))"
    command = ["node", "--eval", program]
    result = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True)
    assert "liveList" in result.stdout


def test_package_needs_nothing_but_what_a_page_has() -> None:
    package = json.loads((PACKAGE.parents[1] / "clients/javascript/package.json").read_text())
    assert "dependencies" not in package
    optional = {name for name, meta in package["peerDependenciesMeta"].items() if meta["optional"]}
    assert optional == package["peerDependencies"].keys()
