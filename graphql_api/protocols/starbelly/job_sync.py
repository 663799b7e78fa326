"""The encoder of a job's responses, whose bodies are read from the database."""

from __future__ import annotations

from collections.abc import Awaitable
from typing import Any

from graphql_api.execution.encoder import Encoded, exposed
from graphql_api.feeds.view import Event
from graphql_api.limits.answer_memory import LARGE_BYTES
from graphql_api.protocols.starbelly.messages import sync_item
from graphql_api.protocols.whole_bodies import NO_BODY, Body, WholeBodies


class SyncEncoder:
    """Makes messages of the responses of one job."""

    failed = staticmethod(exposed)

    def __init__(self, job_id: str, bodies: WholeBodies, *, compression_ok: bool) -> None:
        self._bodies = bodies
        self._compression_ok = compression_ok
        self.key = ("starbelly", "job sync", job_id, compression_ok)

    def encode(self, event: Event[Any]) -> Encoded | Awaitable[Encoded]:
        """The message of a response; later, if it has a body."""
        is_later = event.value.response.has_body
        return self._with_body(event.value) if is_later else _item(event.value, NO_BODY)

    async def _with_body(self, added: Any) -> Encoded:
        asked = added.response.sequence, added.response.completed_at
        return _item(added, await self._bodies.of(*asked, compression_ok=self._compression_ok))


def _item(added: Any, body: Body) -> Encoded:
    payload = sync_item(added.response, added.cursor.encode(), body)
    return Encoded(payload if len(payload) > LARGE_BYTES else bytes(payload))
