"""GraphQL documents of clients: parsed, validated, cached, and limited in size and cost."""
