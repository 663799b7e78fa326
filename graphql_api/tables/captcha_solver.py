"""CAPTCHA solvers: services that the crawler asks when a login needs one. Their rows and table."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from enum import Enum

import strawberry

from graphql_api.schema.changes import invalid_fields
from graphql_api.schema.columns import UPDATED, Column, ForPeople, Look
from graphql_api.schema.declaration import TableDeclaration
from graphql_api.schema.document import Fields
from graphql_api.schema.filters import RowFilter, by_keys, by_name
from graphql_api.schema.stored import key, stored
from graphql_api.scopes import Scope


@strawberry.enum(description="Of which characters a CAPTCHA consists.")
class CaptchaCharacters(Enum):
    """`characters` of a CAPTCHA solver."""

    ALPHANUMERIC = strawberry.enum_value("ALPHANUMERIC", description="Letters and digits.")
    ALPHA_ONLY = strawberry.enum_value("ALPHA_ONLY", description="Letters.")
    NUMBERS_ONLY = strawberry.enum_value(
        "NUMBERS_ONLY",
        description=(
            "Digits, as Starbelly's own API writes it. The crawler does not know the word, and "
            "cannot log in with such a solver: mutations refuse it."
        ),
    )
    NUMERIC_ONLY = strawberry.enum_value(
        "NUMERIC_ONLY",
        description=(
            "Digits, as the crawler reads it. Starbelly's own API does not know the word, and "
            "cannot list such a solver: mutations refuse it."
        ),
    )


def _has_api_key(fields: Fields, name: str) -> bool:
    return bool(fields.string(name, served_as="has_api_key"))


@strawberry.type(
    description=(
        "A service that solves CAPTCHAs where the crawler logs in. A job that starts gets a copy "
        "of its policy's solver; jobs that are running or paused keep theirs."
    )
)
class CaptchaSolver:
    """A row of the CAPTCHA solver feed. The API key stays where it is."""

    name: str | None = stored("What it is called.")
    created_at: datetime | None = stored("When it was created.")
    updated_at: datetime | None = stored("When it was last changed.")
    service_url: str | None = stored("The service's URL, its password masked.", read=Fields.url)
    has_api_key: bool = stored("Whether an API key is stored.", name="api_key", read=_has_api_key)
    require_phrase: bool | None = stored("Whether a solution has several words.")
    case_sensitive: bool | None = stored("Whether upper and lower case differ in a solution.")
    characters: CaptchaCharacters | None = stored("Of which characters a solution consists.")
    require_math: bool | None = stored("Whether the solution is the result of a calculation.")
    min_length: int | None = stored(
        "How many characters a solution has at least; null or 0 for no limit."
    )
    max_length: int | None = stored(
        "How many characters a solution has at most; null or 0 for no limit."
    )
    invalid_fields: Sequence[str] = invalid_fields()
    id: strawberry.ID = key("The solver's key.")


@strawberry.input(
    description="Which CAPTCHA solvers. What is given must all hold; a null counts as not given."
)
class CaptchaSolverFilter(RowFilter[CaptchaSolver]):
    """The `where` of CAPTCHA solvers."""

    ids: list[strawberry.ID] | None = by_keys()
    name_contains: str | None = by_name()


CAPTCHA_SOLVERS = TableDeclaration(
    CaptchaSolver,
    CaptchaSolverFilter,
    name="captcha_solver",
    plural="captcha_solvers",
    orders=("name", "created_at", "updated_at"),
    people=ForPeople(
        name="solvers",
        singular="solver",
        title="CAPTCHA solvers",
        named_by="name",
        columns=(
            Column(Look.TEXT, ("service_url",), live="Service", width=32, terminal="SERVICE"),
            Column(Look.WORD, ("characters",), live="Characters", width=14, terminal="CHARACTERS"),
            Column(Look.YES_OR_NO, ("has_api_key",), live="API key", width=8, terminal="API KEY"),
            UPDATED,
        ),
    ),
    scopes=frozenset({Scope.LOGINS}),
)
