"""A feed's history over a restart: how long loading takes, and how long it holds the event loop.

`python -m tests.benchmarks.keeping write FOLDER CHANGES BYTES` lets a feed of policies see so many
changes of about so many bytes each, which are appended to its file; then the whole is written once
more. `… load FOLDER` goes on with that as a server that starts does. Each prints JSON: `seconds` of
CPU time and `clock_s` by the clock, and the longest `pause` of the event loop, in milliseconds of
its thread's CPU time. What other programs take of the processor is no fault of the feed.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from graphql_api.feeds.feed import Feed
from graphql_api.feeds.feed_settings import FeedSettings
from graphql_api.feeds.part import WHOLE, TablePart
from graphql_api.feeds.source import DocumentChange, SourceReady
from graphql_api.garbage import collect_garbage_seldom, leave_out_what_stays
from graphql_api.rethink.changefeed import ChangefeedSettings, RethinkSource
from graphql_api.rethink.url import DatabaseURL
from graphql_api.state.folder import open_folder
from graphql_api.tables.policy import POLICIES
from tests.benchmarks import documents
from tests.benchmarks.loop_pauses import LoopPauses

_MAX_BYTES = 64 << 20
"""How much history is kept: the default."""

_POLICIES = 1000
_DATABASE = "starbelly"
_STEP = 64
"""How many changes come at once."""


@asynccontextmanager
async def _stage(pauses: LoopPauses, stages: dict[str, Any], name: str) -> AsyncIterator[None]:
    """Note what is done inside as a stage."""
    clock_s, cpu_s = time.perf_counter(), time.process_time()
    async with pauses.stage():
        yield
        stages[name] = {
            "seconds": time.process_time() - cpu_s,
            "clock_s": time.perf_counter() - clock_s,
        }
    stages[name]["pause"] = 1000 * pauses.longest_s


class _Changing(RethinkSource):
    """A source of policies that change; no database is asked."""

    def __init__(self, changes: int, size: int) -> None:
        super().__init__(DatabaseURL("127.0.0.1", 1, _DATABASE), ChangefeedSettings())
        self._changes = changes
        self._size = size
        self.has_sent = asyncio.Event()

    @asynccontextmanager
    async def changes(
        self, table: str, part: TablePart = WHOLE
    ) -> AsyncIterator[AsyncIterator[DocumentChange | SourceReady]]:
        """The changefeed; `has_sent` is set once all changes have been."""
        yield self._send()

    async def _send(self) -> AsyncIterator[DocumentChange | SourceReady]:
        for number in range(_POLICIES):
            yield DocumentChange(None, self._document(number, 0))
        yield SourceReady((_DATABASE, "the table's UUID"))
        for write in range(1, self._changes + 1):
            yield DocumentChange(None, self._document(write % _POLICIES, write))
            if write % _STEP == 0:
                await asyncio.sleep(0)
        self.has_sent.set()
        await asyncio.Event().wait()

    def _document(self, number: int, write: int) -> dict[str, Any]:
        name = f"policy {documents.marker(write)}"
        rule = {"pattern": "^https?://([a-z]+\\.)*example\\.org/" + "x" * 400, "action": "ADD"}
        rules = [rule | {"match": "MATCHES", "amount": 1}] * (self._size // 500)
        return {"id": documents.key(number), "name": name, "url_rules": rules}


def _feed(source: RethinkSource, keeper: Any) -> Feed[Any, Any]:
    settings = FeedSettings(history_max_changes=10**9, history_max_bytes=_MAX_BYTES, self_check_s=0)
    return Feed(POLICIES, source, settings, on_rows=leave_out_what_stays, keeper=keeper)


async def write(folder: Path, changes: int, size: int) -> dict[str, Any]:
    """Have a history kept."""
    source, pauses, stages = _Changing(changes, size), LoopPauses(), dict[str, Any]()
    with open_folder(folder) as state:
        keeper = state.keeper(POLICIES.name, _DATABASE)
        feed = _feed(source, keeper)
        async with asyncio.TaskGroup() as tasks:
            watching = tasks.create_task(pauses.run())
            await feed.restore()
            running = tasks.create_task(feed.run())
            await feed.ready(60)
            async with _stage(pauses, stages, "append"):
                await source.has_sent.wait()
            await keeper.is_whole.wait()
            async with _stage(pauses, stages, "compact"):
                keeper.begin_again()
                await keeper.is_whole.wait()
            changes = len(feed.cache.history)
            watching.cancel()
            running.cancel()
    size = sum(file.stat().st_size for file in folder.iterdir())
    return stages | {"changes": changes, "file": size}


async def load(folder: Path) -> dict[str, Any]:
    """Go on with a history that was kept, until clients can be served."""
    pauses, stages = LoopPauses(), dict[str, Any]()
    with open_folder(folder) as state:
        feed = _feed(_Changing(0, 0), state.keeper(POLICIES.name, _DATABASE))
        watching = asyncio.ensure_future(pauses.run())
        async with _stage(pauses, stages, "load"):
            await feed.restore()
        watching.cancel()
    assert feed.position == len(feed.cache.history) > 0, "it has been loaded"
    return stages


def main() -> None:
    """Do what is asked for, and print what was seen."""
    collect_garbage_seldom()
    what, folder, *numbers = sys.argv[1:]
    doing = load(Path(folder)) if what == "load" else write(Path(folder), *map(int, numbers))
    sys.stdout.write(json.dumps(asyncio.run(doing)) + "\n")


if __name__ == "__main__":
    main()
