"""A partition's core by property: rows in any order, cuts, outages and slow readers.

The oracle is what the database holds. Each follower must give out every row once, and what it has
had before a cut, with what it is given after it, must be everything.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, field

from hypothesis import given
from hypothesis import strategies as st

from graphql_api.log_feeds.cursor import NOTHING, START, LogPlace
from graphql_api.log_feeds.evidence import Evidence
from graphql_api.log_feeds.follower import Follower, SettledPage
from graphql_api.log_feeds.window import LogWindow

BOUND = 10
"""Steps of time."""


@dataclass
class Reader:
    """A client: what it has, over all its connections, and the follower of this one."""

    follower: Follower | None = None
    place: LogPlace = START
    had: set[int] = field(default_factory=set)
    given: list[int] = field(default_factory=list)
    """In this connection."""
    asked: tuple[int, int, list[int], int] | None = None
    """A page that is on its way: after, upto, what was there, and how long it takes."""


class Model:
    """A database, a partition that follows it as `Partition` does, and its readers."""

    def __init__(self, seed: int, readers: int) -> None:
        self.chance = random.Random(seed)
        self.now = 0
        self.next_sequence = 0
        self.hidden: dict[int, int] = {}
        """Rows that are written and not yet visible, and until when."""
        self.visible: set[int] = set()
        self.undelivered: list[int] = []
        # The first one who follows may have lied about where it stands.
        self.window = LogWindow(self.chance.choice((NOTHING, 12, 10**6)))
        self.evidence = Evidence(BOUND)
        self.unfilled: list[list[int]] = []
        self.verified = self.window.floor
        self.readers = [Reader() for _ in range(readers)]
        self.liars: list[Follower] = []
        self.begin_session()

    # The database.

    def write(self) -> None:
        self.next_sequence += self.chance.choice((1, 1, 2, 7))
        # A row is late by less than the bound, behind those that were written after it.
        self.hidden[self.next_sequence] = self.now + self.chance.choice((0, 0, 1, BOUND - 1))

    def show(self) -> None:
        for sequence, until in sorted(self.hidden.items()):
            if until <= self.now:
                del self.hidden[sequence]
                self.visible.add(sequence)
                self.undelivered.append(sequence)

    def read(self, after: int, upto: int, limit: int) -> tuple[list[int], int]:
        """Some rows, and up to where these are all."""
        rows = sorted(row for row in self.visible if after < row <= upto)
        return (rows, upto) if len(rows) < limit else (rows[:limit], rows[limit - 1])

    # The partition.

    def begin_session(self) -> None:
        """The changefeed begins, after an outage perhaps: what it has not delivered is lost."""
        self.undelivered.clear()
        self.evidence.forget()
        self.evidence.see(max(self.visible, default=NOTHING), at_s=self.now, epoch_ms=0)
        self.unfilled = [[self.window.floor, 10**9]]

    def deliver(self) -> None:
        for _ in range(self.chance.randint(0, 3)):
            if self.undelivered:
                self.window.add(self.undelivered.pop(0))

    def fill(self) -> None:
        if self.unfilled:
            part = self.unfilled[0]
            rows, reached = self.read(part[0], part[1], 3)
            for row in rows:
                self.window.add(row)
            part[0] = max(part[0], reached)
            self.unfilled = [part for part in self.unfilled if part[0] < part[1]]

    def settle(self) -> None:
        self.evidence.see(self.window.head, at_s=self.now, epoch_ms=0)
        if self.verified > self.window.floor:
            self.put_floor(self.verified, is_whole=True)
        final = self.evidence.settle(self.now)
        if final > self.window.floor:
            if any(after < final for after, _ in self.unfilled):
                for part in self.unfilled:
                    part[0] = max(part[0], final)
                self.unfilled = [part for part in self.unfilled if part[0] < part[1]]
                self.put_floor(final, is_whole=False)
            else:
                for row in self.read(self.window.floor, final, 10**9)[0]:
                    self.window.add(row)
            self.verified = final

    def put_floor(self, floor: int, *, is_whole: bool) -> None:
        settled = self.window.settle(floor, is_whole=is_whole)
        for reader in self.readers:
            if reader.follower is not None:
                reader.follower.on_settled(settled)
        for liar in self.liars:
            liar.on_settled(settled)

    # The readers.

    def join(self, reader: Reader) -> None:
        reader.follower = self.follow(reader.place, NOTHING)
        reader.given, reader.asked = [], None

    def lie(self) -> None:
        """Somebody joins with a cursor that claims anything."""
        line, seen = (self.chance.choice((NOTHING, 3, 20, 10**6)) for _ in range(2))
        self.liars.append(self.follow(LogPlace(line, self.chance.randint(0, 99)), seen))

    def follow(self, place: LogPlace, trusted: int) -> Follower:
        final = max(self.evidence.settle(self.now), trusted)
        if place.line < self.window.floor and final < self.window.floor:
            floor = max(place.line, final)
            self.unfilled.insert(0, [floor, self.window.floor])
            self.window.lower(floor)
            self.verified = floor
        return Follower(self.window, place, trusted=trusted)

    def cut(self, reader: Reader) -> None:
        reader.follower = None

    def pull(self, reader: Reader, most: int) -> bool:
        """Give out rows. Returns whether the reader has come to the end for now."""
        follower = reader.follower
        assert follower is not None
        if reader.asked is not None:
            after, upto, rows, steps = reader.asked
            if steps > 0:
                reader.asked = (after, upto, rows, steps - 1)
                return False
            reader.asked = None
            follower.take_page(SettledPage(after, upto, rows))
        for _ in range(most):
            sequence = follower.next()
            if sequence is None:
                if follower.wants_page:
                    rows, reached = self.read(follower.line, follower.upto, 3)
                    steps = self.chance.choice((0, 0, 2))
                    reader.asked = (follower.line, reached, rows, steps)
                    return False
                return not follower.is_reading
            assert follower.coming(1)[:1] == [sequence]
            follower.pass_row()
            assert sequence not in reader.given, "given out twice"
            reader.given.append(sequence)
            reader.had.add(sequence)
            reader.place = LogPlace(follower.line, follower.count)
            settled = {row for row in self.visible | set(self.hidden) if row <= follower.line}
            assert settled <= reader.had, "the cursor names what was not given out"
            assert follower.count == len(settled)
        return False

    def step(self, name: str) -> None:
        self.now += 1
        self.show()
        reader = self.chance.choice(self.readers)
        if name == "write":
            for _ in range(self.chance.randint(1, 4)):
                self.write()
        elif name == "cut":
            self.cut(reader)
        elif name == "outage":
            self.begin_session()
        elif name == "join":
            if reader.follower is None:
                self.join(reader)
        elif name == "pull":
            if reader.follower is not None:
                self.pull(reader, self.chance.choice((1, 5, 50)))
        elif name == "wait":
            self.now += BOUND // 2
            self.show()
        else:
            getattr(self, name)()

    def finish(self) -> None:
        """Let everything arrive."""
        for reader in self.readers:
            if reader.follower is None:
                self.join(reader)
        for _ in range(400):
            self.now += 1
            self.show()
            self.deliver()
            self.fill()
            self.settle()
            done = [self.pull(reader, 50) for reader in self.readers]
            is_quiet = not (self.hidden or self.undelivered or self.unfilled)
            if is_quiet and all(done):
                return
        raise AssertionError("it does not come to an end")


STEPS = st.sampled_from(
    [
        *("write", "write", "deliver", "fill", "settle", "pull", "pull"),
        *("join", "cut", "outage", "wait", "lie"),
    ]
)


@given(seed=st.integers(0, 2**32), steps=st.lists(STEPS, min_size=10, max_size=150))
def test_every_follower_has_every_row_once_and_nothing_is_lost_over_cuts(
    seed: int, steps: list[str]
) -> None:
    model = Model(seed, readers=3)
    for step in steps:
        model.step(step)
    model.finish()
    for reader in model.readers:
        assert reader.had == model.visible
        assert reader.follower is not None
        assert reader.follower.total == len(model.visible)
