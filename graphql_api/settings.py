"""Every setting: its name, type, default, unit and meaning, once.

Each is a flag of its command (`--log-level debug`) and an environment variable
(`GRAPHQL_API_LOG_LEVEL=debug`); the flag wins. The values of a list are separated by commas; on the
command line the flag may also be repeated.
"""

from __future__ import annotations

import ipaddress
import os
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal, Self, TypeVar

from platformdirs import user_data_path
from pydantic import BeforeValidator, Field, SecretStr, ValidationError, model_validator
from pydantic_settings import (
    BaseSettings,
    EnvSettingsSource,
    NoDecode,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
)

from graphql_api import environment
from graphql_api.errors import ConfigurationError
from graphql_api.masking import mask_password

LogLevel = Literal["debug", "info", "warning", "error"]
LogFormat = Literal["plain", "json"]


_COMMA = re.compile(",")
_COMMA_BEFORE_A_KEY = re.compile(r"(?:,\s*)+(?=[A-Za-z]+\s*=|\Z)")
"""A condition's value may hold commas: `name=one, two,enabled=yes` is two conditions."""


def _split_at(comma: re.Pattern[str]) -> BeforeValidator:
    def split(value: object) -> object:
        if isinstance(value, str):
            value = [value]
        if not isinstance(value, list | tuple) or not all(isinstance(text, str) for text in value):
            return value
        if not all(map(_is_text, value)):
            raise ValueError("it is not UTF-8")
        parts = (part.strip() for text in value for part in comma.split(text))
        return [part for part in parts if part]

    return BeforeValidator(split)


def _is_text(part: object) -> bool:
    # Python keeps what is not UTF-8 in the environment as half characters.
    return "\\udc" not in ascii(part)


Names = Annotated[tuple[str, ...], NoDecode, _split_at(_COMMA)]
Conditions = Annotated[tuple[str, ...], NoDecode, _split_at(_COMMA_BEFORE_A_KEY)]


def _default_data_file() -> Path:
    return user_data_path("graphql-api", appauthor=False) / "embedded.db"


