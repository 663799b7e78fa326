"""A datum: what a RethinkDB document is made of, as plain Python values.

| RethinkDB        | here                                                                        |
|------------------|-----------------------------------------------------------------------------|
| null, bool       | `None`, `bool`                                                              |
| number (double)  | `int` if it is an integer within ±2^53 (never for -0.0), `float` otherwise  |
| string           | `str`                                                                       |
| array, object    | `list`, `dict`                                                              |
| TIME, BINARY, …  | the `dict` with `$reql_type$` that stands for it on the wire                |
| minval, maxval   | `MINVAL`, `MAXVAL`                                                          |

A datum is never changed once made: documents, changes and feeds share its parts. Every number is
in the one canonical form above, so that what orjson prints is what RethinkDB prints.

Source: src/rdb_protocol/datum.cc.
"""

from __future__ import annotations

import json
import math
from decimal import Decimal
from typing import Final, TypeAlias

import orjson

from graphql_api.embedded import deep
from graphql_api.embedded.errors import ReqlError, logic_error, non_existence_error, resource_error


class Extremum:
    """A bound of the order, less or greater than everything; it cannot be stored.

    Not an `Enum`: orjson would encode one as its value, where RethinkDB has an error.
    """

    __slots__ = ("value",)

    def __init__(self, value: str) -> None:
        self.value = value

    def __repr__(self) -> str:
        return self.value


MINVAL: Final = Extremum("MINVAL")
MAXVAL: Final = Extremum("MAXVAL")

Datum: TypeAlias = "bool | int | float | str | list[Datum] | dict[str, Datum] | Extremum | None"
Document: TypeAlias = "dict[str, Datum]"

DATUM_TYPES: Final = frozenset({type(None), bool, int, float, str, list, dict, Extremum})
REQL_TYPE: Final = "$reql_type$"

MAX_SAFE_INTEGER: Final = 2**53
TRUNCATED_PRINT_LENGTH: Final = 300

_ESCAPES: Final = {"\\": "\\\\"} | {
    **{chr(code): f"\\u{code:04X}" for code in range(0x20)},
    **{character: "\\" + letter for character, letter in zip('"\b\f\n\r\t', '"bfnrt', strict=True)},
}
"""Backslashes come first: they stand in the others' texts."""
_PLAIN_DIGITS: Final = 21
_PLAIN_ZEROS: Final = -6


def number(value: float) -> int | float:
    """Return a double in its canonical form.

    Raises:
        ReqlError: It is infinite or not a number.
    """
    if -MAX_SAFE_INTEGER <= value <= MAX_SAFE_INTEGER:
        integer = int(value)
        if integer == value and (integer or math.copysign(1.0, value) > 0):
            return integer
        return value
    if not math.isfinite(value):
        raise logic_error(f"Non-finite number: {value}")
    return float(value)


def pseudo_type(value: Datum) -> str | None:
    """Return the name in `$reql_type$`, `None` for a datum without one.

    Raises:
        ReqlError: `$reql_type$` is not a string.
    """
    if type(value) is not dict or REQL_TYPE not in value:
        return None
    name = value[REQL_TYPE]
    if type(name) is str:
        return name
    raise logic_error(
        f"Error: Field `{REQL_TYPE}` must be a string (got `{truncated_print(name)}` of type "
        f"{type_name(name)}):\n{truncated_print(value)}"
    )


def type_name(value: Datum) -> str:
    """Return the name of a datum's type as `type_of` and the error messages give it."""
    if value is None:
        return "NULL"
    if isinstance(value, bool):
        return "BOOL"
    if isinstance(value, (int, float)):
        return "NUMBER"
    if isinstance(value, str):
        return "STRING"
    if isinstance(value, list):
        return "ARRAY"
    if isinstance(value, Extremum):
        return value.value
    name = pseudo_type(value)
    return "OBJECT" if name is None else f"PTYPE<{name}>"


def _extremum_error(value: Extremum) -> ReqlError:
    """Return the error for a bound of the order, which has no JSON."""
    return logic_error(f"Cannot convert `r.{value.value.lower()}` to JSON.")


def _no_json(value: object) -> object:
    if isinstance(value, Extremum):
        raise _extremum_error(value)
    raise TypeError(type(value).__name__)


def encode(value: Datum) -> bytes:
    """Return the JSON of a datum, keys sorted, without white space.

    Raises:
        ReqlError: It holds `MINVAL` or `MAXVAL`, or half a character.
    """
    try:
        return orjson.dumps(value, default=_no_json, option=orjson.OPT_SORT_KEYS)
    except orjson.JSONEncodeError as error:
        if isinstance(error.__cause__, ReqlError):
            raise error.__cause__ from None
    try:
        return deep.dumps(value, _no_json)
    except orjson.JSONEncodeError as error:
        if isinstance(error.__cause__, ReqlError):
            raise error.__cause__ from None
        raise resource_error(f"Cannot encode a value as JSON: {error}.") from error


def pretty_print(value: Datum) -> str:
    """Return the indented JSON that RethinkDB's error messages quote.

    A tab indents each level and follows each colon. A BINARY stands on one line, without white
    space before it or in it (datum.cc, `datum_t::print`, and pseudo_binary.cc,
    `encode_base64_ptype`, which write past the indentation). TIME and GEOMETRY are objects like
    any other there.

    Raises:
        ReqlError: It holds `MINVAL` or `MAXVAL`.
    """
    parts: list[str] = []
    try:
        _print(value, "\n", parts)
    except RecursionError:
        return encode(value).decode()  # on one line: its tabs would outgrow the value
    return "".join(parts)


