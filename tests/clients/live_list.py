"""A list kept live with Python's gql, in the lines that the README shows."""

# The README shows what begins here
import asyncio
from collections.abc import Callable
from typing import Any

from gql import Client, GraphQLRequest
from gql.transport.exceptions import TransportConnectionFailed

CHANGES = """
    subscription($since: String) {
      policyChanges(since: $since) {
        ... on PolicyAdded { cursor policy { id name } }
        ... on PolicyUpdated { cursor policy { id name } }
        ... on PolicyDeleted { cursor policyId }
        ... on FeedState { cursor status }
      }
    }
"""


async def keep_live(
    client: Client, policies: dict[str, Any], on_change: Callable[[], None], wait_s: float = 1
) -> None:
    """Keep the policies by their ids, until cancelled; a lost connection is taken up again."""
    since = None
    while True:
        try:
            async with client as session:
                request = GraphQLRequest(CHANGES, variable_values={"since": since})
                async for result in session.subscribe(request):
                    match result["policyChanges"]:
                        case {"status": "INITIALIZING"}:
                            policies.clear()
                        case {"policy": policy}:
                            policies[policy["id"]] = policy
                        case {"policyId": key}:
                            del policies[key]
                    since = result["policyChanges"]["cursor"]
                    on_change()
        except TransportConnectionFailed:
            await asyncio.sleep(wait_s)


# The README shows what ends here
