"""What a client sees of an error: its own mistakes in words, everything else as a code."""

from __future__ import annotations

import logging
import secrets
from collections.abc import Iterator

from graphql import GraphQLError, GraphQLSyntaxError
from strawberry.exceptions import MissingQueryError
from strawberry.extensions import SchemaExtension
from strawberry.schema.exceptions import CannotGetOperationTypeError, InvalidOperationTypeError

from graphql_api.errors import BadInputError, ClientError

log = logging.getLogger(__name__)

PARSE_FAILED = "GRAPHQL_PARSE_FAILED"
VALIDATION_FAILED = "GRAPHQL_VALIDATION_FAILED"
OPERATION_UNRESOLVED = "OPERATION_RESOLUTION_FAILURE"
INTERNAL = "INTERNAL_SERVER_ERROR"

_OPERATION_ERRORS = (CannotGetOperationTypeError, InvalidOperationTypeError, MissingQueryError)


def expose(error: GraphQLError) -> None:
    """Make an error fit for the client, once: give it a code, and hide what is not the client's.

    The text stays if it is GraphQL's own about the request, or a `ClientError`'s. Any other error
    is logged whole and becomes an `internal_error`.
    """
    cause = _cause(error)
    if cause is None and error.extensions and "code" in error.extensions:
        return
    code = _code(error, cause)
    error.original_error = None
    if code is None:
        masked = internal_error(cause or error, _place(error))
        error.message, error.extensions = masked.message, masked.extensions
    else:
        more = cause.extensions if isinstance(cause, ClientError) else {}
        error.extensions = {"code": code, **more}


def internal_error(cause: Exception, place: str) -> GraphQLError:
    """What a client is told of an error that is not its own: an id, by which the log has it whole.

    Args:
        cause: The error.
        place: Where it came up, for the log.
    """
    request_id = secrets.token_hex(8)
    log.error("request %s: %s: internal error", request_id, place, exc_info=cause)
    return GraphQLError("Internal error", extensions={"code": INTERNAL, "requestId": request_id})


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
    """Gives validation errors their code, while they can still be told apart."""

    def on_validate(self) -> Iterator[None]:
        """Around validation."""
        yield
        for error in self.execution_context.pre_execution_errors or ():
            error.extensions = {"code": VALIDATION_FAILED, **(error.extensions or {})}
