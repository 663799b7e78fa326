"""What a wheel holds: built from a clean checkout, installed alone, and looked at offline."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from graphql_api.javascript import package_files
from tests.browser.browser_page import BrowserPage
from tests.checkout import ROOT, check_out
from tests.server.running import Running

pytestmark = pytest.mark.timeout(600)

PAGES = {"/graphiql": ".graphiql-query-editor .view-line", "/live": "#scroller tbody tr"}
"""The pages that work without internet, and what is on each once it is there."""


@pytest.fixture(
    scope="module",
    params=[True, pytest.param(False, marks=pytest.mark.long)],
    ids=["quick", "full"],
)
def is_quick(request: pytest.FixtureRequest) -> bool:
    """Whether to take short cuts, which spare minutes on a slow network.

    Then GraphiQL's page is built beforehand, and the wheel is unpacked rather than installed: its
    files are the same, but what they need comes from this environment.
    """
    assert isinstance(request.param, bool)
    return request.param


@pytest.fixture(scope="module")
def wheel(is_quick: bool, graphiql_build: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A wheel of the project as it is now, from a clean checkout."""
    directory = tmp_path_factory.mktemp("checkout")
    check_out(directory)
    options = []
    if is_quick:
        shutil.copytree(graphiql_build, directory / graphiql_build.relative_to(ROOT))
        options = ["--no-build-isolation"]
    pip_wheel = [sys.executable, "-m", "pip", "wheel", "--no-deps", "--wheel-dir", "wheels"]
    run(*pip_wheel, *options, ".", at=directory)
    (wheel,) = (directory / "wheels").iterdir()
    return wheel


@pytest.fixture(scope="module")
def served(
    is_quick: bool, wheel: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Running]:
    """The server out of the wheel, in an environment that has nothing but what it needs."""
    directory = tmp_path_factory.mktemp("alone")
    if is_quick:
        with zipfile.ZipFile(wheel) as archive:
            archive.extractall(directory)
        command = [sys.executable, "-m", "graphql_api"]
    else:
        run(sys.executable, "-m", "venv", "venv", at=directory)
        pip = directory / "venv/bin/pip"
        run(pip, "install", "--require-hashes", "-r", ROOT / "requirements.lock", at=directory)
        run(pip, "install", "--no-deps", wheel, at=directory)
        command = ["venv/bin/graphql-api"]
    process = subprocess.Popen(
        [*command, "serve", "--port", "0", "--data", ":memory:", "--demo"],
        cwd=directory,
        env=environment(),
        stdout=subprocess.PIPE,
        text=True,
    )
    with process:
        try:
            assert process.stdout is not None
            port = re.search(r"http://127\.0\.0\.1:(\d+)/", process.stdout.readline())
            assert port is not None
            yield Running("127.0.0.1", int(port[1]))
        finally:
            process.terminate()


def run(*command: str | Path, at: Path) -> None:
    result = subprocess.run(
        command, cwd=at, env=environment(), capture_output=True, text=True, check=False
    )
    assert result.returncode == 0, result.stdout + result.stderr


def environment() -> dict[str, str]:
    """That of this process, without what would lead to the sources, or to settings of somebody."""
    return {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("PYTHON", "GRAPHQL_API_"))
    }


def test_wheel_holds_what_was_built_and_not_what_of(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
    graphiql = {name.split("/")[2] for name in names if name.startswith("graphql_api/graphiql/")}
    assert graphiql == {"__init__.py", "routes.py", "unbuilt.html", "dist"}
    assert "graphql_api/graphiql/dist/index.html" in names
    assert "graphql_api/graphiql/dist/licenses.md" in names, "of what others have written"
    client = {path.name for path in package_files(ROOT / "clients/javascript")}
    prefix = "graphql_api/javascript/package/"
    assert {name.removeprefix(prefix) for name in names if name.startswith(prefix)} == client
    assert {name.split("/")[0] for name in names if "dist-info" not in name} == {"graphql_api"}


def test_client_package_of_a_wheel_is_served(served: Running) -> None:
    response = httpx.get(f"{served.http}/client/index.js", trust_env=False)
    assert response.content == (ROOT / "clients/javascript/index.js").read_bytes()


@pytest.mark.parametrize(("path", "selector"), PAGES.items())
async def test_page_of_a_wheel_needs_no_internet(
    served: Running, browser_page: BrowserPage, path: str, selector: str
) -> None:
    await browser_page.page.goto(f"{served.http}{path}")
    await browser_page.page.locator(selector).first.wait_for()
    browser_page.assert_local(served)
    browser_page.assert_well()
