"""The application is put together as the settings say."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from pydantic.fields import FieldInfo

from graphql_api.app import create_app
from graphql_api.cli import main
from graphql_api.embedded import PasswordFileError, load_or_create_password
from graphql_api.errors import ConfigurationError, DatabaseUnavailableError
from graphql_api.rethink.database_connection import Timeouts
from graphql_api.rethink.failover import connect
from graphql_api.rethink.url import DatabaseURL
from graphql_api.settings import DataSettings, Settings, load
from graphql_api.tls import Certificate
from tests.fault.clock import LIMIT_S


def test_time_limit_of_stalled_clients_counts_on_every_server() -> None:
    flags = {"database": "rethinkdb://127.0.0.1/starbelly", "send_timeout_s": "1.5"}
    app = create_app(load(Settings, flags))
    assert app._websocket.limits.send_timeout_s == 1.5
    assert app._http.streams.limits.send_timeout_s == 1.5


@pytest.fixture
def fifo(tmp_path: Path) -> Path:
    """A file on which an ordinary `open` waits for ever."""
    path = tmp_path / "fifo"
    os.mkfifo(path)
    return path


def is_file(field: FieldInfo) -> bool:
    return field.annotation in (Path, Path | None)


FILES = [
    name
    for name, field in Settings.model_fields.items()
    if is_file(field) and name not in {*DataSettings.model_fields, "state"}
]


@pytest.mark.parametrize("name", FILES)
def test_start_does_not_wait_for_a_fifo(name: str, fifo: Path) -> None:
    flags = {"database": "rethinkdb://127.0.0.1/starbelly", name: fifo}
    if name == "tls_key":
        flags["tls_cert"] = fifo
    with pytest.raises(ConfigurationError, match="it is a FIFO, not a regular file"):
        start(load(Settings, flags))


def start(settings: Settings) -> None:
    """Read all files, as the application and the server around it do."""
    create_app(settings)
    if settings.tls_cert is not None:
        Certificate(settings.tls_cert, settings.tls_key)


def test_other_files_do_not_wait_for_a_fifo_either(
    fifo: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(ConfigurationError, match="it is a FIFO, not a regular file"):
        DatabaseURL.parse(f"rethinkdb://127.0.0.1/starbelly?ca_certs={fifo}")
    with pytest.raises(PasswordFileError, match="it is a FIFO, not a regular file"):
        load_or_create_password(fifo)
    for command in (["list"], ["create", "a", "--scope", "read"], ["revoke", "a"]):
        assert main(["token", *command, "--tokens", str(fifo)]) == 2
        complaint = f"graphql-api: token file {fifo}: it is a FIFO, not a regular file\n"
        assert capfd.readouterr() == ("", complaint)


async def test_connecting_to_the_database_does_not_wait_for_a_fifo(fifo: Path) -> None:
    """It has taken the place of a file of certificates since the start."""
    url = DatabaseURL("127.0.0.1", 1, "starbelly", ca_certs=str(fifo))
    with pytest.raises(DatabaseUnavailableError, match="ca_certs: it is a FIFO"):
        async with connect(url, timeouts=Timeouts(connect_s=LIMIT_S, query_s=LIMIT_S)):
            pytest.fail("it cannot be connected")
