"""The streams that a client has not read to the end, by token.

An ordinary stream answers each CONTINUE at once. A changefeed holds it until there is data, or
until STOP, which answers whatever is held with an empty sequence.

Source: src/rdb_protocol/query_cache.cc.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from graphql_api.embedded import frames
from graphql_api.embedded.document_changefeed import Pipeline
from graphql_api.embedded.errors import ReqlError

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable, Iterator

    from graphql_api.embedded.batching import BatchSpec, ReplyBatch
    from graphql_api.embedded.datum import Datum
    from graphql_api.embedded.document_changefeed import UnopenedChangefeed


class OpenStream(Protocol):
    """A stream or a changefeed that a client's token stands for."""

    def continue_(self) -> None:
        """Answer a CONTINUE, now or once there is something to send."""
        ...

    def close(self) -> int:
        """Free everything, and return how many CONTINUEs are not answered yet."""
        ...


class OpenSequence:
    """A stream with an end.

    Args:
        rows: Its rows.
        spec: How it is cut into batches.
        reply: Sends a response for its token.
        finished: Is called when the last batch was sent.
    """

    def __init__(
        self,
        rows: Iterator[Datum],
        spec: BatchSpec,
        reply: Callable[[bytes], None],
        finished: Callable[[], None],
    ) -> None:
        self._rows = rows
        self._spec = spec
        self._reply = reply
        self._finished = finished
        self._first = True
        # The row after the batch is read with it: a batch has to say whether it is the last.
        self._next: list[Datum] = []

    def continue_(self) -> None:
        """Send a batch.

        Raises:
            ReqlError: A row fails; the stream has ended.
        """
        batch = self._spec.batch(first=self._first)
        self._first = False
        for row in self._next:
            batch.add(row)
        self._next.clear()
        for row in self._rows:
            if batch.full:
                self._next.append(row)
                break
            batch.add(row)
        complete = not self._next
        self._reply(frames.stream(batch.rows, (), complete=complete))
        if complete:
            self._finished()

    def close(self) -> int:
        """Forget the rows."""
        self._rows = iter(())
        return 0


class OpenChangefeed:
    """A changefeed.

    Args:
        source: What it is about.
        spec: How it is cut into batches.
        loop: Keeps the time for `squash`.
        reply: Sends a response for its token.
        finished: Is called when it ends by itself.
    """

    def __init__(
        self,
        source: UnopenedChangefeed,
        spec: BatchSpec,
        loop: asyncio.AbstractEventLoop,
        reply: Callable[[bytes], None],
        finished: Callable[[], None],
    ) -> None:
        self._feed = source.make()
        self._pipeline = Pipeline(source.stages)
        self._spec = spec
        self._loop = loop
        self._reply = reply
        self._finished = finished
        self._held = 0
        self._first = True
        self._filled_batch = False
        self._not_before = 0.0
        self._timer: asyncio.TimerHandle | None = None

    def open(self) -> None:
        """Start to follow the table, and answer START at once.

        Raises:
            ReqlError: What comes after `changes` fails; the feed has ended.
        """
        self._feed.open()
        self._feed.on_data = self._deliver
        self._held = 1
        self._send()

    def continue_(self) -> None:
        """Answer a CONTINUE, now or once there is something to send."""
        self._held += 1
        squash_s = self._feed.options.squash_s
        if squash_s and not self._filled_batch:
            self._not_before = self._loop.time() + squash_s
            self._start_timer()
        self._deliver()

    def _start_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self._loop.call_at(self._not_before, self._on_timer)

    def _on_timer(self) -> None:
        self._timer = None
        self._not_before = 0.0
        self._deliver()

    def _deliver(self) -> None:
        """Answer the CONTINUE that is held, if there is something to say."""
        if self._timer is not None and not self._feed.nearly_full:
            return  # more changes may come to be squashed
        # Again and again: a batch of which nothing is shown answers no CONTINUE.
        while self._held and self._feed.has_data:
            self._send()

    def _send(self) -> None:
        first, self._first = self._first, False
        batch = self._spec.batch(first=first)
        try:
            self._fill(batch)
        except ReqlError as error:
            self._held -= 1
            self._reply(frames.error(error))
            self._finished()
            return
        self._filled_batch = batch.full
        complete = self._pipeline.exhausted
        if not (batch.rows or first or complete):
            return  # all that there was concerned nothing that is shown
        self._held -= 1
        self._reply(frames.stream(batch.rows, self._feed.notes, complete=complete))
        if complete:
            self._finished()

    def _fill(self, batch: ReplyBatch) -> None:
        def sink(row: Datum) -> None:
            for result in self._pipeline.push(row):
                batch.add(result)

        self._feed.next_batch(batch, sink)

    def close(self) -> int:
        """Stop following the table."""
        self._feed.close()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        held, self._held = self._held, 0
        return held


class StreamCache:
    """The open streams of one connection."""

    def __init__(self) -> None:
        self._streams: dict[int, OpenStream] = {}

    def __len__(self) -> int:
        return len(self._streams)

    def __contains__(self, token: int) -> bool:
        return token in self._streams

    def add(self, token: int, stream: OpenStream) -> None:
        """Add a stream."""
        self._streams[token] = stream

    def get(self, token: int) -> OpenStream | None:
        """Return a stream, `None` if the token is not in the cache."""
        return self._streams.get(token)

    def remove(self, token: int) -> int:
        """Close a stream, and return how many CONTINUEs it held; removing it again does nothing."""
        stream = self._streams.pop(token, None)
        return 0 if stream is None else stream.close()

    def close(self) -> None:
        """Close all streams."""
        for token in list(self._streams):
            self.remove(token)
