"""Settings of `serve`: what one connection, or one address, may use."""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field

from graphql_api.settings.settings_group import About, SettingsGroup


class ConnectionSettings(SettingsGroup):
    """Numbers of connections and operations, processor time, waiting times and sizes."""

    about: ClassVar = About(
        "what one connection or address may use", "--max-connections-per-address 20"
    )

    connection_init_timeout_s: float = Field(
        default=3.0,
        gt=0,
        description="how long a new WebSocket may take to send connection_init, in seconds",
    )
    max_subscriptions: int = Field(
        default=100, ge=1, description="how many subscriptions a connection may have at a time"
    )
    max_queries: int = Field(
        default=100,
        ge=1,
        description="how many queries and mutations a connection may have at a time",
    )
    sse_keep_alive_s: float = Field(
        default=12.0,
        gt=0,
        description="how often the server sends a comment into an event stream (SSE), so that "
        "proxies see that it is alive, in seconds",
    )
    max_operations_per_s: float = Field(
        default=100.0,
        gt=0,
        description="how many operations a connection may begin in a second, in the long run; "
        "after a pause, as many at once as it may have at a time",
    )
    max_cpu_per_connection: float = Field(
        default=0.5,
        gt=0,
        description="how much of one processor a connection may use in the long run; after that"
        " its operations wait, at most --max-cpu-wait-s",
    )
    max_cpu_per_address: float = Field(
        default=0.5,
        gt=0,
        description="how much of one processor all connections of one address may use together in "
        "the long run; loopback addresses and trusted proxies are not limited",
    )
    cpu_burst_s: float = Field(
        default=5.0,
        gt=0,
        description="how many seconds of a processor a connection, or an address, may use at once "
        "after a pause",
    )
    max_cpu_wait_s: float = Field(
        default=10.0,
        ge=0,
        description="how long an operation may wait for the processor before the server refuses"
        " it with RATE_LIMITED, in seconds",
    )
    max_connections: int = Field(
        default=10_000,
        ge=1,
        description="how many connections there may be, if the system allows as many open "
        "files; beyond them only a few probes are answered",
    )
    max_connections_per_address: int = Field(
        default=1000,
        ge=1,
        description="how many connections, and how many requests and WebSockets, one address may "
        "have at a time; loopback addresses and trusted proxies are not counted",
    )
    request_timeout_s: float = Field(
        default=10.0,
        gt=0,
        description="how long a request may take to arrive, a new connection to begin a "
        "request, and a TLS handshake to complete, in seconds",
    )
    keep_alive_s: float = Field(
        default=75.0,
        ge=0,
        description="how long the server keeps an idle HTTP connection, in seconds; it should "
        "be longer than clients and proxies keep theirs, so that they do not send a"
        " request while the server closes; 0 closes each connection after its "
        "answer",
    )
    send_timeout_s: float = Field(
        default=10.0,
        gt=0,
        description="how long a client may read nothing before the server cuts it off, in seconds",
    )
    send_buffer_bytes: int = Field(
        default=65_536,
        ge=4096,
        description="how much the kernel may buffer for each socket, in bytes; a large buffer "
        "hides a client that has stopped reading",
    )
    compress_messages: bool = Field(
        default=True,
        description="compress the changes that are sent over WebSockets, once for all equal "
        "subscriptions, for clients that offer it, as every browser does",
    )
    max_message_bytes: int = Field(
        default=1_048_576,
        ge=1024,
        description="longest WebSocket message, and the most that the messages of one "
        "WebSocket's running operations may have together, in bytes; a longer "
        "message is an error of its operation",
    )
    max_body_bytes: int = Field(
        default=4_194_304,
        ge=1024,
        description="longest body of an HTTP request, in bytes: an operation that is too long for "
        "a WebSocket can be sent by HTTP",
    )
    shutdown_grace_s: int = Field(
        default=5,
        ge=0,
        description="how long a shutdown may take to close the clients' connections, in seconds",
    )

    @property
    def operation_burst(self) -> float:
        """How many operations a connection may begin at once, after a pause."""
        return max(self.max_operations_per_s, self.max_subscriptions + self.max_queries)
