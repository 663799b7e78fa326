"""From the JSON of a query to a tree of terms.

A term is `[number, arguments, optargs]`; a JSON object stands for MAKE_OBJ, and any other JSON
that is no array for DATUM. What is wrong with a query whatever the data is found here: unknown
terms, wrong numbers of arguments, unknown optional arguments, variables that do not exist, writes
where none may be.

Source: src/rdb_protocol/term_walker.cc, term.cc, op.cc, func.cc, terms/var.cc.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from graphql_api.embedded.constants import LONGEST_FOLDED_ARRAY, NotConstantError, constant
from graphql_api.embedded.datum import Datum, Document, type_name
from graphql_api.embedded.determinism import Determinism
from graphql_api.embedded.environment import Env, Term
from graphql_api.embedded.errors import Backtrace, ReqlError, compile_error
from graphql_api.embedded.global_optargs import GLOBAL_OPTARGS
from graphql_api.embedded.pseudo_types import from_json, sanitized
from graphql_api.embedded.ql2 import TermType
from graphql_api.embedded.term import TERMS, Arguments, CompoundTerm, Constant
from graphql_api.embedded.values import Function, Value, to_datum

if TYPE_CHECKING:
    from graphql_api.embedded.term import TermSpec


@dataclass(frozen=True, slots=True)
class _Scope:
    """The scope of a term: what it may refer to, and where it stands.

    Attributes:
        variables: The variables of the functions around it.
        implicit_depth: How many functions around it have exactly one argument: `r.row` is that
            of the innermost, and is only allowed if it is the only one.
        parent: The number of the term that this one is an argument of.
        grandparent: The same, one further up.
        writes_legal: Whether a write may stand here.
    """

    variables: frozenset[int] = frozenset()
    implicit_depth: int = 0
    parent: int | None = None
    grandparent: int | None = None
    writes_legal: bool = True

    def inside(self, type_: int, *, writes_legal: bool) -> _Scope:
        """Return the scope of a term's argument."""
        return _Scope(self.variables, self.implicit_depth, type_, self.parent, writes_legal)

    def in_function(self, parameters: tuple[int, ...]) -> _Scope:
        """Return the scope of a function's body."""
        return _Scope(
            self.variables | set(parameters),
            self.implicit_depth + (len(parameters) == 1),
            TermType.FUNC,
            self.parent,
            self.writes_legal,
        )


def compile_query(raw: object) -> Term:
    """Compile the term of a query.

    Args:
        raw: Its JSON, as orjson decodes it.

    Raises:
        ReqlError: It is not a valid term; the error's stage is `COMPILE`.
    """
    try:
        return _compile(raw, (), _Scope())
    except RecursionError:
        raise compile_error("The query is nested too deeply.") from None


def _compile(raw: object, path: Backtrace, scope: _Scope) -> Term:
    if isinstance(raw, dict):
        return _compile_object(raw, path, scope)
    if not isinstance(raw, list):
        return _compile_datum(raw, path)
    type_, arguments, optargs = _parts(raw, path)
    _check_place(type_, path, scope)
    if type_ == TermType.DATUM:
        return _compile_datum(raw[1] if len(raw) == 2 else None, path)
    if type_ == TermType.MAKE_OBJ:
        if arguments:
            raise compile_error("MAKE_OBJ term must not have any args.", path)
        return _compile_object(optargs, path, scope)
    if type_ == TermType.VAR:
        return _compile_variable(arguments, path, scope)
    if type_ == TermType.IMPLICIT_VAR:
        if arguments or optargs:
            raise compile_error(
                "Expected no arguments or optional arguments on implicit variable term.", path
            )
        return _compile_implicit_variable(path, scope)
    if type_ == TermType.FUNC:
        return _compile_function(arguments, optargs, path, scope)
    return _compile_operation(TERMS[type_], arguments, optargs, path, scope)


