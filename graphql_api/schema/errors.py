"""Errors as clients see them: their own mistakes in words, everything else as a code."""

from __future__ import annotations

from collections.abc import Iterator

from graphql import GraphQLError, GraphQLSyntaxError
from strawberry.exceptions import MissingQueryError
from strawberry.extensions import SchemaExtension
from strawberry.schema.exceptions import CannotGetOperationTypeError, InvalidOperationTypeError

from graphql_api.errors import BadInputError, ClientError
from graphql_api.schema.error_texts import is_unreadable_value, syntax_error_text, without_values
from graphql_api.schema.fault_log import FaultLog

PARSE_FAILED = "GRAPHQL_PARSE_FAILED"
VALIDATION_FAILED = "GRAPHQL_VALIDATION_FAILED"
OPERATION_UNRESOLVED = "OPERATION_RESOLUTION_FAILURE"
INTERNAL = "INTERNAL_SERVER_ERROR"

fault_log = FaultLog()
"""Where internal errors are logged; one for the process, as the log is."""

_OPERATION_ERRORS = (CannotGetOperationTypeError, InvalidOperationTypeError, MissingQueryError)


def expose(error: GraphQLError) -> None:
    """Make an error fit for the client, once: give it a code, and hide what is not the client's.

    The text stays if it is a `ClientError`'s, or GraphQL's own about the request; of the latter,
    without the values that the client has sent. Any other error is logged whole and becomes an
    `internal_error`. The frames of the operation are freed.
    """
    original = error.original_error
    try:
        _expose(error, _cause(error))
    finally:
        drop_frames(error, original)


def _expose(error: GraphQLError, cause: Exception | None) -> None:
    if cause is None:
        error.message = _text(error)
        if error.extensions and "code" in error.extensions:
            return
    elif is_unreadable_value(error.message):
        cause = None
        error.message = without_values(error.message)
        if error.extensions and "code" in error.extensions:
            error.original_error = None
            return
    code = _code(error, cause)
    error.original_error = None
    if code is None:
        masked = internal_error(cause or error, _place(error))
        error.message, error.extensions = masked.message, masked.extensions
    else:
        more = cause.extensions if isinstance(cause, ClientError) else {}
        error.extensions = {"code": code, **more}


def drop_frames(*errors: BaseException | None) -> None:
    """Free the frames that errors and their causes have passed.

    They refer to what the client has sent, and to the error: only Python's search for cycles would
    free them.
    """
    pending = [*errors]
    while pending:
        cause = pending.pop()
        if cause is None:
            continue
        pending += (cause.__cause__, cause.__context__)
        if isinstance(cause, GraphQLError):
            pending.append(cause.original_error)
        cause.__traceback__ = cause.__context__ = None


def internal_error(cause: Exception, place: str) -> GraphQLError:
    """The error that a client gets for a fault of the server: an id, which the log has, too.

    Args:
        cause: The error.
        place: Where it came up, for the log.
    """
    request_id = fault_log.record(cause, place)
    return GraphQLError("Internal error", extensions={"code": INTERNAL, "requestId": request_id})


def _text(error: GraphQLError) -> str:
    if isinstance(error, GraphQLSyntaxError):
        return syntax_error_text(error)
    return without_values(error.message)


def _code(error: GraphQLError, cause: Exception | None) -> str | None:
    """The code of an error that is the client's; None for all others."""
    if isinstance(cause, ClientError):
        return cause.code
    if isinstance(cause, _OPERATION_ERRORS):
        return OPERATION_UNRESOLVED
    if cause is not None:
        return None
    if isinstance(error, GraphQLSyntaxError):
        return PARSE_FAILED
    # Found by graphql-core itself while it executed. A variable's value has no path; an argument
    # gets one, since it is read when its field is. Anything else with a path is a value of ours
    # that does not fit its type.
    if error.path is None or error.message.startswith("Argument '"):
        return BadInputError.code
    return None


def _cause(error: GraphQLError) -> Exception | None:
    """The exception at the bottom of a GraphQL error; None if it is GraphQL's own."""
    cause: Exception | None = error
    while isinstance(cause, GraphQLError):
        cause = cause.original_error
    return cause


def _place(error: GraphQLError) -> str:
    return ".".join(map(str, error.path or ["(operation)"]))


class CodeValidationErrors(SchemaExtension):
    """Gives validation errors their code, while they can still be distinguished."""

    def on_validate(self) -> Iterator[None]:
        """Around validation."""
        yield
        for error in self.execution_context.pre_execution_errors or ():
            error.extensions = {"code": VALIDATION_FAILED, **(error.extensions or {})}
