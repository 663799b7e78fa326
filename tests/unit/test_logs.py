from __future__ import annotations

import json
import logging
from typing import Any

from graphql_api.logs import JSONFormatter, NoFlood


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


def passed(
    no_flood: NoFlood,
    message: str,
    *args: object,
    name: str = "graphql_api.limits.origin_check",
    level: int = logging.INFO,
) -> str | None:
    """What is said of a record, if anything is."""
    made = record(message, *args)
    made.name, made.levelno = name, level
    return made.getMessage() if no_flood.filter(made) else None


def test_flood_of_what_clients_cause_is_a_line_in_a_while_with_how_many_there_were() -> None:
    now_s = [0.0]
    no_flood = NoFlood(interval_s=10, clock=lambda: now_s[0])
    said = []
    for i in range(100):
        now_s[0] = i / 4
        said += [text] if (text := passed(no_flood, "refused %s", f"{i}%")) else []
    assert said == [
        "refused 0%",
        "refused 40% (and 39 more of the kind before)",
        "refused 80% (and 39 more of the kind before)",
    ]


def test_flood_hides_no_other_kind_and_no_error() -> None:
    no_flood = NoFlood(clock=lambda: 0.0)
    uvicorn = "uvicorn.error"
    assert passed(no_flood, "Invalid HTTP request received.", name=uvicorn)
    assert not passed(no_flood, "Invalid HTTP request received.", name=uvicorn)
    assert passed(no_flood, "Unsupported upgrade request.", name=uvicorn)
    for _ in range(2):
        assert passed(no_flood, "a bug", name=uvicorn, level=logging.ERROR)
        assert passed(
            no_flood, "the WebSocket ended", name="graphql_api.protocols.socket_connection"
        )
