"""Variables of the environment: settings, mistakes, and what clusters set by themselves."""

from __future__ import annotations

from itertools import product

import pytest

from graphql_api import environment
from graphql_api.environment import is_of_a_service, mistakes, remarks
from graphql_api.errors import ConfigurationError
from graphql_api.settings import (
    CommonSettings,
    EmbeddedSettings,
    InitSettings,
    Settings,
    TokenSettings,
    WatchSettings,
    load,
    origin,
    variables,
)
from tests.for_each import for_each

OF_SERVICES = {
    "GRAPHQL_API_SERVICE_HOST": "10.0.0.1",
    "GRAPHQL_API_SERVICE_PORT": "80",
    "GRAPHQL_API_SERVICE_PORT_HTTP_METRICS": "9090",
    "GRAPHQL_API_PORT": "tcp://10.0.0.1:80",
    "GRAPHQL_API_PORT_8000_TCP": "tcp://[fd00::1]:8000",
    "GRAPHQL_API_PORT_8000_TCP_PROTO": "tcp",
    "GRAPHQL_API_PORT_8000_TCP_PORT": "8000",
    "GRAPHQL_API_PORT_8000_TCP_ADDR": "fd00::1",
    "GRAPHQL_API_PORT_53_UDP": "udp://10.0.0.1:53",
    "GRAPHQL_API_BLUE_SERVICE_HOST": "10.0.0.2",
    "GRAPHQL_API_EMBEDDED_PORT": "tcp://10.0.0.3:28015",
    "GRAPHQL_API_NAME": "/watcher/graphql-api",
    "GRAPHQL_API_ENV_PYTHON_VERSION": "3.13",
}
KINDS: list[type[CommonSettings]] = [
    *(Settings, EmbeddedSettings, TokenSettings, InitSettings, WatchSettings),
]


@pytest.mark.parametrize("name", OF_SERVICES)
def test_variable_of_a_service_is_no_mistake_and_no_setting(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for variable, value in OF_SERVICES.items():
        monkeypatch.setenv(variable, value)
    assert is_of_a_service(name, OF_SERVICES)
    assert load(Settings, {}).port == 8000
    assert load(EmbeddedSettings, {}).port == 28015
    assert origin(Settings, {}, "port") == "default"


def test_one_that_hides_a_setting_is_said() -> None:
    texts = remarks(OF_SERVICES, variables())
    assert [text.split()[0] for text in texts] == [
        "GRAPHQL_API_EMBEDDED_PORT",
        "GRAPHQL_API_PORT",
    ]
    assert remarks({"GRAPHQL_API_PORT": "8001"}, variables()) == []


@for_each(
    ("name", "value"),
    [
        ("GRAPHQL_API_SERVICE_HOST", "starbelly"),
        ("GRAPHQL_API_SERVICE_PORT", "tcp"),
        ("GRAPHQL_API_PORT_8000_TCP", "8000"),
        ("GRAPHQL_API_PORT_8000", "tcp://10.0.0.1:8000"),
        ("GRAPHQL_API_PORT_TCP", "tcp://10.0.0.1:8000"),
        ("GRAPHQL_API_NAME", "starbelly"),
        ("GRAPHQL_API_ENV_TOKENS", "t"),  # without a link
    ],
)
def test_what_only_looks_like_one_of_a_service_is_a_mistake(name: str, value: str) -> None:
    assert mistakes({name: value}, variables())


@pytest.mark.parametrize(
    "value", ["http://10.0.0.1:80", "tcp://10.0.0.1", "tcp://", "10.0.0.1:80", "eighty"]
)
def test_port_that_is_neither_a_port_nor_of_a_service_is_refused_by_its_variable(
    value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GRAPHQL_API_PORT", value)
    with pytest.raises(ConfigurationError, match=r"^GRAPHQL_API_PORT: "):
        load(Settings, {})


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("GRAPHQL_API_TOKENZ", "GRAPHQL_API_TOKENS"),
        ("GRAPHQL_APITOKENS", "GRAPHQL_API_TOKENS"),
        ("graphql-api-tokens", "GRAPHQL_API_TOKENS"),
        ("GRAPHQL_API_TOKEN_FILE", None),
        ("GRAPHQL_API_JTW_KEY", "GRAPHQL_API_JWT_KEY"),
        ("graphql_api_alow_origin", "GRAPHQL_API_ALLOW_ORIGIN"),
        ("GRAPHQL_API_WATCH_TOKENS", "GRAPHQL_API_WATCH_TOKEN"),
        ("GRAPHQL_API_", None),
        ("GRAPHQL_API_ZZZZZZZZZZZZ", None),
    ],
)
def test_misspelt_variable_is_refused_by_every_command(
    name: str, meant: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    for kind, value in product(KINDS, ("x", "")):
        monkeypatch.setenv(name, value)
        with pytest.raises(ConfigurationError) as raised:
            load(kind, {})
        assert str(raised.value).startswith(f"{name} in the environment is no setting")
        assert meant is None or str(raised.value).endswith(f"did you mean {meant}?")


def test_variables_of_all_commands_are_known_to_each(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GRAPHQL_API_WATCH_TOKEN", "t")
    monkeypatch.setenv("graphql_api_embedded_port", "28016")
    monkeypatch.setenv("GRAPHQL_APIARY", "of another program")
    assert load(Settings, {}).port == 8000
    assert load(EmbeddedSettings, {}).port == 28016


@pytest.mark.parametrize("each", [2, pytest.param(6, marks=pytest.mark.long)])
def test_value_that_cannot_be_read_is_named_by_its_variable(
    each: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    kinds: list[type[CommonSettings]] = [Settings, EmbeddedSettings, WatchSettings]
    values = ["\udcff", "{", "[", "\x00", "1e999", "-1"]
    for number, name in enumerate(sorted(variables())):
        tried = [values[(number + n) % len(values)] for n in range(each)]
        for kind, value in product(kinds, tried):
            assert_value_is_named(name, value, kind, monkeypatch)


def assert_value_is_named(
    name: str, value: str, kind: type[CommonSettings], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(environment, "settings_of", lambda _, __: {name: value})
    try:
        load(kind, {})
    except ConfigurationError as error:
        assert name in str(error)  # noqa: PT017 - most are no error
