"""Settings of `serve`: the database, and how long it may take."""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field, SecretStr

from graphql_api.settings.settings_group import About, SettingsGroup

DATABASE_FORM = "rethinkdb://[user[:password]@]host[:port][,host[:port]…]/database[?ca_certs=FILE]"


class DatabaseSettings(SettingsGroup):
    """The database to use, and its time limits."""

    about: ClassVar = About("the database", "--database rethinkdb://db.example.org/starbelly")

    database: SecretStr | None = Field(
        default=None,
        description=f"{DATABASE_FORM}, with the hosts of all nodes of a cluster; if absent, the "
        "server starts an embedded database with sample data",
        json_schema_extra={"metavar": "URL"},
    )
    database_timeout_s: float = Field(
        default=10.0, gt=0, description="how long the database may take to answer, in seconds"
    )
    database_ready_timeout_s: float = Field(
        default=60.0,
        gt=0,
        description="how long a feed may take to read its whole table before it starts again, in "
        "seconds",
    )
    database_heartbeat_s: float = Field(
        default=15.0,
        gt=0,
        description="how soon the server notices a silently dead connection to the database, in"
        " seconds",
    )
    database_queue_size: int = Field(
        default=100_000,
        ge=1,
        description="how many changes the database queues for a feed that is behind",
    )
