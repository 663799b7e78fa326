"""The arguments of the command line: commands, and settings as flags."""

from __future__ import annotations

import argparse
import re
from collections.abc import Iterator, Mapping
from datetime import timedelta
from importlib.metadata import version
from pathlib import Path
from typing import get_args

from pydantic.fields import FieldInfo

from graphql_api.argument_parser import Parser
from graphql_api.scopes import ALL_SCOPES, Scope, names
from graphql_api.settings import (
    About,
    CommonSettings,
    EmbeddedSettings,
    InitSettings,
    Settings,
    TokenSettings,
    WatchSettings,
    about,
    environment_variable,
    flag,
)

SCHEMA_FILE = "schema.graphql"


_USAGE = "%(prog)s COMMAND [FLAGS]"

_COMMANDS: Mapping[str, Mapping[str, tuple[str, str]]] = {
    "to serve": {
        "serve": ("serve GraphQL over HTTP and WebSocket", "--demo"),
        "embedded": ("run the embedded database alone, for several programs", "--port 28016"),
    },
    "to prepare": {
        "init": (
            "create the database, tables and policies that are missing",
            "--database rethinkdb://admin@db.example/starbelly",
        ),
        "token": (
            "make, list and revoke the API tokens of a file",
            "create ci --scope read --tokens tokens.json",
        ),
    },
    "to look": {
        "watch": (
            "show rows in the terminal, and then each change of them",
            "jobs --where state=RUNNING",
        ),
        "config": (
            "print the settings of `serve` and where each comes from",
            "--port 8001",
        ),
        "schema": ("print the schema", "--check"),
    },
}
"""What each command does, and an example of what follows its name, in groups."""

_TOKEN_COMMANDS: Mapping[str, tuple[str, str]] = {
    "create": (
        "make a token, and print it, once",
        "ci --scope read --tokens tokens.json",
    ),
    "list": ("list the tokens", "--tokens tokens.json"),
    "revoke": ("make a token invalid", "ci --tokens tokens.json"),
}


def make_parser(*, is_watching: bool) -> Parser:
    """The parser of the arguments of `graphql-api`; its result has the name of the `command`.

    Args:
        is_watching: Whether `watch` may be among them: its tables take half a second to import.
    """
    lines = [
        line
        for title, commands in _COMMANDS.items()
        for line in (f"\n{title}:", *_listed(commands, "graphql-api"))
    ]
    parser = Parser(
        prog="graphql-api",
        usage=_USAGE,
        description="\n".join(["Live GraphQL over a Starbelly crawler's RethinkDB.", *lines]),
        epilog="graphql-api COMMAND --help lists the flags of a command.",
    )
    parser.add_argument("--version", action="version", version=f"%(prog)s {version('graphql-api')}")
    commands = _add_commands(
        parser, {k: v for group in _COMMANDS.values() for k, v in group.items()}
    )
    _add_settings(commands["serve"], Settings)
    _add_settings(commands["embedded"], EmbeddedSettings)
    _add_settings(commands["init"], InitSettings)
    _add_settings(commands["config"], Settings)
    commands["schema"].add_argument(
        "--check", action="store_true", help=f"compare it with {SCHEMA_FILE} instead"
    )
    _add_token_commands(commands["token"])
    _add_watch(commands["watch"], is_watching=is_watching)
    return parser


def _listed(commands: Mapping[str, tuple[str, str]], prog: str) -> Iterator[str]:
    width = max(map(len, commands))
    for name, (summary, example) in commands.items():
        yield f"  {name:<{width}}  {summary}"
        yield f"  {'':<{width}}  $ {prog} {name} {example}"


def _add_commands(parser: Parser, commands: Mapping[str, tuple[str, str]]) -> dict[str, Parser]:
    """A parser for each command; its result has the whole name, such as `token list`."""
    among = parser.add_subparsers(
        metavar="COMMAND", required=True, prog=parser.prog, help=argparse.SUPPRESS
    )
    made: dict[str, Parser] = {}
    for name, (summary, example) in commands.items():
        made[name] = among.add_parser(
            name,
            usage="%(prog)s [FLAGS]",
            description=f"{summary[0].upper()}{summary[1:]}.\n\n  $ {parser.prog} {name} {example}",
            argument_default=argparse.SUPPRESS,
        )
        made[name].set_defaults(command=f"{parser.prog} {name}".partition(" ")[2])
    return made


def _add_token_commands(token: Parser) -> None:
    lines = "\n".join(_listed(_TOKEN_COMMANDS, token.prog))
    token.usage = _USAGE
    token.description = f"Make, list and revoke the API tokens of a file.\n\n{lines}"
    commands = _add_commands(token, _TOKEN_COMMANDS)
    create, revoke = commands["create"], commands["revoke"]
    create.usage = "%(prog)s NAME --scope SCOPE [FLAGS]"
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
    revoke.usage = "%(prog)s NAME [FLAGS]"
    revoke.add_argument("name", metavar="NAME", help="which token")
    for each in commands.values():
        _add_settings(each, TokenSettings)


def _add_watch(watch: Parser, *, is_watching: bool) -> None:
    watch.usage = "%(prog)s TABLE [FLAGS]"
    if is_watching:
        from graphql_api.watch.tables import TABLES, conditions_text

        watch.add_argument(
            "table",
            metavar="TABLE",
            choices=TABLES,
            help=f"what to watch: {', '.join(TABLES)}; --where selects {conditions_text()}",
        )
    watch.add_argument(
        "--json", action="store_true", help="write each event as JSON on a line of its own"
    )
    watch.add_argument(
        "--once", action="store_true", help="show what is there now, and end; do not wait for it"
    )
    _add_settings(watch, WatchSettings)


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


def _add_settings(parser: Parser, kind: type[CommonSettings]) -> None:
    """A flag for each setting. What is not given stays absent, so that the environment counts."""
    groups: dict[About, list[str]] = {}
    for name in kind.model_fields:
        groups.setdefault(about(kind, name), []).append(name)
    own_first = sorted(groups, key=lambda each: each is CommonSettings.about)
    for each in own_first:
        group = parser.add_argument_group(each.title, f"such as {each.example}")
        for name in groups[each]:
            _add_setting(group, name, kind.model_fields[name])
    example = environment_variable(kind, "log_level")
    parser.epilog = (
        f"Each setting can also come from the environment, such as\n{example}=debug; flags win. "
        "The values of a list are\nseparated by commas; its flag may also be repeated."
    )


def _add_setting(group: argparse._ArgumentGroup, name: str, field: FieldInfo) -> None:
    text = f"{field.description}{_default(field)}".replace("%", "%%")
    if field.annotation is bool:
        group.add_argument(flag(name), action=argparse.BooleanOptionalAction, help=text)
    else:
        group.add_argument(
            flag(name),
            action="append" if isinstance(field.default, tuple) else "store",
            metavar=_metavar(name, field),
            help=text,
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
    if Path in (field.annotation, *choices):
        return "FILE"
    return name.rpartition("_")[2].upper()
