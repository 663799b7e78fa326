"""All settings of `graphql-api serve`."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar, Self

from pydantic import Field, model_validator

from graphql_api.masking import mask_password
from graphql_api.settings.access import AccessSettings
from graphql_api.settings.common import DataSettings
from graphql_api.settings.connections import ConnectionSettings
from graphql_api.settings.database import DatabaseSettings
from graphql_api.settings.documents import DocumentSettings
from graphql_api.settings.feeds import TableSettings
from graphql_api.settings.listening import ListeningSettings
from graphql_api.settings.settings_group import About


class Settings(
    DataSettings,
    ConnectionSettings,
    DocumentSettings,
    TableSettings,
    DatabaseSettings,
    AccessSettings,
    ListeningSettings,
):
    """The settings of `graphql-api serve`."""

    about: ClassVar = About("what is served", "--demo --no-starbelly")

    demo: bool = Field(
        False, description="change something in the embedded database every few seconds"
    )
    graphiql: bool = Field(True, description="serve GraphiQL at /graphiql")
    live: bool = Field(
        True, description="serve a page at /live that shows the tables and their changes"
    )
    starbelly: bool = Field(
        True, description="serve Starbelly's own protocol, protobuf over a WebSocket, at /starbelly"
    )

    @property
    def state_folder(self) -> Path | None:
        """The folder in which feeds are kept; None if they are not."""
        if self.state is not None or self.database is not None or self.data_file is None:
            return self.state
        return self.data_file.with_name(f"{self.data_file.name}.state")

    @model_validator(mode="after")
    def _others_need_credentials(self) -> Self:
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
    def _database_is_one_or_the_other(self) -> Self:
        if self.database is not None:
            for name in ("data", "demo"):
                if name in self.model_fields_set and getattr(self, name):
                    raise ValueError(
                        f"--{name} is for the embedded database, --database names another: "
                        "give one of them"
                    )
        return self
