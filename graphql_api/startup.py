"""What `graphql-api serve` tells the operator when it starts."""

from __future__ import annotations

import ipaddress

from graphql_api.settings import DataSettings, Settings


def startup_lines(settings: Settings, *, database: str, embedded: bool) -> list[str]:
    """Where everything is that the operator, or a second program, may want to reach.

    Args:
        settings: With the port that is listened on, also where any free one was asked for.
        database: The database's URL, without its password.
        embedded: Whether it is the embedded database.
    """
    address = f"{in_url(settings.host)}:{settings.port}"
    s = "s" if settings.tls_cert else ""
    lines = [f"GraphQL is at http{s}://{address}/graphql and ws{s}://{address}/graphql"]
    if settings.graphiql:
        lines.insert(0, f"GraphiQL is at http{s}://{address}/graphiql")
    if settings.live:
        lines.append(f"the tables are shown live at http{s}://{address}/live")
    if embedded:
        lines += embedded_lines(settings, database, password=True)
    else:
        lines.append(f"the database is {database}")
    if settings.has_access_control:
        files = (settings.tokens, settings.jwt_key, settings.jwt_jwks)
        named = " or ".join(str(file) for file in files if file is not None)
        lines.append(f"clients need a bearer token that {named} knows")
    elif not settings.is_loopback:
        lines.append(f"whoever reaches {settings.host} can read and change everything (--insecure)")
    return lines


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
