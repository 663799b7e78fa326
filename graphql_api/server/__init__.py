"""Sockets: connections and their flow control, on uvicorn's server and HTTP protocol.

This folder alone imports uvicorn. docs/architecture.md lists what it uses of uvicorn's internals,
and why.
"""
