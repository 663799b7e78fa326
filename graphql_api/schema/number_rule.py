"""Validation's rule for the numbers of a document."""

from __future__ import annotations

from math import isfinite
from typing import Any

from graphql import FloatValueNode, GraphQLError, IntValueNode, ValidationRule

_MAX_DIGITS = 400
"""No number that fits a type has more in front of its point; Python itself reads 4300."""


class ReadableNumbers(ValidationRule):
    """A number of a document has a value: it fits a double.

    Whether it fits the type of its argument is checked by others, of which some cannot read it.
    """

    def enter_int_value(self, node: IntValueNode, *_: Any) -> None:
        """Check an integer, before anything makes a Python integer of it."""
        if len(node.value) > _MAX_DIGITS:
            self.report_error(GraphQLError("The integer has too many digits.", node))

    def enter_float_value(self, node: FloatValueNode, *_: Any) -> None:
        """Check a number with a fraction or an exponent."""
        if not isfinite(float(node.value)):
            self.report_error(GraphQLError("The number is beyond the range of Float.", node))
