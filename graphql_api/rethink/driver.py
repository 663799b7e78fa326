"""The driver, set up for this package: its own instance, on asyncio, with its own JSON decoder."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import orjson
from rethinkdb import RethinkDB

# Not `from rethinkdb import r`: set_loop_type would change that one for everybody in the process.
r: Final[Any] = RethinkDB()
r.set_loop_type("asyncio")

RAW: Final[Mapping[str, str]] = {"time_format": "raw", "binary_format": "raw"}
"""Run options that ask for TIME and BINARY as the objects that they are stored as."""

_REPLY_RUNTIME_ERROR = 18
_ERROR_INTERNAL = 1000000


class PlainDecoder:
    """Decodes what the server sends as plain JSON, and never raises.

    The driver's own decoder makes values of pseudo-types and raises for one that it does not know,
    or for a time after the year 9999. The driver answers an exception there by closing the
    connection, with everything on it. Here a TIME, a GEOMETRY or one that is invented next year is
    a dictionary like any other; and what is not JSON becomes an error reply to its one query. It is
    also several times faster, and so blocks the event loop for less.
    """

    def __init__(self, _options: Mapping[str, Any] | None = None) -> None:
        pass

    def decode(self, text: str) -> Any:
        """The value of a handshake message or a reply."""
        try:
            return orjson.loads(text)
        except orjson.JSONDecodeError as error:
            reason = "the server sent what is not JSON" if text else "the server hung up"
            message = f"{reason} ({error})" if text else reason
            handshake = {"success": False, "error_code": 0, "error": message}
            reply = {"t": _REPLY_RUNTIME_ERROR, "e": _ERROR_INTERNAL, "r": [message], "b": []}
            return handshake | reply
