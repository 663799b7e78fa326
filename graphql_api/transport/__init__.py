"""How clients reach the schema: graphql-transport-ws, HTTP, and what both have in common."""
