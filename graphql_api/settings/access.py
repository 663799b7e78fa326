"""Settings of `serve`: the credentials that clients need."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar, Self

from pydantic import Field, SecretStr, model_validator

from graphql_api.settings.lists import Names
from graphql_api.settings.names import flag
from graphql_api.settings.settings_group import About, SettingsGroup


class AccessSettings(SettingsGroup):
    """Tokens, JWTs, and the key of signed links."""

    about: ClassVar = About("who may connect", "--host :: --tokens tokens.json")

    insecure: bool = Field(
        False,
        description="let every client read and change everything, also on an address that other"
        " machines can reach",
    )
    tokens: Path | None = Field(
        None,
        description="serve clients that have an API token of this file; `graphql-api token "
        "create` makes one",
    )
    jwt_key: Path | None = Field(
        None,
        description="serve clients that have a JWT that this key verifies: a public key in PEM,"
        " or a secret of 32 bytes or more",
    )
    jwt_jwks: Path | None = Field(
        None,
        description="serve clients that have a JWT that a key of this JSON Web Key Set verifies",
    )
    jwt_algorithm: Names = Field(
        (),
        description="accept only JWTs that are signed with this algorithm, such as ES256; if "
        "absent, with any that fits the key",
        json_schema_extra={"metavar": "NAME"},
    )
    jwt_audience: str | None = Field(
        None,
        description="accept only JWTs for this audience (`aud`); if absent, only JWTs without "
        "an audience",
    )
    jwt_issuer: str | None = Field(None, description="accept only JWTs of this issuer (`iss`)")
    jwt_leeway_s: float = Field(
        5.0,
        ge=0,
        description="how far the issuer's clock may be ahead, in seconds: for `nbf` and `iat` of a "
        "JWT, not for `exp`",
    )
    link_key: SecretStr | None = Field(
        None,
        min_length=32,
        description="secret of 32 characters or more with which the links of `bodyUrl` are signed; "
        "servers that share it accept each other's links; if absent, a random one that ends with "
        "the process",
        json_schema_extra={"metavar": "SECRET"},
    )

    @property
    def has_access_control(self) -> bool:
        """Whether a client needs credentials."""
        return not (self.tokens is self.jwt_key is self.jwt_jwks is None)

    @model_validator(mode="after")
    def _jwt_has_one_key_file(self) -> Self:
        if self.jwt_key is not None and self.jwt_jwks is not None:
            raise ValueError("--jwt-key and --jwt-jwks: give one of them")
        if self.jwt_key is self.jwt_jwks is None:
            for name in ("jwt_algorithm", "jwt_audience", "jwt_issuer"):
                if getattr(self, name):
                    raise ValueError(f"{flag(name)} is of no use without --jwt-key or --jwt-jwks")
        return self
