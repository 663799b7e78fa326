"""Stories: what happens in a simulation, as data and in plain words.

Everything that an action needs is written into it: an action can be left out, and the others stay.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

LOSES_FEEDS = frozenset(
    {
        "database link cuts",
        "one-way cuts",
        "database kills",
        "database power cuts",
        "dropped tables",
        "queue overflows",
        "lost changes",
    }
)
"""What can make a feed lose its changefeed, or changes on it."""

MAKES_CLIENTS_SLOW = frozenset(
    {"client link cuts", "stalls", "slow readers", "bursts", "large documents", "small buffers"}
)
"""What can make the server merge changes for a client."""

FILLS_BUFFERS = frozenset({"stalls", "slow readers", "small buffers"})
"""With these, what waits for a client soon finds no room."""

OTHERS = frozenset(
    {
        "server kills",
        "server power cuts",
        "server stops",
        "client crashes",
        "client leaves",
        "odd documents",
        "going back",
        "short histories",
        "fragments",
        "two servers",
        "mutations",
        "pages",
        "tokens",
        "clock leaps",
        "unsubscribing",
        "bad cursors",
        "cursors of other filters",
    }
)
TROUBLES = (*sorted(LOSES_FEEDS), *sorted(MAKES_CLIENTS_SLOW), *sorted(OTHERS))


def shortened(text: str) -> str:
    """A text without the stuffing of large documents."""
    return re.sub(r"x{20,}", lambda match: f"<{len(match[0])} x>", text)


@dataclass(frozen=True, slots=True)
class Action:
    """One thing that happens at one time; the world has a method for each kind."""

    at_s: float
    kind: str
    details: dict[str, Any]

    def in_words(self) -> str:
        """The action in plain words."""
        words = shortened(_WORDS[self.kind].format(**self.details))
        if self.kind == "subscribe" and "every_ms" in self.details:
            words += f", every {self.details['every_ms']} ms"
        return f"{self.at_s:7.3f} s  {words}"


@dataclass(frozen=True, slots=True)
class Setting:
    """What does not change during a simulation.

    Attributes:
        tables: The names of the tables that there are, and that the servers serve.
        troubles: The kinds of trouble of this seed.
    """

    seed: int
    tables: tuple[str, ...]
    troubles: frozenset[str]
    clients: int
    latency_s: tuple[float, float]
    history_max_changes: int
    database_queue_size: int
    buffer_bytes: int
    queue_limit: int
    self_check_s: float
    client_latency_s: tuple[float, float]
    token_life_s: float
    job_window_s: float
    jobs: tuple[str, ...] = ()
    """The jobs whose responses are written and followed."""
    response_lag_s: float = 60.0
    starbelly: int = 0
    """How many clients of Starbelly's protocol there are, besides; their numbers come last."""
    keeps_state: bool = False
    """Whether each server has a folder in which its feeds outlive it."""
    has_two_nodes: bool = False
    """Whether the database has a second node, which nothing happens to."""
    transports: tuple[str, ...] = ()
    """How each client subscribes, if not all by WebSocket; empty for one that does."""

    @property
    def feeds_are_never_lost(self) -> bool:
        """Whether no feed has an outage; a restart is one for a feed that is kept."""
        has_outages = self.keeps_state or self.has_two_nodes
        return not self.troubles & LOSES_FEEDS and not has_outages

    @property
    def clients_are_never_slow(self) -> bool:
        return not self.troubles & MAKES_CLIENTS_SLOW

    @property
    def has_tokens(self) -> bool:
        return "tokens" in self.troubles

    @property
    def token_tolerance_s(self) -> float:
        """How late a token's end may be noticed: timers know nothing of a leap."""
        return 61.0 if "clock leaps" in self.troubles else 1.0

    @property
    def hosts(self) -> tuple[str, ...]:
        return ("api", "api2") if "two servers" in self.troubles else ("api",)


