"""How the results of one operation are sent to its client."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator

from graphql_api.execution.responder import Framing
from graphql_api.execution.runner import Results
from graphql_api.limits.answer_memory import LARGE_BYTES, Answers
from graphql_api.limits.cpu_budget import CPUBudgets
from tests.fault.clock import some_steps
from tests.simulation.loop import SimulatedLoop
from tests.unit.execution.toy import FakeResponder, FakeSink

SIZE = LARGE_BYTES + 1
TOOK_S = 10.0


class SlowSink(FakeSink):
    """One whose client takes what is written after a while."""

    def write_text(self, text: bytes) -> None:
        super().write_text(text)
        self.room = False


class EndingResponder(FakeResponder):
    """One of an operation that has an end."""

    def complete(self) -> None:
        """Write nothing."""


def test_connection_that_took_a_large_answer_slowly_is_slow_for_its_next_operation() -> None:
    async def payload() -> AsyncGenerator[bytes]:
        yield bytes(SIZE)

    async def main() -> None:
        answers, sink = Answers(), SlowSink()
        budget = CPUBudgets().of({"client": ("192.0.2.1", 1)})
        sending = Results(payload()).send(EndingResponder(sink, Framing(), budget), answers)
        task = asyncio.create_task(sending)
        await some_steps()
        loop = asyncio.get_running_loop()
        assert isinstance(loop, SimulatedLoop)
        for _ in range(2):  # it is seen to wait for its client, and then takes so long
            loop._now_s += TOOK_S
            await some_steps()
        sink.make_room()
        await task
        assert budget.taker.address == "192.0.2.1"
        assert budget.taker.rate < 2 * SIZE / TOOK_S

    with asyncio.Runner(loop_factory=SimulatedLoop) as runner:
        runner.run(main())
