"""Policies: how Starbelly crawls. Their types, filter, changes and root fields."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, TypeAlias

import strawberry
from strawberry import UNSET

from graphql_api.errors import PolicyInUseError, WriteError
from graphql_api.feeds.table import Document, Filter
from graphql_api.schema.changes import (
    CHANGED_FIELDS,
    CURSOR,
    INVALID_FIELDS,
    FeedState,
    IncludeInitial,
    Since,
    changed_fields,
    watch,
)
from graphql_api.schema.context import Context, Info
from graphql_api.schema.document import Fields
from graphql_api.schema.document_problems import (
    NOTHING_HIDDEN,
    PROBLEMS,
    DocumentProblem,
    hidden_nulls,
    problems_of,
)
from graphql_api.schema.enums import ChangeCause, FeedStatus
from graphql_api.schema.filters import Where, alternatives, contains, given, is_one_of, needle
from graphql_api.schema.pages import Limit, Offset, Page, by_name, read_page
from graphql_api.schema.policy_document import policy_document
from graphql_api.schema.policy_input import PolicyInput
from graphql_api.schema.policy_parts import (
    PolicyAuthentication,
    PolicyLimits,
    PolicyMimeTypeRule,
    PolicyProxyRule,
    PolicyRobotsTxt,
    PolicyUrlNormalization,
    PolicyUrlRule,
    PolicyUserAgent,
)
from graphql_api.schema.policy_rules import check_policy
from graphql_api.schema.problems import Place
from graphql_api.schema.schedule_rules import has_plain_seeds, normalizes
from graphql_api.schema.scopes import Scope
from graphql_api.schema.table_schema import TableSchema
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


@strawberry.type(description="The values that a policy has, or had, at some time.")
class PolicyVersion:
    """A policy without its key, so that a client's cache does not take old values for new ones."""

    name: str | None = strawberry.field(description="What it is called.")
    created_at: datetime | None = strawberry.field(description="When it was created.")
    updated_at: datetime | None = strawberry.field(description="When it was last changed.")
    captcha_solver_id: strawberry.ID | None = strawberry.field(
        description="The CAPTCHA solver to use; null for none."
    )
    authentication: PolicyAuthentication | None = strawberry.field(
        description="Whether the crawler logs in."
    )
    limits: PolicyLimits | None = strawberry.field(description="Where a crawl ends.")
    mime_type_rules: Sequence[PolicyMimeTypeRule] | None = strawberry.field(
        description="Which responses are saved."
    )
    proxy_rules: Sequence[PolicyProxyRule] | None = strawberry.field(
        description="Which proxy is used."
    )
    robots_txt: PolicyRobotsTxt | None = strawberry.field(
        description="How the crawler treats robots.txt."
    )
    url_normalization: PolicyUrlNormalization | None = strawberry.field(
        description="How URLs are made alike."
    )
    url_rules: Sequence[PolicyUrlRule] | None = strawberry.field(description="What a URL costs.")
    user_agents: Sequence[PolicyUserAgent] | None = strawberry.field(
        description="The names by which the crawler introduces itself; it takes one at random."
    )
    invalid_fields: Sequence[str] = strawberry.field(description=INVALID_FIELDS)


def read_policy_problems(root: strawberry.Parent[Policy]) -> list[DocumentProblem]:
    """What would stop the crawler in a policy; its CAPTCHA solver is not looked up."""
    return problems_of(root, root.hidden, check_policy)


@strawberry.type(
    description=(
        "How Starbelly crawls: what, how far, and by which manners. A job reads it when it starts; "
        "jobs that are running or paused keep their copy."
    )
)
class Policy(PolicyVersion):
    """A row of the policy feed."""

    id: strawberry.ID = strawberry.field(description="The policy's key.")
    problems: list[DocumentProblem] = strawberry.field(
        resolver=read_policy_problems, description=PROBLEMS
    )
    hidden = NOTHING_HIDDEN  # no field: it is neither served nor compared


