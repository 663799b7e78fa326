"""The fixtures of all tests: the database that they run against, and quick and patient programs.

`conftest.py` has pytest load them, and not where pytest only passes tests on to other processes:
what they import takes two seconds.
"""

from __future__ import annotations

import gc
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from graphql_api.rethink.url import DatabaseURL
from graphql_api.schema import errors
from graphql_api.schema.fault_log import FaultLog
from tests import needs, ports, properties
from tests.database_servers import DatabaseServer, embedded_in_thread
from tests.patience import patient_clients
from tests.quick_servers import quick_servers


def pytest_configure(config: pytest.Config) -> None:
    properties.load_profile(thorough=config.getoption("--thorough"))


@pytest.hookimpl(trylast=True)
def pytest_sessionstart() -> None:
    """Have Hypothesis search through what is in memory while that is little."""
    properties.try_one()


def pytest_collection_finish() -> None:
    """Leave modules and tests out of all searches for garbage, of which some tests make many."""
    gc.freeze()


@pytest.fixture(autouse=True)
def fresh_fault_log(monkeypatch: pytest.MonkeyPatch) -> None:
    """Log the internal errors of each test, although the test before has had the same."""
    monkeypatch.setattr(errors, "fault_log", FaultLog())


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
