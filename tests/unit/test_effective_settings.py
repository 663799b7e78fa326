from __future__ import annotations

from pathlib import Path

import pytest

from graphql_api.app import create_app
from graphql_api.cli import main
from graphql_api.effective_settings import effective_settings
from graphql_api.errors import ConfigurationError
from graphql_api.server.listening import listening
from graphql_api.settings import Settings, load
from graphql_api.tls import Certificate
from tests.for_each import for_each


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


@pytest.mark.parametrize(
    ("url", "line"),
    [
        ("https://me:s3cret@otel.example/s3cret", "traces are sent to https://otel.example"),
        ("s3cret", "no traces are sent: OTEL_EXPORTER_OTLP_ENDPOINT is no URL of http or https"),
    ],
)
def test_config_says_whether_traces_are_sent(
    url: str, line: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", url)
    assert main(["config"]) == 0
    text = capsys.readouterr().out
    assert text.splitlines()[-1].startswith(line)
    assert "s3cret" not in text


SECRETS = ["u:xyzzy@h", "http://u:12/xyzzy@h", "http://u%3Axyzzy@h", "https://u:xyzzy@h/x"]


@for_each("name", Settings.model_fields)
def test_no_setting_is_repeated_with_a_secret_that_was_put_into_it(name: str) -> None:
    """Neither in what `config` shows nor in what a start complains of."""
    kind = Settings.model_fields[name].annotation
    is_file = kind in (Path, Path | None) and name != "data"
    is_read_whole = kind in (bool, int, float)  # any text is refused alike
    # Elsewhere these are a host, an issuer or an algorithm like any other.
    in_files = ["xyzzy", "xyzzy/xyzzy", "-----BEGIN\nxyzzy"] if is_file else []
    for secret in [*SECRETS[: 1 if is_read_whole else None], *in_files]:
        assert "xyzzy" not in repr(said_with(name, secret)), secret


def said_with(name: str, secret: str) -> list[object]:
    """Everything that is said of settings, one of which is a secret."""
    flags: dict[str, object] = {
        "database": "rethinkdb://127.0.0.1/starbelly",
        "insecure": name == "host",
        name: [secret] if Settings.model_fields[name].default == () else secret,
    }
    if name.startswith("jwt_") and name not in {"jwt_key", "jwt_jwks"}:
        flags["jwt_key"] = __file__
    if name == "tls_key":
        flags["tls_cert"] = __file__
    said: list[object] = []
    try:
        settings = load(Settings, flags)
        said += effective_settings(settings, flags)
        with listening(settings.host, 0):
            create_app(settings)
        assert settings.tls_cert is not None, "the start has succeeded"
        Certificate(settings.tls_cert, settings.tls_key)
    except (ConfigurationError, AssertionError) as error:
        said.append(str(error))
    return said


def test_a_broken_url_is_reported_as_when_serving() -> None:
    with pytest.raises(ConfigurationError) as raised:
        shown({"database": "http://me:s3cret@db.example"})
    assert "s3cret" not in str(raised.value)
