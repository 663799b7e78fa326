"""A compiled term, and where it is evaluated: the query it belongs to, the variables around it."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from graphql_api.embedded.batching import DEFAULT_BATCHES, BatchSpec
from graphql_api.embedded.datum import as_integer
from graphql_api.embedded.determinism import Determinism
from graphql_api.embedded.errors import Backtrace, ReqlError, logic_error
from graphql_api.embedded.values import to_datum

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from graphql_api.embedded.catalog import Catalog
    from graphql_api.embedded.datum import Datum, Document
    from graphql_api.embedded.transaction import Transaction
    from graphql_api.embedded.values import Value

DEFAULT_ARRAY_LIMIT = 100_000


@dataclass(slots=True)
class QueryContext:
    """The context that all terms of one query share.

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

    def batch_spec(self) -> BatchSpec:
        """Return the limits of batches that the global optional arguments ask for.

        Raises:
            ReqlError: One of them is not an integer.
        """
        if len(self.optargs) <= 1:
            return DEFAULT_BATCHES  # `db` alone, as nearly always
        given = {
            "max_rows": self.integer_optarg("max_batch_rows"),
            "max_bytes": self.integer_optarg("max_batch_bytes"),
            "first_scaledown": self.integer_optarg("first_batch_scaledown_factor"),
        }
        self.integer_optarg("min_batch_rows")
        limits = {name: max(1, limit) for name, limit in given.items() if limit is not None}
        return replace(DEFAULT_BATCHES, **limits)


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


class Term:
    """A compiled term.

    Attributes:
        type: Its number.
        path: Where in the query it is.
        determinism: Whether it gives the same each time.
        writes: Whether it, or a term in it, writes.
    """

    __slots__ = ("determinism", "path", "type", "writes")

    def __init__(
        self,
        type_: int,
        path: Backtrace,
        determinism: Determinism = Determinism.ALWAYS,
        *,
        writes: bool = False,
    ) -> None:
        self.type = type_
        self.path = path
        self.determinism = determinism
        self.writes = writes

    def eval(self, env: Env, *, literal_ok: bool = False) -> Value:
        """Evaluate the term.

        Args:
            env: The query and the variables.
            literal_ok: Whether the result may hold a `literal`.

        Raises:
            ReqlError: It fails; the error says where.
        """
        raise NotImplementedError

    def splice(self, env: Env) -> Sequence[Term]:
        """Return the terms that take this one's place among arguments: `r.args` gives several."""
        del env
        return (self,)
