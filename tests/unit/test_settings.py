from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import SecretStr

from graphql_api import app, lifespan
from graphql_api.errors import ConfigurationError
from graphql_api.rethink.changefeed import ChangefeedSettings
from graphql_api.rethink.database_connection import Timeouts
from graphql_api.rethink.url import DatabaseURL
from graphql_api.settings import (
    CommonSettings,
    DataSettings,
    EmbeddedSettings,
    InitSettings,
    Settings,
    TokenSettings,
    WatchSettings,
    environment_variable,
    load,
)
from tests.for_each import for_each

KINDS = [Settings, EmbeddedSettings, InitSettings, TokenSettings, WatchSettings]


@for_each("kind", KINDS)
def test_every_setting_is_described(kind: type[CommonSettings]) -> None:
    for name, field in kind.model_fields.items():
        assert field.description, name
        assert not field.description.endswith("."), name


COUNTED = (
    "_bytes",
    "_changes",
    "_size",
    "_subscriptions",
    "_queries",
    "_tokens",
    "_levels",
    "_aliases",
    "_comparisons",
    "_fields",
    "_rows",
    "_connections",
    "_per_address",
    "_per_connection",
    "_values",
)


@for_each("kind", KINDS)
def test_a_number_has_its_unit_in_its_name(kind: type[CommonSettings]) -> None:
    for name, field in kind.model_fields.items():
        if field.annotation in {int, float} and name not in {"port", "job_window"}:
            assert name.endswith(("_s", *COUNTED)), name