def _parts(raw: list[object], path: Backtrace) -> tuple[int, list[object], dict[str, object]]:
    if not 1 <= len(raw) <= 3:
        raise compile_error(
            f"Expected between 1 and 3 elements in a raw term, but found {len(raw)}.", path
        )
    type_ = raw[0]
    if isinstance(type_, bool) or not isinstance(type_, (int, float)):
        found = type_name(from_json(type_))
        raise compile_error(f"Expected a TermType as a NUMBER but found {found}.", path)
    type_ = int(type_)
    if type_ not in TERMS and type_ not in _SPECIAL:
        raise compile_error(f"Unrecognized TermType: {type_}.", path)
    arguments: list[object] = []
    optargs: dict[str, object] = {}
    if type_ == TermType.DATUM:
        if len(raw) != 2:
            raise compile_error(f"Expected 3 items in array, but found {len(raw) + 1}.", path)
        return type_, arguments, optargs
    if len(raw) >= 2:
        second = raw[1]
        if isinstance(second, list):
            arguments = second
        elif isinstance(second, dict):
            optargs = second
            if len(raw) == 3:
                raise compile_error(
                    "Second and third element in a term are both optional arguments.", path
                )
        else:
            raise compile_error(
                "Second element in a Term is neither arguments nor optional arguments.", path
            )
    if len(raw) == 3:
        third = raw[2]
        if not isinstance(third, dict):
            raise compile_error("Third element in a Term is not optional arguments.", path)
        optargs = third
    return type_, arguments, optargs


def _check_place(type_: int, path: Backtrace, scope: _Scope) -> None:
    if type_ in (TermType.ASC, TermType.DESC) and scope.parent != TermType.ORDER_BY:
        name = "ASC" if type_ == TermType.ASC else "DESC"
        raise compile_error(f"{name} may only be used as an argument to ORDER_BY or UNION.", path)
    if not scope.writes_legal and type_ in TERMS and TERMS[type_].writes:
        raise compile_error(
            "Cannot nest writes or meta ops in stream operations.  Use FOR_EACH instead.", path
        )


def _compile_operation(
    spec: TermSpec,
    raw_arguments: list[object],
    raw_optargs: dict[str, object],
    path: Backtrace,
    scope: _Scope,
) -> Term:
    type_ = spec.type
    if type_ == TermType.MAKE_ARRAY and len(raw_arguments) <= LONGEST_FOLDED_ARRAY:
        try:
            return Constant(type_, path, [constant(raw) for raw in raw_arguments])
        except NotConstantError:
            pass
    first = scope.inside(type_, writes_legal=scope.writes_legal)
    other = scope.inside(type_, writes_legal=scope.writes_legal and not spec.forbids_writes)
    arguments = tuple(
        _compile(raw, (*path, position), other if position else first)
        for position, raw in enumerate(raw_arguments)
    )
    splices = any(argument.type == TermType.ARGS for argument in arguments)
    if not splices:
        try:
            spec.arity.check(len(arguments))
        except ReqlError as error:
            raise compile_error(error.message, path) from None
    optargs: dict[str, Term] = {}
    for name, raw in raw_optargs.items():
        if name not in spec.optargs:
            raise compile_error(f"Unrecognized optional argument `{name}`.", (*path, name))
        optargs[name] = _compile(raw, (*path, name), other)
    kind = Arguments if type_ == TermType.ARGS else CompoundTerm
    return kind(spec, path, arguments, optargs, sources=raw_arguments, splices=splices)


def _compile_datum(raw: object, path: Backtrace) -> Term:
    try:
        return Constant(TermType.DATUM, path, from_json(raw))
    except ReqlError as error:
        raise compile_error(error.message, path) from None


def _compile_object(raw: dict[str, object], path: Backtrace, scope: _Scope) -> Term:
    try:
        return Constant(TermType.MAKE_OBJ, path, constant(raw))
    except NotConstantError:
        pass
    inner = scope.inside(TermType.MAKE_OBJ, writes_legal=scope.writes_legal)
    fields = {name: _compile(item, (*path, name), inner) for name, item in raw.items()}
    return _MakeObject(path, fields)


class _MakeObject(Term):
    __slots__ = ("fields",)

    def __init__(self, path: Backtrace, fields: dict[str, Term]) -> None:
        super().__init__(
            TermType.MAKE_OBJ,
            path,
            max((item.determinism for item in fields.values()), default=Determinism.ALWAYS),
            writes=any(item.writes for item in fields.values()),
        )
        self.fields = fields

    def eval(self, env: Env, *, literal_ok: bool = False) -> Value:
        try:
            result: Document = {
                name: to_datum(item.eval(env, literal_ok=literal_ok))
                for name, item in self.fields.items()
            }
            return sanitized(result)
        except ReqlError as error:
            if error.backtrace is None:
                error.backtrace = self.path
            raise


