"""What is typed wrong is explained in one line; what the help shows can be typed."""

from __future__ import annotations

import functools
import re
import shlex
from typing import Any

import pytest

from graphql_api import command_line
from graphql_api.argument_parser import complain
from graphql_api.command_line import make_parser
from graphql_api.errors import ConfigurationError
from graphql_api.exit_codes import MISUSED
from graphql_api.settings import (
    CommonSettings,
    EmbeddedSettings,
    InitSettings,
    Settings,
    TokenSettings,
    WatchSettings,
    about,
    load,
)
from tests.for_each import for_each

SETTINGS: dict[str, type[CommonSettings]] = {
    "serve": Settings,
    "embedded": EmbeddedSettings,
    "init": InitSettings,
    "config": Settings,
    "token create": TokenSettings,
    "token list": TokenSettings,
    "token revoke": TokenSettings,
    "watch": WatchSettings,
}


parser = functools.cache(make_parser)


def understood(text: str) -> dict[str, Any]:
    """What is given by a command that is typed; it is not run."""
    given = vars(parser(is_watching=True).parse_args(shlex.split(text)))
    if (kind := SETTINGS.get(given["command"])) is not None:
        load(kind, {name: given[name] for name in given.keys() & kind.model_fields.keys()})
    return given


COMMANDS = "serve, embedded, init, token, watch, config, schema"
TABLES = "jobs, policies, schedules, logins, solvers, limits"

WRONG = {
    "": f"a command is needed: {COMMANDS} (see graphql-api --help)",
    "serv": "there is no such command; did you mean serve? (see graphql-api --help)",
    "embeded": "there is no such command; did you mean embedded? (see graphql-api --help)",
    "scheme": "there is no such command; did you mean schema? (see graphql-api --help)",
    "Watch jobs": "there is no such command; did you mean watch? (see graphql-api --help)",
    "help": "there is no such command; did you mean --help? (see graphql-api --help)",
    "version": "there is no such command; did you mean --version? (see graphql-api --help)",
    "run": f"there is no such command; there are {COMMANDS} (see graphql-api --help)",
    "--port 1 serve": "the command comes first, then its flags (see graphql-api --help)",
    "-v": "the command comes first, then its flags (see graphql-api --help)",
    "serve --prot 1": "there is no --prot; did you mean --port? (see graphql-api serve --help)",
    "serve --por 1": "there is no --por; did you mean --port? (see graphql-api serve --help)",
    "serve --Port=1": "there is no --Port; did you mean --port? (see graphql-api serve --help)",
    "serve -p 1": "there is no -p; did you mean --port or --persisted-documents? (see "
    "graphql-api serve --help)",
    "serve --log_level info": "there is no --log_level; did you mean --log-level? (see "
    "graphql-api serve --help)",
    "serve --max-conn 5": "there is no --max-conn; did you mean --max-connections or "
    "--max-connections-per-address? (see graphql-api serve --help)",
    "serve --tls-certificate x": "there is no --tls-certificate; did you mean --tls-cert? (see "
    "graphql-api serve --help)",
    "serve --data-base a:b@c --por 1": "there is no --data-base; did you mean --database?; there "
    "is no --por; did you mean --port? (see graphql-api serve --help)",
    "serve --nonsense": "there is no --nonsense (see graphql-api serve --help)",
    "serve extra": "there is an argument too many (see graphql-api serve --help)",
    "serve --a:secret@b": "there is an argument too many (see graphql-api serve --help)",
    "serve --port": "--port needs a value (see graphql-api serve --help)",
    "serve --host --port 1": "--host needs a value (see graphql-api serve --help)",
    "serve --demo=yes": "--demo takes no value (see graphql-api serve --help)",
    "serve --port http": "--port: it is not a whole number",
    "serve --port 65536": "--port: it must be 65535 or less",
    "serve --port=": "--port: it is not a whole number",
    "serve --shutdown-grace-s soon": "--shutdown-grace-s: it is not a whole number",
    "serve --log-level loud": "--log-level: it must be 'debug', 'info', 'warning' or 'error'",
    "serve --tls-key key.pem": "--tls-key needs --tls-cert, the certificate whose key it is",
    "serve --jwt-issuer me": "--jwt-issuer is of no use without --jwt-key or --jwt-jwks",
    "serve --demo --database rethinkdb://a/b": "--demo is for the embedded database, --database "
    "names another: give one of them",
    "serve --insecure --tokens t.json": "--insecure lets everybody in: give it, or --tokens and "
    "--jwt-…",
    "init": "--database is needed, or GRAPHQL_API_DATABASE",
    "watch": f"a table is needed: {TABLES} (see graphql-api watch --help)",
    "watch polices": "there is no such table; did you mean policies? (see graphql-api watch "
    "--help)",
    "watch --prot 1 jobs": "there is no --prot (see graphql-api watch --help)",
    "watch --onc jobs": "there is no --onc; did you mean --once? (see graphql-api watch --help)",
    "watch pages": f"there is no such table; there are {TABLES} (see graphql-api watch --help)",
    "watch jobs policies": "there is an argument too many (see graphql-api watch --help)",
    "schema --chek": "there is no --chek; did you mean --check? (see graphql-api schema --help)",
    "token": "a command is needed: create, list, revoke (see graphql-api token --help)",
    "token crate": "there is no such command; did you mean create? (see graphql-api token --help)",
    "token --scope read create": "the command comes first, then its flags (see graphql-api token "
    "--help)",
    "token create": "NAME and --scope are needed (see graphql-api token create --help)",
    "token create ci": "--scope is needed (see graphql-api token create --help)",
    "token create ci --scope all": "--scope: there are read, logins, write (see graphql-api token "
    "create --help)",
    "token create ci --scope read --expires-in 9": "--expires-in: a time is a number of d, h, m or "
    "s, such as 90d (see graphql-api token create --help)",
    "token list": "--tokens is needed, or GRAPHQL_API_TOKENS",
}
"""What is typed after `graphql-api`, and the line that explains it."""


