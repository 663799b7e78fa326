"""What a feed is made of: versions of a row, changes between them, and the words for both."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Any, Generic, TypeVar

from graphql_api.feeds.packing import Packer, facets_bytes

RowT = TypeVar("RowT")


class FeedStatus(Enum):
    """How a table's state stands to the database.

    ```
    INITIALIZING ──first snapshot──▶ READY ◀──lost / repaired──▶ STALE
    ```
    """

    INITIALIZING = "INITIALIZING"
    READY = "READY"
    STALE = "STALE"


class ChangeCause(Enum):
    """Why a row was added to, or taken from, what a subscriber holds."""

    INITIAL = "INITIAL"
    CREATED = "CREATED"
    ENTERED_FILTER = "ENTERED_FILTER"
    DELETED = "DELETED"
    LEFT_FILTER = "LEFT_FILTER"


class Version(Generic[RowT]):
    """One value of one row, as it is served.

    A row is a tree of perhaps a hundred objects. That is right for the value that a table has now,
    which every reader reads, and too much for ten thousand old ones that a history keeps in case a
    subscriber resumes. So a version that is no longer current is packed, and unpacked again for its
    readers. What filters look at stays as it is, so that they need not unpack what they hide.
    """

    __slots__ = ("_facets", "_packed", "_packer", "_row")

    def __init__(self, row: RowT) -> None:
        self._row: RowT | None = row
        self._packed = b""
        self._packer: Packer[RowT] | None = None
        self._facets: Any = None

    @property
    def row(self) -> RowT:
        """The row's value; of a retired version an equal object, not always the same."""
        if self._row is not None:
            return self._row
        assert self._packer is not None
        return self._packer.unpack(self, self._packed)

    @property
    def facets(self) -> Any:
        """The row, or an object with those of its attributes that filters look at."""
        return self._facets if self._row is None else self._row

    def replace(self, row: RowT) -> None:
        """Take an equal row in the place of the current one.

        They may differ in what is no part of a comparison.
        """
        assert self._packer is None, "only a current version is replaced"
        self._row = row

    def retire(self, packer: Packer[RowT]) -> None:
        """Pack the value: the table has a newer one, or none. The row itself stays for a while."""
        if self._packer is None:
            assert self._row is not None
            self._packed, self._facets = packer.pack(self._row)
            self._packer = packer

    def release(self) -> None:
        """Drop the row of a retired version; from now on it is unpacked for its readers."""
        assert self._packer is not None, "a current version has nothing but its row"
        self._row = None

    @property
    def packed_bytes(self) -> int:
        """The size of a retired version in bytes; 0 while it is current."""
        return 0 if self._packer is None else len(self._packed) + facets_bytes(self._facets)


@dataclass(frozen=True, slots=True)
class Change(Generic[RowT]):
    """The step of one row from one version to the next, at one position of a feed.

    Positions are consecutive: the first snapshot stands at 0, the first change at 1.
    At least one of `before` and `after` is there.
    """

    position: int
    key: str
    before: Version[RowT] | None
    after: Version[RowT] | None
