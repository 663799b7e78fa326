"""A list kept live with Python's gql, in the lines that the README shows."""

# The README shows what begins here
import asyncio
from collections.abc import Callable
from typing import Any

from gql import Client, GraphQLRequest
from gql.transport.exceptions import TransportConnectionFailed

CHANGES = """
    subscription($where: PolicyFilter, $since: String) {
      policyChanges(where: $where, since: $since) {
        ... on FeedState { cursor status }
        ... on PolicyAdded { cursor policy { id name } }
        ... on PolicyUpdated { cursor policy { id name } }
        ... on PolicyDeleted { cursor policyId }
      }
    }
"""


async def keep_live(
    client: Client,
    where: dict[str, Any],
    policies: dict[str, Any],
    on_change: Callable[[dict[str, Any]], None],
    wait_s: float = 1,
) -> None:
    """Keep the policies by their ids, until cancelled; a lost connection is taken up again."""
    since = None
    while True:
        try:
            async with client as session:
                variables = {"where": where, "since": since}
                request = GraphQLRequest(CHANGES, variable_values=variables)
                async for result in session.subscribe(request):
                    match change := result["policyChanges"]:
                        case {"status": "INITIALIZING"}:
                            policies.clear()
                        case {"policy": policy}:
                            policies[policy["id"]] = policy
                        case {"policyId": key}:
                            del policies[key]
                    since = change["cursor"]
                    on_change(change)
        except (TransportConnectionFailed, TimeoutError):
            await asyncio.sleep(wait_s)


# The README shows what ends here