def test_flags_win_over_environment_over_defaults(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GRAPHQL_API_PORT", "8001")
    monkeypatch.setenv("GRAPHQL_API_HOST", "::1")
    settings = load(Settings, {"port": "8002"})
    assert (settings.port, settings.host, settings.log_level) == (8002, ("::1",), "info")


def test_an_empty_variable_counts_as_absent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GRAPHQL_API_PORT", "")
    assert load(Settings, {}).port == 8000


def test_a_list_is_split_at_commas_in_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GRAPHQL_API_ALLOW_HOST", "a.example, b.example,")
    assert load(Settings, {}).allow_host == ("a.example", "b.example")
    assert load(Settings, {"allow_host": ["c.example"]}).allow_host == ("c.example",)


LISTS = [
    (kind, name)
    for kind in (Settings, WatchSettings)
    for name, field in kind.model_fields.items()
    if field.default == ()
]


@pytest.mark.parametrize(("kind", "name"), LISTS)
def test_every_list_is_given_by_commas_or_repetition_or_both(
    kind: type[CommonSettings], name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, two, three = (
        ("name=a, b", "id=1", "tag=c,d") if name == "where" else ("ES256", "RS256", "HS256")
    )
    more = {"jwt_key": "key.pem"} if name == "jwt_algorithm" else {}
    for given in ([one, two, three], [f"{one},{two},{three}"], [f"{one}, {two},", three]):
        assert getattr(load(kind, {name: given, **more}), name) == (one, two, three)
        monkeypatch.setenv(environment_variable(kind, name), ",".join(given))
        assert getattr(load(kind, more), name) == (one, two, three)


def test_the_embedded_command_has_variables_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GRAPHQL_API_PORT", "8001")
    assert load(EmbeddedSettings, {}).port == 28015
    monkeypatch.setenv(environment_variable(EmbeddedSettings, "port"), "28016")
    assert load(EmbeddedSettings, {}).port == 28016


def test_a_problem_names_where_its_value_came_from(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GRAPHQL_API_PORT", "eighty")
    with pytest.raises(ConfigurationError, match=r"^GRAPHQL_API_PORT: it is not a whole number"):
        load(Settings, {})
    with pytest.raises(ConfigurationError, match=r"^--port: .*65535"):
        load(Settings, {"port": "65536"})


UNFIT = [
    ("demo", "maybe", "it is neither true nor false"),
    ("port", "1.5", "it is not a whole number"),
    ("port", "70000", "it must be 65535 or less"),
    ("job_window", "week", "it is not a number"),
    ("job_window", "0", "it must be greater than 0.0"),
    ("max_queries", "0", "it must be 1 or more"),
    ("log_level", "loud", "it must be 'debug', 'info', 'warning' or 'error'"),
    ("link_key", "short{}", "it must have 32 characters or more"),
]


@pytest.mark.parametrize(("name", "value", "text"), UNFIT)
def test_an_unfit_value_is_explained_in_plain_words(
    name: str, value: str, text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    variable = environment_variable(Settings, name)
    monkeypatch.setenv(variable, value)
    with pytest.raises(ConfigurationError) as raised:
        load(Settings, {})
    assert str(raised.value) == f"{variable}: {text}"


def test_every_problem_is_reported_at_once() -> None:
    with pytest.raises(ConfigurationError) as raised:
        load(Settings, {"port": "x", "log_level": "loud"})
    assert "--port: " in str(raised.value)
    assert "--log-level: " in str(raised.value)


def test_a_missing_setting_is_named_with_its_variable() -> None:
    with pytest.raises(ConfigurationError, match=r"^--database .* GRAPHQL_API_DATABASE$"):
        load(InitSettings, {})


@for_each("flags", [{"data": "x.db"}, {"demo": True}])
def test_settings_of_the_embedded_database_exclude_another(flags: dict[str, object]) -> None:
    with pytest.raises(ConfigurationError, match="embedded database"):
        load(Settings, flags | {"database": "rethinkdb://db.example/starbelly"})
    assert not load(Settings, {"demo": False, "database": "rethinkdb://db.example/s"}).demo


def test_a_password_is_in_no_text_of_settings_or_errors() -> None:
    url = "rethinkdb://app:swordfish@db.example/starbelly"
    settings = load(Settings, {"database": url})
    assert settings.database == SecretStr(url)
    assert "swordfish" not in repr(settings) + str(settings) + settings.model_dump_json()
    with pytest.raises(ConfigurationError) as raised:
        load(Settings, {"database": url, "demo": True, "port": url})
    assert "swordfish" not in str(raised.value)
    assert raised.value.__cause__ is None
    assert raised.value.__suppress_context__


def test_settings_are_frozen() -> None:
    with pytest.raises(ValueError, match="frozen"):
        load(Settings, {}).port = 1


@for_each("kind", [Settings, EmbeddedSettings])
def test_the_password_lies_beside_the_data(kind: type[DataSettings]) -> None:
    settings = load(kind, {"data": "/srv/graphql-api/data.db"})
    assert settings.data_file == Path("/srv/graphql-api/data.db")
    assert settings.password_file == Path("/srv/graphql-api/data.db.password")


def test_memory_has_no_data_file_but_a_password() -> None:
    settings = load(Settings, {"data": ":memory:"})
    assert settings.data_file is None
    default = load(Settings, {}).data_file
    assert default is not None
    assert settings.password_file == default.with_name("memory.password")


def test_settings_of_the_database_reach_the_changefeeds(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[ChangefeedSettings] = []
    monkeypatch.setattr(lifespan, "RethinkSource", lambda _, settings, **__: made.append(settings))
    url = "rethinkdb://db.example/starbelly"
    flags = {
        "database_timeout_s": 1.5,
        "database_ready_timeout_s": 2.5,
        "database_heartbeat_s": 3.5,
        "database_queue_size": 4,
    }
    application = app.create_app(load(Settings, flags | {"database": url}))
    application._services._make_feeds(DatabaseURL.parse(url))
    assert made == [
        ChangefeedSettings(
            timeouts=Timeouts(connect_s=1.5, query_s=1.5),
            database=SecretStr(url),
            database_timeout_s=1.5,
            database_ready_timeout_s=2.5,
            database_heartbeat_s=3.5,
            database_queue_size=4,
        )
    ]


OTHERS = ["0.0.0.0", "::", "192.168.7.5", "crawler.example.org"]


@for_each("host", ["", " ", ","])
def test_host_needs_an_address(host: str) -> None:
    with pytest.raises(ConfigurationError, match="--host needs an address"):
        load(Settings, {"host": [host], "insecure": True})


@for_each("host", OTHERS)
def test_an_address_that_others_reach_needs_access_control(host: str) -> None:
    with pytest.raises(ConfigurationError, match="give --tokens, --jwt-key or --jwt-jwks"):
        load(Settings, {"host": [host]})
    for given in ({"tokens": "t"}, {"jwt_key": "k"}, {"jwt_jwks": "k"}, {"insecure": True}):
        load(Settings, {"host": [host], **given})


@for_each("host", ["127.0.0.1", "127.8.8.8", "::1", "localhost"])
def test_a_loopback_address_needs_none(host: str) -> None:
    assert not load(Settings, {"host": [host]}).has_access_control


@for_each(
    "flags",
    [
        {"insecure": True, "tokens": "t"},
        {"jwt_key": "k", "jwt_jwks": "k"},
        {"jwt_audience": "us"},
        {"jwt_issuer": "them", "tokens": "t"},
        {"jwt_algorithm": ["ES256"]},
    ],
)
def test_settings_of_access_that_contradict_each_other_are_refused(
    flags: dict[str, object],
) -> None:
    with pytest.raises(ConfigurationError):
        load(Settings, flags)
