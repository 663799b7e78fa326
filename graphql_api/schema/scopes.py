"""Scopes: what a client may do, and the one place where that is checked.

The root type says what kind of thing a field does, and its table what else that takes: each field
of `Query` and `Subscription` needs `read`, each of `Mutation` needs `write`, and those of domain
logins and CAPTCHA solvers need `logins` besides. So a new field needs a scope without anybody
having thought of it.

Clients that may write see the row that they write: the answer of a mutation, and the current value
that comes with CONFLICT, is that whole row, and needs no `read`. All other rows need it: a field
that leads from that row to another one (`Schedule.policy`) is refused by its resolver, and
POLICY_IN_USE counts the schedules without naming them. That a key exists is no secret: a schedule
cannot name a policy that is not there, nor a policy a CAPTCHA solver.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from copy import copy
from inspect import isawaitable
from typing import Any

import strawberry
from strawberry.extensions.field_extension import FieldExtension
from strawberry.types.field import StrawberryField

from graphql_api.errors import ForbiddenError
from graphql_api.scopes import Scope, names

SCOPE_OF_ROOT_TYPE = {
    "Query": Scope.READ,
    "Subscription": Scope.READ,
    "Mutation": Scope.WRITE,
}


def require(needed: frozenset[Scope], field_name: str, granted: frozenset[Scope]) -> None:
    """Refuse a field to a client that lacks one of the scopes that it needs.

    Raises:
        ForbiddenError: A scope is missing; the text names the field and the scope.
    """
    missing = needed - granted
    if missing:
        noun = "scope" if len(missing) == 1 else "scopes"
        raise ForbiddenError(f"{field_name} needs the {noun} {names(missing)}")


def guarded(field: StrawberryField, scopes: Iterable[Scope]) -> StrawberryField:
    """A copy of a field that needs all of these scopes."""
    made = copy(field)
    made.extensions.append(_Needs(frozenset(scopes)))  # the last one is the outermost
    return made


def needed_scopes(field: StrawberryField) -> frozenset[Scope]:
    """The scopes that a root field needs, as `guarded` received them."""
    return frozenset().union(
        *(extension.scopes for extension in field.extensions if isinstance(extension, _Needs))
    )


class _Needs(FieldExtension):
    """Refuses clients that lack a scope, before the resolver is called."""

    def __init__(self, scopes: frozenset[Scope]) -> None:
        self.scopes = scopes

    def resolve(
        self, next_: Callable[..., Any], source: Any, info: strawberry.Info, **kwargs: Any
    ) -> Any:
        """Around a resolver that does not wait."""
        self._check(info)
        return next_(source, info, **kwargs)

    async def resolve_async(
        self,
        next_: Callable[..., Any],
        source: Any,
        info: strawberry.Info,
        **kwargs: Any,
    ) -> Any:
        """Around a resolver that waits, or is an asynchronous generator."""
        self._check(info)
        result = next_(source, info, **kwargs)
        return await result if isawaitable(result) else result

    def _check(self, info: strawberry.Info) -> None:
        require(self.scopes, info.field_name, info.context.scopes)
