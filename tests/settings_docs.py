"""`docs/settings.md`, made from the settings: `python -m tests.settings_docs` writes it."""

from __future__ import annotations

from pathlib import Path

from graphql_api.settings import (
    CommonSettings,
    DataSettings,
    EmbeddedSettings,
    InitSettings,
    Settings,
    TokenSettings,
    WatchSettings,
    environment_variable,
    flag,
)

FILE = Path(__file__).parents[1] / "docs" / "settings.md"

COMMANDS: dict[str, type[CommonSettings]] = {
    "serve": Settings,
    "embedded": EmbeddedSettings,
    "init": InitSettings,
    "token": TokenSettings,
    "watch": WatchSettings,
}

_HEAD = """\
# Settings

Each setting is a flag and an environment variable. The flag wins. `--demo` switches a setting on,
`--no-demo` switches it off; in the environment the values are `true` and `false`. Commas separate
the values of a list, and its flag may be repeated. `graphql-api config` prints the settings in
force, and where each value comes from.

A variable that begins with `GRAPHQL_API_` and is no setting of any command is refused, and the
error names the one that may have been meant. Variables that Kubernetes and Docker set for a service
named `graphql-api`, such as `GRAPHQL_API_SERVICE_HOST` or `GRAPHQL_API_PORT=tcp://10.0.0.1:80`, are
ignored. If such a variable has the name of a setting, the log says so.
"""


def text() -> str:
    """The whole file."""
    return _HEAD + "".join(
        f"\n## `graphql-api {command}`\n\n"
        "| flag | environment | default | meaning |\n|---|---|---|---|\n"
        + "".join(_row(kind, name) for name in kind.model_fields)
        for command, kind in COMMANDS.items()
    )


def _row(kind: type[CommonSettings], name: str) -> str:
    field = kind.model_fields[name]
    if name == "data" and issubclass(kind, DataSettings):
        default = "a file in the user's data directory"  # which is another on each machine
    else:
        value = field.get_default(call_default_factory=True)
        default = "needed" if field.is_required() else _default(value)
    cells = [
        f"`{flag(name)}`",
        f"`{environment_variable(kind, name)}`",
        default,
        str(field.description).replace("|", "\\|"),
    ]
    return f"| {' | '.join(cells)} |\n"


def _default(value: object) -> str:
    if value is None or value == ():
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"`{', '.join(value) if isinstance(value, tuple) else value}`"


if __name__ == "__main__":
    FILE.write_text(text(), encoding="utf-8")
