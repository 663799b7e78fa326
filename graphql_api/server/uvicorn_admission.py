"""HTTP connections that the limits on connections admit or refuse.

A connection that is refused is answered at its first request, so that a page of an allowed origin
can read why; when many are refused, at once.
"""

from __future__ import annotations

import asyncio
from collections.abc import MutableMapping
from typing import Any, ClassVar, Self, cast
from weakref import proxy

from uvicorn.protocols.http.flow_control import FlowControl
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from graphql_api.limits.answer_memory import Answers, Taker
from graphql_api.limits.connection_limits import LIMITED, ConnectionLimits, Entry, SparePlace
from graphql_api.limits.origin_check import Refusal
from graphql_api.server.flow_control import WatchedConnection
from graphql_api.server.http_refusals import response


class AdmittedConnection(WatchedConnection, HttpToolsProtocol):
    """One HTTP connection, which `ConnectionLimits` admits or refuses."""

    admission: ClassVar[ConnectionLimits | None] = None
    answers: ClassVar[Answers] = Answers()

    @classmethod
    def with_admission(
        cls, admission: ConnectionLimits, answers: Answers | None = None
    ) -> type[Self]:
        """A subclass for the connections of one server.

        Args:
            admission: Decides which connections are admitted.
            answers: The large answers that the server sends.
        """
        attributes = {"admission": admission, "answers": answers or Answers()}
        return type(cls.__name__, (cls,), attributes)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.headers = []
        self._entry: Entry | None = None
        self._refusal: Refusal | None = None
        self._spare: SparePlace | None = None
        self._taker = Taker()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Have uvicorn pause what this one reads."""
        super().connection_made(transport)
        # By a reference that does not keep this connection until the next search for cycles.
        self.flow = FlowControl(cast("asyncio.Transport", proxy(self)))

    def _break_cycles(self) -> None:
        """Forget, once this connection is over, what refers to it: so it is freed at once.

        Python's search for cycles would find it late; for thousands of them it takes 0.1 s, in
        which nothing else is done.
        """
        self._may_give_way(False)
        self._unset_keepalive_if_required()
        self.parser = self.cycle = self.scope = None  # type: ignore[assignment]

    def enter(self, entry: Entry) -> None:
        """Use the entry of a connection that was admitted before its TLS handshake."""
        self._entry = entry

    def _is_let_in(self) -> bool:
        """Ask for an entry; without one the connection is refused now, or at its first request."""
        entry: Entry | Refusal | None = self._entry
        if entry is None and self.admission is not None:
            entry = self.admission.admit(self._peer, len(self.connections))
        if isinstance(entry, Refusal):
            self._refusal = entry
            self._refuse(entry)
            return False
        if entry is not None:
            self._leave, self._refusal = entry.leave, entry.refusal
            self._spare = entry.spare
            self._may_give_way(True)
        return True

    @property
    def _is_limited(self) -> bool:
        """Whether the connection is beyond a limit."""
        return self._refusal is not None or self._spare is not None

    def _limit(self) -> dict[str, dict[object, object]]:
        """The ASGI extension that says which limit the connection is beyond, if it is."""
        return {LIMITED: {"refusal": self._refusal}} if self._is_limited else {}

    def _taker_of(self, scope: MutableMapping[str, Any]) -> Taker:
        """The counter of the large answers that the client of a request is taking."""
        client = scope.get("client")
        host = None if client is None else client[0]
        admission = self.admission
        self._taker.address = host if admission is None else admission.address_key(host)
        return self._taker

    def _answers_offer(self) -> dict[object, object]:
        """The ASGI extension by which large answers are made while they are sent."""
        cut_off, taker_of = self.transport.abort, self._taker_of
        return {"answers": self.answers, "cut_off": cut_off, "taker_of": taker_of}

    def _refuse_websocket(self) -> bool:
        """Refuse a connection that would become a WebSocket, if it is beyond a limit."""
        if self.admission is not None and self._spare is not None:
            self._refusal = self.admission.full(self._peer)
        if self._refusal is None:
            return False
        self._refuse(self._refusal)
        return True

    def _refuse(self, refusal: Refusal) -> None:
        readable = [] if self.admission is None else self.admission.cross_origin(self.headers)
        self.transport.write(response(refusal, readable))
        self.transport.close()

    def _may_give_way(self, may: bool) -> None:
        if self._spare is not None:
            self._spare.give_way = self._give_way if may else None

    def _give_way(self, refusal: Refusal) -> None:
        if self.scheme == "https" or self.is_closed:
            self.abort()
        else:
            self._refuse(refusal)

    @property
    def _peer(self) -> str | None:
        return None if self.client is None else self.client[0]
