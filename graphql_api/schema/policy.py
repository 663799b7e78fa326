"""Policies: how Starbelly crawls. Their types, filter and changes."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any, TypeAlias

import strawberry
from strawberry import UNSET

from graphql_api.feeds.table import Document, Filter
from graphql_api.schema.changes import (
    CURSOR,
    INVALID_FIELDS,
    FeedState,
    changed_fields_field,
)
from graphql_api.schema.document import Fields
from graphql_api.schema.document_problems import (
    PROBLEMS,
    DocumentProblem,
    Judged,
    hidden_nulls,
)
from graphql_api.schema.enums import ChangeCause, FeedStatus
from graphql_api.schema.filters import Where, alternatives, contains, is_one_of, needle
from graphql_api.schema.packed_rows import PackedRows
from graphql_api.schema.pages import by_name
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


def read_policy_problems(root: strawberry.Parent[Policy]) -> Sequence[DocumentProblem]:
    """What would stop the crawler in a policy; its CAPTCHA solver is not looked up."""
    return root.judged_by(check_policy)


@strawberry.type(
    description=(
        "How Starbelly crawls: what, how far, and by which manners. A job reads it when it starts; "
        "jobs that are running or paused keep their copy."
    )
)
class Policy(Judged, PolicyVersion):
    """A row of the policy feed."""

    id: strawberry.ID = strawberry.field(description="The policy's key.")
    problems: Sequence[DocumentProblem] = strawberry.field(
        resolver=read_policy_problems, description=PROBLEMS
    )


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
    changed_fields: list[str] = changed_fields_field("policy")
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
    sort_keys: Mapping[str, Callable[[Policy], tuple[Any, ...]]] = {
        "name": lambda policy: by_name(policy.name, policy.id)
    }
    packing = PackedRows(Policy, decoding=1, filtered=("id", "name"), beside=("hidden",))

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
