"""Comparison, logic, arithmetic, functions, errors and defaults.

Source: src/rdb_protocol/terms/pred.cc, control.cc, arith.cc, error.cc.
"""

from __future__ import annotations

import math
import operator
from typing import TYPE_CHECKING

from graphql_api.embedded.datum import (
    DATUM_TYPES,
    Datum,
    Document,
    as_array,
    as_boolean,
    as_integer,
    as_number,
    as_string,
    number,
    pseudo_type,
)
from graphql_api.embedded.errors import ErrorType, ReqlError, logic_error
from graphql_api.embedded.ordering import sort_key
from graphql_api.embedded.pseudo_types import time
from graphql_api.embedded.ql2 import TermType
from graphql_api.embedded.term import Call, term
from graphql_api.embedded.values import Function, SingleSelection, Value, to_datum

if TYPE_CHECKING:
    from collections.abc import Callable

    from graphql_api.embedded.ordering import SortKey


def _compare(call: Call, holds: Callable[[SortKey, SortKey], bool]) -> bool:
    left = sort_key(call.datum(0))
    for position in range(1, call.count):
        right = sort_key(call.datum(position))
        if not holds(left, right):
            return False
        left = right
    return True


@term(TermType.EQ, 2, None, name="EQ")
def eq(call: Call) -> Value:
    """Return whether all arguments are equal."""
    return _compare(call, lambda left, right: left == right)


@term(TermType.NE, 2, None, name="NE")
def ne(call: Call) -> Value:
    """Return whether not all arguments are equal."""
    return not _compare(call, lambda left, right: left == right)


@term(TermType.LT, 2, None, name="LT")
def lt(call: Call) -> Value:
    """Return whether each argument is less than the next."""
    return _compare(call, lambda left, right: left < right)


@term(TermType.LE, 2, None, name="LE")
def le(call: Call) -> Value:
    """Return whether no argument is greater than the next."""
    return _compare(call, lambda left, right: left <= right)


@term(TermType.GT, 2, None, name="GT")
def gt(call: Call) -> Value:
    """Return whether each argument is greater than the next."""
    return _compare(call, lambda left, right: left > right)


@term(TermType.GE, 2, None, name="GE")
def ge(call: Call) -> Value:
    """Return whether no argument is less than the next."""
    return _compare(call, lambda left, right: left >= right)


@term(TermType.NOT, 1, 1)
def not_(call: Call) -> Value:
    """Return the opposite of the argument's truth."""
    return not call.boolean(0)


@term(TermType.AND, 0, None)
def and_(call: Call) -> Value:
    """Return the first argument that is not true, or the last one."""
    value: Datum = True
    for position in range(call.count):
        value = call.datum(position)
        if not as_boolean(value):
            break
    return value


@term(TermType.OR, 0, None)
def or_(call: Call) -> Value:
    """Return the first argument that is true, or the last one."""
    value: Datum = False
    for position in range(call.count):
        value = call.datum(position)
        if as_boolean(value):
            break
    return value


@term(TermType.BRANCH, 3, None)
def branch(call: Call) -> Value:
    """Return what follows the first condition that is true, or the last argument."""
    if call.count % 2 == 0:
        raise logic_error("Cannot call `branch` term with an even number of arguments.")
    for position in range(0, call.count - 1, 2):
        if call.boolean(position):
            return call.value(position + 1)
    return call.value(call.count - 1)


@term(TermType.FUNCALL, 1, None, "_SHORTCUT_", "_EVAL_FLAGS_")
def funcall(call: Call) -> Value:
    """Call the first argument with the others (`do`)."""
    function = call.value(0)
    arguments = [call.datum(position) for position in range(1, call.count)]
    if isinstance(function, Function):
        return function.call(*arguments)
    return call.blame(0, to_datum, function)


@term(TermType.ERROR, 0, 1)
def error(call: Call) -> Value:
    """Raise an error; without a message, the one that `default` handles."""
    if call.count == 0:
        raise ReqlError(ErrorType.USER, "Empty ERROR term outside a default block.", empty=True)
    raise ReqlError(ErrorType.USER, call.string(0))


