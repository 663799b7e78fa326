"""Queries and responses as they are on the wire, apart from their I/O.

A frame is an 8-byte token, a 4-byte length, both little-endian, and JSON. A query is
`[type, term, global optargs]`; a response is `{t, e, r, b, p, n}`, of which `e` is there for
runtime errors only, `b` for errors, `p` if a profile was asked for, and `n` for streams.

Source: src/client_protocol/json.cc, protocols.cc; rdb_protocol/term_storage.cc.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING

import orjson

from graphql_api.embedded import deep
from graphql_api.embedded.datum import encode, type_name
from graphql_api.embedded.errors import ErrorStage, ErrorType, ReqlError, client_error
from graphql_api.embedded.pseudo_types import from_json
from graphql_api.embedded.ql2 import QueryType, ResponseType, TermType

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from graphql_api.embedded.datum import Datum
    from graphql_api.embedded.ql2 import ResponseNote

HEADER = struct.Struct("<qI")
MAX_QUERY_SIZE = 128 * 1024 * 1024
"""Queries must be shorter than this, in bytes."""


@dataclass(frozen=True, slots=True)
class Query:
    """A query as a client sent it.

    Attributes:
        token: The client's number for it.
        type: What it wants.
        term: The JSON of its term; for START only.
        optargs: The JSON of its global optional arguments.
        noreply: The client wants no response.
        profile: The client wants a profile; it gets an empty one.
    """

    token: int
    type: QueryType
    term: object
    optargs: dict[str, object]
    noreply: bool
    profile: bool


def parse_query(token: int, data: bytes) -> Query:
    """Return the query that a frame holds.

    Raises:
        ReqlError: It is malformed; the error's stage is `CLIENT`.
    """
    try:
        raw = deep.loads(data)
    except orjson.JSONDecodeError:
        raise ReqlError(
            ErrorType.RESOURCE_LIMIT,
            "Client is buggy (failed to deserialize query).",
            (),
            stage=ErrorStage.CLIENT,
        ) from None
    if not isinstance(raw, list):
        raise _unparsable(f"Expected a query to be an array, but found {_json_type(raw)}.")
    if not 1 <= len(raw) <= 3:
        raise _unparsable(f"Expected 1 to 3 elements in the top-level query, but found {len(raw)}.")
    number = raw[0]
    if isinstance(number, bool) or not isinstance(number, (int, float)):
        raise _unparsable(f"Expected a query type as a number, but found {_json_type(number)}.")
    try:
        type_ = QueryType(int(number))
    except ValueError:
        raise _unparsable(f"Unrecognized QueryType: {int(number)}.") from None
    optargs = raw[2] if len(raw) == 3 else {}
    if not isinstance(optargs, dict):
        raise _unparsable(f"Expected global optargs as an object, but found {_json_type(optargs)}.")
    if type_ is QueryType.START and len(raw) == 1:
        # A RethinkDB fails an internal check here.
        raise _unparsable("Expected a term in the top-level query.")
    return Query(
        token,
        type_,
        raw[1] if len(raw) > 1 else None,
        optargs,
        _static_flag(optargs, "noreply"),
        _static_flag(optargs, "profile"),
    )


def _unparsable(message: str) -> ReqlError:
    return client_error(f"Server could not parse query: {message}")


def _json_type(raw: object) -> str:
    return "OBJECT" if isinstance(raw, dict) else type_name(from_json(raw))


def _static_flag(optargs: dict[str, object], name: str) -> bool:
    """Return a flag that is needed before the query is compiled: a constant, or false."""
    raw = optargs.get(name)
    if isinstance(raw, list) and len(raw) == 2 and raw[0] == TermType.DATUM:
        raw = raw[1]
    return raw is True


def query_too_large(size: int) -> ReqlError:
    """Return the error for a frame that is not read."""
    return ReqlError(
        ErrorType.RESOURCE_LIMIT,
        f"Query size ({size}) greater than maximum ({MAX_QUERY_SIZE - 1}).",
        (),
        stage=ErrorStage.CLIENT,
    )


def frame(token: int, body: bytes) -> bytes:
    """Return a frame with its header."""
    return HEADER.pack(token, len(body)) + body


def atom(value: Datum) -> bytes:
    """Return the response that holds one value.

    Raises:
        ReqlError: It cannot be encoded.
    """
    return b'{"t":%d,"r":[%b]}' % (ResponseType.SUCCESS_ATOM, encode(value))


def stream(rows: Sequence[bytes], notes: Iterable[ResponseNote], *, complete: bool) -> bytes:
    """Return the response that holds a batch of a stream, its rows encoded already."""
    type_ = ResponseType.SUCCESS_SEQUENCE if complete else ResponseType.SUCCESS_PARTIAL
    numbers = b",".join(b"%d" % note for note in notes)
    return b'{"t":%d,"r":[%b],"n":[%b]}' % (type_, b",".join(rows), numbers)


def error(failure: ReqlError) -> bytes:
    """Return the response to a query that failed."""
    message = encode(failure.message)
    backtrace = encode([*(failure.backtrace or ())])
    if failure.stage is ErrorStage.RUNTIME:
        return b'{"t":%d,"e":%d,"r":[%b],"b":%b}' % (
            failure.stage.value,
            failure.type,
            message,
            backtrace,
        )
    return b'{"t":%d,"r":[%b],"b":%b}' % (failure.stage.value, message, backtrace)


def with_profile(response: bytes) -> bytes:
    """Return a response with the profile that was asked for; it says nothing."""
    return response[:-1] + b',"p":[]}'


WAIT_COMPLETE = b'{"t":%d,"r":[]}' % ResponseType.WAIT_COMPLETE
EMPTY_SEQUENCE = stream((), (), complete=True)
