"""The end of what listens, without the loss of a connection that comes in that moment."""

from __future__ import annotations

import asyncio

_STEPS = 3
"""A connection that was accepted gets a transport, then its protocol, then that one's task."""


async def stop_listening(listener: asyncio.Server) -> None:
    """Close a listener once all that it has accepted has come through.

    asyncio accepts a connection in one step of its loop and gives it a transport in the next one.
    If the listener is closed between them, that fails (in Python 3.11 to 3.13 at least): nothing
    hears of the connection or closes it, and its client waits for an answer as long as the program
    runs. So the last connection is accepted first, and the listener is closed some steps later.

    The protocols may still be called in these steps.
    """
    loop = asyncio.get_running_loop()
    for sock in listener.sockets:
        loop.remove_reader(sock)
    try:
        for _ in range(_STEPS):
            await asyncio.sleep(0)
    finally:
        listener.close()
