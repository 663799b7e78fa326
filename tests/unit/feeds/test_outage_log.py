"""The operator hears of an outage once, and of each new reason."""

from __future__ import annotations

import logging

import pytest

from graphql_api.errors import DatabaseRefusedError, DatabaseUnavailableError, TableMissingError
from graphql_api.feeds.outage_log import OutageLog

TABLES = ("policy", "schedule", "domain_login")


@pytest.fixture
def said(caplog: pytest.LogCaptureFixture) -> pytest.LogCaptureFixture:
    caplog.set_level(logging.WARNING)
    return caplog


def test_one_outage_of_all_tables_is_one_line(said: pytest.LogCaptureFixture) -> None:
    outages = OutageLog()
    for _ in range(3):
        for table in TABLES:
            outages.lost(table, DatabaseUnavailableError("the connection is lost"))
            outages.lost(table, DatabaseUnavailableError("no server listens there"))
    assert said.messages == ["the connection is lost; trying again until it works"]


def test_another_kind_of_reason_is_another_line_once(said: pytest.LogCaptureFixture) -> None:
    outages = OutageLog()
    for _ in range(3):
        outages.lost("policy", DatabaseUnavailableError("gone"))
        outages.lost("policy", DatabaseRefusedError("wrong password"))
        outages.lost("policy", TableMissingError("no table policy"))
        outages.lost("schedule", TableMissingError("no table schedule"))
    assert len(said.messages) == 4


def test_the_next_outage_is_reported_again(said: pytest.LogCaptureFixture) -> None:
    outages = OutageLog()
    for _ in range(2):
        for table in TABLES:
            outages.lost(table, DatabaseUnavailableError("gone"))
        for table in TABLES:
            outages.ready(table, 1)
    assert len(said.messages) == 2
