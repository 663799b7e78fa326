"""Servers that end, and start again with what was kept: their own, older or broken files.

The files are real, in a folder of the story. What a server that is killed leaves is what it had
written by then: its successor gets a copy.
"""

from __future__ import annotations

import random
import shutil
from pathlib import Path

from graphql_api.state.feed_file_format import BrokenFileError, FeedFileReader
from tests.simulation.story import Action, Setting

OWN, OLDER = "its own files", "older files, perhaps of the other server"
_STORIES = 0.35
"""How many of the stories are about servers that keep their state."""


def keeps_state(seed: int) -> bool:
    """Whether the servers of a story keep their state; all else in it stays as it is."""
    return random.Random(f"state {seed}").random() < _STORIES


def restarts(setting: Setting) -> list[Action]:
    """Servers that end and start again, if they keep their state."""
    rng = random.Random(f"restarts {setting.seed}")
    count = rng.choice((2, 3, 5)) if setting.keeps_state else 0
    return [
        Action(
            rng.uniform(1.0, 20.0),
            "restart_server",
            {
                "host": rng.choice(setting.hosts),
                "how": rng.choice(("killed", "killed", "stopped", "without power")),
                "for_s": round(rng.choice((0.2, 1.0, 4.0)) * rng.uniform(0.5, 1.5), 3),
                "state": rng.choice((OWN, OWN, OLDER)),
                "part": rng.random(),
            },
        )
        for _ in range(count)
    ]


class StateFolders:
    """The folders of a story's servers.

    Args:
        place: Where they are; emptied first.
    """

    def __init__(self, place: Path) -> None:
        self._place = place
        shutil.rmtree(place, ignore_errors=True)
        place.mkdir()
        self._current: dict[str, Path] = {}
        self._kept: list[Path] = []
        self._count = 0
        self._damaged: set[bytes] = set()

    def of(self, host: str) -> Path:
        """The folder with which the next run on a host starts."""
        if host not in self._current:
            self._current[host] = self._new()
        return self._current[host]

    def end(self, host: str) -> set[str]:
        """A run has ended: what it has written is kept. Returns the tables that have a file."""
        files = self._copy(self.of(host))
        self._kept.append(files)
        self._current[host] = self._copy(files)
        return {file.stem for file in files.iterdir()}

    def put_back(self, host: str, part: float) -> None:
        """Have the next run on a host start with what one of all runs has left."""
        if self._kept:
            self._current[host] = self._copy(self._kept[int(part * len(self._kept))])

    def damage(self, host: str, part: float) -> None:
        """Let the loss of power break each file: a part of it was never on the disk."""
        for file in sorted(self.of(host).iterdir()):
            data = file.read_bytes()
            try:
                broken = _damaged(data, part)
            except BrokenFileError:
                if data not in self._damaged:
                    raise
                continue  # it lost the power before, and no run has written it again
            assert broken != data, "damage is seen"
            self._damaged.add(broken)
            file.write_bytes(broken)

    def _new(self) -> Path:
        self._count += 1
        folder = self._place / str(self._count)
        folder.mkdir()
        return folder

    def _copy(self, folder: Path) -> Path:
        copy = self._new()
        for file in folder.glob("*.feed"):
            shutil.copyfile(file, copy / file.name)
        return copy


def _damaged(data: bytes, part: float) -> bytes:
    """A file that is cut off, or has a hole: of two changes, the later one was written.

    Raises:
        BrokenFileError: It cannot be read as it is.
    """
    file = FeedFileReader(data)
    for _ in file.rows():
        pass
    changes = len([*file.changes()])
    if part < 0.5 or changes < 2:
        return data[: int(2 * part % 1 * len(data)) or 1]
    at = int((2 * part - 1) * (changes - 1))
    return data[: file.ends[at]] + data[file.ends[at + 1] :]
