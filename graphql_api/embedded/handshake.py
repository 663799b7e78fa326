r"""The V1_0 handshake, apart from its I/O.

    client                          server
    magic number                ──▶
                                ◀── {success, min_protocol_version, max_protocol_version, …}
    {protocol_version, …}\0     ──▶
                                ◀── {success, authentication}
    {authentication}\0          ──▶
                                ◀── {success, authentication}, or {success: false, error, …}

Source: src/client_protocol/server.cc, `query_server_t::handle_conn`, `read_datum`.
"""

from __future__ import annotations

import orjson

from graphql_api.embedded.datum import Datum, encode, type_name
from graphql_api.embedded.errors import HandshakeError, ReqlError
from graphql_api.embedded.pseudo_types import from_json
from graphql_api.embedded.ql2 import SERVER_VERSION, VERSION_V1_0
from graphql_api.embedded.scram import ScramServer

MAX_MESSAGE_SIZE = 2048
"""The most bytes of a handshake message, its NUL included."""

_PROTOBUF_VERSIONS = frozenset({0x3F61BA36, 0x723081E1})


def check_magic_number(magic: int) -> bytes:
    """Return the answer to a connection's first four bytes.

    Raises:
        HandshakeError: The client does not speak V1_0. Its text is for `refuse_plainly`.
    """
    if magic == VERSION_V1_0:
        return _message(
            {
                "max_protocol_version": 0,
                "min_protocol_version": 0,
                "server_version": SERVER_VERSION,
                "success": True,
            }
        )
    if magic in _PROTOBUF_VERSIONS:
        raise HandshakeError(-1, "The PROTOBUF client protocol is no longer supported")
    raise HandshakeError(
        -1,
        "Received an unsupported protocol version. This port is for RethinkDB queries. Does your "
        "client driver version not match the server?",
    )


def first_reply(scram: ScramServer, data: bytes) -> bytes:
    """Return the answer to the first message after the magic number.

    Raises:
        HandshakeError: It is malformed, or asks for what is not supported.
    """
    message = _parse(data)
    version = message.get("protocol_version")
    if type_name(version) != "NUMBER":
        raise HandshakeError(1, "Expected a number for `protocol_version`.")
    if version != 0:
        raise HandshakeError(2, "Unsupported `protocol_version`.")
    method = message.get("authentication_method")
    if not isinstance(method, str):
        raise HandshakeError(3, "Expected a string for `authentication_method`.")
    if method != "SCRAM-SHA-256":
        raise HandshakeError(4, "Unsupported `authentication_method`.")
    return _success(scram.first_reply(_authentication(message)))


def final_reply(scram: ScramServer, data: bytes) -> bytes:
    """Return the answer to the client's last message; the client is authenticated then.

    Raises:
        HandshakeError: The user is unknown, the password wrong, or the message malformed.
    """
    return _success(scram.final_reply(_authentication(_parse(data))))


def refusal(error: HandshakeError) -> bytes:
    """Return the message that ends a V1_0 handshake."""
    return _message({"error": error.message, "error_code": error.code, "success": False})


def plain_refusal(error: HandshakeError) -> bytes:
    """Return the message for a client that did not say it speaks V1_0."""
    return f"ERROR: {error.message}\n\0".encode()


def _parse(data: bytes) -> dict[str, Datum]:
    try:
        message = from_json(orjson.loads(data))
    except orjson.JSONDecodeError:
        raise HandshakeError(8, "Invalid JSON object.") from None
    except ReqlError:
        raise HandshakeError(9, "Failed to convert JSON to datum.") from None
    # A RethinkDB calls anything but an object an internal error of its handler, and hangs up.
    if not isinstance(message, dict):
        raise HandshakeError(9, "Failed to convert JSON to datum.")
    return message


def _authentication(message: dict[str, Datum]) -> str:
    authentication = message.get("authentication")
    if not isinstance(authentication, str):
        raise HandshakeError(5, "Expected a string for `authentication`.")
    return authentication


def _success(authentication: str) -> bytes:
    return _message({"authentication": authentication, "success": True})


def _message(fields: dict[str, Datum]) -> bytes:
    return encode(fields) + b"\0"
