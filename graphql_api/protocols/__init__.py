"""graphql-transport-ws, event streams and plain HTTP."""
