"""Authentication of clients, and the end of connections whose credentials end.

```
 authorization ──▶ bearer token ─▶ Authenticator ─▶ Principal ─▶ Session, while a connection lasts
                                      ▲                            │
               token file, JWT keys ──┘   expired, revoked ────────┴──▶ the connection is ended
```
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Hashable, Sequence
from typing import Protocol, TypeAlias

from starlette.types import Scope as ASGIScope

from graphql_api.auth.credentials import bearer_token
from graphql_api.auth.principal import ANYBODY, InvalidTokenError, Principal, Verifier, grant_digest
from graphql_api.documents.request import Members
from graphql_api.errors import UnauthenticatedError
from graphql_api.files import SpareDescriptor
from graphql_api.limits.refusal_log import RefusalLog
from graphql_api.watched_file import WatchedFile

log = logging.getLogger(__name__)

_MAX_SLEEP_S = 60.0
"""How soon a leap of the machine's clock is noticed: a timer knows nothing of one."""

_EXPIRED, _REVOKED = "the token has expired", "the token has been revoked"


class Timer(Protocol):
    """A call that is scheduled, and can be cancelled."""

    def cancel(self) -> None:
        """Cancel the call."""


CallLater: TypeAlias = Callable[[float, Callable[[], None]], Timer]
"""Has something called after some seconds, as an event loop does."""

OnEnd: TypeAlias = Callable[[str], object]
"""Ends a connection, for the reason in its argument; called at most once, and must not raise."""


class Authenticator:
    """Decides which clients are served. Without verifiers it serves every client, with every scope.

    Args:
        verifiers: The files that say which tokens are valid.
        clock: Returns the time, in seconds since 1970.
        call_later: Wakes up at the end of a connection; the running event loop's, if absent.
        refusals: Logs the clients that are not served.
    """

    def __init__(
        self,
        verifiers: Sequence[WatchedFile[Verifier]] = (),
        *,
        clock: Callable[[], float] = time.time,
        call_later: CallLater | None = None,
        refusals: RefusalLog | None = None,
    ) -> None:
        self._verifiers = verifiers
        self._clock = clock
        self._call_later = call_later
        self._refusals = RefusalLog() if refusals is None else refusals
        self._sessions: dict[Session, None] = {}  # in order
        self._grants = self._current_grants()

    @property
    def sessions(self) -> int:
        """How many connections there are."""
        return len(self._sessions)

    async def admit(self, scope: ASGIScope, payload: Members | None) -> Principal:
        """The principal of a WebSocket, by its handshake and its `connection_init`.

        Raises:
            UnauthenticatedError: It has no valid credentials.
        """
        return self.principal(scope, payload)

    def principal(self, scope: ASGIScope, payload: Members | None = None) -> Principal:
        """The principal of a request.

        Args:
            scope: The request's, or the handshake's, as ASGI has it.
            payload: That of `connection_init`, if there is one.

        Raises:
            UnauthenticatedError: It has no valid credentials.
        """
        if not self._verifiers:
            return ANYBODY
        try:
            return self._verify(bearer_token(scope, payload))
        except UnauthenticatedError as error:
            host, _ = scope.get("client") or ("somewhere", 0)
            self._refusals.record(host, error.for_log)
            raise

    def session(self, principal: Principal, on_end: OnEnd) -> Session:
        """Keep a connection for as long as its principal's credentials are valid.

        Its owner releases it when the connection is over.
        """
        call_later = self._call_later or asyncio.get_running_loop().call_later
        session = Session(self._sessions, principal, on_end, self._clock, call_later)
        if self._is_withdrawn(session):  # since its token was looked at
            session.end(_REVOKED)
        return session

    def has_grant(self, digest: str) -> bool:
        """Whether credentials may rest on the grant of which this is the digest."""
        if not self._verifiers:
            return digest == grant_digest(ANYBODY.grant)
        return any(grant_digest(grant) == digest for grant in self._grants)

    def refresh(self, spare: SpareDescriptor | None = None) -> None:
        """Read the files that have changed, and end the connections whose grant is withdrawn.

        Args:
            spare: Given up for a moment, if the process has no other descriptor.
        """
        self._refusals.flush()
        changes = [verifier.refresh(spare) for verifier in self._verifiers]
        if not any(changes):
            return
        self._grants = self._current_grants()
        revoked = [session for session in self._sessions if self._is_withdrawn(session)]
        for session in revoked:
            session.end(_REVOKED)
        if revoked:
            log.info("ended %d connections whose tokens have been revoked", len(revoked))

    def _current_grants(self) -> frozenset[Hashable]:
        nothing: frozenset[Hashable] = frozenset()
        return nothing.union(*(verifier.value.grants for verifier in self._verifiers))

    def _is_withdrawn(self, session: Session) -> bool:
        return bool(self._verifiers) and session.principal.grant not in self._grants

    def _verify(self, token: str) -> Principal:
        reasons: list[str] = []
        for verifier in self._verifiers:
            try:
                return verifier.value.verify(token, self._clock())
            except InvalidTokenError as error:
                reasons.append(str(error))
        raise UnauthenticatedError(
            "the token is not valid", for_log="; ".join(reasons), has_token=True
        )


class Session:
    """A connection whose client is authenticated. `Authenticator.session` makes it."""

    __slots__ = ("_call_later", "_clock", "_on_end", "_sessions", "_timer", "principal")

    def __init__(
        self,
        sessions: dict[Session, None],
        principal: Principal,
        on_end: OnEnd,
        clock: Callable[[], float],
        call_later: CallLater,
    ) -> None:
        self._sessions = sessions
        self._on_end = on_end
        self._clock = clock
        self._call_later = call_later
        self._timer: Timer | None = None
        self.principal = principal
        sessions[self] = None
        if principal.expires_at_s is not None:
            self._watch()

    def release(self) -> None:
        """Nothing is to be ended any more; does nothing the second time."""
        self._sessions.pop(self, None)
        self._on_end = _do_nothing  # so that the connection, which holds this, is freed at once
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def end(self, reason: str) -> None:
        """End the connection, unless that is over."""
        if self in self._sessions:
            on_end = self._on_end
            self.release()
            on_end(reason)

    def _watch(self) -> None:
        assert self.principal.expires_at_s is not None
        left_s = self.principal.expires_at_s - self._clock()
        if left_s <= 0:
            self.end(_EXPIRED)
            return
        self._timer = self._call_later(min(left_s, _MAX_SLEEP_S), self._watch)


def _do_nothing(_: str) -> None:
    """Nothing is to be ended."""
