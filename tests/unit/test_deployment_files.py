"""What `docs/` offers to copy is accepted by the programs that it is for, where they are."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest
import uvicorn

from graphql_api.settings import Settings, environment_variable, flag, load
from tests import needs
from tests.patience import LONGEST_S
from tests.proxies import FILES, replaced, replacements

DOCS = Path(__file__).parents[2] / "docs"


def run(program: str, *arguments: str | Path) -> None:
    """Run a program that must succeed; skip, where it is missing."""
    result = subprocess.run(
        [needs.program(program), *arguments],
        capture_output=True,
        text=True,
        timeout=LONGEST_S,
        check=False,
    )
    assert result.returncode == 0, result.stdout + result.stderr


@pytest.mark.optional
def test_systemd_accepts_the_unit(tmp_path: Path) -> None:
    program = tmp_path / "graphql-api"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    unit = (DOCS / "graphql-api.service").read_text()
    assert "/opt/graphql-api/bin/graphql-api" in unit
    file = tmp_path / "graphql-api.service"
    file.write_text(unit.replace("/opt/graphql-api/bin/graphql-api", str(program)))
    run("systemd-analyze", "verify", "--man=no", file)


def test_the_unit_hides_nothing_that_metrics_are_made_of() -> None:
    """The process collector reads the time of the machine's start from `/proc/stat`."""
    unit = (DOCS / "graphql-api.service").read_text()
    assert not re.search(r"^ProcSubset=", unit, re.MULTILINE)


def test_replacements_for_a_proxy_fit_its_file() -> None:
    for program, file in FILES.items():
        text = (DOCS / file).read_text(encoding="utf-8")
        for pairs in replacements(program).values():
            assert pairs
            replaced(text, pairs)


def seconds(text: str, name: str) -> set[float]:
    """The values of a directive of nginx or Caddy, which are in seconds."""
    return {float(value) for value in re.findall(rf"^\s*{name} (\d+)s;?$", text, re.MULTILINE)}


def test_proxies_wait_longer_than_the_server_is_silent() -> None:
    text = (DOCS / "nginx.conf").read_text(encoding="utf-8")
    limits = seconds(text, "proxy_read_timeout") | seconds(text, "proxy_send_timeout")
    assert limits == {75}
    ping_interval_s = (
        uvicorn.Config("none:none").ws_ping_interval or 0
    )  # what the server leaves as it is
    most_silent_s = max(load(Settings, {}).sse_keep_alive_s, ping_interval_s)
    assert 2 * most_silent_s < min(limits), "one ping may be late"


def test_proxies_end_idle_connections_before_the_server_does() -> None:
    server_s = load(Settings, {}).keep_alive_s
    for file, name in ("nginx.conf", "keepalive_timeout"), ("Caddyfile", "keepalive"):
        text = (DOCS / file).read_text(encoding="utf-8")
        assert seconds(text, name) == {60}
    assert server_s > 60


def test_nginx_takes_bodies_that_the_server_takes() -> None:
    text = (DOCS / "nginx.conf").read_text(encoding="utf-8")
    (mebibytes,) = re.findall(r"client_max_body_size (\d+)m;", text)
    assert int(mebibytes) * 2**20 > 2 * load(Settings, {}).max_body_bytes


def test_settings_that_the_files_name_exist() -> None:
    flags = {flag(name) for name in Settings.model_fields}
    variables = {environment_variable(Settings, name) for name in Settings.model_fields}
    files = ("nginx.conf", "Caddyfile", "graphql-api.service")
    text = "".join((DOCS / name).read_text(encoding="utf-8") for name in files)
    assert {name.rstrip("_=") for name in re.findall(r"GRAPHQL_API_[A-Z_]+", text)} <= variables
    assert set(re.findall(r"(?<![\w-])--[a-z][a-z-]+", text)) <= flags
