"""Log of internal errors: each kind once in a while, with its traceback."""

from __future__ import annotations

import logging
import secrets
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

log = logging.getLogger(__name__)

_MAX_KINDS = 256
"""How many kinds of errors are remembered."""


@dataclass(slots=True)
class _Kind:
    request_id: str
    logged_at_s: float
    unlogged: int = 0


class FaultLog:
    """Logs internal errors whole, but the same one only once in an interval.

    Errors are of one kind if they have the same type and come from the same line. Within the
    interval they share the id under which the log has the first of them, so that the id that a
    client reports is always in the log.

    Args:
        interval_s: How long to wait between two tracebacks of one kind.
        clock: Returns the time, in seconds.
    """

    def __init__(
        self, *, interval_s: float = 10.0, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._interval_s = interval_s
        self._clock = clock
        self._kinds: OrderedDict[object, _Kind] = OrderedDict()

    def record(self, cause: BaseException, place: str) -> str:
        """Log an error, unless one of its kind has just been logged.

        Args:
            cause: The error.
            place: Where it came up.

        Returns:
            The id under which the log has it, or the first of its kind.
        """
        now_s = self._clock()
        key = _origin(cause)
        kind = self._kinds.pop(key, None)
        if kind is not None and now_s - kind.logged_at_s < self._interval_s:
            kind.unlogged += 1
            self._kinds[key] = kind
            return kind.request_id
        request_id = secrets.token_hex(8)
        before = f" (and {kind.unlogged} more since the last)" if kind and kind.unlogged else ""
        log.error("request %s: %s: internal error%s", request_id, place, before, exc_info=cause)
        self._kinds[key] = _Kind(request_id, now_s)
        if len(self._kinds) > _MAX_KINDS:
            self._kinds.popitem(last=False)
        return request_id


def _origin(error: BaseException) -> object:
    """The type of an error, and the line that raised it."""
    traceback = error.__traceback__
    if traceback is None:
        return type(error), str(error)[:200]
    while traceback.tb_next is not None:
        traceback = traceback.tb_next
    return type(error), traceback.tb_frame.f_code.co_filename, traceback.tb_lineno
