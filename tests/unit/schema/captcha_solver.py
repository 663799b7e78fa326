"""A fourth table, in one file: all that it takes to serve one."""

from __future__ import annotations

from collections.abc import Sequence

import strawberry

from graphql_api.schema.changes import invalid_fields
from graphql_api.schema.columns import Column, ForPeople, Look
from graphql_api.schema.declaration import TableDeclaration
from graphql_api.schema.filters import RowFilter, contains
from graphql_api.schema.pages import by_name
from graphql_api.schema.stored import key, stored


@strawberry.type(description="A service that solves CAPTCHAs.")
class CaptchaSolver:
    name: str | None = stored("What it is called.")
    service_url: str | None = stored("Where it is.")
    require_phrase: bool | None = stored("Whether there are several words.")
    min_length: int | None = stored("How short a solution may be.")
    invalid_fields: Sequence[str] = invalid_fields()
    id: strawberry.ID = key("The solver's key.")


@strawberry.input(description="Which solvers.")
class CaptchaSolverFilter(RowFilter[CaptchaSolver]):
    name_contains: str | None = contains(
        "name", "Those with this in their name, whatever the case.", key="name"
    )


CAPTCHA_SOLVERS = TableDeclaration(
    CaptchaSolver,
    CaptchaSolverFilter,
    name="captcha_solver",
    plural="captcha_solvers",
    indexes=("name",),
    people=ForPeople(
        name="solvers",
        singular="solver",
        title="CAPTCHA solvers",
        named_by="name",
        columns=(
            Column(Look.TEXT, ("service_url",), live="Service", width=30, terminal="SERVICE"),
            Column(Look.YES_OR_NO, ("require_phrase",), live="Phrase", width=8, terminal="PHRASE"),
            Column(Look.NUMBER, ("min_length",), live="Shortest", width=8, terminal="SHORTEST"),
        ),
    ),
    order=("name", lambda solver: by_name(solver.name, solver.id)),
)
