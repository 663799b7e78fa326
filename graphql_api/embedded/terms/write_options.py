"""The optional arguments of writes."""

from __future__ import annotations

from graphql_api.embedded.datum import Datum, as_string
from graphql_api.embedded.errors import logic_error
from graphql_api.embedded.stored_table import StoredTable
from graphql_api.embedded.term import Call
from graphql_api.embedded.writer import ReturnChanges


def parse_durability(value: Datum) -> str:
    """Check the optional argument `durability`.

    Raises:
        ReqlError: It is neither "hard" nor "soft".
    """
    durability = as_string(value)
    if durability not in ("hard", "soft"):
        raise logic_error(
            f'Durability option `{durability}` unrecognized (options are "hard" and "soft").'
        )
    return durability


def read_return_changes(call: Call) -> ReturnChanges:
    """Read the optional argument `return_changes`.

    Raises:
        ReqlError: It is another text than "always", or `return_vals` is given in its place.
    """
    if call.optarg_term("return_vals") is not None:
        raise logic_error(
            "Error: encountered obsolete optarg `return_vals`.  Use `return_changes` instead."
        )
    return call.optarg("return_changes", _parse_return_changes) or ReturnChanges.NO


def _parse_return_changes(value: Datum) -> ReturnChanges:
    if isinstance(value, str):
        if value != "always":
            raise logic_error(
                f"Invalid return_changes value `{value}` (options are `true`, `false`, and "
                "`'always'`.)"
            )
        return ReturnChanges.ALWAYS
    return ReturnChanges.YES if value is not None and value is not False else ReturnChanges.NO


def set_durability(call: Call, table: StoredTable, durability: str | None) -> None:
    """Write the query's changes to disk before its reply, if one of them must be durable."""
    hard = (durability or table.durability) == "hard"
    call.transaction.hard = call.transaction.hard or hard
