"""How much a client may take: connections, time, memory, rates."""
