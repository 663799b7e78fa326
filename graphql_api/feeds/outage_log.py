"""What the log says of feeds that are lost and found: each thing once, however many say it."""

from __future__ import annotations

import logging

log = logging.getLogger(__name__)


class OutageLog:
    """Tells the operator how the feeds stand.

    When a database goes away, every feed of it says the same; the operator hears it once. A feed
    that keeps trying says nothing until it has something new to say.
    """

    def __init__(self) -> None:
        self._reasons: dict[str, str] = {}

    def lost(self, table: str, error: Exception) -> None:
        """A feed is lost, or was still not found at another try."""
        reason = str(error)
        if reason not in self._reasons.values():
            log.warning("%s; trying again until it works", reason)
        self._reasons[table] = reason

    def ready(self, table: str, documents: int) -> None:
        """A feed is in step with its table."""
        self._reasons.pop(table, None)
        log.info("table %s: following %d documents", table, documents)
