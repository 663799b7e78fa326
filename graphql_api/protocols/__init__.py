"""The protocols of clients: graphql-transport-ws, event streams and plain HTTP."""
