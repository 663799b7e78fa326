"""CAPTCHA solvers: their fields of `Mutation`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Final, TypeAlias

import strawberry
from strawberry import UNSET

from graphql_api.errors import CaptchaSolverInUseError
from graphql_api.feeds.table import Document
from graphql_api.schema.context import Info
from graphql_api.schema.described import argument
from graphql_api.schema.in_use import Users, delete_unless_used
from graphql_api.schema.writing import IfUpdatedAt, create, update
from graphql_api.tables.captcha_solver import CAPTCHA_SOLVERS, CaptchaSolver
from graphql_api.tables.captcha_solver_input import (
    CreateCaptchaSolverInput,
    UpdateCaptchaSolverInput,
    captcha_solver_document,
)

CaptchaSolverKey: TypeAlias = Annotated[strawberry.ID, argument("The solver's key.")]
CaptchaSolverValues: TypeAlias = Annotated[CreateCaptchaSolverInput, argument("Its values.")]
CaptchaSolverChanges: TypeAlias = Annotated[
    UpdateCaptchaSolverInput, argument("What changes of it.")
]

_POLICIES: Final = Users("policy", field="captcha_solver_id", name="name")


async def create_captcha_solver(
    info: Info,
    input: CaptchaSolverValues,  # noqa: A002
) -> CaptchaSolver | None:
    """Write a new CAPTCHA solver."""
    return await create(
        info.context,
        CAPTCHA_SOLVERS,
        lambda stored, at: captcha_solver_document(input, stored, at / "input"),
    )


async def update_captcha_solver(
    info: Info,
    id: CaptchaSolverKey,  # noqa: A002
    input: CaptchaSolverChanges,  # noqa: A002
    if_updated_at: IfUpdatedAt = UNSET,
) -> CaptchaSolver | None:
    """Change what is given of a CAPTCHA solver."""
    return await update(
        info.context,
        CAPTCHA_SOLVERS,
        id,
        lambda stored, at: captcha_solver_document(input, stored, at / "input"),
        if_updated_at=if_updated_at,
    )


async def delete_captcha_solver(
    info: Info,
    id: CaptchaSolverKey,  # noqa: A002
    if_updated_at: IfUpdatedAt = UNSET,
) -> strawberry.ID | None:
    """Delete a CAPTCHA solver that no policy uses."""

    def why_not(policies: Sequence[Document]) -> CaptchaSolverInUseError | None:
        if not policies:
            return None
        text = "policies use this CAPTCHA solver, and without it the crawler cannot run them"
        return CaptchaSolverInUseError(
            text + _POLICIES.named(info, policies), _POLICIES.names(info, policies)
        )

    await delete_unless_used(
        info,
        CAPTCHA_SOLVERS,
        id,
        _POLICIES,
        if_updated_at=if_updated_at,
        why_not=why_not,
        why_not_after_all=why_not,
    )
    return id


@strawberry.type
class CaptchaSolverMutation:
    """Fields of `Mutation`."""

    create_captcha_solver: CaptchaSolver | None = strawberry.mutation(
        resolver=create_captcha_solver, description="Creates a CAPTCHA solver, and returns it."
    )
    update_captcha_solver: CaptchaSolver | None = strawberry.mutation(
        resolver=update_captcha_solver,
        description=(
            "Changes what is given of a CAPTCHA solver, and returns it as it is then. Jobs that "
            "are running or paused keep their copy."
        ),
    )
    delete_captcha_solver: strawberry.ID | None = strawberry.mutation(
        resolver=delete_captcha_solver,
        description=(
            "Deletes a CAPTCHA solver, and returns its key. One that a policy uses is not deleted: "
            "the error CAPTCHA_SOLVER_IN_USE names the policies to clients that have the scope "
            "`read`."
        ),
    )
