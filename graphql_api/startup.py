"""The lines that `graphql-api serve` logs for the operator when it starts."""

from __future__ import annotations

import ipaddress

from graphql_api.settings import DataSettings, Settings

_UNNAMED = {"0.0.0.0", "::", "127.0.0.1", "::1", "localhost"}  # noqa: S104 - to leave them out
"""Listening hosts that are wildcards, or loopback names anyway."""


def startup_lines(
    settings: Settings, *, database: str, embedded: bool, collector: str | None = None
) -> list[str]:
    """The addresses that the operator, or a second program, may want to reach.

    Args:
        settings: With the port that is listened on, also where any free one was asked for.
        database: The database's URL, without its password.
        embedded: Whether it is the embedded database.
        collector: Where traces are sent, if they are.
    """
    addresses = [f"{host}:{settings.port}" for host in hosts_in_urls(settings)]
    s = "s" if settings.tls_cert else ""

    def at(path: str, *schemes: str) -> str:
        return " and ".join(
            f"{scheme}{s}://{address}{path}" for address in addresses for scheme in schemes
        )

    lines = [f"GraphQL is at {at('/graphql', 'http', 'ws')}"]
    if settings.graphiql:
        lines.insert(0, f"GraphiQL is at {at('/graphiql', 'http')}")
    if settings.live:
        lines.append(f"the tables are shown live at {at('/live', 'http')}")
    if settings.starbelly:
        lines.append(f"Starbelly's own protocol is at {at('/starbelly', 'ws')}")
    if embedded:
        lines += embedded_lines(settings, database, password=True)
    else:
        lines.append(f"the database is {database}")
    if settings.link_key is None:
        lines.append("links to bodies are valid on this process only (no --link-key)")
    if collector is not None:
        lines.append(f"traces are sent to {collector}")
    return [*lines, *admission_lines(settings)]


def admission_lines(settings: Settings) -> list[str]:
    """Who may come in, and from which web pages."""
    others = " or ".join(settings.reachable_hosts)
    if settings.has_access_control:
        files = (settings.tokens, settings.jwt_key, settings.jwt_jwks)
        named = " or ".join(str(file) for file in files if file is not None)
        who = f"clients need a bearer token that {named} knows"
    elif others:
        who = f"every client that reaches {others} can read and change everything (--insecure)"
    else:
        who = "only this machine can connect; every program on it can read and change everything"
    origins = ["this server", *settings.allow_origin]
    names = ["a loopback name", *settings.host, *settings.allow_host]
    named_hosts = [name for name in dict.fromkeys(names) if name not in _UNNAMED]
    return [
        who,
        f"web pages of {' and '.join(origins)} may use it, under {' or '.join(named_hosts)}",
    ]


def hosts_in_urls(settings: Settings) -> list[str]:
    """The listening hosts, as a program on this machine can put them into a URL."""
    hosts = list(settings.host)
    has_ipv4 = any(_may_be_ipv4(host) for host in hosts)
    if "::" in hosts and not settings.ipv6_only and not has_ipv4:
        hosts.insert(hosts.index("::") + 1, "0.0.0.0")  # noqa: S104 - `::` serves it too
    return [*dict.fromkeys(in_url(host) for host in hosts)]


def _may_be_ipv4(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).version == 4
    except ValueError:
        return True


def embedded_lines(settings: DataSettings, url: str, *, password: bool) -> list[str]:
    """How a second program reaches the embedded database, and where its data is.

    Args:
        settings: Which files it uses.
        url: Its URL, without its password.
        password: Whether it asks for one.
    """
    access = f"its password is in {settings.password_file}" if password else "it has no password"
    kept = "in memory only" if settings.data_file is None else f"in {settings.data_file}"
    return [f"the embedded database is at {url}; {access}", f"its data is kept {kept}"]


def in_url(host: str) -> str:
    """The form of a listening host that a program on this machine can put into a URL."""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return host
    if address.version == 4:
        return "127.0.0.1" if address.is_unspecified else host
    return "[::1]" if address.is_unspecified else f"[{host.replace('%', '%25')}]"
