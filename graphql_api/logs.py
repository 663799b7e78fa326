"""How this program logs: by the standard library, to stderr, one line per record."""

from __future__ import annotations

import asyncio
import logging
from typing import Any

from graphql_api.settings import LogLevel


def logging_config(level: LogLevel) -> dict[str, Any]:
    """The argument of `logging.config.dictConfig`.

    uvicorn's own notes (each socket that opens or closes, each phase of its start) appear only with
    `debug`; the application says what an operator must know of these.
    """
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {
            "line": {
                "format": "%(asctime)s %(levelname)s %(name)s: %(message)s",
                "datefmt": "%Y-%m-%dT%H:%M:%S%z",
            }
        },
        "filters": {
            "not_said_twice": {"()": _NotSaidTwice},
            "no_cancellation": {"()": _NoCancellation},
        },
        "handlers": {
            "stderr": {
                "class": "logging.StreamHandler",
                "formatter": "line",
                "filters": ["not_said_twice", "no_cancellation"],
            }
        },
        "root": {"handlers": ["stderr"], "level": "WARNING"},
        "loggers": {
            "graphql_api": {"level": level.upper()},
            "uvicorn": {"level": "DEBUG" if level == "debug" else "WARNING"},
        },
    }


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
