"""A fourth table, in one file: what it takes to serve one."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, TypeAlias

import strawberry
from strawberry import UNSET

from graphql_api.feeds.table import Document, Filter
from graphql_api.schema.changes import FeedState, IncludeInitial, Since, changed_fields
from graphql_api.schema.context import Info
from graphql_api.schema.document import Fields
from graphql_api.schema.enums import ChangeCause, FeedStatus
from graphql_api.schema.filters import Where, contains, given, needle
from graphql_api.schema.packed_rows import PackedRows
from graphql_api.schema.pages import Limit, Offset, Page, by_name, read_page
from graphql_api.schema.table_schema import TableSchema


@strawberry.type
class CaptchaSolverVersion:
    name: str | None
    invalid_fields: list[str]


@strawberry.type
class CaptchaSolver(CaptchaSolverVersion):
    id: strawberry.ID


@strawberry.input
class CaptchaSolverFilter:
    name_contains: str | None = UNSET

    def condition(self) -> Filter[CaptchaSolver] | None:
        return CaptchaSolverWhere(name_contains=needle(self.name_contains)).simplified()


@dataclass(frozen=True)
class CaptchaSolverWhere(Where[CaptchaSolver]):
    name_contains: str | None = None

    def matches(self, row: CaptchaSolver) -> bool:
        return contains(row.name, self.name_contains)


@strawberry.type
class CaptchaSolverAdded:
    cause: ChangeCause
    captcha_solver: CaptchaSolver
    cursor: str


@strawberry.type
class CaptchaSolverUpdated:
    captcha_solver: CaptchaSolver
    previous: CaptchaSolverVersion
    changed_fields: list[str]
    cursor: str


@strawberry.type
class CaptchaSolverDeleted:
    cause: ChangeCause
    captcha_solver_id: strawberry.ID
    previous: CaptchaSolverVersion
    cursor: str


CaptchaSolverChange: TypeAlias = Annotated[
    CaptchaSolverAdded | CaptchaSolverUpdated | CaptchaSolverDeleted | FeedState,
    strawberry.union("CaptchaSolverChange"),
]


class CaptchaSolverTable:
    name = "captcha_solver"
    primary_key = "id"
    reads: tuple[str, ...] = ()
    sort_keys: Mapping[str, Callable[[CaptchaSolver], tuple[Any, ...]]] = {
        "name": lambda solver: by_name(solver.name, solver.id)
    }
    packing = PackedRows(CaptchaSolver, decoding=1, filtered=("name",))

    def decode(self, key: str, document: Document) -> CaptchaSolver:
        invalid: list[str] = []
        name = Fields(document, invalid).string("name")
        return CaptchaSolver(id=strawberry.ID(key), name=name, invalid_fields=invalid)

    def added(self, cause: ChangeCause, row: CaptchaSolver, cursor: str) -> CaptchaSolverChange:
        return CaptchaSolverAdded(cause=cause, captcha_solver=row, cursor=cursor)

    def updated(
        self, previous: CaptchaSolver, row: CaptchaSolver, cursor: str
    ) -> CaptchaSolverChange:
        return CaptchaSolverUpdated(
            captcha_solver=row,
            previous=previous,
            changed_fields=changed_fields(previous, row),
            cursor=cursor,
        )

    def deleted(
        self, cause: ChangeCause, key: str, previous: CaptchaSolver, cursor: str
    ) -> CaptchaSolverChange:
        return CaptchaSolverDeleted(
            cause=cause, captcha_solver_id=strawberry.ID(key), previous=previous, cursor=cursor
        )

    def state(self, status: FeedStatus, cursor: str) -> CaptchaSolverChange:
        return FeedState(status=status, cursor=cursor)


CAPTCHA_SOLVERS = CaptchaSolverTable()


async def read_captcha_solvers(
    info: Info, where: CaptchaSolverFilter | None = UNSET, limit: Limit = 100, offset: Offset = 0
) -> Page[CaptchaSolver]:
    return await read_page(
        info.context,
        CAPTCHA_SOLVERS,
        where.condition() if where else None,
        order="name",
        limit=limit,
        offset=offset,
    )


def watch_captcha_solvers(
    info: Info,
    where: CaptchaSolverFilter | None = UNSET,
    include_initial: IncludeInitial = True,
    since: Since = UNSET,
) -> AsyncIterator[CaptchaSolverChange]:
    return info.context.feeds[CAPTCHA_SOLVERS].subscribe(
        where.condition() if where else None, include_initial=include_initial, since=given(since)
    )


@strawberry.type
class CaptchaSolverQuery:
    captcha_solvers: Page[CaptchaSolver] = strawberry.field(resolver=read_captcha_solvers)


@strawberry.type
class CaptchaSolverSubscription:
    captcha_solver_changes: AsyncIterator[CaptchaSolverChange] = strawberry.subscription(
        resolver=watch_captcha_solvers
    )


CAPTCHA_SOLVER = TableSchema(
    table=CAPTCHA_SOLVERS, query=CaptchaSolverQuery, subscription=CaptchaSolverSubscription
)
