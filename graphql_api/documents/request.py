"""A client's request, over any protocol: one operation of a document, and its variables."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Self, TypeAlias

import orjson
from graphql import GraphQLError, GraphQLSyntaxError, OperationDefinitionNode, get_operation_ast
from strawberry.types import ExecutionResult
from strawberry.types.execution import PreExecutionError

from graphql_api.documents.documents import Documents, ParsedDocument
from graphql_api.documents.persisted import SHA256_PREFIX
from graphql_api.errors import BadInputError, GraphQLAPIError
from graphql_api.limits.cpu_budget import ClientBudget
from graphql_api.schema.errors import OPERATION_UNRESOLVED, expose

Members: TypeAlias = Mapping[str, Any]
"""A JSON object, whose members the client has chosen."""


BAD_REQUEST = "BAD_REQUEST"

_PROPAGATED = ("traceparent", "tracestate", "baggage")
"""The extensions in which OpenTelemetry's propagators put the trace of a client."""


class MalformedRequestError(GraphQLAPIError):
    """A member of a request has the wrong type; the text says which.

    Attributes:
        code: For the client.
    """

    def __init__(self, text: str, code: str = BAD_REQUEST) -> None:
        super().__init__(text)
        self.code = code

    @property
    def error(self) -> GraphQLError:
        """The GraphQL error for the client."""
        return refusal(str(self), self.code)


@dataclass(frozen=True, slots=True)
class Request:
    """A request, whose members have the right types.

    Attributes:
        query: The text of the document; None, if the client has only named it.
        operation_name: Which of the document's operations; may be absent if there is one.
        variables: Their values; None and none are the same.
        extensions: What else the client says about it.
        document_id: The sha256 by which the client names the document, if it does, in hexadecimal.
        traceparent: The client's span, in the form of W3C's Trace Context; as it came.
    """

    query: str | None
    operation_name: str | None = None
    variables: dict[str, Any] | None = None
    extensions: dict[str, Any] | None = None
    document_id: str | None = None
    traceparent: str | None = None

    @classmethod
    def of(cls, members: Members) -> Self:
        """The request that a JSON object holds; members that it does not know are ignored.

        However it comes, by GET, POST, as an event stream or over a WebSocket, this reads it. A
        member that is null counts as absent, and so does an empty `operationName`, as GraphQL over
        HTTP has it for the parameters of a URL.

        A document may be named in the way of the appendix of GraphQL over HTTP, `documentId`, or in
        Apollo's, `extensions.persistedQuery`. A client that is traced names its span in
        `extensions.traceparent`; a value that is no text is ignored, as W3C's Trace Context has it.

        Raises:
            MalformedRequestError: It holds none.
        """
        query = members.get("query")
        extensions = optional_object(members, "extensions")
        document_id = _document_id(members)
        if extensions and "persistedQuery" in extensions:
            # Taken out: those who name a document and those who send it ask for the same.
            extensions = {**extensions}
            by_apollo = _persisted_query(extensions.pop("persistedQuery"))
            if document_id is not None and by_apollo not in (None, document_id):
                raise MalformedRequestError("'documentId' and 'persistedQuery' name two documents")
            document_id = document_id or by_apollo
        traceparent = None
        if extensions and any(name in extensions for name in _PROPAGATED):
            # Taken out: a trace makes no subscription another one.
            traceparent = extensions.get("traceparent")
            extensions = {k: v for k, v in extensions.items() if k not in _PROPAGATED}
        if query is None and document_id is None:
            raise MalformedRequestError("'query' is missing, and no 'documentId' is in its place")
        if not isinstance(query, str | None):
            raise MalformedRequestError("'query' is not a string")
        operation_name = members.get("operationName")
        if operation_name is not None and not isinstance(operation_name, str):
            raise MalformedRequestError("'operationName' is neither a string nor null")
        variables = optional_object(members, "variables")
        _check_unicode(
            {
                "query": query,
                "operationName": operation_name,
                "variables": variables,
                "extensions": extensions,
                "documentId": document_id,
            }
        )
        return cls(
            query,
            operation_name or None,
            variables,
            extensions,
            document_id,
            traceparent if isinstance(traceparent, str) else None,
        )

    def traced_by(self, traceparent: str | None) -> Self:
        """The request with the span that its HTTP request names, if it names none itself."""
        if traceparent is None or self.traceparent is not None:
            return self
        return replace(self, traceparent=traceparent)

    async def prepare(self, documents: Documents, budget: ClientBudget) -> ParsedDocument | None:
        """Parse and check a long document beside the event loop, so that `operation` finds it.

        Returns:
            The document, kept for as long as it is referred to; None if it is short.

        Raises:
            GraphQLError: As of `operation`.
            OverBudgetError: The client would have to wait for too long.
        """
        try:
            return await documents.prepare(self.query, self.document_id, budget)
        except GraphQLSyntaxError as error:
            expose(error)
            raise

    def operation(self, documents: Documents) -> tuple[ParsedDocument, OperationDefinitionNode]:
        """The operation that is asked for, and the document around it; neither is validated yet.

        Raises:
            GraphQLError: There is none, or more than one, or a syntax error, or the document is
                not known; with its code.
        """
        try:
            document = documents.find(self.query, self.document_id)
        except GraphQLSyntaxError as error:
            expose(error)
            raise
        operation = get_operation_ast(document.node, self.operation_name)
        if operation is None:
            raise refusal("Unable to identify operation", OPERATION_UNRESOLVED)
        return document, operation


def _check_unicode(members: Members) -> None:
    """Whether all texts are Unicode: JSON can say half of a surrogate pair, and GraphQL cannot.

    Raises:
        MalformedRequestError: One is not; the error says where.
    """
    try:
        orjson.dumps(members)
    except TypeError as error:
        raise MalformedRequestError(
            f"'{_path_of_bad_text(members)}' holds half of a surrogate pair, which is no text: "
            "a text has been cut within a character",
            BadInputError.code,
        ) from error


def _path_of_bad_text(value: object) -> str | None:
    """Where the first text is that is no Unicode; None, if there is none. Recurses 64 times."""
    match value:
        case str():
            return "" if _is_bad_text(value) else None
        case dict():
            if any(map(_is_bad_text, value)):
                return "(a name)"
            members = list(value.items())
        case list():
            members = [(str(index), item) for index, item in enumerate(value)]
        case _:
            return None
    for name, inner in members:
        path = _path_of_bad_text(inner)
        if path is not None:
            return f"{name}.{path}" if path else name
    return None


def _is_bad_text(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return True
    return False


def _document_id(members: Members) -> str | None:
    id_ = members.get("documentId")
    if id_ is not None and not isinstance(id_, str):
        raise MalformedRequestError("'documentId' is neither a string nor null")
    return None if id_ is None else id_.removeprefix(SHA256_PREFIX)


def _persisted_query(value: object) -> str | None:
    match value:
        case None:
            return None
        case {"version": 1, "sha256Hash": str(id_)}:
            return id_
        case _:
            raise MalformedRequestError(
                "'extensions.persistedQuery' is not of the form {version: 1, sha256Hash: …}"
            )


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
