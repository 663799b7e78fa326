"""The server as it always is, which also tells what only it can know of itself.

Usage: python -m tests.soak.server DATABASE_URL STATUS_FILE

What it remembers is bounded by small numbers, so that all of it is full after the first minutes.
"""

from __future__ import annotations

import asyncio
import gc
import sys
from itertools import count
from pathlib import Path

import uvloop

from graphql_api import garbage
from graphql_api.app import create_app
from graphql_api.rethink.url import DatabaseURL
from graphql_api.server import uvicorn_server as server
from graphql_api.server.listening import listen
from tests.server.running import settings_for
from tests.soak import status

SEND_TIMEOUT_S = 2.0
_STATUS_S = 0.5
_STATUSES_PER_COLLECTION = 10


async def main(database: str, status_file: Path) -> None:
    settings = settings_for(
        DatabaseURL.parse(database),
        history_max_changes=500,
        self_check_s=10,
        send_timeout_s=SEND_TIMEOUT_S,
        connection_init_timeout_s=3,  # somebody says nothing, and waits for the end
    )
    garbage.collect_garbage_seldom()
    with listen("127.0.0.1", 0) as listener:
        host, port = listener.getsockname()
        settings = settings.model_copy(update={"port": port})
        print(f"ws://{host}:{port}/graphql", flush=True)  # noqa: T201 - it tells where it is
        telling = asyncio.create_task(_tell(status_file))
        await server.Server(create_app(settings), settings).serve(sockets=[listener])
        telling.cancel()


async def _tell(file: Path) -> None:
    for number in count():
        if number % _STATUSES_PER_COLLECTION == 0:
            gc.collect()  # what waits to be found is not alive
            blocks = sys.getallocatedblocks()
        status.write(file, tasks=len(asyncio.all_tasks()), blocks=blocks)
        await asyncio.sleep(_STATUS_S)


if __name__ == "__main__":
    uvloop.run(main(sys.argv[1], Path(sys.argv[2])))
