"""The database that tests run against: the embedded one, or the one that `--database` names."""

from __future__ import annotations

import gc
import os
import subprocess
from collections.abc import Generator, Iterator
from pathlib import Path

import pytest

gc.disable()  # Imports leave hardly any, and a search for it looks at all that they have made.

from graphql_api.rethink.url import DatabaseURL
from graphql_api.schema import errors
from graphql_api.schema.fault_log import FaultLog
from tests import needs, ports, properties
from tests.database_servers import DatabaseServer, embedded_in_thread
from tests.needs import pytest_runtest_makereport, pytest_terminal_summary
from tests.patience import patient_clients
from tests.quick_servers import quick_servers

__all__ = ["pytest_runtest_makereport", "pytest_terminal_summary"]


@pytest.fixture(autouse=True)
def fresh_fault_log(monkeypatch: pytest.MonkeyPatch) -> None:
    """Log the internal errors of each test, although the test before has had the same."""
    monkeypatch.setattr(errors, "fault_log", FaultLog())


LONG_FOLDERS = {"attacks", "benchmarks", "browser", "examples", "fuzz", "rolling", "soak"}
LONG_FIXTURES = {"http_packages", "packages", "page_origin", "typed_documents"}
"""Fixtures that install packages of npm."""


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--database",
        metavar="URL",
        help="run against this RethinkDB, rethinkdb://[user[:password]@]host[:port]/any, in "
        "databases that are made and dropped again; without it, against the embedded one",
    )
    parser.addoption(
        "--delayed",
        action="store_true",
        help="run the tests of a database, whose answers come up to 0.2 s late",
    )
    parser.addoption(
        "--thorough",
        action="store_true",
        help="try properties with all their examples, and with other ones each time",
    )


def pytest_configure(config: pytest.Config) -> None:
    properties.load_profile(thorough=config.getoption("--thorough"))


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    for item in items:
        if item.path.parent.name in LONG_FOLDERS or LONG_FIXTURES.intersection(
            getattr(item, "fixturenames", ())
        ):
            item.add_marker(pytest.mark.long)
    if config.getoption("--delayed"):
        kept = [item for item in items if "database" in getattr(item, "fixturenames", ())]
        config.hook.pytest_deselected(items=[item for item in items if item not in set(kept)])
        items[:] = kept
    if config.getoption("--database") is None:
        return
    skip = pytest.mark.skip(reason="needs what only the embedded server can do")
    for item in items:
        if item.get_closest_marker("embedded_only"):
            item.add_marker(skip)
            item.add_marker(pytest.mark.optional)


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """What would be left out in the end need not be imported."""
    is_left_out = config.option.markexpr == "not long" and collection_path.name in LONG_FOLDERS
    return is_left_out or None


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """Begin to search for garbage once all modules are imported."""
    try:
        return (yield)
    finally:
        gc.enable()


def pytest_collection_finish() -> None:
    """Leave modules and tests out of all searches for garbage, of which some tests make many."""
    properties.try_one()
    gc.collect()
    gc.freeze()


@pytest.fixture(autouse=True, scope="session")
def no_settings_from_the_environment() -> Iterator[None]:
    """What the person who runs the tests has set for a server of theirs is no part of a test."""
    with pytest.MonkeyPatch.context() as patch:
        for name in list(os.environ):
            if name.startswith(("GRAPHQL_API_", "OTEL_")):
                patch.delenv(name)
        for name in ("no_proxy", "NO_PROXY"):  # nor is how they get from here to the world
            patch.setenv(name, "127.0.0.1,localhost,::1")
        yield


@pytest.fixture(autouse=True, scope="session")
def servers_are_quick() -> Iterator[None]:
    """A suite starts a thousand servers."""
    with quick_servers():
        yield


@pytest.fixture(autouse=True, scope="session")
def clients_are_patient() -> Iterator[None]:
    """A busy machine is no failure."""
    with patient_clients():
        yield


@pytest.fixture(autouse=True, scope="session")
def usual_umask() -> Iterator[None]:
    """Files are made as on most machines: the server trusts none that everybody can change."""
    before = os.umask(0o022)
    yield
    os.umask(before)


@pytest.fixture(scope="session")
def database_server(request: pytest.FixtureRequest) -> Iterator[DatabaseServer]:
    """A RethinkDB for the whole session."""
    named = request.config.getoption("--database")
    is_delayed = request.config.getoption("--delayed")
    if named is not None:
        yield DatabaseServer(DatabaseURL.parse(named))
    else:
        with embedded_in_thread(password="a password of tests", is_delayed=is_delayed) as server:
            yield server


@pytest.fixture
def database(database_server: DatabaseServer) -> Iterator[DatabaseURL]:
    """A database of the test's own, which does not exist yet; it is dropped afterwards."""
    url = database_server.new_name()
    yield url
    database_server.drop(url)


@pytest.fixture
def reserved_port() -> Iterator[int]:
    """A loopback port that refuses connections, until the test has something listen there."""
    with ports.reserved() as port:
        yield port


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate for 127.0.0.1, and its key, in one file."""
    return make_certificate(tmp_path_factory.mktemp("tls"), "IP:127.0.0.1")


def make_certificate(folder: Path, name: str) -> Path:
    """A certificate for `name`, and its key, in one file."""
    openssl = needs.program("openssl")
    file = folder / "server.pem"
    made = ["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=test"]
    names = ["-addext", f"subjectAltName={name}"]
    files = ["-keyout", str(file), "-out", str(file.with_suffix(".crt"))]
    subprocess.run([openssl, *made, *names, *files], check=True, capture_output=True)
    file.write_text(file.read_text() + file.with_suffix(".crt").read_text())
    return file