@dataclass(frozen=True, slots=True)
class Story:
    """A setting, and what happens in it, in order."""

    setting: Setting
    actions: tuple[Action, ...]

    def in_words(self) -> str:
        """The story in plain words."""
        setting = self.setting
        troubles = ", ".join(sorted(setting.troubles)) or "none"
        lines = [
            f"{setting.clients} clients, {len(setting.hosts)} servers",
            *([f"{setting.starbelly} more by Starbelly's protocol"] if setting.starbelly else []),
            f"tables: {', '.join(setting.tables)}; troubles: {troubles}",
            *(["the servers keep their state"] if setting.keeps_state else []),
            *(["the database has two nodes"] if setting.has_two_nodes else []),
            *(f"c{at} by {name}" for at, name in enumerate(setting.transports) if name),
            *([f"responses lag by {setting.response_lag_s:g} s at most"] if setting.jobs else []),
            *(action.in_words() for action in self.actions),
        ]
        return "\n".join(lines)


_WORDS = {
    "write": "somebody writes to {table}: {writes}",
    "burst": "somebody makes a burst of writes to {table}: {writes}",
    "subscribe": "client c{client} subscribes to {table} where {where} as {name} "
    "(rows first: {include_initial}; cursor in connection_init: {by_init})",
    "look": "client c{client} looks at a live page of {table} where {where} as {name}, {limit} "
    "rows from {offset} on by {order_by}, every {every_ms} ms (with policies: {with_policy})",
    "stop_looking": "client c{client} ends its live page number {which}",
    "watch_from_look": "client c{client} subscribes from the cursor of its live page number "
    "{which} as {name}",
    "unsubscribe": "client c{client} ends its subscription number {which}",
    "go_back": "client c{client} subscribes again from an earlier cursor (subscription {which}, "
    "cursor at {part:.2f} of {of})",
    "page": "client c{client} queries a page of {table} where {where}, and subscribes from its "
    "cursor as {name}",
    "other_filter": "client c{client} subscribes to the table of its subscription {which} with "
    "filter {place} and the cursor of that",
    "bad_cursor": "client c{client} subscribes with an altered cursor",
    "mutate": "client c{client} sets the login of {domain} to {url} by a mutation (none: deletes)",
    "cut": "the link {hosts} is cut ({ways} way) for {for_s} s",
    "crash_database": "the database is {how} for {for_s} s",
    "serve_no_tables": "the node db knows no table for {for_s} s",
    "crash_server": "the server {host} is {how} for {for_s} s",
    "stop_server": "the server {host} is stopped by SIGTERM, and started again after {for_s} s",
    "restart_server": "the server {host} is {how}, and started again after {for_s} s with {state} "
    "(at {part:.2f})",
    "crash_client": "client c{client} is {how} for {for_s} s",
    "leave": "client c{client} closes its socket (politely: {politely}), and comes back",
    "hop": "client c{client} closes its socket, and goes to the other server",
    "stall": "client c{client} reads nothing for {for_s} s",
    "read_slowly": "client c{client} reads only every {every_s} s, for {for_s} s",
    "drop": "the table {table} is dropped, and made again after {for_s} s",
    "lose_change": "the database loses the next change to {table} on its way to the changefeeds",
    "crawl": "responses of the job {job} are written, each after some seconds: {rows}",
    "set_job": "the job {job} is {state}, and counts {more} more responses than there are",
    "delete_job": "the job {job} is deleted, its responses first",
    "follow": "client c{client} follows the job {job} for {kinds} as {name} (cursor in "
    "connection_init: {by_init})",
    "unfollow": "client c{client} ends its following number {which}",
    "go_back_following": "client c{client} follows again from an earlier cursor ({which}, "
    "cursor at {part:.2f} of them)",
    "starbelly_list": "client c{client} subscribes to the list of {table} as {name}, by "
    "Starbelly's protocol (job status: every {min_interval} s)",
    "starbelly_sync": "client c{client} syncs the job {job} as {name}, by Starbelly's protocol",
    "starbelly_end": "client c{client} ends its stream number {which}",
    "starbelly_again": "client c{client} asks again for its stream number {which} (of a job: from "
    "its token at {part:.2f} of them)",
    "leap": "the clock of {host} leaps by {by_s} s",
}
