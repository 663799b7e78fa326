"""A change on its way from the database's socket to a client's: its files, and its forms."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any

import graphql_api
from graphql_api.execution import result_json
from graphql_api.execution.scheduler import Scheduler
from graphql_api.feeds.events import RowChange
from graphql_api.feeds.source import DocumentChange
from graphql_api.feeds.subscriber import Subscriber
from graphql_api.feeds.view import ViewChange
from graphql_api.tables import TABLES
from tests.server.client import Client
from tests.server.database import Writer
from tests.server.operations import POLICIES, until_seen

ROOT = Path(graphql_api.__file__).parent
ARCHITECTURE = ROOT.parent / "docs" / "architecture.md"

MAX_FILES = 12
(UPDATED,) = (table.changes.updated for table in TABLES if table.name == POLICIES.table)
FORMS = (DocumentChange, RowChange, ViewChange, UPDATED)
"""What a change is, one after the other, before it is bytes."""
MAKES = {
    (form.__new__ if issubclass(form, tuple) else form.__init__).__code__: form.__name__
    for form in FORMS
}
"""What makes each: of a named tuple, `__new__`."""
PUT_IN_A_QUEUE = (Subscriber.on_change, Scheduler.enqueue)
BYTES = result_json.execution_result
SERVES = Scheduler._turn
"""What writes to the sockets of clients; the driver writes to that of the database."""


class Followed:
    """Where a change has been: the functions of the package that were under way at its stations.

    A station is where it is given another form, put in a queue, or written to a socket.
    """

    def __init__(self) -> None:
        self.forms: list[str] = []
        self.files: set[str] = set()
        self._codes = {function.__code__ for function in (*PUT_IN_A_QUEUE, BYTES)}

    def profile(self, frame: FrameType, event: str, argument: Any) -> None:
        """Take note of a call, as `sys.setprofile` tells it."""
        if event == "call" and frame.f_code in self._codes:
            self._note(frame)
        elif event == "call" and frame.f_code in MAKES:
            made = MAKES[frame.f_code]
            if made not in self.forms:
                self.forms.append(made)
                self._note(frame)
        elif (
            event == "c_call"
            and getattr(argument, "__name__", "") == "send"
            and SERVES.__code__ in {caller.f_code for caller in _stack(frame)}
        ):
            self._note(frame)

    def _note(self, frame: FrameType) -> None:
        files = (Path(caller.f_code.co_filename) for caller in _stack(frame))
        self.files.update(
            file.relative_to(ROOT).as_posix() for file in files if file.is_relative_to(ROOT)
        )


def _stack(frame: FrameType | None) -> Iterator[FrameType]:
    while frame is not None:
        yield frame
        frame = frame.f_back


@contextmanager
def followed() -> Iterator[Followed]:
    """What happens to the one change that is made inside."""
    path = Followed()
    sys.setprofile(path.profile)
    try:
        yield path
    finally:
        sys.setprofile(None)


async def test_change_passes_few_files_which_the_architecture_lists(
    client: Client, writer: Writer
) -> None:
    await writer.insert("policy", {"id": "p", "name": "old"})
    await until_seen(client, POLICIES, "p")
    operation = await client.subscribe(POLICIES.subscription)
    await operation.until_status("READY")
    with followed() as path:
        await writer.update("policy", "p", {"name": "new"})
        event = await operation.change()
    assert event["__typename"] == UPDATED.__name__
    assert path.forms == [form.__name__ for form in FORMS]
    assert len(path.files) <= MAX_FILES
    _, _, rest = ARCHITECTURE.read_text().partition("## A change, from socket to socket")
    section, _, _ = rest.partition("\n## ")
    assert set(re.findall(r"`graphql_api/(\S+\.py)`", section)) == path.files
