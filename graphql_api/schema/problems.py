"""Problems of an input or a stored document: each with its path and in words."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import fields, is_dataclass
from math import isfinite
from typing import Final, TypeAlias, TypeVar

from graphql_api.errors import InvalidInputError, Problem
from graphql_api.feeds.keys import is_text
from graphql_api.schema.document import graphql_name

MAX_PROBLEMS: Final = 100
"""How many problems are listed; one more says how many there are besides."""

MAX_ITEMS: Final = 100_000
"""How long a list may be: RethinkDB's limit."""

ItemT = TypeVar("ItemT")

Path: TypeAlias = tuple[str | int, ...]
"""The fields and the places in lists that lead to a value, in GraphQL's names."""


class Problems:
    """A list of problems, of limited length.

    `found` holds the first `MAX_PROBLEMS`. Problems at a path of `ignored` are not added.
    """

    __slots__ = ("_others", "found", "ignored")

    def __init__(self) -> None:
        self.found: list[Problem] = []
        self.ignored: frozenset[Path] = frozenset()
        self._others = 0

    def add(self, problem: Problem) -> None:
        """Add a problem, or only count it."""
        if problem.path in self.ignored:
            return
        if len(self.found) < MAX_PROBLEMS:
            self.found.append(problem)
        else:
            self._others += 1

    def listed(self) -> list[Problem]:
        """The problems, and how many are not listed."""
        if not self._others:
            return self.found
        more = f"{self._others} more problems are not listed"
        return [*self.found, Problem((), more)]


class Place:
    """A place in an input or a document, where something may be wrong.

    Its wording is Starbelly's: what is wrong, then where, "Pattern is required in URL rule #2".

    Args:
        path: Where it is.
        where: What a message calls it; None, if the message itself says it.
        problems: Where to list what is wrong; places that are found from this one do so too.
    """

    __slots__ = ("_path", "_problems", "_where")

    def __init__(
        self,
        path: Path,
        where: str | None = None,
        problems: Problems | None = None,
    ) -> None:
        self._path = path
        self._where = where
        self._problems = Problems() if problems is None else problems

    def __truediv__(self, step: str | int) -> Place:
        """A field's or an item's place in this one."""
        return Place((*self._path, step), self._where, self._problems)

    def items(self, items: Sequence[ItemT], kind: str) -> Iterator[tuple[Place, ItemT]]:
        """The items of the list that is here, each with its place, called `<kind> #<number>`."""
        for index, item in enumerate(items):
            path = (*self._path, index)
            yield Place(path, f"{kind} #{index + 1}", self._problems), item

    def called(self, where: str) -> Place:
        """This place, with a name for messages."""
        return Place(self._path, where, self._problems)

    def refuse(self, what: str, why: str | None = None) -> None:
        """Say what is wrong here.

        Args:
            what: What is wrong, in Starbelly's words where it has some.
            why: The reason, or how to write it right.
        """
        message = what if self._where is None else f"{what} in {self._where}"
        if why is not None:
            message += f": {why}"
        self._problems.add(Problem(self._path, message))

    @property
    def has_problems(self) -> bool:
        """Whether anything is wrong, here or anywhere else."""
        return bool(self._problems.found)

    def problems(self) -> list[Problem]:
        """All that is wrong, here and anywhere else; of very many the first ones."""
        return self._problems.listed()

    def check(self) -> None:
        """Go on only if nothing is wrong, here or anywhere else in the input.

        Raises:
            InvalidInputError: All that is wrong.
        """
        if self.has_problems:
            raise InvalidInputError(self.problems())


def is_storable(values: object, at: Place) -> bool:
    """Whether RethinkDB can store an input: no halves of characters, no lists that are too long.

    Args:
        values: The input, or a part of it.
        at: Its place; takes what is wrong.
    """
    if isinstance(values, str):
        if not is_text(values):
            at.refuse("Text has a lone surrogate, which is half of a character")
            return False
    elif isinstance(values, float):
        if not isfinite(values):
            at.refuse("Number must be finite")
            return False
    elif isinstance(values, list):
        if len(values) > MAX_ITEMS:
            at.refuse(f"There are more than {MAX_ITEMS} items")
            return False
        items = [
            is_storable(item, at / index)
            for index, item in enumerate(values)
            if not (isinstance(item, str) and is_text(item))  # most are, and need no place
        ]
        return all(items)
    elif is_dataclass(values):
        members = [
            is_storable(getattr(values, field.name), at / graphql_name(field.name))
            for field in fields(values)
        ]
        return all(members)
    return True
