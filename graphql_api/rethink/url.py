"""Where the database is: `rethinkdb://[user[:password]@]host[:port],…/database[?ca_certs=FILE]`."""

from __future__ import annotations

import re
import ssl
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import SplitResult, parse_qsl, quote, unquote, urlsplit

from graphql_api.errors import ConfigurationError
from graphql_api.files import UnreadableFileError, read_file

DEFAULT_PORT: Final = 28015
DEFAULT_USER: Final = "admin"

_FORM = "rethinkdb://[user[:password]@]host[:port][,host[:port]…]/database[?ca_certs=FILE]"
_AUTHORITY = re.compile(
    r"(?P<before>[^:/?#]*://(?:[^/?#]*@)?)(?P<hosts>[^/?#]*)(?P<after>.*)", re.DOTALL
)
_HOST = re.compile(r"[^\s\x00-\x1f\x7f,/?#@\[\]<>\"`{}|\\^]+")
_DATABASE_NAME = re.compile(r"[A-Za-z0-9_-]{1,128}")


@dataclass(frozen=True, slots=True, repr=False)
class DatabaseURL:
    """A parsed database URL; its text forms never show the password.

    Attributes:
        host: A name or an address of the first node; an IPv6 address without brackets.
        port: Its client driver port.
        database: The database that holds the tables.
        user: The RethinkDB user.
        password: Its password, empty if it has none.
        ca_certs: A file of CA certificates; with one, the connection is TLS.
        others: The hosts and ports of the cluster's other nodes, in their order.
    """

    host: str
    port: int
    database: str
    user: str = DEFAULT_USER
    password: str = ""
    ca_certs: str | None = None
    others: tuple[tuple[str, int], ...] = ()

    @classmethod
    def parse(cls, text: str) -> DatabaseURL:
        """The value of a URL that an operator wrote.

        User, password, host and query are percent-decoded. Without a user it is `admin`, without a
        port 28015. The database has no default: a URL without it must not lead to a wrong one.

        Raises:
            ConfigurationError: What is wrong with it, in one line that quotes no part of `text`: in
                a URL that is taken apart wrongly, any part may be the password.
        """
        parts, *others = [_split(url) for url in _with_one_host(text)]
        user, password = _credentials(parts)
        first, *rest = [(_host(each), _port(each)) for each in (parts, *others)]
        if len({first, *rest}) <= len(rest):
            raise _wrong("two of its hosts are the same, with the same port")
        return cls(
            *first,
            database=_database(parts),
            user=user,
            password=password,
            ca_certs=_ca_certs(parts),
            others=tuple(rest),
        )

    @property
    def hosts(self) -> tuple[tuple[str, int], ...]:
        """The host and port of each node."""
        return (self.host, self.port), *self.others

    @property
    def address(self) -> str:
        """`host:port`, as messages name the server; those of several nodes with commas between."""
        return ",".join(host_and_port(*each) for each in self.hosts)

    def masked(self) -> str:
        """The URL with `***` in the place of the password, for people and logs."""
        password = ":***" if self.password else ""
        query = f"?ca_certs={quote(self.ca_certs)}" if self.ca_certs else ""
        user = quote(self.user, safe="")
        return f"rethinkdb://{user}{password}@{self.address}/{self.database}{query}"

    __str__ = masked

    def __repr__(self) -> str:
        return f"DatabaseURL({self.masked()!r})"


def host_and_port(host: str, port: int) -> str:
    """`host:port`, with brackets around an IPv6 address."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _with_one_host(text: str) -> list[str]:
    """A URL of several hosts as several URLs of one."""
    found = _AUTHORITY.fullmatch(text)
    if found is not None and "," in found["before"] and found["before"].count("@") > 1:
        raise _wrong("user and password stand once, before the first host; write other '@' as %40")
    if found is None or "," not in found["hosts"]:
        return [text]
    hosts = found["hosts"].split(",")
    if "" in map(str.strip, hosts):
        raise _wrong("between, before or after the commas a host is missing")
    if any(" " in host for host in hosts):
        raise _wrong("there is a space between its hosts; only a comma may be there")
    return [f"{found['before']}{host}{found['after']}" for host in hosts]


def _split(text: str) -> SplitResult:
    # urlsplit drops tabs and line ends without a word; a password would then be another one.
    if any(character <= " " or character == "\x7f" for character in text):
        raise _wrong("it holds a space or a control character; percent-encode it")
    try:
        parts = urlsplit(text)
    except ValueError as error:
        raise _wrong("the host is not a name or an address; an IPv6 one stands in []") from error
    if parts.scheme != "rethinkdb" or not text.lower().startswith("rethinkdb://"):
        raise _wrong("it does not begin with rethinkdb://")
    if parts.fragment or text.endswith("#"):
        raise _wrong("it holds a '#'; in a password, write %23")
    return parts


def _credentials(parts: SplitResult) -> tuple[str, str]:
    user = _decoded(parts.username, "user")
    password = _decoded(parts.password, "password")
    if parts.username == "":
        raise _wrong("the user is empty")
    if not user.isascii():
        raise _wrong("the driver can only send a user name in ASCII")
    if any(character in user[:-1] for character in ",="):
        # It skips what follows them: `saslname_decode` in its scram_authenticator.cc.
        raise _wrong("RethinkDB misreads a user name with ',' or '=' before its end")
    try:
        password.encode()
    except UnicodeEncodeError as error:
        raise _wrong("the password is not in UTF-8") from error
    return user or DEFAULT_USER, password


def _host(parts: SplitResult) -> str:
    host = _decoded(parts.hostname, "host")
    if not host:
        raise _wrong("the host is missing")
    if not _HOST.fullmatch(host):
        raise _wrong("the host holds a character that no name or address has")
    return host


def _port(parts: SplitResult) -> int:
    try:
        port = parts.port
    except ValueError as error:
        raise _wrong(
            "the port is not a number up to 65535; in a password, write '/' as %2F, '?' as %3F, "
            "'#' as %23 and '@' as %40"
        ) from error
    if port == 0:
        raise _wrong("the port is 0")
    return DEFAULT_PORT if port is None else port


def _database(parts: SplitResult) -> str:
    database = _decoded(parts.path.removeprefix("/"), "database")
    if not database:
        raise _wrong("the database is missing, as in rethinkdb://localhost/starbelly")
    if not _DATABASE_NAME.fullmatch(database):
        raise _wrong("the database's name may hold only letters, digits, '_' and '-'")
    return database


def _ca_certs(parts: SplitResult) -> str | None:
    options = parse_qsl(parts.query, keep_blank_values=True)
    if not parts.query:
        return None
    if [name for name, _ in options] != ["ca_certs"] or not options[0][1]:
        raise _wrong("only ca_certs=FILE may follow the '?'")
    file = options[0][1]
    try:
        # Read now: a mistyped file is the operator's to mend, and no reason to retry for ever.
        read_file(Path(file))
        ssl.create_default_context(cafile=file)
    except UnreadableFileError as error:
        raise _wrong(f"the file of ca_certs cannot be used: {error}") from error
    except OSError as error:
        reason = error.strerror or "it holds no certificate"
        raise _wrong(f"the file of ca_certs cannot be used: {reason}") from error
    return file


def _decoded(text: str | None, part: str) -> str:
    try:
        return unquote(text or "", errors="strict")
    except UnicodeDecodeError as error:
        raise _wrong(f"the {part} is percent-encoded, but not in UTF-8") from error


def _wrong(reason: str) -> ConfigurationError:
    return ConfigurationError(f"--database: the URL is wrong: {reason} (its form is {_FORM})")
