"""Files of the pages: compressed once, and served with the same strict headers.

Sources: RFC 9110, 8.8.3 (each encoding of a file has an ETag of its own), 12.5.3 (Accept-Encoding)
and 13.1.2 (If-None-Match).
"""

from __future__ import annotations

import gzip
import re
from collections.abc import Mapping
from hashlib import sha256

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from graphql_api.headers import joined_lines

_LEVEL = 6
_WORTH = 0.9
"""A file is kept compressed if that makes it smaller than this part of it."""

_GZIP = re.compile(r"(?:^|,)\s*(?:x-)?gzip\s*(?:;\s*q=([0-9.]+)\s*)?(?=,|$)", re.IGNORECASE)
_ANY = re.compile(r"(?:^|,)\s*\*\s*(?:;\s*q=([0-9.]+)\s*)?(?=,|$)")


def page_headers(policy: str, cache_control: str) -> dict[str, str]:
    """The headers of every response that belongs to a page.

    Args:
        policy: The page's Content-Security-Policy, beside what holds for all: no other site may put
            the page into a frame, send its forms elsewhere, or change what its links are relative
            to.
        cache_control: How long the response may be kept.
    """
    return {
        "content-security-policy": (
            f"{policy}; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
        ),
        "cache-control": cache_control,
        "referrer-policy": "no-referrer",
        "x-content-type-options": "nosniff",
    }


def redirect(path: str, target: str, headers: Mapping[str, str]) -> Route:
    """A route that leads to another, with a page's headers."""
    return Route(path, RedirectResponse(target, headers=dict(headers)))


class StaticFile:
    """A file in memory, in the one form that takes less room.

    Making one compresses its content; a client that takes no gzip gets it decompressed, which is
    cheap and seldom.

    Args:
        content: Its bytes.
        media_type: Its type.
        headers: More headers of each response, as `page_headers` makes them.
    """

    def __init__(self, content: bytes, media_type: str, headers: Mapping[str, str]) -> None:
        compressed = gzip.compress(content, _LEVEL, mtime=0)
        self._is_compressed = len(compressed) < _WORTH * len(content)
        self._content = compressed if self._is_compressed else content
        self._media_type = media_type
        self._headers = dict(headers)
        self._digest = sha256(content).hexdigest()[:32]

    async def respond(self, request: Request) -> Response:
        """The response to a GET or HEAD of this file: 200, or 304 to a client that has it."""
        headers = dict(self._headers)
        etag, content = f'"{self._digest}"', self._content
        if self._is_compressed:
            headers["vary"] = "Accept-Encoding"
            if accepts_gzip(joined_lines(request.headers, "accept-encoding")):
                headers["content-encoding"] = "gzip"
                etag = f'"{self._digest}-gzip"'
        headers["etag"] = etag
        if _is_known(etag, joined_lines(request.headers, "if-none-match")):
            headers.pop("content-encoding", None)
            return Response(status_code=304, headers=headers)
        if self._is_compressed and "content-encoding" not in headers:
            content = await run_in_threadpool(gzip.decompress, content)
        return Response(content, 200, headers, self._media_type)


def accepts_gzip(accept_encoding: str) -> bool:
    """Whether a client that sends this header can read gzip."""
    found = _GZIP.search(accept_encoding) or _ANY.search(accept_encoding)
    if found is None:
        return False
    try:
        return float(found[1] or 1) > 0
    except ValueError:
        return False


def _is_known(etag: str, if_none_match: str) -> bool:
    known = [part.strip().removeprefix("W/") for part in if_none_match.split(",")]
    return etag in known or known == ["*"]
