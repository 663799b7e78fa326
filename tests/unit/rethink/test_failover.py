"""The connection to the first node that answers is its caller's, or is closed."""

from __future__ import annotations

import asyncio
from collections import deque
from contextlib import AsyncExitStack
from typing import Any

import pytest

from graphql_api.rethink import failover
from graphql_api.rethink.database_connection import DEFAULT_TIMEOUTS
from graphql_api.rethink.nodes import Node, Nodes
from graphql_api.rethink.url import DatabaseURL
from tests.patience import LONGEST_S

SLOW, FAST = Node("slow", 1, "10.0.0.1", "u"), Node("fast", 1, "10.0.0.2", "u")


async def test_cancelled_while_slower_nodes_are_given_up_it_leaves_no_connection(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    open_to: list[Node] = []
    is_ending, may_end = asyncio.Event(), asyncio.Event()

    async def connect(node: Node, *_: object) -> Any:
        if node is SLOW:
            try:
                await asyncio.Event().wait()
            finally:
                is_ending.set()
                await may_end.wait()
        stack = AsyncExitStack()
        open_to.append(node)
        stack.callback(open_to.remove, node)
        return object(), stack

    monkeypatch.setattr(failover, "_open", connect)
    monkeypatch.setattr(failover, "HEAD_START_S", 0.001)
    first = asyncio.create_task(
        failover._first(
            deque([SLOW, FAST]),
            DatabaseURL.parse("rethinkdb://slow,fast/d"),
            DEFAULT_TIMEOUTS,
            Nodes(),
            [],
        )
    )
    async with asyncio.timeout(LONGEST_S):
        await is_ending.wait()
        assert open_to == [FAST]
        first.cancel()
        await asyncio.sleep(0)
        may_end.set()
        with pytest.raises(asyncio.CancelledError):
            await first
    assert open_to == []
