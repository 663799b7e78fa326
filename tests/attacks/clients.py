"""How attackers speak: each client is a generator that yields the label of each answer.

A client goes on for as long as it is asked for another answer. An error of the connection ends it;
the one who runs it begins another.
"""

from __future__ import annotations

import http.client
import itertools
import json
import math
import os
import socket
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from typing import Any
from uuid import UUID

from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect
from websockets.typing import Subprotocol

from tests.attacks.target import TIMEOUT_S, Target
from tests.conformance import raw_websocket
from tests.starbelly_numbers import Request

Session = Callable[[Target], Iterator[str]]
Body = Callable[[Target, int], bytes]
"""Makes the body of a request, of its number."""

_CODE = b'"code":"'


def posts(body: Body, headers: Mapping[str, str] | None = None) -> Session:
    """A client that POSTs one request after the other on one connection."""

    def session(target: Target) -> Iterator[str]:
        with closing(target.http()) as connection:
            for number in itertools.count():
                sent = target.headers() | dict(headers or {})
                connection.request("POST", "/graphql", body(target, number), sent)
                yield _answer(connection)

    return session


def gets(path: Callable[[Target, int], str], *, accept_encoding: str = "gzip") -> Session:
    """A client that GETs; of each answer it keeps the beginning."""

    def session(target: Target) -> Iterator[str]:
        with closing(target.http()) as connection:
            for number in itertools.count():
                headers = target.headers() | {"Accept-Encoding": accept_encoding}
                connection.request("GET", path(target, number), headers=headers)
                response = connection.getresponse()
                data = response.read(1000)
                while response.read(1_000_000):
                    pass
                yield f"{response.status}{_code(data)}"

    return session


def _answer(connection: http.client.HTTPConnection) -> str:
    response = connection.getresponse()
    return f"{response.status}{_code(response.read())}"


def _code(data: bytes) -> str:
    """The first `code` of an answer, as part of a label."""
    code = data.partition(_CODE)[2].partition(b'"')[0].decode()
    return f" {code}" if code else ""


def event_streams(body: Body) -> Session:
    """A client that opens event streams, reads the beginning of each, and leaves it."""

    def session(target: Target) -> Iterator[str]:
        for number in itertools.count():
            with closing(target.http()) as connection:
                headers = target.headers() | {"Accept": "text/event-stream"}
                connection.request("POST", "/graphql", body(target, number), headers)
                response = connection.getresponse()
                response.read(200)
                yield str(response.status)

    return session


def _parts(sock: socket.socket, size: int) -> Iterator[bytes]:
    """What a client is sent that takes so many bytes in each tenth of a second."""
    while part := sock.recv(size):
        time.sleep(0.1)
        yield part


def slow_readers(body: Body) -> Session:
    """A client that asks for a lot, and takes 4 KB of it in each tenth of a second."""

    def session(target: Target) -> Iterator[str]:
        for number in itertools.count():
            with target.socket() as sock:
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
                sent = body(target, number)
                sock.sendall(_head(target, "POST", f"Content-Length: {len(sent)}") + sent)
                label = sock.recv(4096)[9:12].decode()
                yield f"{label} begun"
                for _ in _parts(sock, 4096):
                    yield "4 KB"

    return session


def slow_sockets(body: Body, queries: int) -> Session:
    """A client that begins so many queries on a WebSocket, and takes 4 KB in a tenth of a second.

    Args:
        body: Makes the payload of each query.
        queries: How many begin at once.
    """

    def session(target: Target) -> Iterator[str]:
        with target.socket() as sock:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            yield _shake_hands(sock, target, "/graphql", "graphql-transport-ws")
            sock.sendall(raw_websocket.text('{"type":"connection_init"}'))
            for number in range(queries):
                payload = body(target, number).decode()
                sock.sendall(
                    raw_websocket.text(
                        f'{{"type":"subscribe","id":"{number}","payload":{payload}}}'
                    )
                )
            for _ in _parts(sock, 4096):
                yield "4 KB"
            yield "closed"

    return session


