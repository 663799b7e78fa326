"""Requests to GraphQL over HTTP: the media types they accept, and their operations. Pure.

Source: https://graphql.github.io/graphql-over-http/draft/.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from enum import Enum
from typing import Any
from urllib.parse import parse_qsl

from graphql import OperationType
from starlette.datastructures import Headers

from graphql_api.documents.document_limits import LIMIT_EXCEEDED
from graphql_api.documents.json_input import TooManyPartsError, from_json
from graphql_api.documents.request import (
    BAD_REQUEST,
    MalformedRequestError,
    Members,
    Request,
    refusal,
)
from graphql_api.errors import GraphQLAPIError
from graphql_api.headers import list_members

OPERATION_NOT_ALLOWED = "OPERATION_NOT_ALLOWED"


class MediaType(Enum):
    """The media types of responses; the first is taken if the client likes both equally."""

    JSON = "application/json"
    GRAPHQL = "application/graphql-response+json"
    EVENT_STREAM = "text/event-stream"
    MULTIPART = "multipart/mixed"
    TEXT = "text/plain"


class RefusedError(GraphQLAPIError):
    """A request is refused; the fields are the status, error and headers of its response."""

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


_SINGLE = (MediaType.JSON, MediaType.GRAPHQL)


def accepted(accept: str | None) -> MediaType | None:
    """The media type that a client likes best for one result, by its Accept header.

    Of those that it likes equally it gets the one that it names first, and by a wildcard JSON. None
    if it likes neither kind of JSON.
    """
    best: tuple[float, MediaType] | None = None
    for name, parameters in _media_types(accept):
        for media_type in _SINGLE:
            if name in (media_type.value, "application/*", "*/*"):
                quality = _quality(parameters)
                if quality > (best[0] if best else 0.0):
                    best = quality, media_type
                break
    return best[1] if best else None


def accepted_stream(accept: str | None) -> MediaType | None:
    """The media type that a client likes best for the results of a subscription.

    A wildcard names none, and so does a multipart response that is not of the protocol for
    subscriptions: urql names that for incremental delivery.
    """
    best: tuple[float, MediaType] | None = None
    for name, parameters in _media_types(accept):
        quality = _quality(parameters)
        if quality <= (best[0] if best else 0.0):
            continue
        if name == MediaType.EVENT_STREAM.value:
            best = quality, MediaType.EVENT_STREAM
        elif name == MediaType.MULTIPART.value and parameters.get("subscriptionspec") == "1.0":
            best = quality, MediaType.MULTIPART
    return best[1] if best else None


def _media_types(accept: str | None) -> Iterator[tuple[str, dict[str, str]]]:
    """The media types of an Accept header, each with its parameters."""
    for part in (accept or "*/*").split(","):
        name, *texts = (text.strip().lower() for text in part.split(";"))
        parameters: dict[str, str] = {}
        for text in texts:
            key, _, value = text.partition("=")
            parameters.setdefault(key.strip(), value.strip().strip("\"'"))
        yield name, parameters


def _quality(parameters: Mapping[str, str]) -> float:
    try:
        return float(parameters.get("q", 1.0))
    except ValueError:
        return 0.0


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
                members[name] = from_json(members[name] or "null")
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
    if set(list_members(headers.raw, b"content-encoding")) - {b"identity"}:
        raise RefusedError(415, "the body must not be compressed")


def read_post(body: bytes) -> Request:
    """The request that a body holds.

    Raises:
        RefusedError: It holds none.
    """
    try:
        members = from_json(body)
    except TooManyPartsError as error:
        raise RefusedError(400, f"the body is {error}", code=LIMIT_EXCEEDED) from error
    except ValueError as error:
        raise RefusedError(400, f"the body cannot be read as JSON: {error}") from error
    if not isinstance(members, dict):
        raise RefusedError(400, "the body is not a JSON object")
    return _request(members)


def _request(members: Members) -> Request:
    try:
        return Request.of(members)
    except MalformedRequestError as error:
        raise RefusedError(400, str(error), code=error.code) from error


def check_operation(method: str, operation: OperationType, *, streams: bool) -> None:
    """Whether an operation may come this way.

    Args:
        method: By which it comes.
        operation: What it is.
        streams: Whether the client accepts a response that goes on.

    Raises:
        RefusedError: It may not.
    """
    if operation is OperationType.SUBSCRIPTION and not streams:
        raise RefusedError(
            406,
            "a subscription needs a WebSocket that speaks graphql-transport-ws, or an Accept "
            "header that names text/event-stream or multipart/mixed;subscriptionSpec=1.0",
            code=OPERATION_NOT_ALLOWED,
        )
    if operation is OperationType.MUTATION and method == "GET":
        raise RefusedError(
            405, "a mutation needs POST", code=OPERATION_NOT_ALLOWED, headers={"allow": "POST"}
        )