# Its filter


@strawberry.input(
    description="Which policies. What is given must all hold; a null counts as not given."
)
class PolicyFilter:
    """The `where` of policies."""

    ids: list[strawberry.ID] | None = strawberry.field(
        default=UNSET, description="Those with one of these keys; none, if the list is empty."
    )
    name_contains: str | None = strawberry.field(
        default=UNSET, description="Those with this in their name, whatever the case."
    )

    def condition(self) -> Filter[Policy] | None:
        """The filter as a feed takes it."""
        return PolicyWhere(
            ids=alternatives(self.ids), name_contains=needle(self.name_contains)
        ).simplified()


@dataclass(frozen=True)
class PolicyWhere(Where[Policy]):
    """A `PolicyFilter` as a value."""

    ids: frozenset[str] | None = None
    name_contains: str | None = None

    def matches(self, row: Policy) -> bool:
        """Whether a policy passes."""
        return is_one_of(row.id, self.ids) and contains(row.name, self.name_contains)


# Its changes


@strawberry.type(description="A policy that the subscription did not hold.")
class PolicyAdded:
    """A member of `PolicyChange`."""

    cause: ChangeCause = strawberry.field(description="INITIAL, CREATED or ENTERED_FILTER.")
    policy: Policy = strawberry.field(description="The policy.")
    cursor: str = strawberry.field(description=CURSOR)


@strawberry.type(description="A policy that the subscription held, with other values.")
class PolicyUpdated:
    """A member of `PolicyChange`."""

    policy: Policy = strawberry.field(description="The policy as it is now.")
    previous: PolicyVersion = strawberry.field(description="Its values before.")
    changed_fields: list[str] = strawberry.field(description=CHANGED_FIELDS)
    cursor: str = strawberry.field(description=CURSOR)


@strawberry.type(description="A policy that the subscription held, and holds no longer.")
class PolicyDeleted:
    """A member of `PolicyChange`."""

    cause: ChangeCause = strawberry.field(description="DELETED or LEFT_FILTER.")
    policy_id: strawberry.ID = strawberry.field(description="The policy's key.")
    previous: PolicyVersion = strawberry.field(description="Its last values.")
    cursor: str = strawberry.field(description=CURSOR)


PolicyChange: TypeAlias = Annotated[
    PolicyAdded | PolicyUpdated | PolicyDeleted | FeedState,
    strawberry.union("PolicyChange", description="What a subscription to policies is sent."),
]


# The table


class PolicyTable:
    """Starbelly's table `policy`."""

    name = "policy"
    primary_key = "id"
    reads: tuple[str, ...] = ()

    def decode(self, key: str, document: Document) -> Policy:
        """The policy that a document is served as."""
        invalid: list[str] = []
        fields = Fields(document, invalid)
        row = Policy(
            id=strawberry.ID(key),
            name=fields.string("name"),
            created_at=fields.time("created_at"),
            updated_at=fields.time("updated_at"),
            captcha_solver_id=fields.id("captcha_solver_id"),
            authentication=fields.nested("authentication", PolicyAuthentication.read),
            limits=fields.nested("limits", PolicyLimits.read),
            mime_type_rules=fields.nested_list("mime_type_rules", PolicyMimeTypeRule.read),
            proxy_rules=fields.nested_list("proxy_rules", PolicyProxyRule.read),
            robots_txt=fields.nested("robots_txt", PolicyRobotsTxt.read),
            url_normalization=fields.nested("url_normalization", PolicyUrlNormalization.read),
            url_rules=fields.nested_list("url_rules", PolicyUrlRule.read),
            user_agents=fields.nested_list("user_agents", PolicyUserAgent.read),
            invalid_fields=tuple(invalid),  # last: the readers above have filled it
        )
        if hidden := hidden_nulls(document, ["proxy_rules"]):
            row.hidden = hidden
        return row

    def added(self, cause: ChangeCause, row: Policy, cursor: str) -> PolicyChange:
        """The event for a policy that a subscriber did not hold."""
        return PolicyAdded(cause=cause, policy=row, cursor=cursor)

    def updated(self, previous: Policy, row: Policy, cursor: str) -> PolicyChange:
        """The event for a policy that a subscriber held as `previous`."""
        return PolicyUpdated(
            policy=row,
            previous=previous,
            changed_fields=changed_fields(previous, row),
            cursor=cursor,
        )

    def deleted(self, cause: ChangeCause, key: str, previous: Policy, cursor: str) -> PolicyChange:
        """The event for a policy that a subscriber held as `previous`, and holds no longer."""
        return PolicyDeleted(
            cause=cause, policy_id=strawberry.ID(key), previous=previous, cursor=cursor
        )

    def state(self, status: FeedStatus, cursor: str) -> PolicyChange:
        """The event that tells how the feed stands."""
        return FeedState(status=status, cursor=cursor)


