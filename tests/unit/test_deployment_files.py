"""What `docs/` offers to copy is accepted by the programs that it is for, where they are."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from graphql_api.settings import Settings, environment_variable, flag
from tests import needs
from tests.certificates import Authority

DOCS = Path(__file__).parents[2] / "docs"


def run(program: str, *arguments: str | Path) -> None:
    """Run a program that must succeed; skip, where it is missing."""
    result = subprocess.run(
        [needs.program(program), *arguments],
        capture_output=True,
        text=True,
        timeout=30,
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


@pytest.mark.optional
def test_nginx_accepts_its_file(tmp_path: Path) -> None:
    chain, key = Authority().issue(tmp_path)
    site = (
        (DOCS / "nginx.conf")
        .read_text()
        .replace("/etc/ssl/live.example.org.pem", str(chain))
        .replace("/etc/ssl/live.example.org.key", str(key))
    )
    assert str(chain) in site
    assert str(key) in site
    file = tmp_path / "nginx.conf"
    file.write_text(f"pid {tmp_path}/pid; events {{}} http {{ access_log off; {site} }}")
    run("nginx", "-t", "-e", "stderr", "-c", file)


@pytest.mark.optional
def test_caddy_accepts_its_file() -> None:
    run("caddy", "validate", "--adapter", "caddyfile", "--config", DOCS / "Caddyfile")


@pytest.mark.parametrize("page", sorted(DOCS.glob("*.md")), ids=lambda page: page.name)
def test_what_the_pages_link_to_exists(page: Path) -> None:
    for target in re.findall(r"\]\((?!https?:)([^)#]+)", page.read_text(encoding="utf-8")):
        assert (page.parent / target).exists(), target


def test_the_settings_that_the_pages_name_exist() -> None:
    flags = {flag(name) for name in Settings.model_fields}
    variables = {environment_variable(Settings, name) for name in Settings.model_fields}
    files = ("deployment.md", "nginx.conf", "Caddyfile", "graphql-api.service")
    text = "".join((DOCS / name).read_text(encoding="utf-8") for name in files)
    assert {name.rstrip("_=") for name in re.findall(r"GRAPHQL_API_[A-Z_]+", text)} <= variables
    of_tokens = {"--scope"}  # of `graphql-api token create`
    assert set(re.findall(r"(?<![\w-])--[a-z][a-z-]+", text)) <= flags | of_tokens
