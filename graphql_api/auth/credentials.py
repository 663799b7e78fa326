"""Bearer tokens, as clients send them.

A token stands in the `Authorization` header of an HTTP request or a WebSocket's handshake, or in
the payload of `connection_init`, as `{"authorization": "Bearer <token>"}`. The payload wins: a
browser can set no header of a handshake, but a client makes the payload again each time it
connects. A URL is no place for a token: it is logged and kept in histories.

Source: RFC 6750, 2.1 and 5.3 (the header, and why not the URL).
"""

from __future__ import annotations

import re
from urllib.parse import parse_qsl

from starlette.types import Scope

from graphql_api.documents.request import Members
from graphql_api.errors import UnauthenticatedError

_BEARER = re.compile(r"bearer +([\x21-\x7e]+)", re.IGNORECASE)
_MAX_CHARACTERS = 8192
"""How long a token may be. A stranger's is decoded and checked as a whole before it is refused."""

_NAMES_IN_URLS = frozenset({"token", "access_token", "authorization", "bearer", "jwt", "api_key"})

_FORM = 'authorization: "Bearer <token>"'


def bearer_token(scope: Scope, payload: Members | None = None) -> str:
    """The token of a request.

    Args:
        scope: The request's, or the handshake's, as ASGI has it.
        payload: That of `connection_init`, if there is one.

    Raises:
        UnauthenticatedError: There is none, or it is too long.
    """
    found: list[object] = [
        value
        for name, value in (payload or {}).items()
        if name.lower() == "authorization" and value is not None
    ]
    if not found:
        found = [
            value.decode("latin-1") for name, value in scope["headers"] if name == b"authorization"
        ]
    if not found:
        raise _missing(is_in_url=_is_in_url(scope))
    if len(found) > 1:
        raise _malformed("more than one authorization")
    match = _BEARER.fullmatch(found[0].strip()) if isinstance(found[0], str) else None
    if match is None:
        raise _malformed("an authorization that is no bearer token")
    if len(match[1]) > _MAX_CHARACTERS:
        raise UnauthenticatedError(
            f"the token has more than {_MAX_CHARACTERS} characters",
            for_log=f"a token of more than {_MAX_CHARACTERS} characters",
            has_token=True,
        )
    return match[1]


def challenge(error: UnauthenticatedError) -> str:
    """The value of the `WWW-Authenticate` header that goes with an error (RFC 6750, 3)."""
    return 'Bearer error="invalid_token"' if error.has_token else "Bearer"


def _is_in_url(scope: Scope) -> bool:
    query = parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True)
    return any(name.lower() in _NAMES_IN_URLS for name, _ in query)


def _missing(*, is_in_url: bool) -> UnauthenticatedError:
    if is_in_url:
        return UnauthenticatedError(
            f"a token in the URL is not taken; send {_FORM}",
            for_log="a token in the URL",
            has_token=False,
        )
    return UnauthenticatedError(
        f"credentials are needed; send {_FORM}", for_log="no credentials", has_token=False
    )


def _malformed(problem: str) -> UnauthenticatedError:
    return UnauthenticatedError(
        f"the credentials are malformed; send one {_FORM}", for_log=problem, has_token=False
    )
