"""The arguments of the command line: commands, and settings as flags."""

from __future__ import annotations

import argparse
import re
import sys
from datetime import timedelta
from importlib.metadata import version
from typing import Any, NoReturn, get_args

from pydantic.fields import FieldInfo

from graphql_api.exit_codes import MISUSED
from graphql_api.scopes import ALL_SCOPES, Scope, names
from graphql_api.settings import (
    CommonSettings,
    EmbeddedSettings,
    InitSettings,
    Settings,
    TokenSettings,
    WatchSettings,
    environment_variable,
    flag,
)

SCHEMA_FILE = "schema.graphql"


def make_parser(*, is_watching: bool) -> argparse.ArgumentParser:
    """What parses the arguments of `graphql-api`; the result has the name of the `command`.

    Args:
        is_watching: Whether `watch` may be among them: its tables take half a second to import.
    """

    class Parser(argparse.ArgumentParser):
        """A parser whose errors are one line."""

        def error(self, message: str) -> NoReturn:
            complain(f"{_without_values(message)} (see {self.prog} --help)")
            sys.exit(MISUSED)

    parser = Parser(
        prog="graphql-api",
        description="Live GraphQL over a Starbelly crawler's RethinkDB.",
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="version", version=f"%(prog)s {version('graphql-api')}")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)

    def command(
        name: str, summary: str, among: argparse._SubParsersAction[Any] = commands
    ) -> argparse.ArgumentParser:
        made: argparse.ArgumentParser = among.add_parser(
            name.rpartition(" ")[2],
            help=summary,
            description=f"{summary[0].upper()}{summary[1:]}.",
            argument_default=argparse.SUPPRESS,
            allow_abbrev=False,
        )
        made.set_defaults(command=name)
        return made

    _add_settings(command("serve", "serve GraphQL over HTTP and WebSocket"), Settings)
    _add_settings(
        command("embedded", "run the embedded database alone, for several programs"),
        EmbeddedSettings,
    )
    _add_settings(
        command("init", "create the database, tables and policies that are missing"),
        InitSettings,
    )
    _add_settings(
        command("config", "print the settings of `serve` and where each comes from"),
        Settings,
    )
    token = command("token", "make, list and revoke the API tokens of a file")
    tokens = token.add_subparsers(title="commands", metavar="COMMAND", required=True)
    create = command("token create", "make a token, and print it, once", tokens)
    create.add_argument("name", metavar="NAME", help="what to call it")
    create.add_argument(
        "--scope",
        action="extend",
        type=_scopes,
        required=True,
        metavar="SCOPE[,SCOPE]",
        help="what its bearer may do: read, write, and logins, which either needs for domain "
        "logins; may be repeated",
    )
    create.add_argument(
        "--expires-in",
        type=_lifetime,
        metavar="TIME",
        help="how long it is valid, such as 90d, 12h or 30m; for ever, if absent",
    )
    revoke = command("token revoke", "make a token invalid", tokens)
    revoke.add_argument("name", metavar="NAME", help="which token")
    for made in (create, command("token list", "list the tokens", tokens), revoke):
        _add_settings(made, TokenSettings)
    schema = command("schema", "print the schema")
    schema.add_argument(
        "--check", action="store_true", help=f"compare it with {SCHEMA_FILE} instead"
    )
    watch = command("watch", "show rows in the terminal, and then each change of them")
    if is_watching:
        from graphql_api.watch.tables import TABLES, conditions_text

        watch.add_argument(
            "table", choices=TABLES, help=f"what to watch; --where selects {conditions_text()}"
        )
    watch.add_argument(
        "--json", action="store_true", help="write each event as JSON on a line of its own"
    )
    watch.add_argument(
        "--once", action="store_true", help="show what is there now, and end; do not wait for it"
    )
    _add_settings(watch, WatchSettings)
    return parser


def _scopes(text: str) -> frozenset[Scope]:
    try:
        return frozenset(Scope(name.strip()) for name in text.split(",") if name.strip())
    except ValueError:
        raise argparse.ArgumentTypeError(f"there are {names(ALL_SCOPES)}") from None


def _lifetime(text: str) -> timedelta:
    match = re.fullmatch(r"([1-9][0-9]{0,4})([dhms])", text)
    if match is None:
        raise argparse.ArgumentTypeError("a time is a number of d, h, m or s, such as 90d")
    units = {"d": "days", "h": "hours", "m": "minutes", "s": "seconds"}
    return timedelta(**{units[match[2]]: int(match[1])})


def _without_values(message: str) -> str:
    """What argparse complains of, without what was given: it may be or hold a password."""
    if given := re.match(r"unrecognized arguments: (.*)", message, re.DOTALL):
        flags = re.findall(r"(?<!\S)--[a-z]+(?:-[a-z]+)*(?=[\s=]|\Z)", given[1])
        return f"there is no {', '.join(flags)}" if flags else "there is an argument too many"
    message = re.sub(
        r"invalid choice: .* \(choose", "no such thing (choose", message, flags=re.DOTALL
    )
    return re.sub(r"ignored explicit argument .*", "takes no value", message, flags=re.DOTALL)


def _add_settings(parser: argparse.ArgumentParser, kind: type[CommonSettings]) -> None:
    """A flag for each setting. What is not given stays absent, so that the environment counts."""
    own_first = sorted(
        kind.model_fields.items(), key=lambda item: item[0] in CommonSettings.model_fields
    )
    for name, field in own_first:
        text = f"{field.description}{_default(field)}".replace("%", "%%")
        if field.annotation is bool:
            parser.add_argument(flag(name), action=argparse.BooleanOptionalAction, help=text)
        else:
            parser.add_argument(
                flag(name),
                action="append" if isinstance(field.default, tuple) else "store",
                metavar=_metavar(name, field),
                help=text,
            )
    example = environment_variable(kind, "log_level")
    parser.epilog = (
        f"Each setting can also come from the environment, such as {example}=debug; flags win. "
        "The values of a list are separated by commas; its flag may also be repeated."
    )


def _default(field: FieldInfo) -> str:
    default = field.get_default(call_default_factory=True)
    if field.annotation is bool:
        default = "yes" if default else "no"
    elif isinstance(default, tuple):
        default = ", ".join(default)
    return "" if field.is_required() or default in (None, "") else f" (default: {default})"


def _metavar(name: str, field: FieldInfo) -> str:
    choices = get_args(field.annotation)
    if choices and all(isinstance(choice, str) for choice in choices):
        return "|".join(choices)
    if isinstance(field.json_schema_extra, dict):
        return str(field.json_schema_extra["metavar"])
    return name.rpartition("_")[2].upper()


def complain(message: str) -> None:
    """Say what is wrong, in one line on stderr."""
    print(f"graphql-api: {' '.join(message.split())}", file=sys.stderr)
