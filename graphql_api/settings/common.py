"""Settings that several commands have, and where their values come from."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar, Literal

from platformdirs import user_data_path
from pydantic import Field
from pydantic_settings import (
    BaseSettings,
    EnvSettingsSource,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
)

from graphql_api import environment
from graphql_api.settings.names import variables_of
from graphql_api.settings.settings_group import About

LogLevel = Literal["debug", "info", "warning", "error"]
LogFormat = Literal["plain", "json"]


class _Environment(EnvSettingsSource):
    """The environment, without what a cluster has set for a service of this name."""

    def _load_env_vars(self) -> Mapping[str, str | None]:
        # The settings are found by their names in lower case; an empty one counts as absent.
        known = variables_of(self.settings_cls)
        environ = environment.settings_of(os.environ, known)
        return {
            name.lower(): value
            for name, value in environ.items()
            if value and name.upper() in known
        }

    def __call__(self) -> dict[str, Any]:
        """What is set; pydantic looks for each setting in several ways, which takes a while."""
        return super().__call__() if self.env_vars else {}


class CommonSettings(BaseSettings):
    """The settings of every command that talks to a database or a server."""

    about: ClassVar = About("the log", "--log-level debug --log-format json")

    model_config = SettingsConfigDict(
        env_prefix="GRAPHQL_API_", env_ignore_empty=True, extra="forbid", frozen=True
    )

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - ours takes its place
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - pydantic's
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - pydantic's
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """The flags, then the environment."""
        return init_settings, _Environment(settings_cls)

    log_level: LogLevel = Field("info", description="log records of this level and above")
    log_format: LogFormat = Field(
        "plain",
        description="how a log record is written: one line for people, or one JSON object for "
        "programs",
    )


def _default_data_file() -> Path:
    return user_data_path("graphql-api", appauthor=False) / "embedded.db"


class DataSettings(CommonSettings):
    """The folder in which the embedded database keeps its data."""

    about: ClassVar = About("the embedded database", "--data starbelly.db")

    IN_MEMORY: ClassVar = Path(":memory:")

    data: Path = Field(
        default_factory=_default_data_file,
        description="file of the embedded database; :memory: keeps nothing",
    )

    @property
    def data_file(self) -> Path | None:
        """The embedded database's file, or None if it keeps nothing."""
        return None if self.data == self.IN_MEMORY else self.data

    @property
    def password_file(self) -> Path:
        """The file that holds the embedded database's password: beside its data."""
        data = _default_data_file().with_name("memory") if self.data_file is None else self.data
        return data.with_name(f"{data.name}.password")
