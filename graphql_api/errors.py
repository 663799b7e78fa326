"""The exceptions that this package raises.

GraphQLAPIError
├── AbandonedError                what is being done is not needed any more
├── ConfigurationError            a setting or a command cannot be carried out as given
├── DatabaseError
│   ├── DatabaseUnavailableError  no connection, or the table does not answer; may pass
│   ├── DatabaseRefusedError      wrong password or missing permission; will not pass by itself
│   ├── DatabaseStorageError      its disk is full or fails; reads go on
│   ├── TableMissingError         the database or a table is not there
│   ├── OutcomeUnknownError       the connection was lost with a write on its way
│   └── FeedLostError             a changefeed ended or has a gap; read the table again
└── ClientError                   sent to the client, with a code
    ├── BadCursorError            BAD_CURSOR
    ├── BadInputError             BAD_USER_INPUT
    │   └── InvalidInputError     the same, with every problem of an input
    ├── ConflictError             CONFLICT
    ├── FeedUnavailableError      FEED_UNAVAILABLE
    ├── ForbiddenError            FORBIDDEN
    ├── InUseError
    │   ├── CaptchaSolverInUseError   CAPTCHA_SOLVER_IN_USE
    │   └── PolicyInUseError          POLICY_IN_USE
    ├── JobNotFinishedError       JOB_NOT_FINISHED
    ├── NotFoundError             NOT_FOUND
    ├── OverBudgetError           RATE_LIMITED
    ├── UnauthenticatedError      UNAUTHENTICATED
    └── WriteError
        ├── NotWrittenError       DATABASE_UNAVAILABLE
        ├── WriteRefusedError     DATABASE_REFUSED
        └── MaybeWrittenError     OUTCOME_UNKNOWN
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import ClassVar


class GraphQLAPIError(Exception):
    """Base class of every exception of this package."""


class AbandonedError(GraphQLAPIError):
    """A part of an answer is not needed any more: the answer has been made without it."""


class ConfigurationError(GraphQLAPIError):
    """A setting or a command cannot be carried out as it was given.

    Its text is one line for the operator: what is wrong, where, and what to do.
    """


class DatabaseError(GraphQLAPIError):
    """The database did not do what was asked of it.

    Its text is for the operator, and may name hosts and users.
    """

    @property
    def summary(self) -> str:
        """The part that a client or a probe may read: no host and no user."""
        return "the database gave an error, which the log names"


class DatabaseUnavailableError(DatabaseError):
    """The database or a table cannot be reached now; trying again later may help."""

    summary = "the database cannot be reached"


class DatabaseStorageError(DatabaseError):
    """The database cannot store anything, because its disk is full or fails; reads go on."""

    summary = "the database's disk is full or fails"


class DatabaseRefusedError(DatabaseError):
    """The database refuses these credentials, or the user lacks a permission."""

    summary = "the database refuses this server's user or password"


class TableMissingError(DatabaseError):
    """The database or the table does not exist; `graphql-api init` creates it."""

    @property
    def summary(self) -> str:
        """The text itself, which names what is missing and what creates it."""
        return str(self)


class OutcomeUnknownError(DatabaseError):
    """The connection was lost with a write on its way: it may or may not have been done."""


class FeedLostError(DatabaseError):
    """A changefeed ended, or skipped changes: its table must be read again."""

    @property
    def summary(self) -> str:
        """The text itself, which names no host."""
        return str(self)


class ClientError(GraphQLAPIError):
    """An error whose text and `code` are for the client.

    Attributes:
        code: The value of the GraphQL error's `extensions.code`.
    """

    code: ClassVar[str]

    @property
    def extensions(self) -> Mapping[str, object]:
        """The members of the GraphQL error's `extensions` beside the code."""
        return {}


class BadCursorError(ClientError):
    """A cursor is not one that this API gave out."""

    code = "BAD_CURSOR"


class BadInputError(ClientError):
    """An argument or an input value is not acceptable."""

    code = "BAD_USER_INPUT"


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong with an input.

    Attributes:
        path: The arguments, fields and places in lists that lead to it, in GraphQL's names:
            `("input", "urlRules", 1, "pattern")`.
        message: What is wrong, then where, in words: "Pattern is required in URL rule #2".
    """

    path: tuple[str | int, ...]
    message: str


class InvalidInputError(BadInputError):
    """An input breaks rules; `problems` are all that it breaks, in the input's order."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        super().__init__("; ".join(problem.message for problem in problems))
        self.problems = tuple(problems)

    @property
    def extensions(self) -> Mapping[str, object]:
        """The problems."""
        return {
            "problems": [
                {"path": list(problem.path), "message": problem.message}
                for problem in self.problems
            ]
        }


class NotFoundError(ClientError):
    """The row that was to be changed is not there."""

    code = "NOT_FOUND"


class ConflictError(ClientError):
    """Somebody else has changed it; `current` is what it is now, as it is served."""

    code = "CONFLICT"

    def __init__(self, text: str, current: Mapping[str, object]) -> None:
        super().__init__(text)
        self.current = current

    @property
    def extensions(self) -> Mapping[str, object]:
        """The current value."""
        return {"current": self.current}


class JobNotFinishedError(ClientError):
    """A job that may still crawl cannot be deleted."""

    code = "JOB_NOT_FINISHED"


class OverBudgetError(ClientError):
    """An operation would have to wait for too long until its client may use the processor again."""

    code = "RATE_LIMITED"


class InUseError(ClientError):
    """Other documents name the one that was to be deleted.

    Attributes:
        users: The names of those documents by their keys; empty, if the client may not know them.
        users_are: What they are called in the error's `extensions`.
        name_is: What their names are called there.
    """

    users_are: ClassVar[str]
    name_is: ClassVar[str] = "name"

    def __init__(self, text: str, users: Mapping[str, str | None] = MappingProxyType({})) -> None:
        super().__init__(text)
        self.users = users

    @property
    def extensions(self) -> Mapping[str, object]:
        """The documents."""
        users = [{"id": key, self.name_is: name} for key, name in self.users.items()]
        return {self.users_are: users}


class CaptchaSolverInUseError(InUseError):
    """Policies use the CAPTCHA solver."""

    code = "CAPTCHA_SOLVER_IN_USE"
    users_are = "policies"


class PolicyInUseError(InUseError):
    """Schedules use the policy."""

    code = "POLICY_IN_USE"
    users_are = "schedules"
    name_is = "scheduleName"


class WriteError(ClientError):
    """The database did not do, or may not have done, what a mutation asked of it."""


class NotWrittenError(WriteError):
    """The database cannot be reached, or its disk is full: nothing was written."""

    code = "DATABASE_UNAVAILABLE"


class WriteRefusedError(WriteError):
    """The database has refused: nothing was written, and trying again will not help."""

    code = "DATABASE_REFUSED"


class MaybeWrittenError(WriteError):
    """The connection to the database was lost before it answered."""

    code = "OUTCOME_UNKNOWN"


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
