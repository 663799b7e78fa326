"""The Dockerfile and compose.yaml say what the server understands; no container is run."""

from __future__ import annotations

import asyncio
import json
import re
import sys
import textwrap
from configparser import ConfigParser
from fnmatch import fnmatch
from pathlib import Path

import pytest

from graphql_api.rethink.url import DatabaseURL
from graphql_api.settings import Settings, load, variables
from tests.server.running import running, settings_for

ROOT = Path(__file__).parents[2]
DOCKERFILE = (ROOT / "Dockerfile").read_text(encoding="utf-8")
COMPOSE = (ROOT / "compose.yaml").read_text(encoding="utf-8")
BESIDE_STARBELLY = (ROOT / "docs" / "compose.starbelly.yaml").read_text(encoding="utf-8")


def health_check() -> list[str]:
    """The command, with this Python in the place of the image's."""
    found = re.search(r"^HEALTHCHECK .*\\\n\s+CMD (\[.*\])$", DOCKERFILE, re.MULTILINE)
    assert found is not None
    program, *arguments = json.loads(found[1])
    assert program == "python"
    return [sys.executable, *arguments]


async def checked(port: int) -> int:
    process = await asyncio.create_subprocess_exec(
        *health_check(),
        env={"GRAPHQL_API_PORT": str(port)},
        stderr=asyncio.subprocess.DEVNULL,
    )
    return await process.wait()


async def test_health_check_is_that_of_a_running_server(
    starbelly: DatabaseURL, reserved_port: int
) -> None:
    async with running(settings_for(starbelly)) as server:
        assert await checked(server.port) == 0
    assert await checked(reserved_port) != 0


@pytest.mark.parametrize("text", [DOCKERFILE, COMPOSE], ids=["Dockerfile", "compose.yaml"])
def test_every_variable_is_a_setting(text: str) -> None:
    named = set(re.findall(r"GRAPHQL_API_[A-Z_]+", text))
    assert named
    assert named <= variables()


def test_settings_of_compose_are_accepted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GRAPHQL_API_HOST", "0.0.0.0")
    for name, value in re.findall(r"^ +(GRAPHQL_API_\w+): (.+)$", COMPOSE, re.MULTILINE):
        monkeypatch.setenv(name, value.replace("${RETHINKDB_PASSWORD}", "secret").strip('"'))
    settings = load(Settings, {})
    assert settings.database is not None
    url = DatabaseURL.parse(settings.database.get_secret_value())
    assert (url.host, url.port, url.database) == ("rethinkdb", 28015, "starbelly")


def test_starbelly_uses_the_database_that_compose_makes() -> None:
    """Its configuration names what `compose.yaml` starts; it waits for the tables."""
    ini = textwrap.dedent(BESIDE_STARBELLY.partition("content: |\n")[2])
    config = ConfigParser(interpolation=None)
    config.read_string(ini)
    database = config["database"]
    (url,) = re.findall(r"GRAPHQL_API_DATABASE: (.+)$", COMPOSE, re.MULTILINE)
    assert url == (
        f"rethinkdb://{database['super_user']}:{database['super_password']}"
        f"@{database['host']}:28015/{database['db']}"
    )
    assert f"\n  {database['host']}:\n    image: rethinkdb:" in COMPOSE
    assert "--initial-password ${RETHINKDB_PASSWORD:?" in COMPOSE
    (waits_for,) = re.findall(r"depends_on:\n +(\w+):\n +condition: (\w+)", BESIDE_STARBELLY)
    assert waits_for == ("init", "service_completed_successfully")
    assert database["user"] != database["super_user"]


def test_starbelly_reads_its_configuration_as_the_user_that_it_runs_as() -> None:
    (made,) = re.findall(r"useradd --system --uid (\d+)", BESIDE_STARBELLY)
    assert re.findall(r"USER (\d+)", BESIDE_STARBELLY) == [made]
    assert re.findall(r'uid: "(\d+)"', BESIDE_STARBELLY) == [made]
    assert "WORKDIR /starbelly\n" in BESIDE_STARBELLY
    assert "target: /starbelly/conf/local.ini\n" in BESIDE_STARBELLY


def test_what_the_image_is_built_from_is_sent_to_the_builder() -> None:
    rules = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    sent = [rule[1:] for rule in rules if rule.startswith("!")]
    copied = re.findall(r"^COPY (?!--from)(.+) \S+$", DOCKERFILE, re.MULTILINE)
    names = " ".join(copied).split()
    assert sorted(names) == sorted(sent)
    for name in names:
        assert (ROOT / name).exists()
        assert any(fnmatch(name, rule) for rule in sent)


def test_users_and_folders_of_the_image_are_those_of_the_guide() -> None:
    assert "USER 10001" in DOCKERFILE
    assert "XDG_DATA_HOME=/var/lib" in DOCKERFILE
    assert "VOLUME /var/lib/graphql-api" in DOCKERFILE
