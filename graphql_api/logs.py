"""Logging by the standard library: to stderr, one record after the other."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import orjson

from graphql_api.settings import LogFormat, LogLevel

_ATTRIBUTES = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}
"""What every record has; anything else was given as `extra`."""


def logging_config(level: LogLevel, log_format: LogFormat = "plain") -> dict[str, Any]:
    """The argument of `logging.config.dictConfig`.

    uvicorn's own notes (each socket that opens or closes, each phase of its start) appear only with
    `debug`; the application says what an operator must know of these. What it notes at its own
    debug level never does: that is every header and frame, with the tokens and passwords in them.
    """
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {
            "plain": {
                "format": "%(asctime)s %(levelname)s %(name)s: %(message)s",
                "datefmt": "%Y-%m-%dT%H:%M:%S%z",
            },
            "json": {"()": JSONFormatter},
        },
        "filters": {
            "not_said_twice": {"()": _NotSaidTwice},
            "no_cancellation": {"()": _NoCancellation},
            "no_flood": {"()": NoFlood},
        },
        "handlers": {
            "stderr": {
                "class": "logging.StreamHandler",
                "formatter": log_format,
                "filters": [
                    "not_said_twice",
                    "no_cancellation",
                    *(() if level == "debug" else ("no_flood",)),
                ],
            }
        },
        "root": {"handlers": ["stderr"], "level": "WARNING"},
        "loggers": {
            "graphql_api": {"level": level.upper()},
            "uvicorn": {"level": "INFO" if level == "debug" else "WARNING"},
        },
    }


class JSONFormatter(logging.Formatter):
    """One JSON object for each record, on one line.

    Its members are `time` (RFC 3339, UTC, microseconds), `level`, `logger`, `message`, what the
    record carries as `extra`, and `exception`, a traceback as one text, if there is one.
    """

    def format(self, record: logging.LogRecord) -> str:
        """The record as JSON; what JSON cannot hold as its `str`."""
        members: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="microseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        members |= {k: v for k, v in vars(record).items() if k not in _ATTRIBUTES}
        if record.exc_info:
            members["exception"] = self.formatException(record.exc_info)
        return _to_json(members)


def _to_json(members: dict[str, Any]) -> str:
    try:
        return orjson.dumps(members, default=str, option=orjson.OPT_NON_STR_KEYS).decode()
    except orjson.JSONEncodeError:
        # What came from outside may hold what UTF-8 cannot; or a number what JSON cannot.
        texts = {k: str(v).encode("utf-8", "backslashreplace").decode() for k, v in members.items()}
        return orjson.dumps(texts).decode()


class _NotSaidTwice(logging.Filter):
    """Drops uvicorn's remark that the application failed: the command says why."""

    def filter(self, record: logging.LogRecord) -> bool:
        return record.msg not in {
            "Application startup failed. Exiting.",
            "Application shutdown failed. Exiting.",
        }


class _NoCancellation(logging.Filter):
    """Drops the traceback of a request that a shutdown ended: one line says how many there were."""

    def filter(self, record: logging.LogRecord) -> bool:
        error = record.exc_info[1] if record.exc_info else None
        return not (record.name == "uvicorn.error" and isinstance(error, asyncio.CancelledError))


class NoFlood(logging.Filter):
    """Drops what clients can cause as often as they like, but for one line in a while of each kind.

    That line says how many of its kind there were since the last one. A kind is what one place in
    the code says, whatever the values in it. Errors are all kept: they are bugs of this program.

    Args:
        interval_s: How long to wait between two lines of a kind.
        clock: Returns the time, in seconds.
    """

    _CAUSED_BY_CLIENTS = frozenset(
        {"graphql_api.schema.writing", "graphql_api.limits.origin_check", "uvicorn.error"}
    )

    def __init__(
        self, interval_s: float = 10.0, clock: Callable[[], float] = time.monotonic
    ) -> None:
        super().__init__()
        self._interval_s = interval_s
        self._clock = clock
        self._said: dict[str, tuple[float, int]] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether a record is said."""
        if record.name not in self._CAUSED_BY_CLIENTS or record.levelno >= logging.ERROR:
            return True
        now_s = self._clock()
        said_at_s, dropped = self._said.get(record.msg, (now_s - self._interval_s, 0))
        if now_s - said_at_s < self._interval_s:
            self._said[record.msg] = said_at_s, dropped + 1
            return False
        self._said[record.msg] = now_s, 0
        if dropped:
            record.msg = f"{record.getMessage()} (and {dropped} more of the kind before)"
            record.args = None
        return True
