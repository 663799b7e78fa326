"""Rows as JSON, for where GraphQL does not make it of them: in an error's extensions."""

from __future__ import annotations

from datetime import datetime
from enum import Enum
from typing import Any

from graphql_api.schema import date_time
from graphql_api.schema.document import attributes, graphql_name


def as_json(value: object) -> Any:
    """A row, or a part of one, as it would be served if everything in it was selected.

    Fields that a resolver makes from other rows are left out, and so is `__typename`: parts of it
    can be inputs.
    """
    if isinstance(value, datetime):
        return date_time.serialize(value)
    if isinstance(value, Enum):
        return value.name
    if isinstance(value, list | tuple):
        return [as_json(item) for item in value]
    type_: Any = type(value)
    names = attributes(type_)
    if names is None:
        return value
    return {graphql_name(name): as_json(getattr(value, name)) for name in names}
