"""Log lines for feeds that are lost or ready again: each once, however many feeds are affected."""

from __future__ import annotations

import logging

from graphql_api.errors import DatabaseUnavailableError

log = logging.getLogger(__name__)


class OutageLog:
    """Logs for the operator which feeds are lost, and when they are ready again.

    When a database goes away, every feed of it says the same, first that its connection is lost and
    then at each try that there is none; the operator hears it once. Until a feed is ready again it
    has only something new to say when it fails for another kind of reason.
    """

    def __init__(self) -> None:
        self._said: dict[str, set[str]] = {}

    def lost(self, table: str, error: Exception) -> None:
        """Log that a feed is lost, or was still not found at another try."""
        # That the database is not there is one reason, whatever the text; others differ by theirs.
        reason = "unavailable" if isinstance(error, DatabaseUnavailableError) else str(error)
        if not any(reason in said for said in self._said.values()):
            log.warning("%s; trying again until it works", error)
        self._said.setdefault(table, set()).add(reason)

    def found(self, what: str) -> None:
        """Forget what was said of it: it is there again, or not wanted any more."""
        self._said.pop(what, None)

    def ready(self, table: str, documents: int) -> None:
        """Log that a feed is in step with its table."""
        self._said.pop(table, None)
        s = "" if documents == 1 else "s"
        log.info("table %s: following %d document%s", table, documents, s)
