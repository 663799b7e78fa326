"""Limits on clients: connections, processor time, memory and rates."""
