"""Which clients are served, as the settings say."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from graphql_api.auth.api_token import Tokens
from graphql_api.auth.authenticator import Authenticator
from graphql_api.auth.jwt import Key, Keys, allowed_algorithms, keys_of_jwks, keys_of_key_file
from graphql_api.auth.principal import Verifier
from graphql_api.limits.refusal_log import RefusalLog
from graphql_api.machine import Machine
from graphql_api.settings import Settings
from graphql_api.watched_file import WatchedFile


def make_authenticator(settings: Settings, machine: Machine | None = None) -> Authenticator:
    """The authenticator, which decides which clients are served.

    Raises:
        ConfigurationError: A file of tokens or keys cannot be read, or is broken or too weak.
    """
    verifiers: list[WatchedFile[Verifier]] = []
    if settings.tokens is not None:
        verifiers.append(WatchedFile(settings.tokens, Tokens.parse, name="token file"))
    allowed = allowed_algorithms(settings.jwt_algorithm)

    def checked_by(read: Callable[..., Sequence[Key]]) -> Callable[[bytes], Verifier]:
        return lambda data: Keys(
            read(data, allowed=allowed),
            audience=settings.jwt_audience,
            issuer=settings.jwt_issuer,
            leeway_s=settings.jwt_leeway_s,
        )

    if settings.jwt_key is not None:
        parse = checked_by(keys_of_key_file)
        verifiers.append(WatchedFile(settings.jwt_key, parse, name="JWT key file"))
    if settings.jwt_jwks is not None:
        parse = checked_by(keys_of_jwks)
        verifiers.append(WatchedFile(settings.jwt_jwks, parse, name="JWKS file"))
    machine = machine or Machine()
    refusals = RefusalLog(clock=machine.monotonic_s)
    return Authenticator(verifiers, clock=machine.epoch_s, refusals=refusals)