POLICIES = PolicyTable()


# Its root fields

PolicyWhereArgument: TypeAlias = Annotated[
    PolicyFilter | None, strawberry.argument(description="Which policies; all, if absent.")
]
PolicyKey: TypeAlias = Annotated[
    strawberry.ID, strawberry.argument(description="The policy's key.")
]


async def read_policies(
    info: Info, where: PolicyWhereArgument = UNSET, limit: Limit = 100, offset: Offset = 0
) -> Page[Policy]:
    """Some of the policies that pass a filter."""
    return await read_page(
        info.context,
        POLICIES,
        where.condition() if where else None,
        order=lambda policy: by_name(policy.name, policy.id),
        limit=limit,
        offset=offset,
    )


async def read_policy(info: Info, id: PolicyKey) -> Policy | None:  # noqa: A002
    """The policy with a key."""
    feed = await info.context.ready(POLICIES)
    return feed.get(id)


def watch_policies(
    info: Info,
    where: PolicyWhereArgument = UNSET,
    include_initial: IncludeInitial = True,
    since: Since = UNSET,
) -> AsyncIterator[PolicyChange]:
    """The policies that pass a filter, live."""
    condition = where.condition() if where else None
    return watch(
        info.context, POLICIES, condition, include_initial=include_initial, since=given(since)
    )


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
                f"schedules with this policy have seeds that are not ASCII: {_names(odd)}",
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
    """The schedules that the crawler takes for enabled."""
    return [schedule for schedule in schedules if schedule.get("enabled", True)]


_BY_ANY = "schedules use this policy"
_BY_ENABLED = (
    "enabled schedules use this policy, and without it they end the crawler's process; disable them "
    "or give them another policy first"
)


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


def _in_use(info: Info, why: str, schedules: Sequence[Document]) -> PolicyInUseError:
    """The error that names schedules, to a client that may read them."""
    if Scope.READ not in info.context.scopes:
        return PolicyInUseError(f"{why} ({len(schedules)}); their names need the scope read")
    names = _keys_and_names(schedules)
    listed = ", ".join(name or key for key, name in names.items())
    return PolicyInUseError(f"{why}: {listed}", names)


@strawberry.type
class PolicyQuery:
    """Fields of `Query`."""

    policies: Page[Policy] = strawberry.field(
        resolver=read_policies, description="Policies, by name."
    )
    policy: Policy | None = strawberry.field(
        resolver=read_policy, description="One policy; null if there is none."
    )


@strawberry.type
class PolicySubscription:
    """Fields of `Subscription`."""

    policy_changes: AsyncIterator[PolicyChange] = strawberry.subscription(
        resolver=watch_policies, description="Policies, and every change of them."
    )


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
            "running or "
            "paused keep their copy."
        ),
    )
    delete_policy: strawberry.ID | None = strawberry.mutation(
        resolver=delete_policy, description="Deletes a policy, and returns its key."
    )


POLICY = TableSchema(
    table=POLICIES,
    query=PolicyQuery,
    subscription=PolicySubscription,
    mutation=PolicyMutation,
)
