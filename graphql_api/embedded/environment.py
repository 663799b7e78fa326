"""Where a term is evaluated: the query it belongs to, and the variables around it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from graphql_api.embedded.datum import as_integer
from graphql_api.embedded.errors import ReqlError, logic_error
from graphql_api.embedded.values import to_datum

if TYPE_CHECKING:
    from collections.abc import Mapping

    from graphql_api.embedded.catalog import Catalog
    from graphql_api.embedded.datum import Datum, Document
    from graphql_api.embedded.term import Term
    from graphql_api.embedded.transaction import Transaction
    from graphql_api.embedded.values import Value

DEFAULT_ARRAY_LIMIT = 100_000


@dataclass(slots=True)
class QueryContext:
    """What every term of one query shares.

    Attributes:
        catalog: The databases and tables.
        transaction: The query's own view of the documents.
        now: The TIME that `r.now()` gives throughout the query.
        optargs: The global optional arguments.
        array_limit: The length of the longest array it may make.
    """

    catalog: Catalog
    transaction: Transaction
    now: Document
    optargs: Mapping[str, Term] = field(default_factory=dict)
    array_limit: int = DEFAULT_ARRAY_LIMIT

    def optarg(self, name: str) -> Value:
        """Evaluate a global optional argument that is there."""
        return self.optargs[name].eval(Env(self))

    def integer_optarg(self, name: str) -> int | None:
        """Return a global optional argument that must be an integer; `None` if it is absent.

        Raises:
            ReqlError: It is something else.
        """
        if name not in self.optargs:
            return None
        try:
            return as_integer(to_datum(self.optarg(name)))
        except ReqlError as error:
            if error.backtrace is None:
                error.backtrace = ()
            raise


def check_limit(name: str, limit: int) -> int:
    """Return a limit that a client sets (configured_limits.cc).

    Raises:
        ReqlError: It is less than one.
    """
    if limit < 1:
        raise logic_error(f"Illegal {name} `{limit}`.  (Must be >= 1.)")
    return limit


class Env:
    """The variables of the functions that a term is in.

    Attributes:
        query: The query's context.
        variables: The values of the variables, by number.
        implicit: What `r.row` stands for.
    """

    __slots__ = ("implicit", "query", "variables")

    def __init__(
        self,
        query: QueryContext,
        variables: dict[int, Datum] | None = None,
        implicit: Datum = None,
    ) -> None:
        self.query = query
        self.variables = {} if variables is None else variables
        self.implicit = implicit

    def bind(self, parameters: tuple[int, ...], arguments: tuple[Datum, ...]) -> Env:
        """Return the environment inside a function that was called."""
        if not parameters:
            return self
        variables = {**self.variables, **dict(zip(parameters, arguments, strict=True))}
        implicit = arguments[0] if len(parameters) == 1 else self.implicit
        return Env(self.query, variables, implicit)
