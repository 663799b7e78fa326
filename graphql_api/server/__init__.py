"""Sockets: connections, flow control, and uvicorn around them."""
