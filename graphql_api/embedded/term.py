"""Evaluation of terms with arguments, and the register of all terms.

A term's implementation is a function of a `Call`, registered with its number, name, arity and
optional arguments. It raises `ReqlError` without saying where: the term that it belongs to, or
the argument that was at fault, is filled in here.

Source: src/rdb_protocol/op.cc, term.cc.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from graphql_api.embedded.datum import (
    DATUM_TYPES,
    Datum,
    as_array,
    as_boolean,
    as_integer,
    as_number,
    as_string,
)
from graphql_api.embedded.determinism import Determinism
from graphql_api.embedded.environment import Env, Term
from graphql_api.embedded.errors import Backtrace, ReqlError, logic_error
from graphql_api.embedded.stored_table import StoredTable
from graphql_api.embedded.streams import check_array_size, sequence, to_selection, to_stream
from graphql_api.embedded.values import DatumStream, Function, Selection, to_datum, wrong_value_type

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from graphql_api.embedded.ql2 import TermType
    from graphql_api.embedded.transaction import Transaction
    from graphql_api.embedded.values import Value

_Result = TypeVar("_Result")


@dataclass(frozen=True, slots=True)
class Arity:
    """The number of arguments that a term takes; no `most` means any number."""

    least: int
    most: int | None

    def check(self, count: int) -> None:
        """Check a number of arguments.

        Raises:
            ReqlError: The term does not take so many.
        """
        if count >= self.least and (self.most is None or count <= self.most):
            return
        if self.least == self.most:
            expected = f"{self.least} argument{'' if self.least == 1 else 's'}"
        elif self.most is None:
            expected = f"{self.least} or more arguments"
        else:
            expected = f"between {self.least} and {self.most} arguments"
        raise logic_error(f"Expected {expected} but found {count}.")


@dataclass(frozen=True, slots=True)
class TermSpec:
    """A kind of term.

    Attributes:
        type: Its number.
        name: Its name as error messages give it.
        arity: How many arguments it takes.
        optargs: The optional arguments it takes.
        run: Its implementation.
        determinism: Its own, apart from that of its arguments.
        writes: It writes documents, or the catalog: where writes are forbidden it is too.
        forbids_writes: Its arguments, but for the first, must not hold a write.
    """

    type: TermType
    name: str
    arity: Arity
    optargs: frozenset[str]
    run: Callable[[Call], Value]
    determinism: Determinism
    writes: bool
    forbids_writes: bool


TERMS: dict[int, TermSpec] = {}
"""Every term with an implementation of its own, by number."""


def term(
    type_: TermType,
    least: int,
    most: int | None,
    *optargs: str,
    name: str | None = None,
    determinism: Determinism = Determinism.ALWAYS,
    writes: bool = False,
    forbids_writes: bool = False,
) -> Callable[[Callable[[Call], Value]], Callable[[Call], Value]]:
    """Register a term's implementation.

    Args:
        type_: Its number.
        least: The least number of arguments.
        most: The greatest number of arguments, `None` for no limit.
        optargs: The names of its optional arguments.
        name: Its name as RethinkDB's error messages give it, if not that of the number.
        determinism: Its own, apart from that of its arguments.
        writes: It writes documents or the catalog.
        forbids_writes: Its arguments, but for the first, must not hold a write.
    """

    def register(run: Callable[[Call], Value]) -> Callable[[Call], Value]:
        TERMS[type_] = TermSpec(
            type_,
            name or type_.name.lower(),
            Arity(least, most),
            frozenset(optargs),
            run,
            determinism,
            writes,
            forbids_writes,
        )
        return run

    return register


class Constant(Term):
    """A term whose value was known when the query was compiled."""

    __slots__ = ("value",)

    def __init__(self, type_: int, path: Backtrace, value: Datum) -> None:
        super().__init__(type_, path)
        self.value = value

    def eval(self, env: Env, *, literal_ok: bool = False) -> Value:
        """Return the value; see `Term.eval`."""
        del literal_ok
        if type(self.value) is list:
            self._check_size(env)
        return self.value

    def _check_size(self, env: Env) -> None:
        assert isinstance(self.value, list)
        try:
            check_array_size(len(self.value), env.query.array_limit)
        except ReqlError as error:
            error.backtrace = self.path
            raise


class CompoundTerm(Term):
    """A term with arguments, evaluated by the implementation that was registered for it."""

    __slots__ = ("arguments", "optargs", "sources", "spec", "splices")

    def __init__(
        self,
        spec: TermSpec,
        path: Backtrace,
        arguments: tuple[Term, ...],
        optargs: Mapping[str, Term],
        *,
        sources: list[object],
        splices: bool,
    ) -> None:
        parts = (*arguments, *optargs.values())
        super().__init__(
            spec.type,
            path,
            max((spec.determinism, *(part.determinism for part in parts))),
            writes=spec.writes or any(part.writes for part in parts),
        )
        self.spec = spec
        self.sources = sources  # the JSON of the arguments: an index keeps its function's
        self.arguments = arguments
        self.optargs = optargs
        self.splices = splices

    def eval(self, env: Env, *, literal_ok: bool = False) -> Value:
        """Run the implementation; see `Term.eval`."""
        try:
            arguments: Sequence[Term] = self.arguments
            if self.splices:
                arguments = [part for item in arguments for part in item.splice(env)]
                self.spec.arity.check(len(arguments))
            return self.spec.run(Call(self, arguments, env, literal_ok))
        except ReqlError as error:
            if error.backtrace is None:
                error.backtrace = self.path
            raise


class Call:
    """One evaluation of a term, as its implementation sees it.

    Attributes:
        term: The term.
        arguments: Its arguments, not yet evaluated; each is evaluated when it is asked for.
        env: The query and the variables.
        literal_ok: Whether the result may hold a `literal`.
    """

    __slots__ = ("arguments", "env", "literal_ok", "term")

    def __init__(
        self, term_: CompoundTerm, arguments: Sequence[Term], env: Env, literal_ok: bool
    ) -> None:
        self.term = term_
        self.arguments = arguments
        self.env = env
        self.literal_ok = literal_ok

    @property
    def name(self) -> str:
        """The term's name as error messages give it."""
        return self.term.spec.name

    @property
    def count(self) -> int:
        """The number of arguments."""
        return len(self.arguments)

    @property
    def transaction(self) -> Transaction:
        """The query's view of the documents."""
        return self.env.query.transaction

    def value(self, position: int, *, literal_ok: bool = False) -> Value:
        """Evaluate an argument."""
        return self.arguments[position].eval(self.env, literal_ok=literal_ok)

    def blame(self, position: int, convert: Callable[..., _Result], *arguments: object) -> _Result:
        """Call a function; an error that it raises is the given argument's."""
        return _blame(self.arguments[position].path, convert, *arguments)

    def datum(self, position: int) -> Datum:
        """Evaluate an argument that must be a datum."""
        value = self.arguments[position].eval(self.env)
        if type(value) in DATUM_TYPES:
            return value  # type: ignore[return-value]  # the test just made
        return self.blame(position, to_datum, value)

    def string(self, position: int) -> str:
        """Evaluate an argument that must be a string."""
        return self.blame(position, as_string, self.datum(position))

    def number(self, position: int) -> int | float:
        """Evaluate an argument that must be a number."""
        return self.blame(position, as_number, self.datum(position))

    def integer(self, position: int) -> int:
        """Evaluate an argument that must be an integer."""
        return self.blame(position, as_integer, self.datum(position))

    def boolean(self, position: int) -> bool:
        """Evaluate an argument for its truth."""
        return as_boolean(self.datum(position))

    def table(self, position: int) -> StoredTable:
        """Evaluate an argument that must be a table."""
        return self.to_table(position, self.value(position))

    def to_table(self, position: int, value: Value) -> StoredTable:
        """Return an argument's value, which must be a table."""
        if isinstance(value, StoredTable):
            return value
        raise self.at(position, wrong_value_type(value, "TABLE"))

    def stream(self, position: int) -> DatumStream:
        """Evaluate an argument that must be a sequence."""
        return self.to_stream(position, self.value(position))

    def to_stream(self, position: int, value: Value) -> DatumStream:
        """Return an argument's value, which must be a sequence, as a stream."""
        return self.blame(position, to_stream, value, self.transaction)

    def selection(self, value: Value) -> Selection | None:
        """Return an argument's value as a selection of documents, `None` if it is not one."""
        return to_selection(value, self.transaction)

    def function(self, position: int) -> Function:
        """Evaluate an argument that must be a function."""
        value = self.value(position)
        if isinstance(value, Function):
            return value
        raise self.at(position, wrong_value_type(value, "FUNCTION"))

    def optarg_term(self, name: str) -> Term | None:
        """Return an optional argument, not evaluated; `None` if it is absent."""
        return self.term.optargs.get(name) or self.env.query.optargs.get(name)

    def optarg(self, name: str, convert: Callable[[Datum], _Result]) -> _Result | None:
        """Evaluate an optional argument that must be a datum.

        Args:
            name: Its name. Like RethinkDB, this looks among the global ones last.
            convert: Checks it; an error that it raises is the optional argument's.

        Returns:
            What `convert` returned, `None` if the argument is absent.
        """
        found = self.optarg_term(name)
        if found is None:
            return None
        value = found.eval(self.env)
        return _blame(found.path, lambda: convert(to_datum(value)))

    def flag(self, name: str) -> bool:
        """Evaluate an optional argument for its truth; false if it is absent."""
        return self.optarg(name, as_boolean) or False

    def sequence(self, stream: DatumStream) -> Value:
        """Return a stream as this term's value."""
        return sequence(stream, self.env.query.array_limit)

    def array(self, items: list[Datum]) -> list[Datum]:
        """Return an array that this term made, if it is not too long."""
        check_array_size(len(items), self.env.query.array_limit)
        return items

    def at(self, position: int, error: ReqlError) -> ReqlError:
        """Return an error as one of the given argument's value."""
        if error.backtrace is None:
            error.backtrace = self.arguments[position].path
        return error


def _blame(path: Backtrace, convert: Callable[..., _Result], *arguments: object) -> _Result:
    try:
        return convert(*arguments)
    except ReqlError as error:
        if error.backtrace is None:
            error.backtrace = path
        raise


class Arguments(CompoundTerm):
    """`r.args`: an array whose elements stand as arguments of the term around it."""

    __slots__ = ()

    def splice(self, env: Env) -> Sequence[Term]:
        """Return one constant per element."""
        array = _blame(self.path, as_array, to_datum(self.eval(env)))
        return [Constant(self.type, self.path, item) for item in array]
