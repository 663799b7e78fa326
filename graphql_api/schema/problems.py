"""What is wrong with an input: everything at once, each thing with its path and in words."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TypeVar

from graphql_api.errors import InvalidInputError, Problem

ItemT = TypeVar("ItemT")


class Place:
    """A place in an input, where something may be wrong.

    Its wording is Starbelly's: what is wrong, then where, "Pattern is required in URL rule #2".

    Args:
        path: Where it is.
        where: What a message calls it; None, if the message itself says it.
        problems: Where to list what is wrong; places that are found from this one do so too.
    """

    __slots__ = ("_path", "_problems", "_where")

    def __init__(
        self,
        path: tuple[str | int, ...],
        where: str | None = None,
        problems: list[Problem] | None = None,
    ) -> None:
        self._path = path
        self._where = where
        self._problems: list[Problem] = [] if problems is None else problems

    def __truediv__(self, step: str | int) -> Place:
        """A field's or an item's place in this one."""
        return Place((*self._path, step), self._where, self._problems)

    def items(self, items: Sequence[ItemT], kind: str) -> Iterator[tuple[Place, ItemT]]:
        """The items of the list that is here, each with its place, called `<kind> #<number>`."""
        for index, item in enumerate(items):
            yield (self / index).called(f"{kind} #{index + 1}"), item

    def called(self, where: str) -> Place:
        """This place, with a name for messages."""
        return Place(self._path, where, self._problems)

    def refuse(self, what: str) -> None:
        """Say what is wrong here."""
        message = what if self._where is None else f"{what} in {self._where}"
        self._problems.append(Problem(self._path, message))

    def check(self) -> None:
        """Go on only if nothing is wrong, here or anywhere else in the input.

        Raises:
            InvalidInputError: All that is wrong.
        """
        if self._problems:
            raise InvalidInputError(self._problems)
