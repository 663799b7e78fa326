"""The commands: `serve`, `embedded`, `init`, `token`, `schema`, `config`, `watch`.

Each imports what it runs when it runs: `--help` need not wait for a GraphQL schema.
"""

from __future__ import annotations

import asyncio
import logging.config
import os
import signal
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias

from graphql_api.command_line import SCHEMA_FILE, make_parser
from graphql_api.errors import ConfigurationError, GraphQLAPIError
from graphql_api.exit_codes import INTERRUPTED
from graphql_api.settings import (
    CommonSettings,
    EmbeddedSettings,
    InitSettings,
    Settings,
    TokenSettings,
    WatchSettings,
    flag,
    load,
    naming_as_given,
    variables,
)

Flags: TypeAlias = Mapping[str, Any]
"""What was given on the command line, by the names of the settings."""


def run(arguments: Sequence[str]) -> None:
    """Run the command that the arguments name.

    Raises:
        GraphQLAPIError: It has failed.
        SystemExit: It is `--help` or `--version`, the arguments are wrong, or a signal has ended
            a watch.
    """
    flags = vars(make_parser(is_watching="watch" in arguments).parse_args(arguments))
    _COMMANDS[flags.pop("command")](flags)


def _serve(flags: Flags) -> None:
    settings = load(Settings, flags)
    _log_at(settings)
    from graphql_api.server import uvicorn_server as server
    from graphql_api.server.listening import listening

    sockets = listening(settings.host, settings.port, ipv6_only=settings.ipv6_only)
    with naming_as_given(Settings, flags), sockets as listeners:
        from graphql_api import tracing
        from graphql_api.app import create_app

        port = listeners[0].getsockname()[1]
        settings = settings.model_copy(update={"port": port})
        traces = tracing.start(os.environ)
        app = create_app(settings, announce=_print, tracing=traces)
        server.run(app, listeners, settings)
    _log_the_end()


def _embedded(flags: Flags) -> None:
    settings = load(EmbeddedSettings, flags)
    _log_at(settings)
    asyncio.run(_run_embedded(settings))
    _log_the_end()


async def _run_embedded(settings: EmbeddedSettings) -> None:
    from graphql_api.embedded import EmbeddedError, EmbeddedServer, load_or_create_password
    from graphql_api.server.listening import listening_failed
    from graphql_api.startup import embedded_lines, in_url

    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    try:
        password = load_or_create_password(settings.password_file) if settings.password else None
        async with EmbeddedServer(
            settings.data_file, host=settings.host, port=settings.port, password=password
        ) as embedded:
            url = f"rethinkdb://admin@{in_url(embedded.host)}:{embedded.port}/starbelly"
            _print(embedded_lines(settings, url, password=settings.password))
            await stop.wait()
    except EmbeddedError as error:
        raise ConfigurationError(str(error)) from error
    except (OSError, UnicodeError) as error:
        raise listening_failed(settings.host, settings.port, error) from error


def _init(flags: Flags) -> None:
    settings = load(InitSettings, flags)
    _log_at(settings)
    from graphql_api.rethink.init import initialise
    from graphql_api.rethink.url import DatabaseURL
    from graphql_api.tables import TABLES
    from graphql_api.tables.starbelly import all_tables

    with naming_as_given(InitSettings, flags):
        url = DatabaseURL.parse(settings.database.get_secret_value())
    created = asyncio.run(initialise(url, all_tables(TABLES)))
    _print([f"created {line}" for line in created] or ["there was nothing to create"])


def _token_create(flags: Flags) -> None:
    from datetime import UTC, datetime

    from graphql_api.auth.api_token import new_token
    from graphql_api.auth.token_file import add_token
    from graphql_api.scopes import names

    arguments = dict(flags)
    name, scopes = arguments.pop("name"), arguments.pop("scope")
    lifetime = arguments.pop("expires_in", None)
    file = load(TokenSettings, arguments).tokens
    now = datetime.now(UTC)
    token, kept = new_token(
        name, scopes, created=now, expires=None if lifetime is None else now + lifetime
    )
    add_token(file, kept)
    # The token alone goes to stdout, so that a program can take it from there.
    print(token, flush=True)
    until = "" if kept.expires is None else f", until {kept.expires:%Y-%m-%d %H:%M} UTC"
    print(
        f"the token {name} may {names(kept.scopes)}{until}; it cannot be shown again",
        file=sys.stderr,
    )


