"""Policies: their fields of `Mutation`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, TypeAlias

import strawberry
from strawberry import UNSET

from graphql_api.errors import PolicyInUseError, WriteError
from graphql_api.feeds.table import Document
from graphql_api.schema.context import Context, Info
from graphql_api.schema.document import Fields
from graphql_api.schema.filters import given
from graphql_api.schema.problems import Place
from graphql_api.schema.writing import (
    IfUpdatedAt,
    create,
    delete,
    find,
    get_if_there,
    is_key,
    take_back,
    update,
)
from graphql_api.scopes import Scope
from graphql_api.tables.policy import POLICIES, Policy
from graphql_api.tables.policy_document import policy_document
from graphql_api.tables.policy_input import PolicyInput
from graphql_api.tables.schedule_rules import has_plain_seeds, is_enabled, normalizes

PolicyKey: TypeAlias = Annotated[
    strawberry.ID, strawberry.argument(description="The policy's key.")
]
PolicyInputArgument: TypeAlias = Annotated[
    PolicyInput, strawberry.argument(description="Its values.")
]
Force: TypeAlias = Annotated[
    bool,
    strawberry.argument(
        description=(
            "Whether to delete it although disabled schedules use it: they cannot be enabled until "
            "they are given another policy. Otherwise the error POLICY_IN_USE names all that use "
            "it. It names the enabled ones in any case: without its policy, an enabled schedule "
            "ends the crawler's process. The names are for clients that have the scope `read`."
        )
    ),
]


async def create_policy(
    info: Info,
    input: PolicyInputArgument,  # noqa: A002
) -> Policy | None:
    """Write a new policy."""
    has_solver = await _has_solver(info.context, input)
    return await create(
        info.context,
        POLICIES,
        lambda stored, at: policy_document(input, stored, at / "input", has_solver=has_solver),
    )


async def update_policy(
    info: Info,
    id: PolicyKey,  # noqa: A002
    input: PolicyInputArgument,  # noqa: A002
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
                f"schedules with this policy have seeds that are not ASCII{_named(info, odd)}",
            )
        return document

    return await update(info.context, POLICIES, id, make, if_updated_at=if_updated_at)


async def delete_policy(
    info: Info,
    id: PolicyKey,  # noqa: A002
    if_updated_at: IfUpdatedAt = UNSET,
    force: Force = False,
) -> strawberry.ID | None:
    """Delete a policy.

    RethinkDB has no transaction over two tables. So this looks at the schedules again after the
    deletion, and takes it back if one was given the policy meanwhile; whoever writes a schedule
    looks at the policy again likewise. Of the two at least the later one sees the other.
    """
    schedules = await find(info.context, "schedule", "policy_id", id) if is_key(id) else []

    def check() -> None:
        enabled = _enabled(schedules)
        if force and enabled:
            raise _in_use(info, _BY_ENABLED, enabled)
        if schedules and not force:
            raise _in_use(info, _BY_ANY, schedules)

    deleted = await delete(info.context, POLICIES, id, if_updated_at=if_updated_at, check=check)
    try:
        late = _enabled(await find(info.context, "schedule", "policy_id", id))
    except WriteError:
        return id  # it is deleted, and the database was lost since; the log has it
    if late:
        await take_back(info.context, POLICIES, id, lambda stored: stored or deleted.old)
        raise _in_use(info, _BY_ENABLED, late)
    return id


def _enabled(schedules: Sequence[Document]) -> list[Document]:
    return [schedule for schedule in schedules if is_enabled(schedule)]


_BY_ANY = "schedules use this policy"
_BY_ENABLED = (
    "enabled schedules use this policy, and without it they end the crawler's process; disable "
    "them or give them another policy first"
)


def _in_use(info: Info, why: str, schedules: Sequence[Document]) -> PolicyInUseError:
    """The error that names schedules, to a client that may read them."""
    shown = _keys_and_names(schedules) if Scope.READ in info.context.scopes else {}
    return PolicyInUseError(f"{why}{_named(info, schedules)}", shown)


def _named(info: Info, schedules: Sequence[Document]) -> str:
    """The end of a message: the names of schedules; their number for a client without `read`."""
    if Scope.READ not in info.context.scopes:
        return f" ({len(schedules)}); their names need the scope read"
    names = _keys_and_names(schedules)
    return ": " + ", ".join(name or key for key, name in names.items())


async def _has_solver(context: Context, values: PolicyInput) -> bool:
    """Whether there is the CAPTCHA solver that an input names."""
    key = given(values.captcha_solver_id)
    return await get_if_there(context, "captcha_solver", key) is not None


async def _schedules_with_odd_seeds(
    context: Context, policy_id: str, values: PolicyInput
) -> list[Document]:
    """The schedules that cannot do without the normalization which an input turns off."""
    url_normalization = given(values.url_normalization)
    if url_normalization is None or given(url_normalization.enabled) is not False:
        return []
    if not is_key(policy_id):
        return []
    schedules = await find(context, "schedule", "policy_id", policy_id)
    return [schedule for schedule in _enabled(schedules) if not has_plain_seeds(schedule)]


def _keys_and_names(schedules: Sequence[Document]) -> dict[str, str | None]:
    """The names of schedules, by their keys."""
    return {
        str(schedule["id"]): Fields(schedule, []).string("schedule_name") for schedule in schedules
    }


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
