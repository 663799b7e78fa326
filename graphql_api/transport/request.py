"""What a client asks for, whichever way it comes: one operation of a document, and its values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self, TypeAlias

from graphql import GraphQLError, GraphQLSyntaxError, OperationDefinitionNode, get_operation_ast
from strawberry.types import ExecutionResult
from strawberry.types.execution import PreExecutionError

from graphql_api.errors import GraphQLAPIError
from graphql_api.schema.errors import OPERATION_UNRESOLVED, expose
from graphql_api.transport.documents import Document, Documents

Members: TypeAlias = Mapping[str, Any]
"""A JSON object, whose members the client has chosen."""


class MalformedRequestError(GraphQLAPIError):
    """A member of a request has the wrong type; the text says which."""


@dataclass(frozen=True, slots=True)
class Request:
    """A request, its members checked for their types.

    Attributes:
        query: The text of the document.
        operation_name: Which of the document's operations; may be absent if there is one.
        variables: Their values; None and none are the same.
        extensions: What else the client says about it.
    """

    query: str
    operation_name: str | None = None
    variables: dict[str, Any] | None = None
    extensions: dict[str, Any] | None = None

    @classmethod
    def of(cls, members: Members) -> Self:
        """The request that a JSON object holds; members that it does not know are ignored.

        Raises:
            MalformedRequestError: It holds none.
        """
        query = members.get("query")
        if not isinstance(query, str):
            raise MalformedRequestError("'query' is not a string")
        operation_name = members.get("operationName")
        if operation_name is not None and not isinstance(operation_name, str):
            raise MalformedRequestError("'operationName' is neither a string nor null")
        variables = optional_object(members, "variables")
        return cls(query, operation_name, variables, optional_object(members, "extensions"))

    def operation(self, documents: Documents) -> tuple[Document, OperationDefinitionNode]:
        """The operation that is asked for, and the document around it; neither is validated yet.

        Raises:
            GraphQLError: There is none, or more than one, or a syntax error; with its code.
        """
        try:
            document = documents.parse(self.query)
        except GraphQLSyntaxError as error:
            expose(error)
            raise
        operation = get_operation_ast(document.node, self.operation_name)
        if operation is None:
            raise refusal("Unable to identify operation", OPERATION_UNRESOLVED)
        return document, operation


def optional_object(members: Members, name: str) -> dict[str, Any] | None:
    """A member that may be absent or null.

    Raises:
        MalformedRequestError: It is something else than an object.
    """
    value = members.get(name)
    if value is not None and not isinstance(value, dict):
        raise MalformedRequestError(f"{name!r} is neither an object nor null")
    return value


def refusal(text: str, code: str) -> GraphQLError:
    """An error that is fit for the client."""
    return GraphQLError(text, extensions={"code": code})


def is_request_error(result: ExecutionResult) -> bool:
    """Whether nothing was executed: whatever goes wrong in execution does so at some field."""
    if isinstance(result, PreExecutionError):
        return True
    errors = result.errors or []
    return result.data is None and all(error.path is None for error in errors)