def _token_list(flags: Flags) -> None:
    import time

    from graphql_api.auth.token_file import read_tokens
    from graphql_api.scopes import names

    now_s = time.time()
    for token in read_tokens(load(TokenSettings, flags).tokens):
        until = "does not expire"
        if token.expires is not None:
            verb = "expired" if token.is_expired(now_s) else "expires"
            until = f"{verb} {token.expires:%Y-%m-%d %H:%M} UTC"
        created = f"created {token.created:%Y-%m-%d %H:%M} UTC"
        print(f"{token.name}: {names(token.scopes)}; {created}, {until}", flush=True)


def _token_revoke(flags: Flags) -> None:
    from graphql_api.auth.token_file import remove_token

    arguments = dict(flags)
    name = arguments.pop("name")
    remove_token(load(TokenSettings, arguments).tokens, name)
    print("revoked; servers that use the file end its connections within a second", flush=True)


def _schema(flags: Flags) -> None:
    import difflib
    from pathlib import Path

    from graphql_api.files import UnreadableFileError, read_file
    from graphql_api.schema import export
    from graphql_api.tables import LOGS, TABLES

    file = Path(SCHEMA_FILE)
    text = export(TABLES, LOGS)
    if "check" not in flags:
        sys.stdout.write(text)
        return
    try:
        written = read_file(file).data.decode()
    except (UnreadableFileError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"cannot read {SCHEMA_FILE}: {error}") from error
    if written == text:
        return
    difference = difflib.unified_diff(
        written.splitlines(keepends=True),
        text.splitlines(keepends=True),
        fromfile=f"{SCHEMA_FILE} (written)",
        tofile=f"{SCHEMA_FILE} (of the code)",
    )
    sys.stdout.writelines(difference)
    raise GraphQLAPIError(f"{SCHEMA_FILE} is out of date: run `make schema`")


def _watch(flags: Flags) -> None:
    own = {"table", "json", "once"}
    settings = load(WatchSettings, {name: flags[name] for name in flags.keys() - own})
    _log_at(settings)
    from graphql_api.watch.run import watch
    from graphql_api.watch.tables import TABLES

    watching = watch(
        TABLES[flags["table"]],
        url=settings.url,
        where=settings.where,
        token=settings.token.get_secret_value() if settings.token else None,
        as_json="json" in flags,
        once="once" in flags,
        color=settings.color,
    )
    if not asyncio.run(watching):
        sys.exit(INTERRUPTED)


def _config(flags: Flags) -> None:
    from graphql_api.effective_settings import effective_settings
    from graphql_api.tracing.collector import collector_of

    with naming_as_given(Settings, flags):
        rows = effective_settings(load(Settings, flags), flags)
    width = max(len(flag(row.name)) for row in rows)
    # What differs from the defaults is what one looks for: it stands out without colours.
    _print(
        [
            f"{'' if row.origin == 'default' else '*':<2}{flag(row.name):<{width}}  "
            f"{row.value or '(none)'}  ({row.origin})"
            for row in rows
        ]
    )
    try:
        collector = collector_of(os.environ)
    except ConfigurationError as error:
        _print([f"no traces are sent: {error}"])
    else:
        _print([] if collector is None else [f"traces are sent to {collector}"])


def _log_at(settings: CommonSettings) -> None:
    from graphql_api import environment
    from graphql_api.logs import logging_config

    logging.config.dictConfig(logging_config(settings.log_level, settings.log_format))
    for remark in environment.remarks(os.environ, variables()):
        logging.getLogger(__name__).warning("%s", remark)


def _log_the_end() -> None:
    # Not to stdout, whose reader may be gone: `serve | head -1` is a way to see the address.
    logging.getLogger(__name__).info("stopped")


def _print(lines: Sequence[str]) -> None:
    for line in lines:
        print(line, flush=True)


_COMMANDS: Mapping[str, Callable[[Flags], None]] = {
    "serve": _serve,
    "embedded": _embedded,
    "init": _init,
    "config": _config,
    "token create": _token_create,
    "token list": _token_list,
    "token revoke": _token_revoke,
    "schema": _schema,
    "watch": _watch,
}