def _print(value: Datum, line: str, parts: list[str]) -> None:
    """Add a value's text; `line` begins a line at the value's own level."""
    if _is_binary(value):
        assert isinstance(value, dict)
        data = as_string(value["data"])
        parts.append(f'{{"{REQL_TYPE}":"BINARY","data":{_print_string(data)}}}')
    elif isinstance(value, dict):
        for position, name in enumerate(sorted(value)):
            item = value[name]
            parts.append(f"{',' if position else '{'}{line}\t{_print_string(name)}:")
            if not _is_binary(item):
                parts.append("\t")
            _print(item, line + "\t", parts)
        parts.append(line + "}" if value else "{}")
    elif isinstance(value, list):
        for position, item in enumerate(value):
            parts.append("," if position else "[")
            if not _is_binary(item):
                parts.append(line + "\t")
            _print(item, line + "\t", parts)
        parts.append(line + "]" if value else "[]")
    else:
        parts.append(_print_scalar(value))


def _is_binary(value: Datum) -> bool:
    return isinstance(value, dict) and value.get(REQL_TYPE) == "BINARY" and "data" in value


def _print_scalar(value: bool | float | str | Extremum | None) -> str:
    if isinstance(value, str):
        return _print_string(value)
    if isinstance(value, float):
        return _print_double(value)
    if isinstance(value, Extremum):
        raise _extremum_error(value)
    return json.dumps(value)


def _print_string(text: str) -> str:
    # `str.translate` takes a second for each megabyte.
    for character, escaped in _ESCAPES.items():
        if character in text:
            text = text.replace(character, escaped)
    return f'"{text}"'


def _print_double(value: float) -> str:
    """Return a double's shortest digits: as a plain number from 1e-6 up to 1e21 (dtoa.h)."""
    sign = "-" if math.copysign(1.0, value) < 0 else ""
    _, digits, exponent = Decimal(repr(abs(value))).normalize().as_tuple()
    assert isinstance(exponent, int)
    text = "".join(map(str, digits))
    point = len(text) + exponent  # where the decimal point is, in digits from the left
    if value == 0:
        return sign + "0.0"
    if len(text) <= point <= _PLAIN_DIGITS:
        return f"{sign}{text}{'0' * (point - len(text))}.0"
    if 0 < point <= _PLAIN_DIGITS:
        return f"{sign}{text[:point]}.{text[point:]}"
    if _PLAIN_ZEROS < point <= 0:
        return f"{sign}0.{'0' * -point}{text}"
    fraction = f".{text[1:]}" if len(text) > 1 else ""
    return f"{sign}{text[0]}{fraction}e{point - 1}"


def truncated_print(value: Datum) -> str:
    """Return `pretty_print`, cut to 300 characters."""
    text = pretty_print(value)
    if len(text) > TRUNCATED_PRINT_LENGTH:
        return text[: TRUNCATED_PRINT_LENGTH - 3] + "..."
    return text


def typed_error(value: Datum, message: str) -> ReqlError:
    """Return the error for a datum of the wrong type.

    A null where something else was expected counts as something that does not exist, so that
    `default` catches it (datum.cc, `rfail_typed_target`).
    """
    return non_existence_error(message) if value is None else logic_error(message)


def expect_type(value: Datum, expected: str) -> ReqlError:
    """Return the error for a datum that should have had the type `expected`."""
    return typed_error(value, f"Expected type {expected} but found {type_name(value)}.")


def as_string(value: Datum) -> str:
    """Return a datum that must be a string.

    Raises:
        ReqlError: It is something else.
    """
    if isinstance(value, str):
        return value
    raise expect_type(value, "STRING")


def as_number(value: Datum) -> int | float:
    """Return a datum that must be a number.

    Raises:
        ReqlError: It is something else.
    """
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return value
    raise expect_type(value, "NUMBER")


def as_integer(value: Datum) -> int:
    """Return a datum that must be an integer within ±2^53.

    Raises:
        ReqlError: It is something else.
    """
    numeric = as_number(value)
    if isinstance(numeric, int):
        return numeric
    if numeric == 0.0:
        return 0
    hint = ""
    if numeric < -MAX_SAFE_INTEGER:
        hint = " (<-2^53)"
    elif numeric > MAX_SAFE_INTEGER:
        hint = " (>2^53)"
    raise logic_error(f"Number not an integer{hint}: {numeric:.20g}")


def as_boolean(value: Datum) -> bool:
    """Return the truth of a datum: everything but `false` and null is true."""
    return value if isinstance(value, bool) else value is not None


def as_array(value: Datum) -> list[Datum]:
    """Return a datum that must be an array.

    Raises:
        ReqlError: It is something else.
    """
    if isinstance(value, list):
        return value
    raise expect_type(value, "ARRAY")


def as_object(value: Datum) -> dict[str, Datum]:
    """Return a datum that must be an object (a pseudo-type is one).

    Raises:
        ReqlError: It is something else.
    """
    if isinstance(value, dict) and value.get(REQL_TYPE) != "BINARY":
        return value
    raise expect_type(value, "OBJECT")


def get_field(value: Datum, name: str) -> Datum:
    """Return a field of an object.

    Raises:
        ReqlError: It is no object, or has no such field (which `default` catches).
    """
    fields = as_object(value)
    try:
        return fields[name]
    except KeyError:
        if any(isinstance(part, Extremum) for part in deep.walk(value)):
            pretty_print(value)  # raises
        # Indexes and filters meet this for every document without the field, and print none.
        raise non_existence_error(
            lambda: f"No attribute `{name}` in object:\n{pretty_print(value)}"
        ) from None
