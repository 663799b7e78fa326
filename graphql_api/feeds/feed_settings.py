"""The settings of a feed, and how it divides its work into turns."""

from __future__ import annotations

from graphql_api.settings.feeds import TableSettings

STEPS_IN_A_ROW = 64
"""How many documents are decoded or changes applied at most before everything else has a turn."""

APPLY_TURN_S = 0.012
"""How long that takes at most, in seconds. What is applied in one turn is sent to each client by
one write, and is executed in one go for a client with a filter of its own. Timers and what arrives
may wait for two turns: the next one is under way before the event loop looks for them."""


class FeedSettings(TableSettings):
    """The settings for tables, and those of a feed that no setting changes.

    Attributes:
        queue_limit: How many changes a subscriber holds one by one before it merges them: no fewer
            than are applied before it has its turn, or every flood would be merged.
        self_check_confirm_s: How long a change may take from the database to here, on a machine
            that has far too much to do: documents that differ are read again after it.
    """

    queue_limit: int = STEPS_IN_A_ROW
    self_check_confirm_s: float = 10.0
