"""Arguments and members of inputs: what is said of each in the schema stands beside its type."""

from __future__ import annotations

from typing import Any

import strawberry
from strawberry import UNSET


def argument(description: str) -> Any:
    """An argument, as `Annotated` takes it.

    Args:
        description: Its description in the schema.
    """
    return strawberry.argument(description=description)


def optional(description: str) -> Any:
    """A member of an input that may be absent, which is not the same as null.

    Args:
        description: Its description in the schema.
    """
    return strawberry.field(default=UNSET, description=description)
