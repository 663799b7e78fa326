"""Jobs: their fields of `Mutation`."""

from __future__ import annotations

from typing import Annotated, Final, TypeAlias

import strawberry

from graphql_api.errors import DatabaseError, JobNotFinishedError, TableMissingError
from graphql_api.feeds.archive import Relation, WantedValue
from graphql_api.feeds.events import FeedStatus
from graphql_api.feeds.part import TablePart
from graphql_api.feeds.table import Document
from graphql_api.schema.context import Context, Info
from graphql_api.schema.described import argument
from graphql_api.schema.writing import failed_write, not_found
from graphql_api.tables.job import FINISHED, JOBS

JobKey: TypeAlias = Annotated[strawberry.ID, argument("The job's key.")]

RESPONSES_AT_ONCE: Final = 500
"""How many responses one query deletes: a few tenths of a second of a database's time."""

_IS_FINISHED: Final = WantedValue(
    "run_state", Relation.ONE_OF, frozenset(state.value for state in FINISHED)
)


async def delete_job(info: Info, id: JobKey) -> strawberry.ID | None:  # noqa: A002
    """Delete a job that is finished: its responses, some at a time, and the job last.

    A job whose responses are partly gone is still there, and finished: deleting it again goes on.

    Raises:
        JobNotFinishedError: It may still crawl.
        NotFoundError: There is no such job.
        WriteError: It was not deleted, or may not have been.
    """
    context = info.context
    try:
        await _check(context, id)
        try:
            while await context.store.delete_some(
                "response", "job_sync", id, limit=RESPONSES_AT_ONCE
            ):
                await context.turns.take()
        except TableMissingError:
            pass  # nothing has been crawled into this database
        feed = context.feeds[JOBS]
        with feed.expect(id) as expected:
            old = await _check(context, id)
            # A feed receives no change outside of its window, where queries read the database.
            may_be_held = feed.status is FeedStatus.INITIALIZING or feed.get(id) is not None
            if not await context.store.delete_if(JOBS.name, id, _IS_FINISHED):
                await _check(context, id)
            if may_be_held:
                await expected.is_seen(old, None, context.feed_wait_s)
    except DatabaseError as error:
        raise failed_write(error) from error
    return id


async def _check(context: Context, key: str) -> Document:
    """The job, which is there, and finished."""
    part = TablePart(without=JOBS.without)
    found = (
        await context.store.read(JOBS.name, [key], part)
        if JOBS.key_kind.stored(key) is not None
        else []
    )
    if not found:
        raise not_found(JOBS)
    state = found[0].get("run_state")
    if not isinstance(state, str) or state not in _IS_FINISHED.value:
        raise JobNotFinishedError(
            "the job is not finished: cancel it in Starbelly before you delete it"
        )
    return found[0]


@strawberry.type
class JobMutation:
    """Fields of `Mutation`."""

    delete_job: strawberry.ID | None = strawberry.mutation(
        resolver=delete_job,
        description=(
            "Deletes a job that is completed or cancelled, and its responses; returns its key. Any "
            "other is the error JOB_NOT_FINISHED. The responses go first, some at a time, which "
            "may take minutes; the job is the last. If it fails half-way, call it again."
        ),
    )
