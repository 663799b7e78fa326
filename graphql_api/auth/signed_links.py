"""Signed links, which need no token: a browser sends no header of its own when it opens a link.

```
 responses/17/body?expires=1793608800&grant=…&signature=…
```

The signature covers the path, the time at which the link ends, and the grant on which the client's
credentials rest. A link is refused once it has expired, and as soon as that grant is withdrawn. It
is valid on every server that has the same key.
"""

from __future__ import annotations

import base64
import hmac
from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Final

from graphql_api.auth.authenticator import Authenticator
from graphql_api.auth.principal import Principal, grant_digest
from graphql_api.errors import GraphQLAPIError

VALID_S: Final = 600
"""How long a link is valid, in seconds; less, if the credentials end before."""

_SIGNATURE_BYTES: Final = 16


class LinkRefusedError(GraphQLAPIError):
    """A link is not valid; the text says what to do, and is for the client."""


class SignedLinks:
    """Signs links and checks them.

    Args:
        key: The secret that servers share.
        access: Knows which grants are withdrawn.
        clock: Returns the time, in seconds since 1970.
    """

    def __init__(self, key: bytes, access: Authenticator, clock: Callable[[], float]) -> None:
        self._key = key
        self._access = access
        self._clock = clock

    def of(self, principal: Principal) -> ClientLinks:
        """Makes the links of one client."""
        return ClientLinks(self, principal)

    def sign(self, path: str, principal: Principal) -> str:
        """A link to a path for a client, as a relative URL."""
        expires_at = int(self._clock()) + VALID_S
        if principal.expires_at_s is not None:
            expires_at = min(expires_at, int(principal.expires_at_s))
        grant = grant_digest(principal.grant)
        signature = self._signature(path, str(expires_at), grant)
        return f"{path}?expires={expires_at}&grant={grant}&signature={signature}"

    def check(self, path: str, query: Mapping[str, str]) -> None:
        """Check that a link to a path is valid.

        Raises:
            LinkRefusedError: It is not.
        """
        expires, grant = query.get("expires", ""), query.get("grant", "")
        expected = self._signature(path, expires, grant)
        given = query.get("signature", "").encode("utf-8", "replace")
        if not hmac.compare_digest(expected.encode(), given):
            raise LinkRefusedError("the link is not one that this API gave out: ask for another")
        if self._clock() >= int(expires):
            raise LinkRefusedError("the link has expired: ask for another one, by its field")
        if not self._access.has_grant(grant):
            raise LinkRefusedError(
                "the token by which the link was asked for is not valid any more"
            )

    def _signature(self, path: str, expires: str, grant: str) -> str:
        text = "\n".join((path, expires, grant)).encode("utf-8", "replace")
        digest = hmac.digest(self._key, text, sha256)[:_SIGNATURE_BYTES]
        return base64.urlsafe_b64encode(digest).rstrip(b"=").decode("ascii")


@dataclass(frozen=True, slots=True)
class ClientLinks:
    """Makes the links of one client; implements `graphql_api.schema.links.Links`."""

    _links: SignedLinks
    _principal: Principal

    @property
    def identity(self) -> Hashable:
        """Equal for clients whose links are equal."""
        return self._principal.grant, self._principal.expires_at_s

    def signed(self, path: str) -> str:
        """A link to a path below the API, as a relative URL."""
        return self._links.sign(path, self._principal)