@for_each(("typed", "line"), WRONG.items())
def test_wrong_usage_is_explained_in_one_line(
    typed: str, line: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises((SystemExit, ConfigurationError)) as raised:
        understood(typed)
    if isinstance(raised.value, SystemExit):
        assert raised.value.code == MISUSED
    else:
        complain(str(raised.value))
    assert capsys.readouterr() == ("", f"graphql-api: {line}\n")


def examples() -> list[str]:
    commands = [each for group in command_line._COMMANDS.values() for each in group.items()]
    commands += [(f"token {name}", both) for name, both in command_line._TOKEN_COMMANDS.items()]
    typed = [f"{name} {example}" for name, (_, example) in commands]
    first = {"token create": "ci --scope read", "token revoke": "ci", "watch": "policies"}
    for name, kind in SETTINGS.items():
        others = "--database rethinkdb://a/b" if name == "init" else ""
        others = "--tokens t.json" if kind is TokenSettings else others
        groups = dict.fromkeys(about(kind, setting) for setting in kind.model_fields)
        typed += [f"{name} {first.get(name, '')} {others} {each.example}" for each in groups]
    return typed


@for_each("typed", examples())
def test_example_of_the_help_is_understood(typed: str) -> None:
    assert understood(typed)["command"] in typed


@pytest.mark.parametrize("command", ["", "token", *SETTINGS, "schema"])
def test_help_shows_an_example_and_fits_a_terminal(
    command: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    with pytest.raises(SystemExit):
        understood(f"{command} --help")
    text = capsys.readouterr().out
    assert re.search(rf"^ +\$ graphql-api {command}", text, re.MULTILINE)
    assert max(map(len, text.splitlines())) <= 80
    if (kind := SETTINGS.get(command)) is not None:
        for name in kind.model_fields:
            assert text.count(f"\n{about(kind, name).title}:\n  such as --") == 1
