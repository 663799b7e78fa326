"""Strawberry as its documentation has it, on uvicorn, with one changefeed per subscription.

Usage: python -m tests.benchmarks.peers.stock_strawberry HOST PORT
"""

from __future__ import annotations

import socket
import sys
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime
from enum import Enum
from typing import Annotated, Any

import strawberry
import uvicorn
from rethinkdb import RethinkDB
from starlette.applications import Starlette
from starlette.routing import Route, WebSocketRoute
from strawberry.asgi import GraphQL


@strawberry.enum
class RobotsTxtUsage(Enum):
    OBEY = "OBEY"
    INVERT = "INVERT"
    IGNORE = "IGNORE"


@strawberry.type
class PolicyAuthentication:
    enabled: bool | None


@strawberry.type
class PolicyLimits:
    max_cost: float | None
    max_duration: float | None
    max_items: float | None


@strawberry.type
class PolicyRobotsTxt:
    usage: RobotsTxtUsage | None


@strawberry.type
class Policy:
    id: strawberry.ID
    name: str | None
    created_at: datetime | None
    updated_at: datetime | None
    captcha_solver_id: strawberry.ID | None
    authentication: PolicyAuthentication | None
    limits: PolicyLimits | None
    robots_txt: PolicyRobotsTxt | None

    @classmethod
    def of(cls, row: dict[str, Any]) -> Policy:
        return cls(
            id=strawberry.ID(row["id"]),
            name=row["name"],
            created_at=row["created_at"],
            updated_at=row["updated_at"],
            captcha_solver_id=strawberry.ID(row["captcha_solver_id"]),
            authentication=PolicyAuthentication(**row["authentication"]),
            limits=PolicyLimits(**row["limits"]),
            robots_txt=PolicyRobotsTxt(usage=RobotsTxtUsage(row["robots_txt"]["usage"])),
        )


@strawberry.type
class PolicyAdded:
    policy: Policy


@strawberry.type
class PolicyUpdated:
    policy: Policy


@strawberry.type
class PolicyDeleted:
    policy_id: strawberry.ID


@strawberry.type
class FeedState:
    status: str


PolicyChange = Annotated[
    PolicyAdded | PolicyUpdated | PolicyDeleted | FeedState, strawberry.union("PolicyChange")
]


@strawberry.input
class PolicyFilter:
    ids: list[strawberry.ID] | None = None
    name_contains: str | None = None

    def passes(self, row: dict[str, Any]) -> bool:
        return (self.ids is None or row["id"] in self.ids) and (
            self.name_contains is None or self.name_contains.casefold() in row["name"].casefold()
        )


@strawberry.type
class Query:
    version: str = "stock"


@strawberry.type
class Subscription:
    @strawberry.subscription
    async def policy_changes(
        self,
        info: strawberry.Info,
        where: PolicyFilter | None = None,
        include_initial: bool = True,
        since: str | None = None,
    ) -> AsyncGenerator[PolicyChange, None]:
        connection = info.context["request"].app.state.connection
        term = r.table("policy").changes(include_initial=include_initial, include_states=True)
        feed = await term.run(connection)
        try:
            while await feed.fetch_next():
                change = await feed.next()
                row, previous = change.get("new_val"), change.get("old_val")
                if "state" in change:
                    yield FeedState(status=change["state"].upper())
                elif where is not None and not where.passes(row or previous):
                    pass
                elif row is None:
                    yield PolicyDeleted(policy_id=previous["id"])
                elif previous is None:
                    yield PolicyAdded(policy=Policy.of(row))
                else:
                    yield PolicyUpdated(policy=Policy.of(row))
        finally:
            await feed.close()


r: Any = RethinkDB()
r.set_loop_type("asyncio")


def main(host: str, port: int) -> None:
    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        app.state.connection = await r.connect(host=host, port=port, db="starbelly")
        yield
        await app.state.connection.close(noreply_wait=False)

    graphql: Any = GraphQL(strawberry.Schema(Query, subscription=Subscription))
    routes = [Route("/graphql", graphql), WebSocketRoute("/graphql", graphql)]
    app = Starlette(routes=routes, lifespan=lifespan)
    config = uvicorn.Config(app, log_level="warning", timeout_graceful_shutdown=2)
    with socket.create_server(("127.0.0.1", 0), backlog=config.backlog) as listener:
        own_port = listener.getsockname()[1]
        print(f"ws://127.0.0.1:{own_port}/graphql", flush=True)  # noqa: T201 - its output
        uvicorn.Server(config).run(sockets=[listener])


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
