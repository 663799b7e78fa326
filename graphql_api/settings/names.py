"""Names of settings on the command line and in the environment."""

from __future__ import annotations

from pydantic_settings import BaseSettings


def flag(name: str) -> str:
    """The command-line flag of the setting `name`."""
    return "--" + name.replace("_", "-")


def environment_variable(kind: type[BaseSettings], name: str) -> str:
    """The environment variable of the setting `name`."""
    return f"{kind.model_config['env_prefix']}{name}".upper()


def variables_of(kind: type[BaseSettings]) -> frozenset[str]:
    """The environment variables of one command."""
    return frozenset(environment_variable(kind, name) for name in kind.model_fields)
