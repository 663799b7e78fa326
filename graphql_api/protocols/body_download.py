"""Stored bodies of responses, as downloads: `GET /responses/{sequence}/body`.

They are what strangers' servers have sent. So a body is never shown by a browser as if it came from
here: it is an attachment, whose type is not guessed, in a sandbox without scripts and origin.

A body is read part by part, as its client takes it, so that a huge one takes no memory. One that is
stored as gzip is passed on as it is to clients that accept gzip. For others it is inflated.
"""

from __future__ import annotations

import asyncio
import logging
import re
import zlib
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping
from contextlib import aclosing, asynccontextmanager
from typing import Final
from urllib.parse import parse_qsl

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from graphql_api.auth.authenticator import Authenticator
from graphql_api.auth.credentials import challenge
from graphql_api.auth.signed_links import LinkRefusedError, SignedLinks
from graphql_api.errors import DatabaseError, GraphQLAPIError, OverBudgetError, UnauthenticatedError
from graphql_api.headers import list_members
from graphql_api.limits.answer_memory import ANSWERS, LARGE_BYTES, NO_PLACE, Sending
from graphql_api.limits.cpu_budget import ClientBudget, CPUBudgets, charged
from graphql_api.limits.token_bucket import TokenBuckets, rate_limit_text
from graphql_api.protocols.inflater import Inflater
from graphql_api.scopes import Scope as Permission
from graphql_api.store import PART_BYTES, Bodies, StoredBody

log = logging.getLogger(__name__)

PATH: Final = "/responses/{sequence}/body"

_MAX_INFLATED_BYTES: Final = 1024 * 1024 * 1024
_MAX_READS: Final = 2
"""Of how many bodies parts are read at once."""
_MEDIA_TYPE = re.compile(r"[\w.+-]{1,80}/[\w.+-]{1,80}(?:; ?charset=[\w-]{1,40})?", re.ASCII)
_MAX_DIGITS: Final = 16
_NO_BODY: Final = "there is no stored body of this response"


class _RefusedError(GraphQLAPIError):
    """A request is refused, and gets no body."""

    def __init__(self, status: int, text: str, **headers: str) -> None:
        super().__init__(text)
        self.status = status
        self.headers = headers


