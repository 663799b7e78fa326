"""The text under which a document is stored, made of its primary key.

Two keys are the same document if, and only if, their texts are equal, and texts sort as the keys
do; that makes the text the key of the table's `dict` and of the SQLite table.

Source: src/rdb_protocol/datum.cc, `datum_t::print_primary`. RethinkDB limits the UTF-8 of this
text to 128 bytes, of which the type's letter takes one.
"""

from __future__ import annotations

import struct

from graphql_api.embedded.datum import (
    Datum,
    Extremum,
    as_number,
    pretty_print,
    pseudo_type,
    truncated_print,
    type_name,
    typed_error,
)
from graphql_api.embedded.errors import logic_error
from graphql_api.embedded.pseudo_types import binary_bytes

MAX_PRIMARY_KEY_SIZE = 128
_SIGN_BIT = 1 << 63
_ALL_BITS = (1 << 64) - 1
_ESCAPES = {0: "\x01\x01", 1: "\x01\x02"}


def primary_key(value: Datum) -> str:
    """Return the text that stands for a primary key.

    Raises:
        ReqlError: It is null, an object, a GEOMETRY, too long, or a string with a NUL in it.
    """
    text = _encode(value)
    # At least one byte per character: most keys need no encoding to be known as short enough.
    if len(text) > MAX_PRIMARY_KEY_SIZE // 4 and (
        len(text.encode("utf-8", "surrogatepass")) > MAX_PRIMARY_KEY_SIZE
    ):
        raise logic_error(
            f"Primary key too long (max {MAX_PRIMARY_KEY_SIZE - 1} characters): "
            f"{pretty_print(value)}"
        )
    return text


def _encode(value: Datum) -> str:
    if isinstance(value, str):
        return _string(value)
    if isinstance(value, bool):
        return "Bt" if value else "Bf"
    if isinstance(value, (int, float)):
        return _number(value)
    if isinstance(value, list):
        return "A" + "".join(_element(item) + "\x00" for item in value)
    if isinstance(value, dict):
        pseudo = pseudo_type(value)
        if pseudo is not None:
            return _pseudo_type(value, pseudo)
    raise typed_error(
        value,
        "Primary keys must be either a number, string, bool, pseudotype or array "
        f"(got type {type_name(value)}):\n{truncated_print(value)}",
    )


def _string(value: str) -> str:
    offset = value.find("\x00")
    if offset >= 0:
        shown = value.replace("\x00", "\\x00")
        raise logic_error(
            f'String "{shown}" (truncated) contains NULL byte at offset '
            f"{len(value[:offset].encode())} in index key."
        )
    return "S" + value


def _number(value: float) -> str:
    value = value + 0.0  # -0.0 and 0 are one key
    (bits,) = struct.unpack(">Q", struct.pack(">d", value))
    # Flipped so that the hexadecimal text sorts as the doubles do, negative ones included.
    bits = bits ^ _ALL_BITS if bits & _SIGN_BIT else bits ^ _SIGN_BIT
    return f"N{bits:016x}#{value:.20g}"


def _pseudo_type(value: dict[str, Datum], name: str) -> str:
    if name == "TIME":
        return "PTIME:" + _number(as_number(value["epoch_time"]))
    if name == "BINARY":
        # One character per byte sorts as the bytes do; NUL would end an array's element.
        return "PBINARY:" + "".join(_ESCAPES.get(byte, chr(byte)) for byte in binary_bytes(value))
    if name == "GEOMETRY":
        raise logic_error(
            "Cannot use a geometry value as a key value in a primary or "
            "non-geospatial secondary index."
        )
    raise logic_error(f"Cannot use pseudotype PTYPE<{name}> as a primary or secondary key value .")


def _element(value: Datum) -> str:
    if value is None or isinstance(value, Extremum):
        kind = None
    elif isinstance(value, dict):
        kind = pseudo_type(value)
    else:
        kind = type_name(value)
    if kind is None:
        raise typed_error(
            value,
            "Array keys can only contain numbers, strings, bools,  pseudotypes, or arrays "
            f"(got {pretty_print(value)} of type {type_name(value)}).",
        )
    return _encode(value)
