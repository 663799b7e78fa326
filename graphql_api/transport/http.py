"""GraphQL over HTTP: one request, one response.

Queries come by GET or POST, mutations by POST. Who accepts `application/graphql-response+json` gets
the status codes that belong to it: 400 if nothing was executed. Who accepts `application/json`, or
anything, gets 200 whenever the request was GraphQL at all, as it was before.

Source: https://graphql.github.io/graphql-over-http/draft/, and the audit of npm's graphql-http.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, TypeAlias
from urllib.parse import parse_qsl

import orjson
from graphql import GraphQLError, OperationType
from starlette.datastructures import Headers
from starlette.types import Receive, Scope, Send

from graphql_api.errors import GraphQLAPIError, UnauthenticatedError
from graphql_api.schema import APISchema, Context
from graphql_api.schema.errors import INTERNAL
from graphql_api.transport import messages
from graphql_api.transport.credentials import challenge
from graphql_api.transport.documents import Documents
from graphql_api.transport.request import (
    MalformedRequestError,
    Members,
    Request,
    is_request_error,
    refusal,
)

log = logging.getLogger(__name__)

BAD_REQUEST = "BAD_REQUEST"
OPERATION_NOT_ALLOWED = "OPERATION_NOT_ALLOWED"

MakeContext: TypeAlias = Callable[[Scope], Awaitable[Context]]
"""Makes the context of a request from its ASGI scope, headers and all, before anything else is read
of it. To refuse the request it raises `RefusedError` or `UnauthenticatedError`."""


class MediaType(Enum):
    """What a response can be; the first is taken if the client likes both equally."""

    JSON = "application/json"
    GRAPHQL = "application/graphql-response+json"


@dataclass(frozen=True, slots=True)
class Response:
    """A whole HTTP response."""

    status: int
    body: bytes
    media_type: MediaType = MediaType.JSON
    headers: Mapping[str, str] = field(default_factory=dict)


class RefusedError(GraphQLAPIError):
    """A request that is not executed, and the response to it."""

    def __init__(
        self,
        status: int,
        text: str,
        *,
        code: str = BAD_REQUEST,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(text)
        self.status = status
        self.error = refusal(text, code)
        self.headers = headers or {}


# Pure: from an HTTP request to what is asked for.


def accepted(accept: str | None) -> MediaType | None:
    """The media type that a client likes best, by its Accept header; None, if it likes none.

    Of those that it likes equally it gets the one that it names first, and by a wildcard JSON.
    """
    best: tuple[float, MediaType] | None = None
    for part in (accept or "*/*").split(","):
        name, *parameters = (text.strip().lower() for text in part.split(";"))
        quality = _quality(parameters)
        for media_type in MediaType:
            if name in (media_type.value, "application/*", "*/*"):
                if quality > (best[0] if best else 0.0):
                    best = quality, media_type
                break
    return best[1] if best else None


def _quality(parameters: list[str]) -> float:
    for parameter in parameters:
        name, _, value = parameter.partition("=")
        if name.strip() == "q":
            try:
                return float(value)
            except ValueError:
                return 0.0
    return 1.0


def read_get(query_string: bytes) -> Request:
    """The request that a URL's query holds.

    Raises:
        RefusedError: It holds none.
    """
    try:
        members: dict[str, Any] = dict(
            parse_qsl(query_string.decode("ascii"), keep_blank_values=True, errors="strict")
        )
        for name in ("variables", "extensions"):
            if name in members:
                members[name] = orjson.loads(members[name] or "null")
        members["operationName"] = members.get("operationName") or None
    except ValueError as error:
        raise RefusedError(400, "the URL's query is malformed") from error
    return _request(members)


def check_body_type(headers: Headers) -> None:
    """Whether a body is of the one type that is understood.

    Raises:
        RefusedError: It is not.
    """
    content_types = headers.getlist("content-type")
    name, _, parameters = (content_types[0] if content_types else "").lower().partition(";")
    if len(content_types) > 1 or name.strip() != "application/json":
        raise RefusedError(415, "the Content-Type must be application/json")
    if "charset=" in parameters and "utf-8" not in parameters:
        raise RefusedError(415, "the charset must be utf-8")
    if headers.get("content-encoding", "identity").strip().lower() != "identity":
        raise RefusedError(415, "the body must not be compressed")


def read_post(body: bytes) -> Request:
    """The request that a body holds.

    Raises:
        RefusedError: It holds none.
    """
    try:
        members = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise RefusedError(400, "the body is not JSON") from error
    if not isinstance(members, dict):
        raise RefusedError(400, "the body is not a JSON object")
    return _request(members)


def _request(members: Members) -> Request:
    try:
        return Request.of(members)
    except MalformedRequestError as error:
        raise RefusedError(400, str(error)) from error


def check_operation(method: str, operation: OperationType) -> None:
    """Whether an operation may come this way.

    Raises:
        RefusedError: It may not.
    """
    if operation is OperationType.SUBSCRIPTION:
        raise RefusedError(
            406,
            "a subscription needs a WebSocket that speaks graphql-transport-ws",
            code=OPERATION_NOT_ALLOWED,
        )
    if operation is OperationType.MUTATION and method == "GET":
        raise RefusedError(
            405, "a mutation needs POST", code=OPERATION_NOT_ALLOWED, headers={"allow": "POST"}
        )


# The shell.


class GraphQLHTTP:
    """An ASGI application that answers GraphQL requests over HTTP, subscriptions excepted.

    Args:
        schema: What to execute operations on.
        make_context: Makes each request's context.
        documents: The parsed documents; may be shared with others.
        max_body_bytes: How long a request's body may be.
    """

    def __init__(
        self,
        schema: APISchema,
        make_context: MakeContext,
        *,
        documents: Documents | None = None,
        max_body_bytes: int = 1_048_576,
    ) -> None:
        self._schema = schema
        self._make_context = make_context
        self._documents = Documents() if documents is None else documents
        self._max_body_bytes = max_body_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, as ASGI has it."""
        try:
            response = await self._respond(scope, receive)
        except RefusedError as refused:
            response = Response(
                refused.status, _errors([refused.error]), MediaType.JSON, refused.headers
            )
        except UnauthenticatedError as error:
            body = _errors([refusal(str(error), error.code)])
            response = Response(401, body, headers={"www-authenticate": challenge(error)})
        except Exception:
            log.exception("a request ends with an internal error")
            response = Response(500, _errors([refusal("Internal error", INTERNAL)]))
        if response is not None:
            await _send(send, response)

    async def _respond(self, scope: Scope, receive: Receive) -> Response | None:
        headers = Headers(scope=scope)
        method = scope["method"]
        if method not in ("GET", "POST"):
            raise RefusedError(405, "GraphQL needs GET or POST", headers={"allow": "GET, POST"})
        media_type = accepted(", ".join(headers.getlist("accept")))
        if media_type is None:
            types = " or ".join(media_type.value for media_type in MediaType)
            raise RefusedError(406, f"the response can be {types}, and Accept names none of them")
        context = await self._make_context(scope)
        if method == "GET":
            request = read_get(scope["query_string"])
        else:
            check_body_type(headers)
            body = await self._read_body(headers, receive)
            if body is None:
                return None
            request = read_post(body)
        return await self._execute(method, request, media_type, context)

    async def _read_body(self, headers: Headers, receive: Receive) -> bytes | None:
        """The body; None if the client has gone before its end."""
        too_long = RefusedError(413, f"the body is longer than {self._max_body_bytes} bytes")
        length = headers.get("content-length", "")
        if length.isdecimal() and int(length) > self._max_body_bytes:
            raise too_long
        body = bytearray()
        while True:
            message = await receive()
            if message["type"] == "http.disconnect":
                return None
            body += message.get("body", b"")
            if len(body) > self._max_body_bytes:
                raise too_long
            if not message.get("more_body", False):
                return bytes(body)

    async def _execute(
        self, method: str, request: Request, media_type: MediaType, context: Context
    ) -> Response:
        request_error_status = 400 if media_type is MediaType.GRAPHQL else 200
        try:
            document, operation = request.operation(self._documents)
        except GraphQLError as error:
            return Response(request_error_status, _errors([error]), media_type)
        check_operation(method, operation.operation)
        result = await self._schema.execute(
            document.text,
            variable_values=request.variables,
            context_value=context,
            operation_name=request.operation_name,
            operation_extensions=request.extensions,
        )
        if result.errors and is_request_error(result):
            return Response(request_error_status, _errors(result.errors), media_type)
        body = messages.execution_result(result.data, result.errors, result.extensions)
        return Response(200, body, media_type)


def _errors(errors: list[GraphQLError]) -> bytes:
    return messages.to_json({"errors": [error.formatted for error in errors]})


async def _send(send: Send, response: Response) -> None:
    headers = {
        "content-type": f"{response.media_type.value}; charset=utf-8",
        "content-length": str(len(response.body)),
        "cache-control": "no-store",
        "x-content-type-options": "nosniff",
        **response.headers,
    }
    await send(
        {
            "type": "http.response.start",
            "status": response.status,
            "headers": [(name.encode(), value.encode()) for name, value in headers.items()],
        }
    )
    await send({"type": "http.response.body", "body": response.body})