def _is_loopback(host: str) -> bool:
    """Whether only this machine can reach an address to listen on."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


class _Environment(EnvSettingsSource):
    """The environment, without what a cluster has set for a service of this name."""

    def _load_env_vars(self) -> Mapping[str, str | None]:
        # The settings are found by their names in lower case; an empty one counts as absent.
        environ = environment.settings_of(os.environ, variables())
        return {name.lower(): value for name, value in environ.items() if value}


class CommonSettings(BaseSettings):
    """What every command that talks to a database or a server has."""

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


class DataSettings(CommonSettings):
    """Where the embedded database keeps its data."""

    IN_MEMORY: ClassVar = Path(":memory:")

    data: Path = Field(
        default_factory=_default_data_file,
        description="file of the embedded database; :memory: keeps nothing",
        json_schema_extra={"metavar": "FILE"},
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


class Settings(DataSettings):
    """The settings of `graphql-api serve`."""

    host: Names = Field(
        ("127.0.0.1",),
        description="addresses to listen on; :: serves IPv4 too, unless an IPv4 address is given "
        "beside it",
        json_schema_extra={"metavar": "HOST"},
    )
    ipv6_only: bool = Field(False, description="serve only IPv6 on ::")
    port: int = Field(8000, ge=0, le=65535, description="port to listen on; 0 takes a free one")
    tls_cert: Path | None = Field(
        None,
        description="serve HTTPS and WSS with this certificate and those above it, in PEM",
        json_schema_extra={"metavar": "FILE"},
    )
    tls_key: Path | None = Field(
        None,
        description="private key of the certificate, without a passphrase; not needed if the "
        "certificate's file contains it",
        json_schema_extra={"metavar": "FILE"},
    )
    database: SecretStr | None = Field(
        None,
        description="rethinkdb://[user[:password]@]host[:port]/database[?ca_certs=FILE]; if "
        "absent, the server starts an embedded database with sample data",
        json_schema_extra={"metavar": "URL"},
    )
    demo: bool = Field(
        False, description="change something in the embedded database every few seconds"
    )
    graphiql: bool = Field(True, description="serve GraphiQL at /graphiql")
    live: bool = Field(
        True, description="serve a page at /live that shows the tables and their changes"
    )
    allow_host: Names = Field(
        (),
        description="also answer requests to this host name; loopback names and --host are "
        "always answered",
        json_schema_extra={"metavar": "NAME"},
    )
    allow_origin: Names = Field(
        (),
        description="also answer requests from web pages of this origin, such as "
        "https://app.example.org",
        json_schema_extra={"metavar": "ORIGIN"},
    )
    insecure: bool = Field(
        False,
        description="let every client read and change everything, also on an address that other"
        " machines can reach",
    )
    tokens: Path | None = Field(
        None,
        description="serve clients that have an API token of this file; `graphql-api token "
        "create` makes one",
        json_schema_extra={"metavar": "FILE"},
    )
    jwt_key: Path | None = Field(
        None,
        description="serve clients that have a JWT that this key verifies: a public key in PEM,"
        " or a secret of 32 bytes or more",
        json_schema_extra={"metavar": "FILE"},
    )
    jwt_jwks: Path | None = Field(
        None,
        description="serve clients that have a JWT that a key of this JSON Web Key Set verifies",
        json_schema_extra={"metavar": "FILE"},
    )
    jwt_algorithm: Names = Field(
        (),
        description="accept only JWTs that are signed with this algorithm, such as ES256; if "
        "absent, with any that fits the key",
        json_schema_extra={"metavar": "NAME"},
    )
    jwt_audience: str | None = Field(
        None,
        description="accept only JWTs for this audience (`aud`); if absent, only JWTs without "
        "an audience",
    )
    jwt_issuer: str | None = Field(None, description="accept only JWTs of this issuer (`iss`)")
    jwt_leeway_s: float = Field(
        5.0,
        ge=0,
        description="how far the issuer's clock may be ahead, in seconds: for `nbf` and `iat` of a "
        "JWT, not for `exp`",
    )
    persisted_documents: Path | None = Field(
        None,
        description="file of documents that clients may name by their sha256, as graphql-"
        "codegen (persistedDocuments) or Apollo (generate-persisted-query-manifest)"
        " writes it",
        json_schema_extra={"metavar": "FILE"},
    )
    only_persisted_documents: bool = Field(
        False,
        description="execute only the documents of that file; GraphiQL, /live and `graphql-api "
        "watch` then do not work, because their documents are not in it",
    )
    feed_wait_s: float = Field(
        5.0,
        ge=0,
        description="how long a query waits for a table's first snapshot, and a mutation until "
        "queries show what it wrote, in seconds",
    )
    history_max_changes: int = Field(
        10_000, ge=1, description="how many changes of each table can be resumed from"
    )
    history_max_bytes: int = Field(
        64 * 1024 * 1024,
        ge=1,
        description="how much memory these changes may take, in bytes for each table",
    )
    job_window: float = Field(
        7.0,
        gt=0,
        description="how long jobs that have ended are held in memory and followed, in days; "
        "queries read older ones from the database",
    )
    job_pace_s: float = Field(
        1.0,
        ge=0,
        description="how often clients are sent the changes of one job at most, in seconds; 0 for "
        "each change",
    )
    ready_stale_s: float = Field(
        60.0,
        ge=0,
        description="how long a table may be stale before /readyz answers 503, so that a proxy "
        "sends clients elsewhere, in seconds",
    )
    self_check_s: float = Field(
        300.0,
        ge=0,
        description="how long to wait between two comparisons of each feed with its table, in "
        "seconds; 0 for never",
    )
    response_lag_s: float = Field(
        60.0,
        gt=0,
        description="how long after a response of a job one with a lower sequence may become "
        "visible, in seconds; see docs/results.md",
    )
    link_key: SecretStr | None = Field(
        None,
        min_length=32,
        description="secret of 32 characters or more with which the links of `bodyUrl` are signed; "
        "servers that share it accept each other's links; if absent, a random one that ends with "
        "the process",
        json_schema_extra={"metavar": "SECRET"},
    )
    reconnect_first_s: float = Field(
        0.1, ge=0, description="how long to wait before the first try to reconnect, in seconds"
    )
    reconnect_max_s: float = Field(
        10.0,
        ge=0,
        description="the longest time between two tries to reconnect, in seconds; in the first "
        "three minutes of an outage at most 2",
    )
    database_timeout_s: float = Field(
        10.0, gt=0, description="how long the database may take to answer, in seconds"
    )
    database_ready_timeout_s: float = Field(
        60.0,
        gt=0,
        description="how long a feed may take to read its whole table before it starts again, in "
        "seconds",
    )
    database_heartbeat_s: float = Field(
        15.0,
        gt=0,
        description="how soon the server notices a silently dead connection to the database, in"
        " seconds",
    )
    database_queue_size: int = Field(
        100_000,
        ge=1,
        description="how many changes the database queues for a feed that is behind",
    )
    connection_init_timeout_s: float = Field(
        3.0,
        gt=0,
        description="how long a new WebSocket may take to send connection_init, in seconds",
    )
    max_subscriptions: int = Field(
        100, ge=1, description="how many subscriptions one WebSocket may have at a time"
    )
    max_queries: int = Field(
        100, ge=1, description="how many queries and mutations one WebSocket may have at a time"
    )
    sse_keep_alive_s: float = Field(
        12.0,
        gt=0,
        description="how often the server sends a comment into an event stream (SSE), so that "
        "proxies see that it is alive, in seconds",
    )
    max_operations_per_s: float = Field(
        100.0,
        gt=0,
        description="how many operations a connection may begin in a second, in the long run; "
        "after a pause, as many at once as it may have at a time",
    )
    max_cpu_per_connection: float = Field(
        0.5,
        gt=0,
        description="how much of one processor a connection may use in the long run; after that"
        " its operations wait, at most --max-cpu-wait-s",
    )
    max_cpu_per_address: float = Field(
        0.5,
        gt=0,
        description="how much of one processor all connections of one address may use together in "
        "the long run; loopback addresses and trusted proxies are not limited",
    )
    cpu_burst_s: float = Field(
        5.0,
        gt=0,
        description="how many seconds of a processor a connection, or an address, may use at once "
        "after a pause",
    )
    max_cpu_wait_s: float = Field(
        10.0,
        ge=0,
        description="how long an operation may wait for the processor before the server refuses"
        " it with RATE_LIMITED, in seconds",
    )
    max_connections: int = Field(
        10_000,
        ge=1,
        description="how many connections there may be, if the system allows as many open "
        "files; beyond them only a few probes are answered",
    )
    max_connections_per_address: int = Field(
        1000,
        ge=1,
        description="how many connections, and how many requests and WebSockets, one address may "
        "have at a time; loopback addresses and trusted proxies are not counted",
    )
    trusted_proxy: Names = Field(
        (),
        description="address or network of a proxy whose X-Forwarded-For names the client",
        json_schema_extra={"metavar": "ADDRESS"},
    )
    request_timeout_s: float = Field(
        10.0,
        gt=0,
        description="how long a request may take to arrive, a new connection to begin a "
        "request, and a TLS handshake to complete, in seconds",
    )
    keep_alive_s: float = Field(
        75.0,
        ge=0,
        description="how long the server keeps an idle HTTP connection, in seconds; it should "
        "be longer than clients and proxies keep theirs, so that they do not send a"
        " request while the server closes; 0 closes each connection after its "
        "answer",
    )
    send_timeout_s: float = Field(
        10.0,
        gt=0,
        description="how long a client may read nothing before the server cuts it off, in seconds",
    )
    send_buffer_bytes: int = Field(
        65_536,
        ge=4096,
        description="how much the kernel may buffer for each socket, in bytes; a large buffer "
        "hides a client that has stopped reading",
    )
    compress_messages: bool = Field(
        False,
        description="compress WebSocket messages for clients that offer it, as every browser "
        "does; this costs a compressor for each socket, and a compression for each "
        "message and client",
    )
    max_message_bytes: int = Field(
        1_048_576,
        ge=1024,
        description="longest WebSocket message, and the most that the messages of one "
        "WebSocket's running operations may have together, in bytes; a longer "
        "message is an error of its operation",
    )
    max_body_bytes: int = Field(
        4_194_304,
        ge=1024,
        description="longest body of an HTTP request, in bytes: an operation that is too long for "
        "a WebSocket can be sent by HTTP",
    )
    max_document_tokens: int = Field(
        10_000, ge=1, description="how many tokens a GraphQL document may have"
    )
    max_document_levels: int = Field(
        30,
        ge=1,
        description="how deep the selections of a document may be nested; introspection has "
        "limits of its own",
    )
    max_document_aliases: int = Field(
        100, ge=0, description="how many aliases a document may have, with its fragments expanded"
    )
    max_document_comparisons: int = Field(
        20_000,
        ge=1,
        description="how many comparisons the validation of a document may take: each field "
        "with all others of the same name in one place",
    )
    max_operation_fields: int = Field(
        100_000,
        ge=1,
        description="how many fields an operation may resolve, with the rows of its pages "
        "counted by their `limit` or `first`: every field of a page of 1000 policies is 38 "
        "000; an event of a subscription 10 000 at most; introspection has limits of its own",
    )
    max_operation_values: int = Field(
        10_000,
        ge=1,
        description="how many values the arguments of an operation may hold, with a variable's "
        "values counted at each use: each seed of a schedule is one, or two in the document's own "
        "text; an object, such as a rule, is twenty besides those in it",
    )
    max_page_rows: int = Field(1000, ge=1, description="how many rows a page may have")
    introspection: bool = Field(True, description="answer introspection, which GraphiQL needs")
    suggestions: bool = Field(
        True, description="name in errors the fields and values that a client may have meant"
    )
    shutdown_grace_s: int = Field(
        5,
        ge=0,
        description="how long a shutdown may take to close the clients' connections, in seconds",
    )

    @property
    def operation_burst(self) -> float:
        """How many operations a connection may begin at once, after a pause."""
        return max(self.max_operations_per_s, self.max_subscriptions + self.max_queries)

    @property
    def has_access_control(self) -> bool:
        """Whether a client needs credentials."""
        return not (self.tokens is self.jwt_key is self.jwt_jwks is None)

    @property
    def reachable_hosts(self) -> tuple[str, ...]:
        """The addresses to listen on that other machines can reach."""
        return tuple(host for host in self.host if not _is_loopback(host))

    @model_validator(mode="after")
    def _others_need_credentials(self) -> Self:
        if not self.host:
            raise ValueError("--host needs an address to listen on")
        if self.insecure and self.has_access_control:
            raise ValueError("--insecure lets everybody in: give it, or --tokens and --jwt-…")
        if self.reachable_hosts and not (self.has_access_control or self.insecure):
            raise ValueError(
                f"--host {mask_password(self.reachable_hosts[0])} can be reached by others, who "
                "could read and change everything: give --tokens, --jwt-key or --jwt-jwks, or "
                "--insecure if all of them may"
            )
        return self

    @model_validator(mode="after")
    def _jwt_has_one_key_file(self) -> Self:
        if self.jwt_key is not None and self.jwt_jwks is not None:
            raise ValueError("--jwt-key and --jwt-jwks: give one of them")
        if self.jwt_key is self.jwt_jwks is None:
            for name in ("jwt_algorithm", "jwt_audience", "jwt_issuer"):
                if getattr(self, name):
                    raise ValueError(f"{flag(name)} is of no use without --jwt-key or --jwt-jwks")
        return self

    @model_validator(mode="after")
    def _database_is_one_or_the_other(self) -> Self:
        if self.database is not None:
            for name in ("data", "demo"):
                if name in self.model_fields_set and getattr(self, name):
                    raise ValueError(
                        f"--{name} is for the embedded database, --database names another: "
                        "give one of them"
                    )
        return self

    @model_validator(mode="after")
    def _only_persisted_documents_are_those_of_a_file(self) -> Self:
        if self.only_persisted_documents and self.persisted_documents is None:
            raise ValueError(
                "--only-persisted-documents needs --persisted-documents FILE: without it, nothing "
                "could be executed"
            )
        return self

    @model_validator(mode="after")
    def _key_has_a_certificate(self) -> Self:
        if self.tls_key is not None and self.tls_cert is None:
            raise ValueError("--tls-key needs --tls-cert, the certificate whose key it is")
        return self


class EmbeddedSettings(DataSettings):
    """The settings of `graphql-api embedded`."""

    model_config = SettingsConfigDict(env_prefix="GRAPHQL_API_EMBEDDED_")

    host: str = Field("127.0.0.1", description="address to listen on")
    port: int = Field(28015, ge=0, le=65535, description="port to listen on; 0 takes a free one")
    password: bool = Field(True, description="ask for the password that the password file holds")


class TokenSettings(CommonSettings):
    """The settings of `graphql-api token`."""

    tokens: Path = Field(
        description="the token file that `graphql-api serve` uses",
        json_schema_extra={"metavar": "FILE"},
    )


class InitSettings(CommonSettings):
    """The settings of `graphql-api init`."""

    database: SecretStr = Field(
        description="rethinkdb://[user[:password]@]host[:port]/database[?ca_certs=FILE]",
        json_schema_extra={"metavar": "URL"},
    )


class WatchSettings(CommonSettings):
    """The settings of `graphql-api watch`."""

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


SettingsT = TypeVar("SettingsT", bound=CommonSettings)


def load(kind: type[SettingsT], flags: Mapping[str, Any]) -> SettingsT:
    """The settings of one command.

    Args:
        kind: Which command's.
        flags: What was given on the command line, by the setting's name. The rest comes from the
            environment, then from the defaults.

    Raises:
        ConfigurationError: A value is missing or unfit, or a variable of the environment is no
            setting of any command. The text names each by its flag or environment variable,
            whichever it came from, and does not repeat the value.
    """
    mistakes = environment.mistakes(os.environ, variables())
    if mistakes:
        raise ConfigurationError("; ".join(mistakes))
    try:
        return kind(**flags)
    except ValidationError as error:
        problems = "; ".join(
            _problem(kind, flags, detail["loc"], detail["type"], detail["msg"])
            for detail in error.errors(include_input=False, include_url=False)
        )
        # The cause holds the values, passwords among them; a traceback must not show it.
        raise ConfigurationError(problems) from None


def origin(kind: type[CommonSettings], flags: Mapping[str, Any], name: str) -> str:
    """Where the value of the setting `name` comes from: its flag, its variable, or `default`."""
    if name in flags:
        return flag(name)
    variable = environment_variable(kind, name)
    # As pydantic-settings reads it: in upper or lower case, and an empty one counts as absent.
    environ = environment.settings_of(os.environ, variables())
    is_set = any(key.upper() == variable and value for key, value in environ.items())
    return variable if is_set else "default"


def flag(name: str) -> str:
    """The command-line flag of the setting `name`."""
    return "--" + name.replace("_", "-")


def environment_variable(kind: type[CommonSettings], name: str) -> str:
    """The environment variable of the setting `name`."""
    return f"{kind.model_config['env_prefix']}{name}".upper()


@cache
def variables() -> frozenset[str]:
    """The environment variables of all commands: one environment may serve several."""
    kinds = (Settings, EmbeddedSettings, TokenSettings, InitSettings, WatchSettings)
    return frozenset(
        environment_variable(kind, name) for kind in kinds for name in kind.model_fields
    )


@contextmanager
def naming_as_given(kind: type[CommonSettings], flags: Mapping[str, Any]) -> Iterator[None]:
    """Errors of values name each setting by its environment variable, if it came from there.

    What is made of the settings knows them by their flags.

    Raises:
        ConfigurationError: The one that was raised in the context.
    """
    try:
        yield
    except ConfigurationError as error:
        raise ConfigurationError(_named_as_given(kind, flags, str(error))) from error.__cause__


def _named_as_given(kind: type[CommonSettings], flags: Mapping[str, Any], text: str) -> str:
    def source(match: re.Match[str]) -> str:
        name = match[1].replace("-", "_")
        given = origin(kind, flags, name) if name in kind.model_fields else "default"
        return match[0] if given == "default" else given

    return re.sub(r"(?<!\S)--([a-z][a-z-]*)", source, text)


def _problem(
    kind: type[CommonSettings],
    flags: Mapping[str, Any],
    location: tuple[int | str, ...],
    error_type: str,
    message: str,
) -> str:
    if not location:
        return _named_as_given(kind, flags, message.removeprefix("Value error, "))
    name = str(location[0])
    if error_type == "missing":
        return f"{flag(name)} is needed, or {environment_variable(kind, name)}"
    source = flag(name) if name in flags else environment_variable(kind, name)
    return f"{source}: {message[0].lower()}{message[1:]}"
