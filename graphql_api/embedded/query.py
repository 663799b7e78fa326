"""Running a START query, from its JSON to its response."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

from graphql_api.embedded.compiler import compile_global_optargs, compile_query
from graphql_api.embedded.environment import Env, QueryContext, Term, check_limit
from graphql_api.embedded.errors import ReqlError, logic_error, resource_error
from graphql_api.embedded.permissions import EVERYTHING, Access
from graphql_api.embedded.pseudo_types import time
from graphql_api.embedded.stored_table import Database, StoredTable
from graphql_api.embedded.streams import collect, to_stream
from graphql_api.embedded.transaction import Transaction
from graphql_api.embedded.values import (
    DatumStream,
    Function,
    Selection,
    SingleSelection,
    TableSlice,
    to_datum,
    value_type_name,
)

if TYPE_CHECKING:
    from graphql_api.embedded.batching import BatchSpec
    from graphql_api.embedded.catalog import Catalog
    from graphql_api.embedded.datum import Datum
    from graphql_api.embedded.frames import Query
    from graphql_api.embedded.values import Value


@dataclass(frozen=True, slots=True)
class AtomResult:
    """The result is one value."""

    value: Datum


@dataclass(frozen=True, slots=True)
class StreamResult:
    """The result is a stream, or a changefeed if the stream has a source."""

    stream: DatumStream
    spec: BatchSpec


Result: TypeAlias = AtomResult | StreamResult


async def run_query(
    query: Query, catalog: Catalog, now_s: float, access: Access = EVERYTHING
) -> Result:
    """Run a query; what it writes is committed when this returns.

    Args:
        query: The START query.
        catalog: The databases.
        now_s: What `r.now()` gives, in seconds since 1970 began.
        access: What the user may do.

    Raises:
        ReqlError: The query fails. What it wrote up to then is not committed, but for databases,
            tables and indexes that it created or dropped.
    """
    term = compile_query(query.term)
    context = QueryContext(catalog, Transaction(access), time(now_s))
    context.optargs = compile_global_optargs(query.optargs)
    limit = context.integer_optarg("array_limit")
    if limit is not None:
        context.array_limit = check_limit("array size limit", limit)
    if not term.writes:
        return _evaluate(term, context)
    async with catalog.lock:
        result = _evaluate(term, context)
        await catalog.commit(context.transaction)
    return result


def _evaluate(term: Term, context: QueryContext) -> Result:
    try:
        return _result(term.eval(Env(context)), context)
    except ReqlError as error:
        if error.backtrace is None:
            error.backtrace = ()
        raise
    except RecursionError:
        # RethinkDB grows its stacks instead.
        raise resource_error("The query is nested too deeply.", ()) from None


def _result(value: Value, context: QueryContext) -> Result:
    if isinstance(value, (Database, Function)):
        raise logic_error(
            "Query result must be of type DATUM, GROUPED_DATA, or STREAM (got "
            f"{value_type_name(value)})."
        )
    if isinstance(value, (StoredTable, TableSlice, Selection, DatumStream)):
        stream = to_stream(value, context.transaction)
        if stream.is_array and stream.source is None:
            return AtomResult(collect(stream, context.array_limit))
        return StreamResult(stream, context.batch_spec())
    if isinstance(value, SingleSelection):
        return AtomResult(value.read())
    return AtomResult(to_datum(value))
