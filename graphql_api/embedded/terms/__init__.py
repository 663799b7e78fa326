"""The implementations of the terms; importing this package registers all of them."""

from graphql_api.embedded.terms import (
    changes,
    control,
    data,
    documents,
    indexes,
    sequences,
    tables,
    times,
    writes,
)

__all__ = [
    "changes",
    "control",
    "data",
    "documents",
    "indexes",
    "sequences",
    "tables",
    "times",
    "writes",
]
