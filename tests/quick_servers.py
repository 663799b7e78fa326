"""Servers that start and stop quickly: a suite starts a thousand of them in one process.

None of it changes what a server does. Made once is what each would make alike; and uvicorn, which
looks ten times a second whether it is to end, and waits as long three times when it does, looks
more often; so does what looks each second whether a file has changed. Clients of httpx, of which
there are more, share what they know of certificates.
"""

from __future__ import annotations

import asyncio
import copy
import functools
import gzip
import hashlib
import json
import types
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any
from unittest import mock

import httpx
import httpx._transports.default as httpx_transport
import uvicorn.server
from starlette.routing import BaseRoute

from graphql_api import app, static_files, watched_file
from graphql_api.live import live_routes
from graphql_api.schema import APISchema, TableDeclaration, build_schema
from graphql_api.schema.errors import CodeValidationErrors
from graphql_api.schema.forbidden import ForbidEarly

_TIMES_AS_OFTEN = 20
_POLL_S = watched_file._POLL_S

# A pure function, and the dearest one: each login at a database computes it twice.
hashed = functools.lru_cache(maxsize=256)(hashlib.pbkdf2_hmac)


# It reads every certificate authority of the world, which takes 30 ms.
_tls_of_clients = functools.cache(httpx.create_ssl_context)


# Of the pages and the client package, which are made and compressed for each server.
_MADE_OF_DECLARATIONS = ("changes_tab", "client_routes", "log_tab", "page_tables")
_compressed = functools.lru_cache(maxsize=256)(gzip.compress)


@functools.cache
def _live_routes(tables: str, *, graphiql: bool) -> Sequence[BaseRoute]:
    return live_routes(json.loads(tables), graphiql=graphiql)


def _shared_live_routes(tables: Sequence[Any], *, graphiql: bool) -> list[BaseRoute]:
    return [*_live_routes(json.dumps(tables), graphiql=graphiql)]


@functools.cache
def _schema(tables: Sequence[TableDeclaration[Any]], **options: Any) -> APISchema:
    return build_schema(tables, **options)


def shared_schema(
    tables: Sequence[TableDeclaration[Any]], *, extensions: Sequence[Any] = (), **options: Any
) -> APISchema:
    """What `build_schema` makes; the types are those of all other servers in this process."""
    schema = copy.copy(_schema(tables, **options))
    schema.extensions = (CodeValidationErrors, ForbidEarly, *extensions)
    return schema


async def _sleep(seconds: float) -> None:
    await asyncio.sleep(seconds / _TIMES_AS_OFTEN)


@contextmanager
def quick_servers() -> Iterator[None]:
    """Let the servers of this process be quick."""
    attentive = types.SimpleNamespace(**{**vars(asyncio), "sleep": _sleep})
    compressing = types.SimpleNamespace(**{**vars(gzip), "compress": _compressed})
    with ExitStack() as stack:
        stack.enter_context(mock.patch.object(app, "build_schema", shared_schema))
        for name in _MADE_OF_DECLARATIONS:
            made = functools.cache(getattr(app, name))
            stack.enter_context(mock.patch.object(app, name, made))
        stack.enter_context(mock.patch.object(app, "live_routes", _shared_live_routes))
        stack.enter_context(mock.patch.object(watched_file, "_POLL_S", _POLL_S / _TIMES_AS_OFTEN))
        stack.enter_context(mock.patch.object(static_files, "gzip", compressing))
        stack.enter_context(
            mock.patch.object(httpx_transport, "create_ssl_context", _tls_of_clients)
        )
        stack.enter_context(mock.patch.object(uvicorn.server, "asyncio", attentive))
        stack.enter_context(mock.patch.object(hashlib, "pbkdf2_hmac", hashed))
        yield


@contextmanager
def usual_looks() -> Iterator[None]:
    """Let servers look as often as they usually do: on a simulated clock no look is waited for."""
    with (
        mock.patch.object(watched_file, "_POLL_S", _POLL_S),
        mock.patch.object(uvicorn.server, "asyncio", asyncio),
    ):
        yield
