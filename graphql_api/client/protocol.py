"""graphql-transport-ws without I/O, a client's side: one connection with one subscription.

```
 begin()            connection_ack            next          error, complete
 ───────▶ connecting ─────────────▶ subscribed ────▶ results ──────────────▶ an error is raised
```

Beside the subscription, queries can be asked. The error of one ends nothing.

Source: PROTOCOL.md of github.com/enisdenjo/graphql-ws.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

from graphql_api.errors import GraphQLAPIError

SUBPROTOCOL = "graphql-transport-ws"

_ID = "1"
_QUERY = "query-"


class UnexpectedMessageError(GraphQLAPIError):
    """The server has sent no message of the protocol, or none that fits here."""


class OperationEndedError(GraphQLAPIError):
    """The server has completed the subscription, though there is no end to it."""


class OperationError(GraphQLAPIError):
    """The server refuses the subscription, or it has failed there.

    Attributes:
        message: The first GraphQL error's message.
        code: Its `extensions.code`, or None.
    """

    def __init__(self, message: str, code: str | None) -> None:
        super().__init__(message)
        self.message = message
        self.code = code


@dataclass(frozen=True, slots=True)
class SendText:
    """Send this text."""

    text: str


@dataclass(frozen=True, slots=True)
class Result:
    """The `data` of the subscription's next result."""

    data: object


@dataclass(frozen=True, slots=True)
class QueryResult:
    """The `data` of the query's result; None, if the server has refused it or failed."""

    data: object


Action: TypeAlias = SendText | Result | QueryResult


class ClientProtocol:
    """The client's side of one connection.

    Args:
        query: The subscription's document.
        variables: Its variables.
        token: A bearer token for the server, if there is one.
    """

    def __init__(self, query: str, variables: Mapping[str, Any], token: str | None) -> None:
        self._payload = {"query": query, "variables": variables}
        self._token = token
        self._is_acknowledged = False
        self._queries = 0

    def begin(self) -> str:
        """The first message of the connection."""
        if self._token is None:
            return _message("connection_init")
        return _message("connection_init", payload={"authorization": f"Bearer {self._token}"})

    def ask(self, query: str) -> str:
        """The message that asks a query, once `receive` has seen `connection_ack`."""
        self._queries += 1
        id_ = f"{_QUERY}{self._queries}"  # the server may not be done with the one before
        return _message("subscribe", id=id_, payload={"query": query})

    def receive(self, text: str | bytes) -> Action | None:
        """Process the payload of a frame.

        Raises:
            UnexpectedMessageError: The server does not speak the protocol.
            OperationError: The subscription is refused, or has failed.
            OperationEndedError: The subscription has ended.
        """
        message = _parse(text)
        match message:
            case {"type": "connection_ack"} if not self._is_acknowledged:
                self._is_acknowledged = True
                return SendText(_message("subscribe", id=_ID, payload=self._payload))
            case {"type": "ping"}:
                payload = message.get("payload")
                return SendText(
                    _message("pong", **({} if payload is None else {"payload": payload}))
                )
            case {"type": "pong"}:
                return None
            case {"type": "next", "id": str(id_), "payload": dict(result)} if id_ == _ID:
                if errors := result.get("errors"):
                    raise _operation_error(errors)
                return Result(result.get("data"))
            case {"type": "error", "id": str(id_), "payload": errors} if id_ == _ID:
                raise _operation_error(errors)
            case {"type": "complete", "id": str(id_)} if id_ == _ID:
                raise OperationEndedError("the server ended the subscription")
            case {"type": "next", "id": str(id_), "payload": dict(result)} if id_.startswith(
                _QUERY
            ):
                return QueryResult(result.get("data"))
            case {"type": "error", "id": str(id_)} if id_.startswith(_QUERY):
                return QueryResult(None)
            case {"type": "complete", "id": str(id_)} if id_.startswith(_QUERY):
                return None
            case _:
                raise UnexpectedMessageError("not a message that fits here")


def _parse(text: str | bytes) -> dict[str, Any]:
    if isinstance(text, bytes):
        raise UnexpectedMessageError("a binary frame")
    try:
        message = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise UnexpectedMessageError("not JSON") from error
    if not isinstance(message, dict):
        raise UnexpectedMessageError("not an object")
    return message


def _operation_error(errors: object) -> OperationError:
    match errors:
        case [{"message": str(message), "extensions": {"code": str(code)}}, *_]:
            return OperationError(message, code)
        case [{"message": str(message)}, *_]:
            return OperationError(message, None)
        case _:
            return OperationError("no reason given", None)


def _message(type_: str, **members: object) -> str:
    return json.dumps({"type": type_} | members)
