"""TIME, BINARY, GEOMETRY and LITERAL: objects that stand for something else.

They are checked and brought into one form whenever an object is made, so that no invalid one can
be stored (datum.cc, `maybe_sanitize_ptype`).

Source: src/rdb_protocol/pseudo_time.cc, pseudo_binary.cc, pseudo_geometry.cc, base64.cc.
"""

from __future__ import annotations

import binascii
import re

from graphql_api.embedded import deep
from graphql_api.embedded.datum import (
    MAX_SAFE_INTEGER,
    REQL_TYPE,
    Datum,
    Document,
    as_array,
    as_string,
    number,
    pseudo_type,
    truncated_print,
    type_name,
)
from graphql_api.embedded.errors import ReqlError, logic_error, non_existence_error

_TIMEZONE = re.compile(r"[+-](?:[01][0-9]|2[0-4])(?::?[0-5][0-9])?", re.ASCII)
_BASE64_WHITE_SPACE = str.maketrans("", "", "\r\n \t")
_BASE64_LINE_LENGTH = 76
_LINE_BREAK = "\r\n"
_BYTES_PER_LINE = _BASE64_LINE_LENGTH // 4 * 3

_STRAY_LITERAL = (
    "Stray literal keyword found: literal is only legal inside of the object passed to merge or "
    "update and cannot nest inside other literals."
)


def sanitized(value: Document) -> Document:
    """Return an object that was just made, checked if it is a pseudo-type.

    Only the object itself is looked at: its parts were checked when they were made.

    Raises:
        ReqlError: It claims to be a pseudo-type that does not exist, or is not a valid one.
    """
    if REQL_TYPE not in value:
        return value
    name = pseudo_type(value)
    if name == "TIME":
        return _sanitized_time(value)
    if name == "BINARY":
        return _sanitized_binary(value)
    if name == "GEOMETRY":
        return _sanitized_geometry(value)
    if name == "LITERAL":
        raise logic_error(_STRAY_LITERAL)
    raise logic_error(f"Unknown {REQL_TYPE} `PTYPE<{name}>`.")


def from_json(value: object) -> Datum:
    """Return the datum that JSON from a client stands for.

    Raises:
        ReqlError: A number is not finite, or a pseudo-type is not valid.
    """
    try:
        return _from_json(value)
    except RecursionError:
        return deep.fold(value, deep.children, _datum_of)


def _from_json(value: object) -> Datum:
    if value is None or isinstance(value, (str, bool)):
        return value
    if isinstance(value, int):
        # A double cannot hold every integer: 9007199254740993 becomes 9007199254740992.
        return value if -MAX_SAFE_INTEGER <= value <= MAX_SAFE_INTEGER else number(float(value))
    if isinstance(value, float):
        return number(value)
    if isinstance(value, list):
        return [_from_json(item) for item in value]
    assert isinstance(value, dict)
    return sanitized({name: _from_json(item) for name, item in value.items()})


def _datum_of(value: object, parts: list[Datum]) -> Datum:
    """The datum of JSON, given those of its parts."""
    if isinstance(value, list):
        return parts
    if isinstance(value, dict):
        return sanitized(dict(zip(value, parts, strict=True)))
    return _from_json(value)


def time(epoch_time: float, timezone: str = "+00:00") -> Document:
    """Return the TIME of a moment, rounded to milliseconds."""
    return {REQL_TYPE: "TIME", "epoch_time": _milliseconds(epoch_time), "timezone": timezone}


def binary(data: bytes) -> Document:
    """Return the BINARY of some bytes."""
    text = binascii.b2a_base64(data, newline=False).decode("ascii")
    starts = range(0, len(text), _BASE64_LINE_LENGTH)
    lines = [text[start : start + _BASE64_LINE_LENGTH] for start in starts]
    return {REQL_TYPE: "BINARY", "data": _LINE_BREAK.join(lines)}


def binary_bytes(value: Document) -> bytes:
    """Return the bytes of a valid BINARY."""
    return binascii.a2b_base64(as_string(value["data"]))