class ResponseBodies:
    """An ASGI application that sends stored bodies.

    Args:
        bodies: Gives where they are read, while the server runs.
        links: Checks the links by which clients without a header come.
        access: Decides which other clients to serve.
        rates: How many requests a connection may make in a second.
        budgets: How much of the processor its bodies may take: a small one may inflate to a huge
            one.
    """

    def __init__(
        self,
        bodies: Callable[[], Bodies],
        links: SignedLinks,
        access: Authenticator,
        rates: TokenBuckets,
        budgets: CPUBudgets,
    ) -> None:
        self._bodies = bodies
        self._links = links
        self._access = access
        self._rates = rates
        self._budgets = budgets
        self._reads = asyncio.Semaphore(_MAX_READS)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, as ASGI has it."""
        try:
            budget = self._budgets.of(scope)
            await budget.pause()
            await charged(self._answer(scope, send, budget), budget)
        except OverBudgetError as error:
            response = _refusal(429, error, {"retry-after": "1"})
        except _RefusedError as error:
            response = _refusal(error.status, error, error.headers)
        except UnauthenticatedError as error:
            response = _refusal(401, error, {"www-authenticate": challenge(error)})
        except LinkRefusedError as error:
            response = _refusal(403, error, {})
        except DatabaseError as error:
            log.warning("a stored body could not be read: %s", error)
            text = "the database cannot be read now; try again later"
            response = _refusal(503, text, {"retry-after": "5"})
        else:
            return
        await response(scope, receive, send)

    async def _answer(self, scope: Scope, send: Send, budget: ClientBudget) -> None:
        sequence = self._sequence(scope)
        body = await self._bodies().find(sequence)
        await self._send(scope, send, sequence, body, budget)

    def _sequence(self, scope: Scope) -> int:
        """The sequence in the request, once the client has shown that it may read it."""
        if scope["method"] not in ("GET", "HEAD"):
            raise _RefusedError(405, "a body needs GET", allow="GET, HEAD")
        if not self._rates.take(scope.get("client")):
            raise _RefusedError(429, rate_limit_text(self._rates.per_s), **{"retry-after": "1"})
        text: str = scope["path_params"]["sequence"]
        query = dict(parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True))
        if "signature" in query:
            self._links.check(f"responses/{text}/body", query)
        elif Permission.READ not in self._access.principal(scope).scopes:
            raise _RefusedError(403, "this needs the scope read")
        if not (text.isascii() and text.isdecimal() and len(text) <= _MAX_DIGITS):
            raise _RefusedError(404, "there is no such response")
        return int(text)

    async def _send(
        self,
        scope: Scope,
        send: Send,
        sequence: int,
        body: StoredBody | None,
        budget: ClientBudget,
    ) -> None:
        if body is None:
            raise _RefusedError(404, _NO_BODY)
        takes_gzip = any(map(_is_gzip, list_members(scope["headers"], b"accept-encoding")))
        inflates = body.is_compressed and not takes_gzip
        headers = _headers(sequence, body, inflates=inflates)
        start = {"type": "http.response.start", "status": 200, "headers": headers}
        if scope["method"] == "HEAD":
            await send(start)
            await send({"type": "http.response.body", "body": b""})
            return
        inflater = Inflater(_MAX_INFLATED_BYTES) if inflates else None
        async with (
            _place(scope, body.size) as sending,
            aclosing(self._parts(body, inflater)) as parts,
        ):
            try:
                part = await anext(parts, b"")
            except zlib.error as error:
                raise _RefusedError(500, "the stored body is damaged") from error
            await send(start)
            turns = budget.listening_turns()
            try:
                while part:
                    await send({"type": "http.response.body", "body": part, "more_body": True})
                    if sending is not None:
                        sending.sent += len(part)
                    await turns.take()
                    await budget.settle()
                    part = await anext(parts, b"")
            except (zlib.error, _RefusedError, DatabaseError) as error:
                log.warning("the stored body of response %d ends too soon: %s", sequence, error)
                _cut_off(scope)
                return
            await send({"type": "http.response.body", "body": b""})

    async def _parts(self, body: StoredBody, inflater: Inflater | None) -> AsyncGenerator[bytes]:
        """The parts of a body as they are sent.

        Raises:
            _RefusedError: It is not there, or not any more.
            DatabaseError: The database cannot be read.
            zlib.error: It is no gzip, it ends too soon, or holds too much.
        """
        for begin in range(0, body.size, PART_BYTES):
            end = min(begin + PART_BYTES, body.size)
            async with self._reads:
                part = await self._bodies().part(body, begin, end)
            if part is None or len(part) != end - begin:
                raise _RefusedError(404, _NO_BODY)
            if inflater is None:
                for at in range(0, len(part), LARGE_BYTES):
                    yield part[at : at + LARGE_BYTES]
            else:
                for inflated in inflater.parts(part):
                    yield inflated
        if inflater is not None:
            inflater.end()


@asynccontextmanager
async def _place(scope: Scope, size: int) -> AsyncIterator[Sending | None]:
    """A place among the large answers of the server, for a body that is large."""
    offer = (scope.get("extensions") or {}).get(ANSWERS)
    if offer is None or size <= LARGE_BYTES:
        yield None
        return
    sending = await offer["answers"].begin(size, offer["cut_off"], taker=offer["taker_of"](scope))
    if sending is None:
        raise _RefusedError(503, NO_PLACE, **{"retry-after": "5"})
    try:
        yield sending
    finally:
        offer["answers"].end(sending)


def _cut_off(scope: Scope) -> None:
    """End the connection: the client must not take the body for whole."""
    offer = (scope.get("extensions") or {}).get(ANSWERS)
    if offer is not None:
        offer["cut_off"]()


def _is_gzip(member: bytes) -> bool:
    """Whether a member of Accept-Encoding means that the client takes gzip."""
    name, _, weight = member.partition(b";")
    takes_none = re.fullmatch(rb"\s*q=0(\.0*)?\s*", weight)
    return name.strip() in (b"gzip", b"x-gzip", b"*") and not takes_none


def _headers(sequence: int, body: StoredBody, *, inflates: bool) -> list[tuple[bytes, bytes]]:
    media_type = body.content_type or ""
    if not _MEDIA_TYPE.fullmatch(media_type):
        media_type = "application/octet-stream"
    headers = {
        "content-type": media_type,
        "content-disposition": f'attachment; filename="response-{sequence}"',
        "x-content-type-options": "nosniff",
        "content-security-policy": "sandbox; default-src 'none'",
        "cache-control": "no-store",
        "referrer-policy": "no-referrer",
        "vary": "accept-encoding",
    }
    if not inflates:
        headers["content-length"] = str(body.size)
        if body.is_compressed:
            headers["content-encoding"] = "gzip"
    return [(name.encode(), value.encode()) for name, value in headers.items()]


def _refusal(status: int, text: object, headers: Mapping[str, str]) -> Response:
    always = {"cache-control": "no-store", "x-content-type-options": "nosniff"}
    return Response(f"{text}\n", status, {**always, **headers}, "text/plain")
