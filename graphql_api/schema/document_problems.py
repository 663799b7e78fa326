"""Problems of stored documents that would stop the crawler: the field `problems` of rows.

The rules are those for writing. They are applied to the document as far as its row shows it, with
masked passwords. What a row does not show, and Starbelly reads nevertheless, is `Hidden`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from enum import Enum
from typing import Any, Final, NamedTuple, TypeAlias

import strawberry

from graphql_api.errors import Problem
from graphql_api.feeds.table import Document
from graphql_api.schema.document import attributes, graphql_name, is_object
from graphql_api.schema.problems import Path, Place, Problems

PROBLEMS: Final = (
    "What would stop the crawler if it read the document as it is stored: the rules of mutations, "
    "which other programs need not keep. Empty for what can be run. It is no part of what changes: "
    "a subscription is sent no event for it."
)

Hidden: TypeAlias = tuple[str, ...]
"""Paths of stored members that a row shows as if they were otherwise, in GraphQL's names: a list
that is missing and served as empty, a null in a rule that must not have the member at all."""

_CAPITAL: Final = re.compile(r"[A-Z]")
_STEP: Final = re.compile(r"([^.\[\]]+)|\[([0-9]+)\]")


@strawberry.type(description="One thing that would stop the crawler.")
class DocumentProblem:
    """An item of `problems`."""

    path: str = strawberry.field(
        description="Where it is, as in `invalidFields`: `urlRules[1].pattern`."
    )
    message: str = strawberry.field(
        description="What is wrong, then where: Pattern is required in URL rule #2."
    )


class _Judgement(NamedTuple):
    problems: Sequence[DocumentProblem]
    beside: object
    day: int


class JudgedRow:
    """A row of whose document the problems can be shown; a base without fields.

    Rules are slow: a policy's take from half a millisecond up to a second, most of it for regular
    expressions. So what they say of a row is kept with it.

    Attributes:
        hidden: What the row does not show.
    """

    hidden: Hidden = ()
    _judgement: _Judgement | None = None

    def judged_by(
        self,
        check: Callable[[Document, Place], None],
        *,
        beside: object = None,
        day: int = 0,
    ) -> Sequence[DocumentProblem]:
        """The problems of the row's document: values that do not fit, then what breaks rules.

        Args:
            check: Applies the rules to a document.
            beside: The other row that the rules look at; with another object they are applied
                again.
            day: The day by which the rules count; on another one they are applied again.
        """
        known = self._judgement
        if known is None or known.beside is not beside or known.day != day:
            problems = _problems_of(self, self.hidden, check)
            known = self._judgement = _Judgement(problems, beside, day)
        return known.problems


def hidden_nulls(document: Document, lists: Sequence[str]) -> Hidden:
    """Find what the rows of a table do not show of a document: see `Hidden`.

    Args:
        document: As it is stored.
        lists: The names of stored lists that must be there, if only empty.
    """
    missing = [graphql_name(name) for name in lists if document.get(name) is None]
    nulls = []
    for name in ("mime_type_rules", "proxy_rules", "url_rules"):
        rules = document.get(name)
        if isinstance(rules, list) and rules and is_object(last := rules[-1]):
            place = f"{graphql_name(name)}[{len(rules) - 1}]"
            nulls += [
                f"{place}.{member}"
                for member in ("pattern", "match")
                if last.get(member, "") is None
            ]
    return (*missing, *nulls)


def _problems_of(
    row: Any, hidden: Hidden, check: Callable[[Document, Place], None]
) -> Sequence[DocumentProblem]:
    problems = Problems()
    unfit = [_steps(path) for path in row.invalid_fields]
    for path in unfit:
        problems.add(Problem(path, f"Value of `{_text(path)}` does not fit"))
    problems.ignored = frozenset(unfit)
    document = as_stored(row)
    _restore_items(document, unfit)
    for path in map(_steps, hidden):
        _clear(document, path)
    check(document, Place((), problems=problems))
    return tuple(
        DocumentProblem(path=_text(problem.path), message=problem.message)
        for problem in problems.listed()
    )


def as_stored(value: Any) -> Any:
    """A row, or a part of one, with the names and the shape that its document has.

    What is null is absent. Times are left out.
    """
    if isinstance(value, Enum):
        return value.name
    if isinstance(value, tuple):
        return [as_stored(item) for item in value]
    names = attributes(value.__class__)
    if names is None:
        return value
    members = {name: getattr(value, name) for name in names}
    return {
        name: as_stored(member)
        for name, member in members.items()
        if member is not None and not isinstance(member, datetime)
    }


def _restore_items(document: dict[str, Any], unfit: Iterable[Path]) -> None:
    """Put a null where an item was left out of a list, so that items have their numbers again."""
    left_out: dict[Path, set[int]] = {}
    for path in unfit:
        if isinstance(path[-1], int):
            left_out.setdefault(path[:-1], set()).add(path[-1])
    for path, numbers in left_out.items():
        holder = _holder(document, path)
        items = holder.get(_stored_name(path[-1])) if isinstance(holder, dict) else None
        if isinstance(items, list):
            fitting = iter(items)
            count = len(items) + len(numbers)
            items[:] = [None if n in numbers else next(fitting) for n in range(count)]


def _clear(document: dict[str, Any], path: Path) -> None:
    holder = _holder(document, path)
    if isinstance(holder, dict):
        holder[_stored_name(path[-1])] = None


def _holder(document: Any, path: Path) -> Any:
    """The container of the value at a path; None if it is not there."""
    for step in path[:-1]:
        if isinstance(step, int):
            document = document[step] if isinstance(document, list) else None
        else:
            document = document.get(_stored_name(step)) if isinstance(document, dict) else None
    return document


def _steps(path: str) -> Path:
    """A path as `invalidFields` writes it, step by step."""
    return tuple(name or int(number) for name, number in _STEP.findall(path))


def _text(path: Path) -> str:
    """A path as `invalidFields` writes it."""
    text = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in path)
    return text.removeprefix(".")


def _stored_name(step: str | int) -> str:
    return _CAPITAL.sub(lambda found: "_" + found[0].lower(), str(step))
