"""Policies: their fields of `Mutation`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Final, TypeAlias

import strawberry
from strawberry import UNSET

from graphql_api.errors import InvalidInputError, PolicyInUseError, Problem, WriteError
from graphql_api.feeds.table import Document
from graphql_api.schema.context import Context, Info
from graphql_api.schema.described import argument
from graphql_api.schema.filters import given
from graphql_api.schema.in_use import Users, delete_unless_used
from graphql_api.schema.problems import Place
from graphql_api.schema.writing import IfUpdatedAt, create, find, get, update
from graphql_api.tables.policy import POLICIES, Policy
from graphql_api.tables.policy_document import policy_document, solver_key
from graphql_api.tables.policy_input import CreatePolicyInput, UpdatePolicyInput
from graphql_api.tables.policy_rules import NO_POLICY, NO_SOLVER
from graphql_api.tables.schedule_rules import has_plain_seeds, is_enabled, normalizes

PolicyKey: TypeAlias = Annotated[strawberry.ID, argument("The policy's key.")]
PolicyValues: TypeAlias = Annotated[CreatePolicyInput, argument("Its values.")]
PolicyChanges: TypeAlias = Annotated[UpdatePolicyInput, argument("What changes of it.")]
CopyOf: TypeAlias = Annotated[
    strawberry.ID | None,
    argument(
        "The key of a policy of which the new one is a copy: what `input` leaves out is as it "
        "is there, and a masked password stands for the one that is stored there."
    ),
]
Force: TypeAlias = Annotated[
    bool,
    argument(
        "Whether to delete it although disabled schedules use it: they cannot be enabled until "
        "they are given another policy. Otherwise the error POLICY_IN_USE names all that use "
        "it. It names the enabled ones in any case: without its policy, an enabled schedule "
        "ends the crawler's process. The names are for clients that have the scope `read`."
    ),
]


async def create_policy(
    info: Info,
    input: PolicyValues,  # noqa: A002
    copy_of: CopyOf = UNSET,
) -> Policy | None:
    """Write a new policy."""
    context = info.context
    original = await get(context, "policy", given(copy_of))
    has_solver = await _has_solver(context, input, original)

    def make(stored: Document | None, at: Place) -> Document:
        if given(copy_of) is not None and original is None:
            (at / "copyOf").refuse(NO_POLICY)
        return policy_document(
            input, stored, at / "input", has_solver=has_solver, original=original
        )

    return await create(
        context, POLICIES, make, confirm=lambda _: _solver_is_gone(context, input, original)
    )


async def update_policy(
    info: Info,
    id: PolicyKey,  # noqa: A002
    input: PolicyChanges,  # noqa: A002
    if_updated_at: IfUpdatedAt = UNSET,
) -> Policy | None:
    """Change what is given of a policy."""
    has_solver = await _has_solver(info.context, input)
    odd = await _schedules_with_odd_seeds(info.context, id, input)

    def make(stored: Document | None, at: Place) -> Document:
        document = policy_document(input, stored, at / "input", has_solver=has_solver)
        if odd and not normalizes(document):
            (at / "input" / "urlNormalization" / "enabled").refuse(
                "URL normalization is required",
                "schedules with this policy have seeds that are not ASCII"
                + _SCHEDULES.named(info, odd),
            )
        return document

    return await update(
        info.context,
        POLICIES,
        id,
        make,
        if_updated_at=if_updated_at,
        confirm=lambda _: _solver_is_gone(info.context, input),
    )


async def delete_policy(
    info: Info,
    id: PolicyKey,  # noqa: A002
    if_updated_at: IfUpdatedAt = UNSET,
    force: Force = False,
) -> strawberry.ID | None:
    """Delete a policy."""

    def why_not(schedules: Sequence[Document]) -> PolicyInUseError | None:
        if force:
            return why_not_after_all(schedules)
        return _in_use(info, _BY_ANY, schedules) if schedules else None

    def why_not_after_all(schedules: Sequence[Document]) -> PolicyInUseError | None:
        enabled = _enabled(schedules)
        return _in_use(info, _BY_ENABLED, enabled) if enabled else None

    await delete_unless_used(
        info,
        POLICIES,
        id,
        _SCHEDULES,
        if_updated_at=if_updated_at,
        why_not=why_not,
        why_not_after_all=why_not_after_all,
    )
    return id


def _enabled(schedules: Sequence[Document]) -> list[Document]:
    return [schedule for schedule in schedules if is_enabled(schedule)]


_SCHEDULES: Final = Users("schedule", field="policy_id", name="schedule_name")
_BY_ANY = "schedules use this policy"
_BY_ENABLED = (
    "enabled schedules use this policy, and without it they end the crawler's process; disable "
    "them or give them another policy first"
)


def _in_use(info: Info, why: str, schedules: Sequence[Document]) -> PolicyInUseError:
    return PolicyInUseError(
        why + _SCHEDULES.named(info, schedules), _SCHEDULES.names(info, schedules)
    )


async def _has_solver(
    context: Context, values: UpdatePolicyInput, original: Document | None = None
) -> bool:
    """Whether there is the CAPTCHA solver that an input, or its original, names."""
    key = solver_key(values, original)
    return isinstance(key, str) and await get(context, "captcha_solver", key) is not None


async def _solver_is_gone(
    context: Context, values: UpdatePolicyInput, original: Document | None = None
) -> InvalidInputError | None:
    """The error for a policy whose CAPTCHA solver was deleted while it was written."""
    if solver_key(values, original) is None:
        return None
    try:
        if await _has_solver(context, values, original):
            return None
    except WriteError:
        return None  # it is written, and the database was lost since; the log has it
    return InvalidInputError([Problem(("input", "captchaSolverId"), NO_SOLVER)])


async def _schedules_with_odd_seeds(
    context: Context, policy_id: str, values: UpdatePolicyInput
) -> list[Document]:
    """The schedules that cannot do without the normalization which an input turns off."""
    url_normalization = given(values.url_normalization)
    if url_normalization is None or given(url_normalization.enabled) is not False:
        return []
    if POLICIES.key_kind.stored(policy_id) is None:
        return []
    schedules = await find(context, "schedule", "policy_id", policy_id)
    return [schedule for schedule in _enabled(schedules) if not has_plain_seeds(schedule)]


@strawberry.type
class PolicyMutation:
    """Fields of `Mutation`."""

    create_policy: Policy | None = strawberry.mutation(
        resolver=create_policy, description="Creates a policy, and returns it."
    )
    update_policy: Policy | None = strawberry.mutation(
        resolver=update_policy,
        description=(
            "Changes what is given of a policy, and returns it as it is then. Jobs that are "
            "running or paused keep their copy."
        ),
    )
    delete_policy: strawberry.ID | None = strawberry.mutation(
        resolver=delete_policy, description="Deletes a policy, and returns its key."
    )
