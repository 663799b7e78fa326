"""Limit on how many long answers are made at the same time.

```
 operation ──▶ short ───────────────────▶ long ──▶ made ──▶ sent, see `answer_memory`
               until a long list,         one of 4 places of its kind,
               many root fields, or       one of its connection
               many rows to be read
```

What is complete of an answer takes memory until all of it is. Operations take turns, so a hundred
of them would hold a hundred answers, each of which is nearly complete; and the first of them would
be complete as late as the last.

There are 4 places for answers that are made of rows in memory, and 4 for those whose rows are read
from the database. So the server goes on to make the former while the database does not answer.

The next place goes to the address that got one longest ago, and there to the operation that came
first. An address has one place of each kind at a time, unless it has no limits. However many wait,
all get one as long as the places change hands.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Hashable
from dataclasses import dataclass

from graphql_api.errors import AbandonedError, OverBudgetError
from graphql_api.limits.address_turns import AddressTurns
from graphql_api.limits.cpu_budget import ClientBudget
from graphql_api.turns import Turns

PLACES = 4
"""How many long answers are made at the same time; one of 1 000 whole rows takes 2 MB."""

_PLACES_OF_AN_ADDRESS = 1


def _refusal() -> OverBudgetError:
    return OverBudgetError(
        "the server is making as many long answers as it may; try again later, and ask for less at "
        "a time"
    )


@dataclass(slots=True, eq=False)
class _Waiting:
    address: Hashable | None
    turn: asyncio.Future[None]


class Places:
    """A number of places for long answers.

    Args:
        number: How many there are.
        max_wait_s: How long one waits for its place while no other answer gets one.
    """

    def __init__(self, number: int, max_wait_s: float) -> None:
        self._free = number
        self._given = 0
        self._max_wait_s = max_wait_s
        self._taken: Counter[Hashable] = Counter()  # of each address that has limits
        self._turns = AddressTurns()
        self._waiting: list[_Waiting] = []  # in the order of arrival

    async def take(self, address: Hashable | None) -> None:
        """Wait for a place, as long as answers get places.

        Raises:
            OverBudgetError: No answer got one for too long.
        """
        waiting = _Waiting(address, asyncio.get_running_loop().create_future())
        self._waiting.append(waiting)
        self._let_in()
        given = -1
        try:
            while not waiting.turn.done() and given != self._given:
                given = self._given
                await asyncio.wait([waiting.turn], timeout=self._max_wait_s)
        except asyncio.CancelledError:
            if waiting.turn.done():
                self.give_back(address)
            raise
        finally:
            if not waiting.turn.done():
                self._waiting.remove(waiting)
        if not waiting.turn.done():
            raise _refusal()

    def give_back(self, address: Hashable | None) -> None:
        """Give back the place of an answer."""
        self._free += 1
        if address is not None:
            self._taken[address] -= 1
            if not self._taken[address]:
                del self._taken[address]
        self._let_in()

    def _let_in(self) -> None:
        while self._free:
            may = (each for each in self._waiting if self._may_enter(each.address))
            first = min(may, key=lambda each: self._turns.last_of(each.address), default=None)
            if first is None:
                return
            self._waiting.remove(first)
            self._free -= 1
            self._given += 1
            if first.address is not None:
                self._taken[first.address] += 1
            self._turns.note(first.address)
            first.turn.set_result(None)

    def _may_enter(self, address: Hashable | None) -> bool:
        return address is None or self._taken[address] < _PLACES_OF_AN_ADDRESS


class LongAnswers:
    """The long answers that one server is making.

    Attributes:
        made: The places of those that are made of rows in memory.
        read: The places of those whose rows are read from the database.

    Args:
        places: How many it makes at the same time, of either kind.
        max_wait_s: How long one waits for its place while no other answer gets one.
    """

    def __init__(self, *, places: int = PLACES, max_wait_s: float = 10.0) -> None:
        self.made = Places(places, max_wait_s)
        self.read = Places(places, max_wait_s)

    def of(self, budget: ClientBudget) -> LongAnswer:
        """The answer of one operation, which may become long.

        Args:
            budget: That of its client.
        """
        return LongAnswer(self, budget)


class LongAnswer:
    """The answer of one operation, which is made in turns, and may become long.

    Args:
        answers: The long answers of the server.
        budget: That of its client.
    """

    __slots__ = (
        *("_answers", "_budget", "_entering"),
        *("_held", "_is_long", "_is_made", "_refused"),
    )

    def __init__(self, answers: LongAnswers, budget: ClientBudget) -> None:
        self._answers = answers
        self._budget = budget
        self._is_long = False
        self._held: tuple[Places, ...] = ()
        self._refused: tuple[Places, ...] = ()
        self._is_made = False
        self._entering: asyncio.Lock | None = None

    def turns(self) -> Turns:
        """Divide the making of the answer into turns.

        A field that goes on although the answer is made ends with an AbandonedError.
        """
        return self._budget.turns(self._pause)

    def is_made(self) -> None:
        """Give back the places: the answer is complete, or has failed.

        Fields that are still being made end at their next pause: graphql-core lets them go on in
        the background, if the arguments of another field are wrong and the answer has no data.
        """
        self._is_made = True
        held, self._held = self._held, ()
        for places in held:
            places.give_back(self._budget.address)

    def close(self) -> None:
        """Let the connection make another long one: this one has been sent, or has failed."""
        self.is_made()
        if self._is_long:
            self._is_long = False
            self._budget.long_answer.release()

    async def begin(self) -> None:
        """Wait until the answer may become long.

        Raises:
            OverBudgetError: It would have to wait for too long.
            AbandonedError: The answer is made; it does not need what was to begin.
        """
        await self._enter(self._answers.made)

    async def read_many(self) -> None:
        """Wait until many rows may be read from the database: the answer is going to be long.

        Raises:
            OverBudgetError: It would have to wait for too long.
            AbandonedError: The answer is made; it does not need what is read.
        """
        await self._enter(self._answers.read)

    async def _pause(self) -> None:
        await self._budget.pause()
        self._end_if_made()

    def _needs(self, places: Places) -> bool:
        """Whether it has to wait for a place of these.

        An answer with a place of `read` needs none of `made`. It must not wait for one: an answer
        that has one of `made` may wait for one of `read`.
        """
        return not self._held if places is self._answers.made else places not in self._held

    async def _enter(self, places: Places) -> None:
        if not self._needs(places):
            return
        if self._entering is None:
            self._entering = asyncio.Lock()
        async with self._entering:  # its fields are made by tasks of their own
            await self._take(places)
        self._end_if_made()

    async def _take(self, places: Places) -> None:
        """Wait for what is not there yet; it is free again at once, if the answer is made then."""
        if not (self._is_long or self._is_made):
            await self._budget.long_answer.acquire()
            self._is_long = True
            if self._is_made:
                self.close()
        if self._needs(places) and not self._is_made:
            if places in self._refused:  # another field has waited
                raise _refusal()
            try:
                await places.take(self._budget.address)
            except OverBudgetError:
                self._refused += (places,)
                raise
            self._held += (places,)
            if self._is_made:
                self.is_made()

    def _end_if_made(self) -> None:
        if self._is_made:
            raise AbandonedError("the answer is complete without this field")
