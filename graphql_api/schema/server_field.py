"""This server, as the page `/live` shows it: what it is, and what the client may do."""

from __future__ import annotations

from importlib.metadata import version

import strawberry

from graphql_api.schema.context import Info
from graphql_api.scopes import Scope


@strawberry.type(name="Server", description="The server that answers.")
class ServerReport:
    """The report of a server on itself."""

    version: str = strawberry.field(description="The version of graphql-api.")
    database: str = strawberry.field(
        description="The URL of its database, without the password; `embedded` if it is its own."
    )
    scopes: list[str] = strawberry.field(
        description="What you may do here: some of `read`, `logins` and `write`."
    )


def _report(info: Info) -> ServerReport:
    context = info.context
    return ServerReport(
        version=version("graphql-api"),
        database=context.database,
        scopes=[scope.value for scope in Scope if scope in context.scopes],
    )


@strawberry.type
class ServerQuery:
    """Fields of `Query`."""

    server: ServerReport = strawberry.field(
        resolver=_report, description="The server that answers, and what you may do there."
    )
