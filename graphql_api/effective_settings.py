"""The settings that are in force, and where each comes from."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from pydantic import SecretStr

from graphql_api.files import shown_path
from graphql_api.masking import mask_password
from graphql_api.rethink.url import DatabaseURL
from graphql_api.settings import CommonSettings, DataSettings, origin


class EffectiveSetting(NamedTuple):
    """One setting.

    Attributes:
        name: Its name.
        value: Its value as text, without a password; empty, if it has none.
        origin: Its flag, its environment variable, or `default`.
    """

    name: str
    value: str
    origin: str


def effective_settings(
    settings: CommonSettings, flags: Mapping[str, Any]
) -> list[EffectiveSetting]:
    """Every setting, in the order of the alphabet.

    Args:
        settings: As `settings.load` made them of the flags.
        flags: What was given on the command line, by the setting's name.

    Raises:
        ConfigurationError: The URL of the database is none.
    """
    kind = type(settings)
    return [
        EffectiveSetting(name, _text(name, getattr(settings, name)), origin(kind, flags, name))
        for name in sorted(kind.model_fields)
    ]


def _text(name: str, value: object) -> str:
    match value:
        case None:
            return ""
        case SecretStr() if name == "database":
            return str(DatabaseURL.parse(value.get_secret_value()))
        case bool():
            return "yes" if value else "no"
        case tuple():
            return ", ".join(mask_password(str(item)) for item in value)
        case str():
            return mask_password(value)
        case Path() if name not in DataSettings.model_fields:
            return shown_path(value)
        case _:
            return str(value)  # of any other secret that is a row of asterisks
