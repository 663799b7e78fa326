from __future__ import annotations

import pytest
from rethinkdb import errors

from graphql_api.errors import (
    DatabaseError,
    DatabaseRefusedError,
    DatabaseStorageError,
    DatabaseUnavailableError,
    FeedLostError,
    TableMissingError,
)
from graphql_api.rethink.driver import r
from graphql_api.rethink.driver_errors import AlreadyExistsError, translated
from graphql_api.rethink.url import DatabaseURL
from tests.for_each import for_each

URL = DatabaseURL("db.local", 28015, "starbelly", "app", "hunter2")


@for_each(
    ("error", "kind", "text"),
    [
        (
            errors.ReqlOpFailedError(
                "Cannot write the data file /srv/data.db: the disk is full; free some space there."
            ),
            DatabaseStorageError,
            "Cannot write the data file /srv/data.db: the disk is full; free some space there.",
        ),
        (
            errors.ReqlAuthError("Wrong password", "db.local", 28015),
            DatabaseRefusedError,
            "the database at db.local:28015 refuses the user 'app': Wrong password",
        ),
        (
            errors.ReqlPermissionError("User `app` does not have the required `read` permission."),
            DatabaseRefusedError,
            "required `read` permission",
        ),
        (
            errors.ReqlInternalError(
                "Unexpected exception: User `app` does not have the required `read` permission."
            ),
            DatabaseRefusedError,
            "refuses the user 'app': User `app` does not have the required `read` permission",
        ),
        (
            errors.ReqlOpFailedError(
                "Table `starbelly.policy` is ambiguous; there are multiple tables with that name."
            ),
            DatabaseError,
            (
                "there are several tables named starbelly.policy; give all but one another name, "
                "by their ids, in rethinkdb.table_config"
            ),
        ),
        (
            errors.ReqlOpFailedError(
                "Database `starbelly` is ambiguous; there are multiple databases with that name."
            ),
            DatabaseError,
            (
                "there are several databases named starbelly; give all but one another name, "
                "by their ids, in rethinkdb.db_config"
            ),
        ),
        (
            errors.ReqlOpFailedError("Table `starbelly.policy` does not exist."),
            TableMissingError,
            "the table starbelly.policy does not exist; `graphql-api init` creates it",
        ),
        (
            errors.ReqlOpFailedError("Database `starbelly` does not exist."),
            TableMissingError,
            "the database starbelly does not exist; `graphql-api init` creates it",
        ),
        (
            errors.ReqlOpFailedError("Index `name` already exists on table `starbelly.policy`."),
            AlreadyExistsError,
            "already exists",
        ),
        (
            errors.ReqlOpFailedError("Changefeed aborted (unavailable)."),
            FeedLostError,
            "Changefeed aborted",
        ),
        (
            errors.ReqlOpFailedError("There is no table with the given name / UUID."),
            FeedLostError,
            "There is no table",
        ),
        (errors.ReqlDriverError("Token 6 not in stream cache."), FeedLostError, "Token 6"),
        (
            errors.ReqlOpFailedError("cannot subscribe to table `t`: primary replica unavailable"),
            DatabaseUnavailableError,
            "cannot subscribe",
        ),
        (
            errors.ReqlOpIndeterminateError("lost contact with primary replica"),
            DatabaseUnavailableError,
            "lost contact",
        ),
        (
            errors.ReqlRuntimeError("Connection is closed (0 bytes read)."),
            DatabaseUnavailableError,
            "the connection to db.local:28015 is lost",
        ),
        (errors.ReqlDriverError("Connection is closed."), DatabaseUnavailableError, "is lost"),
        (
            errors.ReqlDriverError("Could not connect to db.local:28015. Error: [Errno 111] no"),
            DatabaseUnavailableError,
            "no connection to db.local:28015: [Errno 111] no",
        ),
        (
            errors.ReqlDriverError(
                "Could not connect to db.local:28015. Error: [Errno 111] Connection refused"
            ),
            DatabaseUnavailableError,
            "no server listens there; check that RethinkDB runs",
        ),
        (
            errors.ReqlTimeoutError("db.local", 28015),
            DatabaseUnavailableError,
            "no connection to db.local:28015: Operation timed out; check",
        ),
        (errors.ReqlTimeoutError(), DatabaseUnavailableError, "is lost"),
        (ConnectionResetError(104, "reset"), DatabaseUnavailableError, "is lost"),
        (errors.ReqlQueryLogicError("Expected NUMBER."), DatabaseError, "gave an error: Expected"),
        (errors.ReqlResourceLimitError("Array over size limit"), DatabaseError, "Array over"),
        (errors.ReqlDriverError("Something else"), DatabaseError, "Something else"),
        (errors.ReqlRuntimeError("a\n\tb\n" + "c" * 1000), DatabaseError, "a b ccc"),
        (ConnectionAbortedError(), DatabaseUnavailableError, "ConnectionAbortedError"),
    ],
)
def test_error_is_translated_into_one_line(
    error: Exception, kind: type[DatabaseError], text: str
) -> None:
    ours = translated(error, URL)
    assert type(ours) is kind
    assert text in str(ours)
    assert "\n" not in str(ours)
    assert "hunter2" not in str(ours)
    assert len(str(ours)) < 400


@pytest.mark.parametrize(
    "reason",
    [
        "[Errno 111] Connect call failed ('127.0.0.1', 1)",
        "[Errno -2] Name or service not known",
        "[Errno 104] Connection reset by peer",
        "[Errno 110] Connection timed out",
        "The driver and the server do not speak the same protocol " + "x" * 1000,
    ],
)
def test_every_error_of_connecting_says_what_to_check(reason: str) -> None:
    error = errors.ReqlDriverError(f"Could not connect to db.local:28015. Error: {reason}")
    text = str(translated(error, URL))
    assert text.startswith("no connection to db.local:28015: ")
    assert text.endswith("; check that RethinkDB runs, and the database URL")


def test_error_that_cannot_be_printed_is_translated() -> None:
    # The driver draws the failing query; with frames that do not fit the term, that fails.
    error = errors.ReqlQueryLogicError("Expected NUMBER.", r.table("policy").get(1), ["nope"])
    error.query_printer = None
    with pytest.raises(AttributeError):
        str(error)
    assert "Expected NUMBER." in str(translated(error, URL))
