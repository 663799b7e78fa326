"""Failures of a connection, in words for people, and whether they may pass by themselves.

A server that is not there yet, restarts, or is cut off is waited for. What will not pass by itself
(a wrong address, a refusal) ends the subscription, with what to do about it.
"""

from __future__ import annotations

import http
import socket
import ssl

from websockets.exceptions import (
    ConnectionClosed,
    InvalidMessage,
    InvalidProxy,
    InvalidStatus,
    ProxyError,
    WebSocketException,
)
from websockets.http11 import Response

from graphql_api.client.endpoint import Endpoint
from graphql_api.client.events import UnexpectedEventError
from graphql_api.client.protocol import OperationEndedError, OperationError, UnexpectedMessageError
from graphql_api.client.text import clean, shorten
from graphql_api.errors import GraphQLAPIError

_MOST_OF_A_REASON = 300
"""How much of a text of the server's own is repeated, in columns."""

_IS_THE_PATH_RIGHT = "is the path right? It is usually /graphql"

_FAILED = {"FEED_UNAVAILABLE", "INTERNAL_SERVER_ERROR"}
_REFUSED_FOR_NOW = {"RATE_LIMITED", "TOO_MANY_OPERATIONS"}
"""With `_FAILED`: codes of errors after which the same subscription may succeed."""


class SubscriptionError(GraphQLAPIError):
    """A failure that ends a subscription: it would fail again in the same way.

    Its text is one line for people: what is wrong, and what to do.

    Attributes:
        needs_token: Whether another token may help.
    """

    def __init__(self, text: str, *, needs_token: bool = False) -> None:
        super().__init__(text)
        self.needs_token = needs_token


class LostError(GraphQLAPIError):
    """A failure that may pass by itself; the text says in a few words what it is."""


def explain(
    error: Exception, endpoint: Endpoint, *, has_token: bool
) -> SubscriptionError | LostError:
    """Explain an exception of a connection, or of an attempt to make one.

    Args:
        error: An OSError, an exception of `websockets`, or one of `protocol` and `events`.
        endpoint: Where the server is.
        has_token: Whether a token was sent.
    """
    match error:
        case OperationEndedError():
            return LostError(str(error))
        case OperationError():
            return _operation(error, has_token=has_token)
        case UnexpectedMessageError() | UnexpectedEventError():
            return SubscriptionError(
                f"{endpoint.shown} answers otherwise than a graphql-api of this version: {error}"
            )
        case ConnectionClosed():
            return _closed(error, endpoint, has_token=has_token)
        case InvalidStatus():
            return _status(error.response, endpoint)
        case InvalidMessage() if isinstance(error.__cause__, EOFError | OSError):
            return LostError(
                f"{endpoint.address} closes the connection without an answer"
                + ("" if endpoint.url.startswith("wss") else "; if it expects TLS, use https://")
            )
        case ProxyError() | InvalidProxy():
            return LostError("the proxy that the environment names does not connect")
        case WebSocketException():
            return SubscriptionError(
                f"{endpoint.address} does not answer as a WebSocket server does: is it the right "
                "port?"
            )
        case _:
            return _network(error, endpoint)


def refused_subprotocol(endpoint: Endpoint) -> SubscriptionError:
    """The server has accepted the socket, but not the protocol."""
    return SubscriptionError(
        f"{endpoint.shown} does not speak graphql-transport-ws: is it a graphql-api?"
    )


def _needs_token(refusal: str) -> SubscriptionError:
    return SubscriptionError(f"{refusal}; give a token that it accepts", needs_token=True)


