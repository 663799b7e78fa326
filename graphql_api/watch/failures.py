"""What ends the command."""

from graphql_api.errors import GraphQLAPIError


class WatchError(GraphQLAPIError):
    """What ends the command: it would fail again in the same way.

    Its text is one line for the operator: what is wrong, and what to do.
    """
