"""The feeds' enums as GraphQL enums; the feeds themselves know nothing of GraphQL."""

from __future__ import annotations

from enum import Enum

import strawberry
from strawberry.types.enum import StrawberryEnumDefinition

from graphql_api.feeds.events import ChangeCause, FeedStatus

__all__ = ["ChangeCause", "FeedStatus"]


def _register(members: type[Enum], description: str, **values: str) -> None:
    """Make a GraphQL enum of a Python one, with a description for each of its values."""
    strawberry.enum(members, description=description)
    definition: StrawberryEnumDefinition = members.__strawberry_definition__  # type: ignore[attr-defined]
    for value in definition.values:
        value.description = values[value.name]


_register(
    ChangeCause,
    "Why a row was added to, or taken from, what a subscription holds.",
    INITIAL="It was there when the subscription began.",
    CREATED="It was created.",
    ENTERED_FILTER="It was changed, and passes the filter since.",
    DELETED="It was deleted.",
    LEFT_FILTER=(
        "It was changed and does not pass the filter any more, or it has grown too old to be held."
    ),
)

_register(
    FeedStatus,
    "Whether the rows that this server holds of a table are complete and up to date.",
    INITIALIZING=(
        "The rows are being read. A subscription that receives this forgets what it holds: "
        "every row comes again."
    ),
    READY="Everything is up to date, and changes follow as they happen.",
    STALE=(
        "The database cannot be reached. Once it can, the changes since then follow, and then "
        "READY."
    ),
)
