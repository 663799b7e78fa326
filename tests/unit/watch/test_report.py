from __future__ import annotations

import json
import logging

import pytest

from graphql_api.client.events import Connected, Disconnected, parse_event
from graphql_api.watch.report import JSONReport
from graphql_api.watch.tables import TABLES

SERVED = {
    "__typename": "PolicyAdded",
    "cause": "INITIAL",
    "policy": {"id": "a", "name": "\x1b[2J\x9b\u202e\nGrüße\ud800", "limits": None},
    "cursor": "c",
}


def test_event_is_one_ascii_line_as_it_was_served() -> None:
    event = parse_event(TABLES["policies"], {"policyChanges": SERVED})
    (line,) = JSONReport().lines(event)
    assert json.loads(line) == SERVED
    assert list(json.loads(line)) == list(SERVED)
    assert line.isascii()
    assert line.isprintable()


def test_connection_is_logged_once_and_is_no_line(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    report = JSONReport()
    away = Disconnected("the connection was lost")
    for happening in (Connected(), away, away, Connected()):
        assert report.lines(happening) == []
    assert [record.getMessage() for record in caplog.records] == [
        "no connection: the connection was lost; trying again",
        "connected again",
    ]