@term(TermType.DEFAULT, 2, 2, name="error")
def default(call: Call) -> Value:
    """Return the first argument, or the second if the first is null or does not exist."""
    failure: ReqlError | None = None
    value: Value = None
    reason: Datum = None
    try:
        value = call.value(0)
        if isinstance(value, SingleSelection):
            reason = value.read()
        elif type(value) not in DATUM_TYPES:
            return value
        if value is not None and not (isinstance(value, SingleSelection) and reason is None):
            return value
        reason = None
    except ReqlError as caught:
        if caught.type is not ErrorType.NON_EXISTENCE:
            raise
        failure = caught
    try:
        alternative = call.value(1)
        if isinstance(alternative, Function):
            return alternative.call(reason if failure is None else failure.message)
    except ReqlError as caught:
        if not caught.empty:
            raise
        if failure is not None:
            raise failure from None
        return value
    return alternative


def _folded(call: Call, combine: Callable[[Datum, Datum], Datum]) -> Datum:
    """Return the arguments combined from left to right; a single one as it is."""
    result = call.datum(0)
    for position in range(1, call.count):
        result = combine(result, call.datum(position))
    return result


def _arithmetic(operation: Callable[[float, float], float], left: Datum, right: Datum) -> Datum:
    # On doubles, as RethinkDB: Python's integers would not lose the precision that doubles do.
    one, other = float(as_number(left)), float(as_number(right))
    try:
        return number(operation(one, other))
    except OverflowError:
        return number(math.inf)


def _shifted(moment: Document, seconds: float) -> Document:
    return time(as_number(moment["epoch_time"]) + seconds, as_string(moment["timezone"]))


@term(TermType.ADD, 1, None, name="ADD")
def add(call: Call) -> Value:
    """Add numbers or a TIME and seconds, or join strings or arrays."""

    def added(left: Datum, right: Datum) -> Datum:
        if pseudo_type(left) == "TIME":
            assert isinstance(left, dict)
            return _shifted(left, as_number(right))
        if pseudo_type(right) == "TIME":
            assert isinstance(right, dict)
            return _shifted(right, as_number(left))
        if isinstance(left, str):
            return left + as_string(right)
        if isinstance(left, list):
            return call.array(left + as_array(right))
        return _arithmetic(operator.add, left, right)

    return _folded(call, added)


@term(TermType.SUB, 1, None, name="SUB")
def sub(call: Call) -> Value:
    """Subtract numbers, a TIME from a TIME (seconds), or seconds from a TIME."""

    def subtracted(left: Datum, right: Datum) -> Datum:
        if pseudo_type(left) != "TIME":
            return _arithmetic(operator.sub, left, right)
        assert isinstance(left, dict)
        if pseudo_type(right) != "TIME":
            return _shifted(left, -as_number(right))
        assert isinstance(right, dict)
        return _arithmetic(operator.sub, left["epoch_time"], right["epoch_time"])

    return _folded(call, subtracted)


@term(TermType.MUL, 1, None, name="MUL")
def mul(call: Call) -> Value:
    """Multiply numbers, or repeat an array."""

    def multiplied(left: Datum, right: Datum) -> Datum:
        if not (isinstance(left, list) or isinstance(right, list)):
            return _arithmetic(operator.mul, left, right)
        array, times = (left, right) if isinstance(left, list) else (right, left)
        assert isinstance(array, list)
        count = as_integer(times)
        if count < 0:
            raise logic_error("Cannot multiply an ARRAY by a negative number.")
        return call.array(array * min(count, call.env.query.array_limit + 1))

    return _folded(call, multiplied)


@term(TermType.DIV, 1, None, name="DIV")
def div(call: Call) -> Value:
    """Divide numbers."""

    def divided(left: Datum, right: Datum) -> Datum:
        as_number(left)  # its error comes first
        if as_number(right) == 0:
            raise logic_error("Cannot divide by zero.")
        return _arithmetic(operator.truediv, left, right)

    return _folded(call, divided)


@term(TermType.MOD, 2, 2)
def mod(call: Call) -> Value:
    """Return the remainder of a division, with the sign of the dividend."""
    left, right = as_integer(call.datum(0)), as_integer(call.datum(1))
    if right == 0:
        raise logic_error("Cannot take a number modulo 0.")
    return number(math.fmod(left, right))
