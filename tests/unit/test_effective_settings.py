from __future__ import annotations

import pytest

from graphql_api.cli import main
from graphql_api.effective_settings import effective_settings
from graphql_api.errors import ConfigurationError
from graphql_api.settings import Settings, load


def shown(flags: dict[str, object]) -> dict[str, tuple[str, str]]:
    return {
        row.name: (row.value, row.origin)
        for row in effective_settings(load(Settings, flags), flags)
    }


def test_each_setting_is_shown_with_where_it_comes_from(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GRAPHQL_API_PORT", "8001")
    monkeypatch.setenv("GRAPHQL_API_DEMO", "")
    monkeypatch.setenv("graphql_api_allow_host", "a.example,b.example")
    settings = shown({"host": "::1"})
    assert settings.keys() == Settings.model_fields.keys()
    assert settings["host"] == ("::1", "--host")
    assert settings["port"] == ("8001", "GRAPHQL_API_PORT")
    assert settings["allow_host"] == ("a.example, b.example", "GRAPHQL_API_ALLOW_HOST")
    assert settings["demo"] == ("no", "default")
    assert settings["database"] == ("", "default")


def test_a_flag_wins_over_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GRAPHQL_API_PORT", "8001")
    assert shown({"port": 8002})["port"] == ("8002", "--port")


def test_no_secret_is_shown(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("GRAPHQL_API_DATABASE", "rethinkdb://me:s3cret@db.example/starbelly")
    assert main(["config", "--port", "1"]) == 0
    text = capsys.readouterr().out
    assert "rethinkdb://me:***@db.example:28015/starbelly  (GRAPHQL_API_DATABASE)" in text
    assert "s3cret" not in text


def test_a_broken_url_is_told_as_when_serving() -> None:
    with pytest.raises(ConfigurationError) as raised:
        shown({"database": "http://me:s3cret@db.example"})
    assert "s3cret" not in str(raised.value)