def _operation(error: OperationError, *, has_token: bool) -> SubscriptionError | LostError:
    message = _quoted(error.message)
    if error.code in _FAILED:
        return LostError(f"the server has failed: {message}")
    if error.code in _REFUSED_FOR_NOW:
        return LostError(f"the server refuses for now: {message}")
    if error.code == "UNAUTHENTICATED" or (error.code == "FORBIDDEN" and not has_token):
        return _needs_token(f"the server refuses: {message}")
    if error.code == "FORBIDDEN":
        return SubscriptionError(f"the token does not allow this: {message}")
    if error.code == "GRAPHQL_VALIDATION_FAILED":
        return SubscriptionError(
            f"the server's schema is not that of this version: {message}; use the graphql-api of "
            "the server's version"
        )
    return SubscriptionError(f"the server refuses the subscription: {message}")


def _closed(
    error: ConnectionClosed, endpoint: Endpoint, *, has_token: bool
) -> SubscriptionError | LostError:
    if error.rcvd is None:
        return LostError("the connection was lost")
    code, reason = error.rcvd.code, _quoted(error.rcvd.reason)
    match code:
        case 4401 | 4403:
            what = "the token is not accepted" if has_token else "it needs a token"
            return _needs_token(f"{endpoint.shown} refuses access ({code} {reason}): {what}")
        case 4400:
            return SubscriptionError(f"{endpoint.shown} does not understand this version: {reason}")
        case 4406:
            return refused_subprotocol(endpoint)
        case 1001 | 1012:
            return LostError("the server shuts down or restarts")
        case _:
            return LostError(
                f"the server closed the connection ({code} {reason})".replace(" )", ")")
            )


def _status(response: Response, endpoint: Endpoint) -> SubscriptionError | LostError:
    code = response.status_code
    if code >= 500 or code == http.HTTPStatus.TOO_MANY_REQUESTS:
        return LostError(f"the server is not ready ({_phrase(code)})")
    if code in {200, 404, 405, 426}:
        return SubscriptionError(
            f"there is no GraphQL over WebSocket at {endpoint.shown} ({_phrase(code)}): "
            f"{_IS_THE_PATH_RIGHT}"
        )
    refusal = f"{endpoint.shown} refuses the connection ({_phrase(code)})"
    said = ""
    if response.headers.get("content-type", "").startswith("text/plain"):
        said = _quoted((response.body or b"").decode("utf-8", "replace").strip())
    if code == http.HTTPStatus.UNAUTHORIZED:
        return _needs_token(f"{refusal}: {said}" if said else refusal)
    if code == http.HTTPStatus.FORBIDDEN and not said:
        said = _IS_THE_PATH_RIGHT  # this is how ASGI servers, too, say that nothing is there
    return SubscriptionError(f"{refusal}: {said}" if said else refusal)


def _network(error: Exception, endpoint: Endpoint) -> SubscriptionError | LostError:
    match error:
        case ssl.SSLCertVerificationError():
            return SubscriptionError(
                f"the certificate of {endpoint.address} is not trusted "
                f"({clean(error.verify_message)}); if it should be, name its authority's file in "
                "SSL_CERT_FILE"
            )
        case ssl.SSLError(reason="WRONG_VERSION_NUMBER" | "HTTP_REQUEST" | "RECORD_LAYER_FAILURE"):
            return SubscriptionError(f"{endpoint.address} does not speak TLS: use http://")
        case ssl.SSLError():
            return LostError(f"{endpoint.address} breaks off TLS")
        case socket.gaierror():
            return LostError(f"{endpoint.host} has no address")
        case TimeoutError():
            return LostError(f"{endpoint.address} does not answer")
        case ConnectionRefusedError():
            return LostError(f"nothing listens at {endpoint.address}")
        case OSError() if error.strerror:
            return LostError(f"{endpoint.address} cannot be reached ({error.strerror.lower()})")
        case _:
            return LostError(f"{endpoint.address} cannot be reached")


def _phrase(code: int) -> str:
    try:
        return f"{code} {http.HTTPStatus(code).phrase}"
    except ValueError:
        return str(code)


def _quoted(text: str) -> str:
    return shorten(clean(text), _MOST_OF_A_REASON)
