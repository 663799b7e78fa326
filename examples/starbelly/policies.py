"""Prints the policies and each change of them, over Starbelly's own protocol.

An argument names the module with the message classes: `starbelly_pb2` is Starbelly's.
"""

import os
import sys
from importlib import import_module
from typing import Any
from uuid import UUID

import trio
from trio_websocket import open_websocket_url

URL = os.environ.get("STARBELLY_URL", "ws://127.0.0.1:8000/starbelly")
MESSAGES = sys.argv[1] if sys.argv[1:] else "graphql_api.protocols.starbelly.starbelly_pb2"


async def main(messages: Any) -> None:
    """Subscribe to the list of policies, and print what comes."""
    async with open_websocket_url(URL) as socket:
        request = messages.Request(request_id=1)
        request.subscribe_policy_list.SetInParent()
        await socket.send_message(request.SerializeToString())
        response = messages.ServerMessage.FromString(await socket.get_message()).response
        if not response.is_success:
            sys.exit(response.error_message)
        while True:
            event = messages.ServerMessage.FromString(await socket.get_message()).event
            if event.HasField("subscription_closed"):
                sys.exit(event.subscription_closed.message)
            policy = event.policy_event
            kind = {1: "added", 2: "updated", 3: "deleted"}[policy.event_type]
            print(f"Policy {kind}: {policy.name} ({UUID(bytes=policy.policy_id)})", flush=True)


if __name__ == "__main__":
    trio.run(main, import_module(MESSAGES))
