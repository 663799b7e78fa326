"""Settings as they are given: by flags, then by the environment, then by their defaults."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from typing import Any, TypeVar

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from graphql_api import environment
from graphql_api.errors import ConfigurationError
from graphql_api.settings.commands import (
    EmbeddedSettings,
    InitSettings,
    TokenSettings,
    WatchSettings,
)
from graphql_api.settings.common import CommonSettings
from graphql_api.settings.names import environment_variable, flag, variables_of
from graphql_api.settings.serve import Settings

_TEXTS = {
    "bool_parsing": "it is neither true nor false",
    "float_parsing": "it is not a number",
    "greater_than": "it must be greater than {gt}",
    "greater_than_equal": "it must be {ge} or more",
    "int_parsing": "it is not a whole number",
    "less_than_equal": "it must be {le} or less",
    "literal_error": "it must be {expected}",
    "too_short": "it must have {min_length} characters or more",
}
"""What is wrong with a value, by pydantic's name of the error; for others, its text."""

SettingsT = TypeVar("SettingsT", bound=CommonSettings)


def load(kind: type[SettingsT], flags: Mapping[str, Any]) -> SettingsT:
    """The settings of one command.

    Args:
        kind: Which command's.
        flags: What was given on the command line, by the setting's name. The rest comes from the
            environment, then from the defaults.

    Raises:
        ConfigurationError: A value is missing or unfit, or a variable of the environment is no
            setting of any command. The text names each by its flag or environment variable,
            whichever it came from, and does not repeat the value.
    """
    mistakes = environment.mistakes(os.environ, variables())
    if mistakes:
        raise ConfigurationError("; ".join(mistakes))
    try:
        return kind(**flags)
    except ValidationError as error:
        problems = "; ".join(
            _problem(kind, flags, detail)
            for detail in error.errors(include_input=False, include_url=False)
        )
        # The cause holds the values, passwords among them; a traceback must not show it.
        raise ConfigurationError(problems) from None


def origin(kind: type[CommonSettings], flags: Mapping[str, Any], name: str) -> str:
    """Where the value of the setting `name` comes from: its flag, its variable, or `default`."""
    if name in flags:
        return flag(name)
    variable = environment_variable(kind, name)
    # As pydantic-settings reads it: in upper or lower case, and an empty one counts as absent.
    environ = environment.settings_of(os.environ, variables())
    is_set = any(key.upper() == variable and value for key, value in environ.items())
    return variable if is_set else "default"


@cache
def variables() -> frozenset[str]:
    """The environment variables of all commands: one environment may serve several."""
    kinds = (Settings, EmbeddedSettings, TokenSettings, InitSettings, WatchSettings)
    return frozenset(variable for kind in kinds for variable in variables_of(kind))


@contextmanager
def naming_as_given(kind: type[CommonSettings], flags: Mapping[str, Any]) -> Iterator[None]:
    """Errors of values name each setting by its environment variable, if it came from there.

    What is made of the settings knows them by their flags.

    Raises:
        ConfigurationError: The one that was raised in the context.
    """
    try:
        yield
    except ConfigurationError as error:
        raise ConfigurationError(_named_as_given(kind, flags, str(error))) from error.__cause__


def _named_as_given(kind: type[CommonSettings], flags: Mapping[str, Any], text: str) -> str:
    def source(match: re.Match[str]) -> str:
        name = match[1].replace("-", "_")
        given = origin(kind, flags, name) if name in kind.model_fields else "default"
        return match[0] if given == "default" else given

    return re.sub(r"(?<!\S)--([a-z][a-z-]*)", source, text)


def _problem(
    kind: type[CommonSettings],
    flags: Mapping[str, Any],
    detail: ErrorDetails,
) -> str:
    message = detail["msg"].removeprefix("Value error, ")
    if not detail["loc"]:
        return _named_as_given(kind, flags, message)
    name = str(detail["loc"][0])
    if detail["type"] == "missing":
        return f"{flag(name)} is needed, or {environment_variable(kind, name)}"
    source = flag(name) if name in flags else environment_variable(kind, name)
    text = _TEXTS.get(detail["type"])
    if text is None:
        return f"{source}: {message[0].lower()}{message[1:]}"
    return f"{source}: {text.format_map(detail.get('ctx', {}))}"
