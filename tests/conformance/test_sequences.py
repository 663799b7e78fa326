"""This server and the reference server say the same, but where `differences` says otherwise."""

from __future__ import annotations

import asyncio
import logging
import os
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Any

import pytest
import pytest_asyncio

from tests.conformance.conversation import Conversation
from tests.conformance.differences import DIFFERENCES
from tests.conformance.raw_websocket import raw_websocket
from tests.conformance.sequences import MAX_MESSAGE_BYTES, MAX_OPERATIONS, SEQUENCES, Sequence
from tests.conformance.servers import (
    INIT_TIMEOUT_S,
    OurServer,
    Server,
    our_server,
    reference_server,
)
from tests.database_servers import DatabaseServer
from tests.server.running import settings_for

pytestmark = pytest.mark.asyncio(loop_scope="module")


@dataclass(frozen=True)
class Servers:
    """This server, and the reference server."""

    ours: OurServer
    reference: Server


@pytest.fixture(scope="module")
def no_settings_for_the_module() -> Iterator[None]:
    """As the fixture that each test has, for what lives longer than one."""
    with pytest.MonkeyPatch.context() as patch:
        for name in list(os.environ):
            if name.startswith("GRAPHQL_API_"):
                patch.delenv(name)
        yield


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def servers(
    packages: None, no_settings_for_the_module: None, database_server: DatabaseServer
) -> AsyncIterator[Servers]:
    database = database_server.new_name()
    await database_server.create(database)
    async with AsyncExitStack() as stack:
        settings = settings_for(
            database,
            connection_init_timeout_s=INIT_TIMEOUT_S,
            max_message_bytes=MAX_MESSAGE_BYTES,
            max_subscriptions=MAX_OPERATIONS,
            max_queries=MAX_OPERATIONS,
            graphiql=False,
        )
        ours = await stack.enter_async_context(our_server(settings))
        reference = await stack.enter_async_context(
            reference_server(max_message_bytes=MAX_MESSAGE_BYTES)
        )
        yield Servers(ours, reference)
    database_server.drop(database)


async def heard(server: Server, sequence: Sequence) -> tuple[str, list[tuple[str, Any]]]:
    """What a server answers: the words, and the payloads."""
    async with raw_websocket(
        server.host, server.port, sequence.subprotocols, sequence.headers
    ) as socket:
        assert socket.extensions is None or sequence.headers, "compression has been offered"
        conversation = Conversation(socket, server.end_init_time)
        for step in sequence.steps:
            await step(conversation)
        if not conversation.is_over:
            await conversation.fence()
        if not conversation.is_over:
            conversation.words.append("open")
        words, payloads = conversation.words, conversation.payloads
    if sequence.is_interleaved:
        words.sort(key=_operation)
        payloads.sort(key=lambda payload: payload[0])
    return ", ".join(words), payloads


def _operation(word: str) -> tuple[bool, str]:
    """The id of a message; what is not one of an operation goes to the beginning or the end."""
    first, _, rest = word.partition(" ")
    is_of_operation = first in ("next", "error", "complete")
    return first in ("open", "close", "cut", "silence"), rest[:1] if is_of_operation else ""


@pytest.mark.parametrize(
    "sequence",
    [pytest.param(sequence, id=sequence.name) for sequence in SEQUENCES],
)
async def test_sequence_is_answered_as_by_the_reference_server(
    sequence: Sequence, servers: Servers, caplog: pytest.LogCaptureFixture
) -> None:
    (our_words, our_payloads), (their_words, their_payloads) = await asyncio.gather(
        heard(servers.ours, sequence), heard(servers.reference, sequence)
    )
    assert their_words == sequence.expected, "of the reference server"
    difference = DIFFERENCES.get(sequence.name)
    if difference is None:
        assert our_words == their_words
        assert our_payloads == their_payloads
    else:
        assert our_words != their_words, "a difference that is listed is one no more"
        assert our_words == difference.words
    await servers.ours.until_only()
    logged = [record for record in caplog.records if record.levelno >= logging.WARNING]
    assert bool(logged) == sequence.fails, [record.getMessage() for record in logged]


async def test_names_are_unique_and_there_are_enough() -> None:
    counts = Counter(sequence.name for sequence in SEQUENCES)
    assert max(counts.values()) == 1
    assert len(counts) >= 60
    assert counts.keys() >= DIFFERENCES.keys()
    assert all(difference.reason for difference in DIFFERENCES.values())
