"""Messages of Starbelly's protocol, made of rows, and the framing of events."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any, TypeAlias
from uuid import UUID

from graphql_api.execution.parts import Parts
from graphql_api.execution.responder import Framing
from graphql_api.protocols.protobuf_fields import field
from graphql_api.protocols.starbelly import starbelly_pb2 as pb
from graphql_api.protocols.whole_bodies import Body
from graphql_api.tables.response import Response, ResponseKind

Say: TypeAlias = Callable[[str, str, Any], bytes]
"""Says what has happened to a row: ADDED, UPDATED or DELETED, its key, and its values, if known."""
Frame: TypeAlias = Callable[[int], Framing]
"""How the events of a subscription are framed, by its id."""


def uuid_bytes(key: str) -> bytes | None:
    """The 16 bytes of a key; None if it is no UUID as Starbelly writes them."""
    try:
        made = UUID(key)
    except ValueError:
        return None
    return made.bytes if str(made) == key else None


def policy(kind: str, key: str, row: Any) -> bytes:
    """A policy's change."""
    event = pb.PolicyEvent(event_type=kind, policy_id=uuid_bytes(key), name=row and row.name)
    return _body(policy_event=event)


def schedule(kind: str, key: str, row: Any) -> bytes:
    """A schedule's change."""
    name = row and row.schedule_name
    event = pb.ScheduleEvent(event_type=kind, schedule_id=uuid_bytes(key), schedule_name=name)
    return _body(schedule_event=event)


def domain_login(kind: str, key: str, _: Any) -> bytes:
    """A domain login's change."""
    return _body(domain_login_event=pb.DomainLoginEvent(event_type=kind, domain=key))


def sync_item(response: Response, token: bytes, body: Body) -> Parts:
    """A response of a job, with its body, which is not copied, and the token of what follows."""
    item = pb.CrawlResponse(
        is_compressed=None if body.content is None else body.is_compressed,
        completed_at=_time(response.completed_at),
        content_type=response.content_type,
        cost=response.cost,
        duration=response.duration_s,
        exception=response.exception,
        headers=[pb.Header(key=each.name, value=each.value) for each in response.headers or ()],
        is_success=response.kind is ResponseKind.SUCCESS,
        job_id=uuid_bytes(response.job_id or ""),
        started_at=_time(response.started_at),
        status_code=response.status_code,
        url=response.url,
        url_can=response.canonical_url,
    )
    content = () if body.content is None else (field(pb.CrawlResponse, "body", *body.content),)
    whole = field(pb.SyncItem, "item", item.SerializeToString(), *content)
    return field(pb.Event, "sync_item", whole, field(pb.SyncItem, "token", token))


def job(kind: str, key: str, row: Any) -> bytes:
    """A job as a `JobList` of one: a list of several is their bytes, one after the other."""
    if kind == "DELETED":
        made = pb.Job(job_id=uuid_bytes(key), run_state="DELETED")
    else:
        made = pb.Job(
            job_id=uuid_bytes(key),
            name=row.name,
            seeds=row.seeds,
            tags=row.tags,
            run_state=row.run_state and row.run_state.name,
            started_at=_time(row.started_at),
            completed_at=_time(row.completed_at),
            item_count=row.item_count,
            http_success_count=row.http_success_count,
            http_error_count=row.http_error_count,
            exception_count=row.exception_count,
            http_status_counts={
                each.status_code: each.count for each in row.http_status_counts or ()
            },
        )
    return pb.JobList(jobs=[made]).SerializeToString()


def _body(**body: Any) -> bytes:
    return pb.Event(**body).SerializePartialToString()


def _time(value: datetime | None) -> str | None:
    return None if value is None else value.isoformat()  # as Starbelly does


def one_by_one(id_: int) -> Framing:
    """The framing that makes a message of each body."""
    return Framing(frames=lambda bodies: [_message(id_, body) for body in bodies])


def in_lists(id_: int) -> Framing:
    """The framing that makes one message of all jobs that there are at a time."""
    return Framing(
        frames=lambda jobs: [_message(id_, field(pb.Event, "job_list", *jobs))], events_at_once=256
    )


def _message(id_: int, body: bytes | Parts) -> Parts:
    return field(pb.ServerMessage, "event", _body(subscription_id=id_), body)
