"""The server as it always is, which also writes down when its event loop was held up.

Usage: python -m tests.attacks.server DATABASE_URL STALLS_FILE SETTINGS

SETTINGS is a JSON object. A stall is a line of JSON: when it ended, how much CPU time passed on the
loop's thread between two turns of a timer, and in which functions. CPU time does not depend on how
busy the machine is otherwise.
"""

from __future__ import annotations

import asyncio
import gc
import json
import sys
import threading
import time
from collections import Counter
from pathlib import Path
from types import FrameType
from typing import Any

import uvloop
from pydantic import SecretStr

from graphql_api import garbage
from graphql_api.app import create_app
from graphql_api.server import uvicorn_server as server
from graphql_api.server.listening import listen
from graphql_api.settings import Settings

TICK_S = 0.002
SAMPLE_S = 0.004
STALL_S = 0.02
"""What is shorter is not written down."""

_FRAMES = 3
"""How many functions name a place."""


class StallLog:
    """Measures how much CPU time the loop's thread takes from one turn of a timer to the next.

    A turn of the loop runs whatever is ready, so one stall may be the work of several callbacks; no
    other client is served while it lasts.

    Args:
        file: Where each stall becomes a line.
    """

    def __init__(self, file: Path) -> None:
        self._file = file.open("a", buffering=1)
        self._thread = threading.get_ident()
        self._ticks = 0
        self._since_s = 0.0
        self._places: Counter[str] = Counter()
        self._is_over = threading.Event()
        self._search_began_s = 0.0
        self._searched_s = 0.0

    def start(self) -> None:
        """Begin; the current thread runs the loop."""
        self._since_s = time.thread_time()
        threading.Thread(target=self._sample, daemon=True).start()
        gc.callbacks.append(self._note_search)
        asyncio.get_running_loop().call_later(TICK_S, self._tick)

    def stop(self) -> None:
        """Take no more samples."""
        self._is_over.set()

    def _tick(self) -> None:
        now_s = time.thread_time()
        took_s = now_s - self._since_s
        self._since_s = now_s
        self._ticks += 1
        if took_s >= STALL_S:
            places = self._places.most_common(1)
            where = places[0][0] if places else ""
            if self._searched_s > took_s / 2:
                where = "Python's search for garbage"
            line = {"at_s": time.monotonic(), "took_s": took_s, "where": where}
            self._file.write(json.dumps(line) + "\n")
        self._searched_s = 0.0
        if not self._is_over.is_set():
            asyncio.get_running_loop().call_later(TICK_S, self._tick)

    def _note_search(self, phase: str, _: dict[str, int]) -> None:
        now_s = time.thread_time()
        if phase == "start":
            self._search_began_s = now_s
        elif threading.get_ident() == self._thread:
            self._searched_s += now_s - self._search_began_s

    def _sample(self) -> None:
        """Look at what the loop's thread does, as long as its timer does not turn."""
        seen = -1
        while not self._is_over.wait(SAMPLE_S):
            if seen == self._ticks:
                frame = sys._current_frames().get(self._thread)
                self._places[place_of(frame)] += 1
            else:
                seen = self._ticks
                self._places = Counter()


def place_of(frame: FrameType | None) -> str:
    """The innermost functions, this project's before those of libraries."""
    names: list[str] = []
    while frame is not None:
        code = frame.f_code
        path = Path(code.co_filename)
        if "graphql_api" in path.parts or not names:
            names.append(f"{path.stem}.{code.co_name}")
        frame = frame.f_back
    return " < ".join(dict.fromkeys(names[:_FRAMES]))


async def main(database: str, stalls: Path, settings: dict[str, Any]) -> None:
    garbage.collect_garbage_seldom()
    with listen("127.0.0.1", 0) as listener:
        host, port = listener.getsockname()
        known = Settings(database=SecretStr(database), port=port, **settings)
        print(f"ws://{host}:{port}/graphql", flush=True)  # noqa: T201 - it says where it is
        log = StallLog(stalls)
        log.start()
        await server.Server(create_app(known), known).serve(sockets=[listener])
        log.stop()


if __name__ == "__main__":
    uvloop.run(main(sys.argv[1], Path(sys.argv[2]), json.loads(sys.argv[3])))
