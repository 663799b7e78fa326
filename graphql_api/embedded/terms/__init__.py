"""The implementations of the terms; importing this package registers all of them."""

from graphql_api.embedded.terms import (
    aggregation,
    by_key,
    changes,
    control,
    data,
    documents,
    indexes,
    insert,
    orders,
    sequences,
    strings,
    tables,
    times,
    writes,
)

__all__ = [
    "aggregation",
    "by_key",
    "changes",
    "control",
    "data",
    "documents",
    "indexes",
    "insert",
    "orders",
    "sequences",
    "strings",
    "tables",
    "times",
    "writes",
]
