"""The two forms in which what happens is reported: the view for people, and JSON for programs."""

from __future__ import annotations

import json
import logging
from typing import Protocol

from graphql_api.client.events import Connected, Disconnected, FeedProblem, Happening
from graphql_api.client.text import clean
from graphql_api.watch.line import render
from graphql_api.watch.view import View

_logger = logging.getLogger(__name__)


class Report(Protocol):
    """Makes the lines of standard output."""

    def lines(self, happening: Happening) -> list[str]:
        """The lines, without their ends, that report what has happened."""


class TextReport:
    """The view, in colours or plain."""

    def __init__(self, view: View, *, color: bool) -> None:
        self._view = view
        self._color = color

    def lines(self, happening: Happening) -> list[str]:
        """The lines, without their ends, that report what has happened."""
        return [render(line, color=self._color) for line in self._view.take(happening)]


class JSONReport:
    """Each event on a line of its own, exactly as the server has sent it, in ASCII.

    ASCII, for escapes are read by every program, in every locale, and do nothing to a terminal.
    What happens to the connection is no event, nor is why there are none: that is logged.
    """

    def __init__(self) -> None:
        self._reason: str | None = None

    def lines(self, happening: Happening) -> list[str]:
        """The line, without its end, of an event."""
        match happening:
            case Connected():
                if self._reason is not None:
                    _logger.info("connected again")
                self._reason = None
            case Disconnected(reason):
                if reason != self._reason:
                    _logger.warning("no connection: %s; trying again", reason)
                self._reason = reason
            case FeedProblem(reason):
                _logger.warning("the server cannot follow the table: %s", clean(reason))
            case _:
                return [json.dumps(happening.served, separators=(",", ":"))]
        return []
