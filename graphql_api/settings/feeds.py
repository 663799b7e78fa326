"""Settings of `serve`: what feeds hold in memory, and when they try again."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

from pydantic import Field

from graphql_api.settings.settings_group import About, SettingsGroup


class TableSettings(SettingsGroup):
    """The way tables are followed: waiting, history, the rows held, the repair of outages."""

    about: ClassVar = About(
        "how tables are followed", "--job-window 1.5 --history-max-changes 50000"
    )

    feed_wait_s: float = Field(
        default=5.0,
        ge=0,
        description="how long a query waits for a table's first snapshot, and a mutation until "
        "queries show what it wrote, in seconds",
    )
    history_max_changes: int = Field(
        default=10_000, ge=1, description="how many changes of each table can be resumed from"
    )
    history_max_bytes: int = Field(
        default=64 * 1024 * 1024,
        ge=1,
        description="how much memory these changes may take, in bytes for each table",
    )
    state: Path | None = Field(
        default=None,
        description="folder in which the rows and the changes of each table are kept, so that "
        "clients go on after this server was started again; each server needs one of its own. "
        "With the embedded database, by default, a folder beside its data",
        json_schema_extra={"metavar": "FOLDER"},
    )
    job_window: float = Field(
        default=7.0,
        gt=0,
        description="how long jobs that have ended are held in memory and followed, in days; "
        "queries read older ones from the database",
    )
    job_pace_s: float = Field(
        default=1.0,
        ge=0,
        description="how often clients are sent the changes of one job at most, in seconds; 0 for "
        "each change",
    )
    ready_stale_s: float = Field(
        default=60.0,
        ge=0,
        description="how long a table may be stale before /readyz answers 503, so that a proxy "
        "sends clients elsewhere, in seconds",
    )
    self_check_s: float = Field(
        default=300.0,
        ge=0,
        description="how long to wait between two comparisons of each feed with its table, in "
        "seconds; 0 for never",
    )
    response_lag_s: float = Field(
        default=60.0,
        gt=0,
        description="how long after a response of a job one with a lower sequence may become "
        "visible, in seconds; see docs/results.md",
    )
    reconnect_first_s: float = Field(
        default=0.1,
        ge=0,
        description="how long to wait before the first try to reconnect, in seconds",
    )
    reconnect_max_s: float = Field(
        default=10.0,
        ge=0,
        description="the longest time between two tries to reconnect, in seconds; in the first "
        "three minutes of an outage at most 2",
    )
