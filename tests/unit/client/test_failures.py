from __future__ import annotations

import re
import socket
import ssl

from websockets.datastructures import Headers
from websockets.exceptions import (
    ConnectionClosedError,
    InvalidMessage,
    InvalidProxy,
    InvalidStatus,
    InvalidUpgrade,
)
from websockets.frames import Close
from websockets.http11 import Response

from graphql_api.client.endpoint import Endpoint
from graphql_api.client.failures import LostError, SubscriptionError, explain
from graphql_api.client.protocol import OperationEndedError, OperationError, UnexpectedMessageError
from tests.documents import ROOT
from tests.for_each import for_each

SILENT = "db.example:8000 closes the connection without an answer"
ENDPOINT = Endpoint.parse("db.example:8000")


def explained(error: Exception, *, has_token: bool = False) -> SubscriptionError | LostError:
    return explain(error, ENDPOINT, has_token=has_token)


def status(code: int, body: str = "", kind: str = "text/plain; charset=utf-8") -> InvalidStatus:
    return InvalidStatus(Response(code, "", Headers({"Content-Type": kind}), body.encode()))


def closed(code: int, reason: str = "") -> ConnectionClosedError:
    return ConnectionClosedError(Close(code, reason), None)


def broken_off() -> InvalidMessage:
    error = InvalidMessage("did not receive a valid HTTP response")
    error.__cause__ = EOFError()
    return error


@for_each(
    ("error", "text"),
    [
        (ConnectionRefusedError(111, "refused"), "nothing listens at db.example:8000"),
        (socket.gaierror(-2, "Name or service not known"), "db.example has no address"),
        (TimeoutError(), "db.example:8000 does not answer"),
        (OSError(113, "No route to host"), "db.example:8000 cannot be reached (no route to host)"),
        (OSError("Multiple exceptions: …"), "db.example:8000 cannot be reached"),
        (ssl.SSLEOFError(8, "EOF"), "db.example:8000 breaks off TLS"),
        (
            broken_off(),
            f"{SILENT}; if it expects TLS, use https://",
        ),
        (
            InvalidProxy("http://me:swordfish@proxy", "odd"),
            "the proxy that the environment names does not connect",
        ),
        (status(503), "the server is not ready (503 Service Unavailable)"),
        (status(429), "the server is not ready (429 Too Many Requests)"),
        (ConnectionClosedError(None, None), "the connection was lost"),
        (closed(1012, "restart"), "the server shuts down or restarts"),
        (closed(1001), "the server shuts down or restarts"),
        (closed(4408, "slow\x1b"), "the server closed the connection (4408 slow\\x1b)"),
        (closed(1011), "the server closed the connection (1011)"),
        (
            OperationEndedError("the server ended the subscription"),
            "the server ended the subscription",
        ),
        (
            OperationError("Internal error", "INTERNAL_SERVER_ERROR"),
            "the server has failed: Internal error",
        ),
        (
            OperationError("too many at once", "RATE_LIMITED"),
            "the server refuses for now: too many at once",
        ),
    ],
)
def test_what_may_pass_is_waited_for(error: Exception, text: str) -> None:
    result = explained(error)
    assert isinstance(result, LostError)
    assert str(result) == text


@for_each(
    ("error", "text"),
    [
        (status(404), "is the path right?"),
        (status(403), "is the path right?"),
        (status(403, "host x is refused\n"), "(403 Forbidden): host x is refused"),
        (status(403, "<html>", "text/html"), "(403 Forbidden): is the path right?"),
        (status(401), "(401 Unauthorized); give a token"),
        (status(400, "bad \x1b[2J"), "(400 Bad Request): bad \\x1b[2J"),
        (status(499), "refuses the connection (499)"),
        (InvalidMessage("odd"), "is it the right port?"),
        (InvalidUpgrade("Upgrade"), "is it the right port?"),
        (closed(4400, "Invalid"), "does not understand this version: Invalid"),
        (closed(4401, "Unauthorized"), "(4401 Unauthorized): it needs a token; give"),
        (closed(4406), "does not speak graphql-transport-ws"),
        (UnexpectedMessageError("not JSON"), "of this version: not JSON"),
        (OperationError("x" * 1000, "OTHER"), "refuses the subscription: xxx"),
        (OperationError("not you", "FORBIDDEN"), "not you; give a token that it accepts"),
    ],
)
def test_what_will_not_pass_ends_the_command_with_what_to_do(error: Exception, text: str) -> None:
    result = explained(error)
    assert isinstance(result, SubscriptionError)
    assert text in str(result)
    assert len(str(result)) < 450


def test_clients_in_both_languages_wait_for_the_same_errors() -> None:
    text = (ROOT / "clients/javascript/follow.js").read_text("utf-8")
    listed = text.split("MAY_PASS = new Set([")[1].split("]")[0]
    codes = re.findall(r"'(\w+)'", listed)
    assert codes
    for code in ["OTHER", *codes]:
        waits = isinstance(explained(OperationError("", code)), LostError)
        assert waits == (code in codes), code


def test_no_answer_where_tls_is_spoken_needs_no_hint_of_it() -> None:
    result = explain(broken_off(), Endpoint.parse("https://db.example:8000"), has_token=False)
    assert str(result) == SILENT
