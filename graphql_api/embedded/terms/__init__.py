"""The implementations of the terms; importing this package registers all of them."""

from graphql_api.embedded.terms import (
    aggregation,
    changes,
    control,
    data,
    documents,
    indexes,
    orders,
    sequences,
    strings,
    tables,
    times,
    writes,
)

__all__ = [
    "aggregation",
    "changes",
    "control",
    "data",
    "documents",
    "indexes",
    "orders",
    "sequences",
    "strings",
    "tables",
    "times",
    "writes",
]
