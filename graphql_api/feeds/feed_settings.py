"""The settings of a feed, and how it divides its work into turns."""

from __future__ import annotations

from dataclasses import dataclass

from graphql_api.settings.feeds import TableSettings

STEPS_IN_A_ROW = 64
"""How many documents are decoded or changes applied at most before everything else has a turn."""

APPLY_TURN_S = 0.012
"""How long that takes at most, in seconds. What is applied in one turn is sent to each client by
one write, and is executed in one go for a client with a filter of its own. Timers and what arrives
may wait for two turns: the next one is under way before the event loop looks for them."""


_DEFAULT = TableSettings.defaults()


@dataclass(frozen=True, slots=True, kw_only=True)
class FeedSettings:
    """Settings of a feed: its history, its queues, and its retries.

    Attributes:
        history_max_changes: How many changes can be resumed from.
        history_max_bytes: How much memory they may take, about.
        queue_limit: How many changes a subscriber holds one by one before it merges them: no fewer
            than are applied before it has its turn, or every flood would be merged.
        backoff_first_s: How long to wait before the first new try.
        backoff_max_s: How long to wait at most; see `backoff`.
        self_check_s: How long to wait between two comparisons with the table; 0 for never.
        self_check_confirm_s: How long a change may take from the database to here, on a machine
            that has far too much to do: documents that differ are read again after it.
    """

    history_max_changes: int = _DEFAULT.history_max_changes
    history_max_bytes: int = _DEFAULT.history_max_bytes
    queue_limit: int = STEPS_IN_A_ROW
    backoff_first_s: float = _DEFAULT.reconnect_first_s
    backoff_max_s: float = _DEFAULT.reconnect_max_s
    self_check_s: float = _DEFAULT.self_check_s
    self_check_confirm_s: float = 10.0
