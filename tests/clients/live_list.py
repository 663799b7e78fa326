"""A list kept live with Python's gql."""

import asyncio
import logging
from collections.abc import Callable
from ssl import SSLEOFError, SSLError
from typing import Any

from gql import Client, GraphQLRequest
from gql.transport.exceptions import TransportConnectionFailed
from gql.transport.websockets import WebsocketsTransport
from websockets.exceptions import ConnectionClosed, InvalidMessage, InvalidStatus

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


def client_of(url: str, token: str | None = None) -> Client:
    """A client that reads rows of any length; by default it closes at a message above 1 MiB."""
    credentials = {} if token is None else {"authorization": f"Bearer {token}"}
    return Client(
        transport=WebsocketsTransport(
            url, init_payload=credentials, connect_args={"max_size": None}
        )
    )


def may_pass(error: BaseException | None) -> bool:
    """Whether the next attempt may succeed: the network failed, or the server restarts."""
    match error:
        case TransportConnectionFailed():
            return error.__cause__ is None or may_pass(error.__cause__)
        case ConnectionClosed():
            close = error.rcvd or error.sent  # neither, if the connection was cut
            return close is None or close.code in {1001, 1011, 1012, 1013, 4408}
        case InvalidStatus():
            return error.response.status_code in {429, 500, 502, 503, 504}
        case InvalidMessage():
            return may_pass(error.__cause__)
        case SSLError():  # a certificate that is not trusted, or no TLS at all
            return isinstance(error, SSLEOFError)
    return isinstance(error, OSError | EOFError)  # a TimeoutError is an OSError


async def keep_live(
    client: Client,
    where: dict[str, Any],
    policies: dict[str, Any],
    on_change: Callable[[dict[str, Any]], None],
    wait_s: float = 1,
) -> None:
    """Keep the policies by their ids until cancelled, and reconnect when the connection is lost.

    Raises:
        TransportError: An error that a new attempt cannot cure, such as a refused token.
    """
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
        except (TransportConnectionFailed, TimeoutError) as error:
            if not may_pass(error):
                raise
            logging.warning("connecting again: %r", error.__cause__ or error)
        await asyncio.sleep(wait_s)
