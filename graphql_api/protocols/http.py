"""GraphQL over HTTP: one request, one response.

Queries come by GET or POST, mutations by POST. A client that accepts
`application/graphql-response+json` gets the status codes that belong to it: 400 if nothing was
executed. One that accepts `application/json`, or anything, gets 200 whenever the request was
GraphQL at all, as it was before.

Subscriptions come by GET or POST from clients that accept `text/event-stream`, or Apollo's
`multipart/mixed;subscriptionSpec=1.0`, and are answered by that: see `event_stream`. Queries are
answered by JSON, if that is acceptable too: urql accepts event streams for everything. A client
that accepts nothing else gets the results and the errors of an operation in a stream, as
graphql-sse's protocol has it; others get 400 for a subscription that cannot begin.

In graphql-sse's single connection mode, requests name an event stream by its token: see
`single_connection`.

Sources: https://graphql.github.io/graphql-over-http/draft/, and the audit of npm's graphql-http;
PROTOCOL.md of github.com/enisdenjo/graphql-sse.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from graphql import GraphQLError, OperationType
from starlette.datastructures import Headers
from starlette.responses import Response
from starlette.types import Message, Receive, Scope, Send

from graphql_api.auth.credentials import challenge
from graphql_api.auth.principal import Principal
from graphql_api.documents.request import Request, refusal
from graphql_api.errors import OverBudgetError, UnauthenticatedError
from graphql_api.execution import result_json
from graphql_api.execution.encoder import RequestError
from graphql_api.execution.runner import RequestedOperation
from graphql_api.headers import joined_lines
from graphql_api.limits.client_limits import ClientLimits
from graphql_api.limits.cpu_budget import ClientBudget, charged
from graphql_api.limits.token_bucket import RATE_LIMITED, TokenBuckets, rate_limit_text
from graphql_api.protocols import multipart, sse
from graphql_api.protocols.backend import Backend
from graphql_api.protocols.event_stream import EventStreams
from graphql_api.protocols.http_request import (
    MediaType,
    RefusedError,
    accepted,
    accepted_stream,
    check_body_type,
    check_operation,
    read_get,
    read_post,
)
from graphql_api.protocols.single_connection import (
    SingleConnections,
    operation_id,
    stopped_id,
    stream_token,
)
from graphql_api.protocols.stream_response import Exchange, StreamFormat
from graphql_api.schema.errors import internal_error

log = logging.getLogger(__name__)

_FORMATS: Mapping[MediaType, StreamFormat] = {
    MediaType.EVENT_STREAM: sse.FORMAT,
    MediaType.MULTIPART: multipart.FORMAT,
}

_METHODS = ("GET", "POST", "PUT", "DELETE")

LONG_BODY_BYTES = 8192
"""The values of a shorter body are read and coerced within a few milliseconds."""


class HTTPResponse(Response):
    """An HTTP response with its whole body, which no cache keeps."""

    def __init__(
        self,
        status: int,
        body: bytes,
        media_type: MediaType = MediaType.JSON,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        content_type = f"{media_type.value}; charset=utf-8"
        if media_type is MediaType.MULTIPART:
            content_type = multipart.FORMAT.content_type.decode()
        always = {
            "content-type": content_type,
            "cache-control": "no-store",
            "x-content-type-options": "nosniff",
        }
        super().__init__(body, status, {**always, **(headers or {})})


class _WantedTypes(NamedTuple):
    """The media types that a client accepts: for one result, and for a subscription."""

    result: MediaType | None
    stream: MediaType | None

    @property
    def single(self) -> MediaType:
        """The media type of one result; a stream of one, if nothing else is accepted."""
        return self.result or self.stream or MediaType.JSON


class GraphQLHTTP:
    """An ASGI application that answers GraphQL requests over HTTP.

    Args:
        backend: What stands behind it.
        limits: Of each connection.
        rates: How many operations may begin in a second on a connection; those that come by a
            trusted proxy count by their client's address.
    """

    def __init__(
        self,
        backend: Backend,
        *,
        limits: ClientLimits | None = None,
        rates: TokenBuckets | None = None,
    ) -> None:
        self._backend = backend
        limits = limits or ClientLimits()
        if rates is None:
            rates = TokenBuckets(limits.max_operations_per_s, limits.operation_burst)
        self._rates = rates
        self._max_body_bytes = limits.max_body_bytes
        self.streams = EventStreams(backend, limits)
        self.single_connections = SingleConnections(backend, self.streams, limits)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, as ASGI has it."""
        responses = self._backend.traffic.responses

        async def send_counted(message: Message) -> None:
            if message["type"] == "http.response.start":
                responses[message["status"]] += 1
            await send(message)

        try:
            budget = self._backend.budgets.of(scope)
            await budget.pause()
            response = await charged(
                self._respond(Exchange(scope, receive, send_counted), budget), budget
            )
        except OverBudgetError as error:
            body = result_json.errors([refusal(str(error), error.code)])
            response = HTTPResponse(429, body, headers={"retry-after": "1"})
        except RefusedError as refused:
            response = HTTPResponse(
                refused.status, result_json.errors([refused.error]), MediaType.JSON, refused.headers
            )
        except UnauthenticatedError as error:
            body = result_json.errors([refusal(str(error), error.code)])
            response = HTTPResponse(401, body, headers={"www-authenticate": challenge(error)})
        except Exception as error:  # noqa: BLE001 - it is logged there
            response = HTTPResponse(500, result_json.errors([internal_error(error, "HTTP")]))
        if response is not None:
            await response(scope, receive, send_counted)

    async def _respond(self, exchange: Exchange, budget: ClientBudget) -> HTTPResponse | None:
        """Make the response; None, if it has been sent, or the client has gone."""
        scope = exchange.scope
        headers = Headers(scope=scope)
        method = scope["method"]
        if method not in _METHODS:
            allow = ", ".join(_METHODS)
            raise RefusedError(405, "GraphQL needs GET or POST", headers={"allow": allow})
        accept = joined_lines(headers, "accept")
        wanted = _WantedTypes(accepted(accept), accepted_stream(accept))
        if wanted == (None, None):
            types = "application/json, application/graphql-response+json or text/event-stream"
            raise RefusedError(406, f"the response can be {types}, and Accept names none of them")
        if not self._rates.take(scope.get("client")):
            text = rate_limit_text(self._rates.per_s)
            raise RefusedError(429, text, code=RATE_LIMITED, headers={"retry-after": "1"})
        # Before anything else is read of it.
        principal = self._backend.authenticator.principal(scope)
        token = stream_token(scope, headers)
        if method == "PUT":
            reserved = self.single_connections.reserve(principal, budget.address)
            return HTTPResponse(201, reserved.encode(), MediaType.TEXT)
        if method == "DELETE":
            self.single_connections.find(token or "", principal).stop(stopped_id(scope))
            return HTTPResponse(200, b"", MediaType.TEXT)
        if token is not None:
            if method == "GET" and wanted.stream is MediaType.EVENT_STREAM:
                await self.single_connections.serve(token, principal, budget, exchange)
                return None
            self.single_connections.find(token, principal)  # before its body is read
        if method == "GET":
            request, length = read_get(scope["query_string"]), len(scope["query_string"])
        else:
            check_body_type(headers)
            body = await self._read_body(headers, exchange.receive)
            if body is None:
                return None
            request, length = await _read_in_turns(body, budget), len(body)
        request = request.traced_by(headers.get("traceparent"))
        try:
            prepared = await request.prepare(self._backend.documents, budget)
            document, operation = request.operation(self._backend.documents)
            del prepared  # it is the document, or none
        except GraphQLError as error:
            return _not_executed([error], wanted.single, is_for_stream=token is not None)
        kind = operation.operation
        check_operation(method, kind, streams=bool(wanted.stream or token))
        if token is not None:
            stream = self.single_connections.find(token, principal)
            await stream.begin(operation_id(request), request, length)
            return HTTPResponse(202, b"", MediaType.TEXT)
        is_subscription = kind is OperationType.SUBSCRIPTION
        asked = self._backend.operation(
            request,
            document,
            kind,
            principal=principal,
            budget=budget,
            # What a browser sends by itself when it comes again; its URL is the first one still.
            resume_from=headers.get("last-event-id") or None if is_subscription else None,
        )
        return await self._execute(asked, wanted, principal, budget, exchange)

    async def _execute(
        self,
        asked: RequestedOperation,
        wanted: _WantedTypes,
        principal: Principal,
        budget: ClientBudget,
        exchange: Exchange,
    ) -> HTTPResponse | None:
        """Execute an operation that has a response of its own; returns what `_respond` does."""
        is_subscription = asked.kind is OperationType.SUBSCRIPTION
        if is_subscription and self.streams.is_draining:
            if exchange.scope["method"] == "GET" and wanted.stream is MediaType.EVENT_STREAM:
                # A browser; it would take any other status for an answer, for good.
                body = sse.retry(self.streams.limits.retry_s)
                return HTTPResponse(200, body, MediaType.EVENT_STREAM)
            self.streams.refuse_if_draining()
        try:
            if is_subscription and wanted.stream is not None:
                format_ = _FORMATS[wanted.stream]
                await self.streams.serve(asked, principal, budget, exchange, format_)
                return None
            return _single(200, await self._backend.runner.execute(asked), wanted.single)
        except RequestError as error:
            return _not_executed(error.errors, wanted.single, is_for_stream=is_subscription)

    async def _read_body(self, headers: Headers, receive: Receive) -> bytes | None:
        """The body; None if the client has gone before its end."""
        length = headers.get("content-length", "").lstrip("0")
        # Python reads no integer of more than 4300 digits.
        if length.isdecimal() and (len(length) > 18 or int(length) > self._max_body_bytes):
            raise self._too_long()
        body = bytearray()
        while True:
            message = await receive()
            if message["type"] == "http.disconnect":
                return None
            body += message.get("body", b"")
            if len(body) > self._max_body_bytes:
                raise self._too_long()
            if not message.get("more_body", False):
                return bytes(body)

    def _too_long(self) -> RefusedError:
        return RefusedError(413, f"the body is longer than {self._max_body_bytes} bytes")


async def _read_in_turns(body: bytes, budget: ClientBudget) -> Request:
    """Read a body as `read_post` does; a long one in a turn of its own.

    The last parts of several bodies may arrive at the same moment.

    Raises:
        OverBudgetError: The client would have to wait for too long.
        RefusedError: As of `read_post`.
    """
    if len(body) <= LONG_BODY_BYTES:
        return read_post(body)
    await budget.pause()
    request = read_post(body)
    await budget.pause()  # its values are about to be coerced, which takes longer
    return request


def _not_executed(
    errors: Sequence[GraphQLError], media_type: MediaType, *, is_for_stream: bool
) -> HTTPResponse:
    """The response for a request that is GraphQL, and wrong."""
    is_old = media_type is MediaType.JSON and not is_for_stream
    return _single(200 if is_old else 400, result_json.errors(errors), media_type)


def _single(status: int, payload: bytes, media_type: MediaType) -> HTTPResponse:
    """The response for one result."""
    if media_type is MediaType.EVENT_STREAM:
        return HTTPResponse(200, sse.next_event(payload) + sse.COMPLETE, media_type)
    if media_type is MediaType.MULTIPART:
        return HTTPResponse(200, multipart.single(payload), media_type)
    return HTTPResponse(status, payload, media_type)
