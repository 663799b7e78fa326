"""The exceptions that this package raises.

GraphQLAPIError
├── ConfigurationError            a setting or a command cannot be carried out as given
├── DatabaseError
│   ├── DatabaseUnavailableError  no connection, or the table does not answer; may pass
│   ├── DatabaseRefusedError      wrong password or missing permission; will not pass by itself
│   ├── TableMissingError         the database or a table is not there
│   └── FeedLostError             a changefeed ended or has a gap; read the table again
└── ClientError                   told to the client, with a code
    ├── BadCursorError            BAD_CURSOR
    ├── BadInputError             BAD_USER_INPUT
    ├── FeedUnavailableError      FEED_UNAVAILABLE
    ├── ForbiddenError            FORBIDDEN
    └── UnauthenticatedError      UNAUTHENTICATED
"""

from __future__ import annotations

from typing import ClassVar


class GraphQLAPIError(Exception):
    """Base class of every exception of this package."""


class ConfigurationError(GraphQLAPIError):
    """A setting or a command cannot be carried out as it was given.

    Its text is one line for the operator: what is wrong, where, and what to do.
    """


class DatabaseError(GraphQLAPIError):
    """The database did not do what was asked of it."""


class DatabaseUnavailableError(DatabaseError):
    """The database or a table cannot be reached now; trying again later may help."""


class DatabaseRefusedError(DatabaseError):
    """The database refuses these credentials, or the user lacks a permission."""


class TableMissingError(DatabaseError):
    """The database or the table does not exist; `graphql-api init` creates it."""


class FeedLostError(DatabaseError):
    """A changefeed ended, or skipped changes: whoever reads it must read the table again."""


class ClientError(GraphQLAPIError):
    """An error whose text and `code` are for the client.

    Attributes:
        code: The value of the GraphQL error's `extensions.code`.
    """

    code: ClassVar[str]


class BadCursorError(ClientError):
    """A cursor is not one that this API gave out."""

    code = "BAD_CURSOR"


class BadInputError(ClientError):
    """An argument or an input value is not acceptable."""

    code = "BAD_USER_INPUT"


class FeedUnavailableError(ClientError):
    """A table's first snapshot has not arrived in time."""

    code = "FEED_UNAVAILABLE"


class ForbiddenError(ClientError):
    """The client is known, and lacks a scope."""

    code = "FORBIDDEN"


class UnauthenticatedError(ClientError):
    """Credentials are missing, or not valid.

    Its text says the same of every token that is not valid, whatever is wrong with it.

    Attributes:
        for_log: What is wrong, for the operator; never a part of the token.
        has_token: Whether there was one.
    """

    code = "UNAUTHENTICATED"

    def __init__(self, text: str, *, for_log: str, has_token: bool) -> None:
        super().__init__(text)
        self.for_log = for_log
        self.has_token = has_token