def binary_size(value: Document) -> int:
    """Return how many bytes a valid BINARY has, without decoding them."""
    text = as_string(value["data"])
    lines = -(-len(text) // (_BASE64_LINE_LENGTH + len(_LINE_BREAK)))
    digits = len(text) - max(0, lines - 1) * len(_LINE_BREAK)
    return digits // 4 * 3 - text.count("=", max(0, len(text) - 2))


def binary_part(value: Document, begin: int, end: int) -> bytes:
    """Return the bytes [begin, end) of a valid BINARY; only their lines are decoded."""
    first, last = begin // _BYTES_PER_LINE, -(-end // _BYTES_PER_LINE)
    line_length = _BASE64_LINE_LENGTH + len(_LINE_BREAK)
    lines = as_string(value["data"])[first * line_length : last * line_length]
    at = first * _BYTES_PER_LINE
    return binascii.a2b_base64(lines)[begin - at : end - at]


def literal_error() -> ReqlError:
    """Return the error for a `literal` where none may stand."""
    return logic_error(_STRAY_LITERAL)


def _milliseconds(epoch_time: float) -> int | float:
    # Half away from zero, as C's round(): Python's own round() goes to the even neighbour.
    scaled = epoch_time * 1000
    if abs(scaled) >= MAX_SAFE_INTEGER:
        return number(float(epoch_time))
    rounded = int(scaled + 0.5) if scaled >= 0 else -int(-scaled + 0.5)
    return number(rounded / 1000)


def timezone_name(name: str) -> str | None:
    """Return a time zone in the form `+hh:mm`, `None` if it is not valid."""
    if name == "Z":
        return "+00:00"
    if _TIMEZONE.fullmatch(name) is None or name in ("-00", "-00:00"):
        return None
    digits = name[1:].replace(":", "")
    return f"{name[0]}{digits[:2]}:{digits[2:] or '00'}"


def _sanitized_time(value: Document) -> Document:
    problem = None
    result: Document = {REQL_TYPE: "TIME"}
    for field in sorted(value):
        item = value[field]
        if field == REQL_TYPE:
            continue
        if field == "epoch_time":
            if isinstance(item, bool) or not isinstance(item, (int, float)):
                problem = _field_problem(field, "a number", item)
                break
            result[field] = _milliseconds(item)
        elif field == "timezone":
            if not isinstance(item, str):
                problem = _field_problem(field, "a string", item)
                break
            timezone = timezone_name(item)
            if timezone is None:
                problem = f"invalid timezone string `{truncated_print(item)}`"
                break
            result[field] = timezone
        else:
            problem = f"unrecognized field `{field}`"
            break
    for field in ("epoch_time", "timezone"):
        if problem is None and field not in result:
            problem = f"no field `{field}`"
    if problem is not None:
        raise logic_error(f"Invalid time object constructed ({problem}):\n{truncated_print(value)}")
    return result


def _field_problem(field: str, expected: str, found: Datum) -> str:
    return (
        f"field `{field}` must be {expected} (got `{truncated_print(found)}` "
        f"of type {type_name(found)})"
    )


def _sanitized_binary(value: Document) -> Document:
    for field in sorted(value):
        if field not in (REQL_TYPE, "data"):
            raise logic_error(f"Invalid binary pseudotype: illegal `{field}` key.")
    if "data" not in value:
        raise logic_error("Invalid binary pseudotype: lacking `data` key.")
    return binary(_decode_base64(as_string(value["data"])))


def _decode_base64(text: str) -> bytes:
    try:
        return binascii.a2b_base64(text, strict_mode=True)
    except ValueError:  # it has white space, no padding, or a fault
        pass
    symbols = text.translate(_BASE64_WHITE_SPACE)
    digits = symbols.rstrip("=")
    wrong = re.search(r"[^A-Za-z0-9+/]", digits)
    if wrong is not None:
        if wrong[0] == "=":
            raise logic_error("Invalid base64 format, data found after padding character '='.")
        raise logic_error(f"Invalid base64 character found: '{wrong[0]}'.")
    if len(digits) % 4 == 1:
        raise logic_error(
            "Invalid base64 length: 1 character remaining, cannot decode a full byte."
        )
    return binascii.a2b_base64(digits + "=" * (-len(digits) % 4))


def _sanitized_geometry(value: Document) -> Document:
    for field in sorted(value):
        if field not in (REQL_TYPE, "coordinates", "type", "crs"):
            raise logic_error(f"Unrecognized field `{field}` found in geometry object.")
    for field, check in (("type", as_string), ("coordinates", as_array)):
        if field not in value:
            raise non_existence_error(f"Field `{field}` not found in geometry object.")
        check(value[field])
    return value
