"""The error that ends the command."""

from graphql_api.errors import GraphQLAPIError


class WatchError(GraphQLAPIError):
    """The command has failed, and would fail again in the same way.

    Its text is one line for the operator: what is wrong, and what to do.
    """