def slow_syncs(job: UUID, streams: int) -> Session:
    """A client of Starbelly's protocol that follows a job so many times, and takes 0.6 MB/s."""

    def session(target: Target) -> Iterator[str]:
        with target.socket() as sock:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65_536)
            yield _follow(sock, target, job, streams)
            for _ in _parts(sock, 65_536):
                yield "64 KB"
            yield "closed"

    return session


def syncs_beside_slow_ones(job: UUID, slow: int, body_bytes: int) -> Session:
    """So many slow clients that follow a job, and a fast one, which says when it has a body.

    The fast one comes when all others follow, and makes a new connection for each body.
    """
    numbers = itertools.count()
    follow_slowly = slow_syncs(job, 1)
    following = threading.Semaphore(0)

    def session(target: Target) -> Iterator[str]:
        if next(numbers) < slow:
            while True:
                following_slowly = follow_slowly(target)
                yield next(following_slowly)  # the handshake
                following.release()
                yield from following_slowly
        for _ in range(slow):
            following.acquire()
        while True:
            with target.socket() as sock:
                began_s = time.monotonic()
                _follow(sock, target, job, 1)
                left = body_bytes
                while left > 0 and (part := sock.recv(1_000_000)):
                    left -= len(part)
                yield f"a body within {math.ceil(time.monotonic() - began_s)} s"

    return session


def _follow(sock: socket.socket, target: Target, job: UUID, streams: int) -> str:
    """Follow a job so many times; returns the status of the handshake."""
    status = _shake_hands(sock, target, "/starbelly")
    for number in range(streams):
        asked = {"job_id": job.bytes}
        request = Request(request_id=number, subscribe_job_sync=asked).SerializeToString()
        sock.sendall(bytes([0x82, 0x80 | len(request), 0, 0, 0, 0]) + request)
    return status


def _shake_hands(sock: socket.socket, target: Target, path: str, subprotocol: str = "") -> str:
    """Open a WebSocket; returns the status."""
    headers = ["Upgrade: websocket", "Connection: Upgrade", "Sec-WebSocket-Version: 13"]
    headers.append("Sec-WebSocket-Key: MDEyMzQ1Njc4OTAxMjM0NQ==")
    if subprotocol:
        headers.append(f"Sec-WebSocket-Protocol: {subprotocol}")
    sock.sendall(_head(target, "GET", *headers, path=path))
    return sock.recv(4096)[9:12].decode()


def raw(*parts: Callable[[Target, int], bytes], reads: bool = True) -> Session:
    """A client that opens a TCP connection for each request, and sends bytes."""

    def session(target: Target) -> Iterator[str]:
        for number in itertools.count():
            with target.socket() as sock:
                for part in parts:
                    sock.sendall(part(target, number))
                yield sock.recv(65536)[9:12].decode() or "closed" if reads else "sent"

    return session


def idle(sent: Callable[[Target, int], bytes], at_once: int) -> Session:
    """A client that keeps many connections, each with the beginning of something."""

    def session(target: Target) -> Iterator[str]:
        held: list[socket.socket] = []
        try:
            for number in itertools.count():
                sock = target.socket()
                held.append(sock)
                sock.sendall(sent(target, number))
                if len(held) > at_once:
                    held.pop(0).close()
                    time.sleep(0.01)
                yield "opened"
        finally:
            for sock in held:
                sock.close()

    return session


def handshakes(target: Target) -> Iterator[str]:
    """A client that does nothing but TLS handshakes."""
    context = target.tls_context()
    assert context is not None, "the attack is against a server with a certificate"
    while True:
        with target.socket() as sock, context.wrap_socket(sock):
            yield "handshake"


