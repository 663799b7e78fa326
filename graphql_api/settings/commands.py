"""The settings of the commands besides `serve`."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

from pydantic import Field, SecretStr
from pydantic_settings import SettingsConfigDict

from graphql_api.settings.common import CommonSettings, DataSettings
from graphql_api.settings.database import DATABASE_FORM
from graphql_api.settings.lists import Conditions
from graphql_api.settings.settings_group import About


class EmbeddedSettings(DataSettings):
    """The settings of `graphql-api embedded`."""

    about: ClassVar = About("where it listens", "--port 28016")

    model_config = SettingsConfigDict(env_prefix="GRAPHQL_API_EMBEDDED_")

    host: str = Field("127.0.0.1", description="address to listen on")
    port: int = Field(28015, ge=0, le=65535, description="port to listen on; 0 takes a free one")
    password: bool = Field(True, description="ask for the password that the password file holds")


class TokenSettings(CommonSettings):
    """The settings of `graphql-api token`."""

    about: ClassVar = About("the token file", "--tokens tokens.json")

    tokens: Path = Field(
        description="the token file that `graphql-api serve` uses",
    )


class InitSettings(CommonSettings):
    """The settings of `graphql-api init`."""

    about: ClassVar = About("the database", "--database rethinkdb://db.example.org/starbelly")

    database: SecretStr = Field(
        description=DATABASE_FORM,
        json_schema_extra={"metavar": "URL"},
    )


class WatchSettings(CommonSettings):
    """The settings of `graphql-api watch`."""

    about: ClassVar = About("what is shown", "--url live.example.org --where name=crawl")

    model_config = SettingsConfigDict(env_prefix="GRAPHQL_API_WATCH_")

    url: str = Field(
        "http://127.0.0.1:8000/graphql",
        description="the server: a URL of http, https, ws or wss, or host:port",
    )
    where: Conditions = Field(
        (),
        description="show only these rows, such as name=crawl; all conditions must hold; the "
        "help of the command lists them",
        json_schema_extra={"metavar": "KEY=VALUE"},
    )
    token: SecretStr | None = Field(
        None,
        description="token for a server that asks for one; in the environment, lists of "
        "processes do not show it",
    )
    color: bool = Field(
        True, description="use colours on a terminal; NO_COLOR and TERM=dumb switch them off too"
    )
