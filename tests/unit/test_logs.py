from __future__ import annotations

import json
import logging
from typing import Any

from graphql_api.logs import JSONFormatter


def record(message: str, *args: object, **extra: object) -> logging.LogRecord:
    made = logging.LogRecord("graphql_api.x", logging.WARNING, __file__, 1, message, args, None)
    made.__dict__.update(extra)
    return made


def formatted(made: logging.LogRecord) -> dict[str, Any]:
    """The one line of a record, parsed."""
    line = JSONFormatter().format(made)
    assert "\n" not in line
    members: dict[str, Any] = json.loads(line)
    return members


def test_a_record_is_one_object_on_one_line() -> None:
    members = formatted(record("table %s:\nlost", "policy"))
    assert members.pop("time").endswith("+00:00")
    assert members == {
        "level": "warning",
        "logger": "graphql_api.x",
        "message": "table policy:\nlost",
    }


def test_what_a_record_carries_is_a_member_of_its_own() -> None:
    members = formatted(record("closed", code=1012, peer=("127.0.0.1", 5)))
    assert (members["code"], members["peer"]) == (1012, ["127.0.0.1", 5])


def test_a_traceback_stays_on_the_line() -> None:
    made = record("failed")
    error = ValueError("twice\nbroken")
    made.exc_info = type(error), error, None
    assert "ValueError: twice\nbroken" in formatted(made)["exception"]


def test_text_that_utf_8_cannot_hold_is_logged_all_the_same() -> None:
    assert formatted(record("name %s", "\ud800"))["message"] == "name \\ud800"


def test_numbers_that_json_cannot_hold_are_logged_all_the_same() -> None:
    assert formatted(record("much", count=2**70))["count"] == str(2**70)
