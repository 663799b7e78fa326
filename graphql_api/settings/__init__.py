"""Every setting: its name, type, default, unit and meaning, once.

Each is a flag of its command (`--log-level debug`) and an environment variable
(`GRAPHQL_API_LOG_LEVEL=debug`); the flag wins. The values of a list are separated by commas; on the
command line the flag may also be repeated.
"""

from graphql_api.settings.commands import (
    EmbeddedSettings,
    InitSettings,
    TokenSettings,
    WatchSettings,
)
from graphql_api.settings.common import CommonSettings, DataSettings, LogFormat, LogLevel
from graphql_api.settings.loading import load, naming_as_given, origin, variables
from graphql_api.settings.names import environment_variable, flag
from graphql_api.settings.serve import Settings
from graphql_api.settings.settings_group import About, about

__all__ = [
    "About",
    "CommonSettings",
    "DataSettings",
    "EmbeddedSettings",
    "InitSettings",
    "LogFormat",
    "LogLevel",
    "Settings",
    "TokenSettings",
    "WatchSettings",
    "about",
    "environment_variable",
    "flag",
    "load",
    "naming_as_given",
    "origin",
    "variables",
]
