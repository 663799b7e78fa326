"""Responses: what the crawler has downloaded, by job. Their rows, their kinds and their table.

Starbelly writes a response's row, then counts it in its job: `item_count` of a job that has ended
as usual is the number of its rows. A crawler that is killed between the two, or a job that is
cancelled there, leaves one row more than it counts.

Source: starbelly/storage.py (`CrawlStorage.run`) and starbelly/db.py (`CrawlStorageDb`).
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from enum import Enum
from typing import Final

import strawberry

from graphql_api.feeds.table import Document
from graphql_api.log_feeds.log import Owner
from graphql_api.log_feeds.source import LogLayout
from graphql_api.masking import mask_password, mask_passwords_in
from graphql_api.schema.changes import invalid_fields
from graphql_api.schema.context import Info
from graphql_api.schema.document import Fields
from graphql_api.schema.log_declaration import LogDeclaration
from graphql_api.schema.packed_pairs import PackedPairs
from graphql_api.schema.sequence_number import SequenceNumber
from graphql_api.schema.stored import key, stored
from graphql_api.store import BodyLayout

_FINISHED: Final = ("completed", "cancelled", "deleted")
_WITH_URLS: Final = frozenset({"LOCATION", "CONTENT-LOCATION", "REFRESH"})


@strawberry.enum(description="What came of a download.")
class ResponseKind(Enum):
    """The kinds by which Starbelly pages responses."""

    SUCCESS = strawberry.enum_value("SUCCESS", description="An answer with a status of 200 to 299.")
    ERROR = strawberry.enum_value("ERROR", description="An answer with another status.")
    EXCEPTION = strawberry.enum_value("EXCEPTION", description="No answer: the download failed.")


@strawberry.type(description="A header of an HTTP response.")
class ResponseHeader:
    """Two items of `headers`."""

    name: str = strawberry.field(description="Its name, as it is stored: in upper case.")
    value: str = strawberry.field(description="Its value.")


def _kind(fields: Fields, _: str) -> ResponseKind:
    if fields.has("exception"):
        return ResponseKind.EXCEPTION
    is_success = fields.boolean("is_success", served_as="kind")
    return ResponseKind.SUCCESS if is_success else ResponseKind.ERROR


def _headers(fields: Fields, name: str) -> Sequence[ResponseHeader] | None:
    """The pairs of a flat list: NAME, value, NAME, value."""
    pairs = fields.pairs(name, _masked)
    return None if pairs is None else PackedPairs(pairs, _header)


def _masked(name: str, value: str) -> tuple[str, str]:
    mask = mask_password if name.upper() in _WITH_URLS else mask_passwords_in
    return name, mask(value)


def _header(name: str, value: str) -> ResponseHeader:
    return ResponseHeader(name=name, value=value)


def _exception(fields: Fields, name: str) -> str | None:
    text = fields.string(name)
    return None if text is None else mask_passwords_in(text)


def _has_body(fields: Fields, name: str) -> bool:
    return fields.binary(name, served_as="has_body") is not None


def read_body_url(root: strawberry.Parent[Response], info: Info) -> str | None:
    """A link to the stored body, for the client that asks."""
    if not root.has_body:
        return None
    return info.context.links.signed(f"responses/{root.sequence}/body")


@strawberry.type(description="What came of one download of a job. It never changes.")
class Response:
    """A row of the response log."""

    sequence: SequenceNumber = key(
        "Its number, and its key: it grows over all jobs. A higher one was downloaded later, or at "
        "the same time."
    )
    job_id: strawberry.ID | None = stored("The key of the job.")
    url: str | None = stored("The URL that was asked for, its password masked.", read=Fields.url)
    canonical_url: str | None = stored(
        "The URL by which the crawler knows it, its password masked.", read=Fields.url
    )
    started_at: datetime | None = stored("When the download began.")
    completed_at: datetime | None = stored("When the download ended.")
    duration_s: float | None = stored("How long it took, in seconds.", name="duration")
    cost: float | None = stored("What the URL cost, by the rules of the job's policy.")
    kind: ResponseKind = stored("What came of it.", name="exception", read=_kind)
    status_code: int | None = stored("The status of the HTTP response.")
    content_type: str | None = stored("The media type, as the server has sent it.")
    headers: Sequence[ResponseHeader] | None = stored(
        "The headers, in their order; passwords of URLs in them are masked.", read=_headers
    )
    exception: str | None = stored(
        "Why there is no answer, as the crawler has noted it; passwords of URLs in it are masked.",
        read=_exception,
    )
    has_body: bool = stored(
        "Whether it says which stored body it has. That may be missing for a moment after the "
        "response was written.",
        name="body_id",
        read=_has_body,
    )
    invalid_fields: Sequence[str] = invalid_fields()
    id: strawberry.ID = key("The same as `sequence`, as text, for caches.")
    body_url: str | None = strawberry.field(
        resolver=read_body_url,
        description=(
            "Where the stored body can be downloaded, relative to this API's URL; null, if there "
            "is none. A link needs no header, and is valid for 10 minutes, as long as the token "
            "by which it was asked for is: ask again for another one."
        ),
    )


def job_as_owner(document: Document) -> Owner:
    """Read the state that a job gives its responses: whether more may come."""
    return Owner(
        is_finished=document.get("run_state") in _FINISHED,
        rows=Fields(document, []).integer("item_count"),
    )


RESPONSES = LogDeclaration(
    Response,
    ResponseKind,
    lambda response: response.kind,
    layout=LogLayout(
        table="response",
        key="sequence",
        partition="job_id",
        index="job_sync",
        owner="job",
        owner_fields=("run_state", "item_count"),
    ),
    plural="responses",
    owner="job",
    owner_of=job_as_owner,
)

BODIES = BodyLayout(
    table="response",
    partition="job_id",
    owner="job",
    body_key="body_id",
    type="content_type",
    body_table="response_body",
    content="body",
    is_compressed="is_compressed",
)
"""A body is shared by responses with equal ones, and its row is written behind theirs."""
