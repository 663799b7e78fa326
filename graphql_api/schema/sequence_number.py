"""The `SequenceNumber` scalar: whole numbers beyond 32 bits."""

from __future__ import annotations

from typing import NewType

import strawberry
from graphql import GraphQLError

from graphql_api.log_feeds.source import MAX_SEQUENCE

SequenceNumber = NewType("SequenceNumber", int)


def parse(value: object) -> SequenceNumber:
    """A number that a client sends.

    Raises:
        GraphQLError: It is no whole number, or out of range.
    """
    if type(value) is int and 0 <= value <= MAX_SEQUENCE:
        return SequenceNumber(value)
    raise GraphQLError(f"SequenceNumber must be a whole number from 0 to {MAX_SEQUENCE}")


SEQUENCE_NUMBER = strawberry.scalar(
    name="SequenceNumber",
    description=(
        "A whole number from 0 to 9007199254740991, which is 2^53 - 1: a number in JSON, which "
        "JavaScript and every double hold exactly. It may exceed what `Int` allows."
    ),
    serialize=int,
    parse_value=parse,
)
