"""API tokens: random secrets, of which the server knows the hashes.

A token is 256 random bits. So a plain SHA-256 is enough: a thief of the file of hashes has no
better way than to guess 256 bits, and no slow or salted hash makes that harder; those are for
passwords, which people choose. A token is looked up by its hash, and how long that takes is of no
use to an attacker either: it depends on the hash of a guess, which is no step towards a token.

```json
{
  "tokens": [
    {
      "name": "dashboard",
      "scopes": ["read"],
      "sha256": "5994471abb01112afcc18159f6cc74b4f511b99806da59b3caf5a9c173cacfc5",
      "created": "2026-11-23T22:00:00Z",
      "expires": "2027-11-23T22:00:00Z"
    }
  ]
}
```
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Hashable, Iterable, Mapping
from datetime import UTC, datetime
from functools import cached_property
from typing import Annotated, Self

from pydantic import (
    AwareDatetime,
    BaseModel,
    ConfigDict,
    Field,
    ValidationError,
    field_serializer,
    model_validator,
)

from graphql_api.auth.principal import InvalidTokenError, Principal
from graphql_api.errors import ConfigurationError
from graphql_api.scopes import Scope

_PREFIX = "gqlapi_"
"""By this people, and programs that look for leaked secrets, know a token when they see one."""
_SECRET_BYTES = 32


class ApiToken(BaseModel):
    """The record of a token in the token file: its hash, never the token itself.

    Attributes:
        name: What people call it.
        scopes: What its bearer may do.
        sha256: The hash of the token, in hexadecimal.
        created: When it was made.
        expires: From when on it is not valid any more; None for never.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._@-]{0,63}$")]
    scopes: Annotated[frozenset[Scope], Field(min_length=1)]
    sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
    created: AwareDatetime
    expires: AwareDatetime | None = None

    @field_serializer("scopes")
    def _in_order(self, scopes: frozenset[Scope]) -> list[str]:
        return [scope.value for scope in Scope if scope in scopes]

    @property
    def identity(self) -> str:
        """Its text: the same on every server that has it, and another one when it is changed."""
        return self.model_dump_json()

    def is_expired(self, now_s: float) -> bool:
        """Whether it is not valid any more, `now_s` seconds after 1970 began."""
        return self.expires is not None and self.expires.timestamp() <= now_s


def new_token(
    name: str, scopes: Iterable[Scope], *, created: datetime, expires: datetime | None
) -> tuple[str, ApiToken]:
    """A new token, which cannot be read again later, and the record that is kept of it.

    Raises:
        ConfigurationError: The name is unfit, or there is no scope.
    """
    token = _PREFIX + secrets.token_urlsafe(_SECRET_BYTES)
    try:
        kept = ApiToken(
            name=name,
            scopes=frozenset(scopes),
            sha256=_sha256(token),
            created=created.astimezone(UTC).replace(microsecond=0),
            expires=expires and expires.astimezone(UTC).replace(microsecond=0),
        )
    except ValidationError:
        raise ConfigurationError(
            "a token needs a scope, and a name of letters, digits, '.', '_', '@' and '-', 64 of "
            "them at most"
        ) from None
    return token, kept


class Tokens(BaseModel):
    """The content of a token file: the tokens that are not revoked; some may have expired."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    tokens: tuple[ApiToken, ...] = ()

    @model_validator(mode="after")
    def _are_different(self) -> Self:
        for attribute in ("name", "sha256"):
            if len({getattr(token, attribute) for token in self.tokens}) < len(self.tokens):
                raise ValueError(f"two tokens have the same {attribute}")
        return self

    @classmethod
    def parse(cls, text: bytes) -> Self:
        """The tokens of a file.

        Raises:
            ConfigurationError: It is not a token file; the text says what is wrong and where.
        """
        try:
            return cls.model_validate_json(text)
        except ValidationError as error:
            raise ConfigurationError(_problem(error)) from None

    def dump(self) -> bytes:
        """The text of a file with these tokens."""
        return self.model_dump_json(indent=2).encode() + b"\n"

    @cached_property
    def by_hash(self) -> Mapping[str, ApiToken]:
        """The tokens by their hashes."""
        return {token.sha256: token for token in self.tokens}

    @property
    def grants(self) -> frozenset[Hashable]:
        """The grant of each token; one whose scopes or expiry were changed is another one."""
        return frozenset(self.tokens)

    def verify(self, token: str, now_s: float) -> Principal:
        """The principal of a token."""
        found = self.by_hash.get(_sha256(token))
        if found is None:
            raise InvalidTokenError("no known API token")
        if found.is_expired(now_s):
            raise InvalidTokenError(f"API token {found.name} has expired")
        expires_at_s = None if found.expires is None else found.expires.timestamp()
        return Principal(f"token {found.name}", found.scopes, expires_at_s, grant=found)


def _sha256(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()


def _problem(error: ValidationError) -> str:
    """The first thing that is wrong, without the value."""
    detail = error.errors(include_input=False, include_url=False, include_context=False)[0]
    place = ".".join(map(str, detail["loc"]))
    text = detail["msg"].removeprefix("Value error, ")
    return f"{place}: {text}" if place else text
