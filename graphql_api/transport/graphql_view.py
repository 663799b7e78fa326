"""GraphQL over HTTP and graphql-transport-ws, by Strawberry's view."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import orjson
from starlette.requests import Request
from starlette.responses import Response
from starlette.websockets import WebSocket
from strawberry.asgi import GraphQL
from strawberry.subscriptions import GRAPHQL_TRANSPORT_WS_PROTOCOL

from graphql_api.schema import APISchema, Context


class GraphQLView(GraphQL[Context, None]):
    """Strawberry's ASGI view, with a context of ours and without a page."""

    def __init__(self, schema: APISchema, make_context: Callable[[], Context]) -> None:
        super().__init__(
            schema,
            graphql_ide=None,
            subscription_protocols=[GRAPHQL_TRANSPORT_WS_PROTOCOL],
            allowed_origins=["*"],  # the guard has looked at the origin
        )
        self._make_context = make_context

    async def get_context(
        self,
        request: Request | WebSocket,  # noqa: ARG002
        response: Response | WebSocket,  # noqa: ARG002
    ) -> Context:
        """A fresh context for each request or socket."""
        return self._make_context()

    def encode_json(self, data: Any) -> str:
        """JSON as text: bytes would become binary frames, which clients refuse."""
        return orjson.dumps(data).decode()
