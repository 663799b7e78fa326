"""The parts of a feed: versions of a row, changes between them, and the status of the feed."""

from __future__ import annotations

from enum import Enum
from typing import Any, Generic, NamedTuple, TypeVar

from graphql_api.feeds.packing import Packer, facets_bytes

RowT = TypeVar("RowT")


class FeedStatus(Enum):
    """The status of a feed: whether its rows are complete and up to date.

    ```
    INITIALIZING ──first snapshot──▶ READY ◀──lost / repaired──▶ STALE
    ```
    """

    INITIALIZING = "INITIALIZING"
    READY = "READY"
    STALE = "STALE"


class ChangeCause(Enum):
    """Why a subscriber receives a row as added, or as deleted."""

    INITIAL = "INITIAL"
    CREATED = "CREATED"
    ENTERED_FILTER = "ENTERED_FILTER"
    DELETED = "DELETED"
    LEFT_FILTER = "LEFT_FILTER"


class Version(Generic[RowT]):
    """One value of one row, as it is served.

    A row is a tree of perhaps a hundred objects, too much for each of a hundred thousand: they take
    ten times the memory of their bytes, and Python looks through all of them now and then, for a
    second. So a row is at hand while it is fresh, and packed from then on: it is unpacked for its
    readers. What filters look at stays as it is, so that they need not unpack what they hide.

    Args:
        row: The value.
        packer: Packs it, and unpacks it for several readers at once.
    """

    __slots__ = ("__weakref__", "_facets", "_packer", "_row", "packed")

    def __init__(self, row: RowT, packer: Packer[RowT]) -> None:
        self._packer = packer
        self._row: RowT | None = row
        self.packed, self._facets = packer.pack(row)

    @property
    def row(self) -> RowT:
        """The value; of a version that is packed an equal object, not always the same."""
        return self._packer.unpack(self, self.packed) if self._row is None else self._row

    @property
    def facets(self) -> Any:
        """The row, or an object with those of its attributes that filters look at."""
        if self._row is None and self._facets is not None:
            return self._facets
        return self.row

    @classmethod
    def kept(cls, packed: bytes, packer: Packer[RowT]) -> Version[RowT]:
        """A version of which only the bytes are known; filters unpack it."""
        version = cls.__new__(cls)
        version._packer, version._row = packer, None  # noqa: SLF001 - of the same class
        version.packed, version._facets = packed, None  # noqa: SLF001 - the same
        return version

    def keep_facets(self) -> None:
        """Keep what filters look at unpacked; call it before the version's size is counted."""
        self._facets = self._packer.facets(self.row)

    def holds(self, row: RowT) -> bool:
        """Whether a row is equal to this one; it is not unpacked if they have the same bytes."""
        if self._row is None and self._packer.pack(row)[0] == self.packed:
            return True
        return self.row == row

    @property
    def content(self) -> bytes:
        """The bytes of what is compared of the row."""
        return self._packer.content(self.packed)

    def release(self) -> None:
        """Drop the row, and keep its bytes."""
        self._row = None

    @property
    def packed_bytes(self) -> int:
        """The size of a version that is packed."""
        size = len(self.packed)
        return size if self._facets is None else size + facets_bytes(self._facets)


class Point(NamedTuple):
    """A point of a feed: where it is, and what the table is there.

    Attributes:
        position: Counted from the feed's beginning: the first snapshot stands at 0, the first
            change at 1.
        digest: The digest of the rows as of that position: see `content`.
    """

    position: int
    digest: int


class RowChange(NamedTuple, Generic[RowT]):
    """The step of one row from one version to the next, which leads to a point of a feed.

    At least one of `before` and `after` is there. Where one is not, `stays` says that its document
    was, or is, in the table nevertheless, outside of the feed's window.
    """

    point: Point
    key: str
    before: Version[RowT] | None
    after: Version[RowT] | None
    stays: bool = False

    @property
    def position(self) -> int:
        """The position of the point that it leads to."""
        return self.point.position