def _compile_variable(arguments: list[object], path: Backtrace, scope: _Scope) -> Term:
    if len(arguments) != 1:
        raise compile_error("A variable term has the wrong number of arguments.", path)
    number = arguments[0]
    if isinstance(number, (list, dict)):
        raise compile_error("A variable term has a non-datum argument.", path)
    if isinstance(number, bool) or not isinstance(number, int):
        raise compile_error("A variable term has a non-numeric name datum.", path)
    if number not in scope.variables:
        raise compile_error("Variable name not found.", path)
    return _Variable(path, number)


class _Variable(Term):
    __slots__ = ("number",)

    def __init__(self, path: Backtrace, number: int) -> None:
        super().__init__(TermType.VAR, path)
        self.number = number

    def eval(self, env: Env, *, literal_ok: bool = False) -> Value:
        del literal_ok
        return env.variables[self.number]


def _compile_implicit_variable(path: Backtrace, scope: _Scope) -> Term:
    if scope.implicit_depth == 0:
        raise compile_error("r.row is not defined in this context.", path)
    if scope.implicit_depth > 1:
        raise compile_error("Cannot use r.row in nested queries.  Use functions instead.", path)
    return _ImplicitVariable(TermType.IMPLICIT_VAR, path)


class _ImplicitVariable(Term):
    __slots__ = ()

    def eval(self, env: Env, *, literal_ok: bool = False) -> Value:
        del literal_ok
        return env.implicit


def _compile_function(
    arguments: list[object], optargs: dict[str, object], path: Backtrace, scope: _Scope
) -> Term:
    if optargs:
        raise compile_error("FUNC takes no optional arguments.", path)
    if len(arguments) != 2:
        raise compile_error(f"FUNC takes exactly two arguments (got {len(arguments)})", path)
    parameters = _parameters(arguments[0], path)
    body = _compile(arguments[1], (*path, 1), scope.in_function(parameters))
    return _FunctionTerm(path, parameters, body)


def _parameters(raw: object, path: Backtrace) -> tuple[int, ...]:
    if isinstance(raw, list) and len(raw) == 2 and raw[0] in (TermType.MAKE_ARRAY, TermType.DATUM):
        numbers = raw[1]
        if not isinstance(numbers, list):
            raise compile_error(
                "CLIENT ERROR: FUNC variables must be a literal *array* of numbers.", path
            )
        parameters: list[int] = []
        for number in numbers:
            if isinstance(number, bool) or not isinstance(number, int):
                raise compile_error(
                    "CLIENT ERROR: FUNC variables must be a literal array of *numbers*.", path
                )
            parameters.append(number)
        return tuple(parameters)
    raise compile_error("CLIENT ERROR: FUNC variables must be a *literal array of numbers*.", path)


class _FunctionTerm(Term):
    __slots__ = ("body", "parameters")

    def __init__(self, path: Backtrace, parameters: tuple[int, ...], body: Term) -> None:
        super().__init__(TermType.FUNC, path, body.determinism, writes=body.writes)
        self.parameters = parameters
        self.body = body

    def eval(self, env: Env, *, literal_ok: bool = False) -> Value:
        del literal_ok
        return Function(self.parameters, self.body.type, self.body.path, partial(self._run, env))

    def _run(self, env: Env, arguments: tuple[Datum, ...], literal_ok: bool) -> Value:
        return self.body.eval(env.bind(self.parameters, arguments), literal_ok=literal_ok)


_SPECIAL = frozenset(
    {TermType.DATUM, TermType.MAKE_OBJ, TermType.VAR, TermType.IMPLICIT_VAR, TermType.FUNC}
)


def compile_global_optargs(raw: dict[str, object]) -> dict[str, Term]:
    """Compile the global optional arguments of a query; without `db` it is `test`.

    Raises:
        ReqlError: One is unknown, or is not a valid term.
    """
    for name in raw:
        if name not in GLOBAL_OPTARGS:
            raise compile_error(f"Unrecognized global optional argument `{name}`.")
    with_default = raw if "db" in raw else {**raw, "db": [TermType.DB, ["test"]]}
    return {name: _compile(item, (), _Scope()) for name, item in with_default.items()}