def trailers(target: Target) -> Iterator[str]:
    """A client whose chunked request ends with trailers that do not end."""
    while True:
        with target.socket() as sock:
            body = b"2\r\n{}\r\n0\r\n"
            sock.sendall(_head(target, "POST", "Transfer-Encoding: chunked") + body)
            line = b"x-trailer: " + b"a" * 8000 + b"\r\n"
            sock.settimeout(0.001)
            for _ in range(1000):
                try:
                    sock.sendall(line)
                    label = sock.recv(100)[9:12].decode() or "closed"
                except TimeoutError:
                    yield "8 KB"
                    continue
                yield label
                break


def web_socket(talk: Callable[[Target, ClientConnection], Iterator[str]]) -> Session:
    """A client on a WebSocket that is acknowledged."""

    def session(target: Target) -> Iterator[str]:
        with opened(target) as sock:
            sock.send('{"type":"connection_init"}')
            yield str(json.loads(sock.recv(TIMEOUT_S))["type"])
            yield from _until_closed(sock, talk(target, sock))

    return session


def unknown_socket(talk: Callable[[Target, ClientConnection], Iterator[str]]) -> Session:
    """A client on a WebSocket that has not said who it is."""

    def session(target: Target) -> Iterator[str]:
        with opened(target) as sock:
            yield from _until_closed(sock, talk(target, sock))

    return session


def _until_closed(sock: ClientConnection, talk: Iterator[str]) -> Iterator[str]:
    try:
        yield from talk
    except ConnectionClosed:
        yield f"close {sock.close_code}"


def opened(target: Target) -> ClientConnection:
    """A WebSocket after its handshake."""
    headers = {name: text for name, text in target.headers().items() if name != "Content-Type"}
    return connect(
        f"{'wss' if target.is_tls else 'ws'}://{target.address}/graphql",
        ssl=target.tls_context(),
        subprotocols=[Subprotocol("graphql-transport-ws")],
        additional_headers=headers,
        max_size=None,
        ping_interval=None,
        compression=None,
        open_timeout=TIMEOUT_S,
        close_timeout=1,
        proxy=None,
    )


def operations(
    payload: Callable[[Target, int], dict[str, Any]], at_once: int
) -> Callable[[Target, ClientConnection], Iterator[str]]:
    """Begins so many operations at once, takes the first answer of each, and ends them all."""

    def talk(target: Target, sock: ClientConnection) -> Iterator[str]:
        numbers = itertools.count()
        while True:
            waiting = {str(next(numbers)) for _ in range(at_once)}
            for name in waiting:
                message = {"type": "subscribe", "id": name, "payload": payload(target, int(name))}
                sock.send(json.dumps(message))
            left = set(waiting)
            while left:
                text = sock.recv(TIMEOUT_S)
                data = text.encode() if isinstance(text, str) else text
                message = json.loads(data)
                if message.get("id") in left:
                    left.discard(message["id"])
                    yield f"{message['type']}{_code(data)}"
            for name in waiting:
                sock.send(json.dumps({"type": "complete", "id": name}))

    return talk


def floods(
    messages: Callable[[], Sequence[str | bytes | Iterator[bytes]]],
) -> Callable[[Target, ClientConnection], Iterator[str]]:
    """Sends messages as fast as they are taken; what comes back is read now and then."""

    def talk(_: Target, sock: ClientConnection) -> Iterator[str]:
        sent = messages()
        while True:
            for message in sent:
                sock.send(message)
                yield "sent"
            try:
                while True:
                    sock.recv(0)
            except TimeoutError:
                pass

    return talk


def fragments() -> Iterator[bytes]:
    """A message in as many fragments as it has bytes."""
    return iter([b"x"] * 2000)


def control_pings(_: Target, sock: ClientConnection) -> Iterator[str]:
    """Sends pings of the WebSocket protocol."""
    while True:
        sock.ping(os.urandom(100))
        yield "sent"


def _head(target: Target, method: str, *more: str, path: str = "/graphql") -> bytes:
    headers = [f"{name}: {text}" for name, text in target.headers().items()]
    lines = [f"{method} {path} HTTP/1.1", f"Host: {target.address}", *headers, *more, "", ""]
    return "\r\n".join(lines).encode()
