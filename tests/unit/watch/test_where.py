from __future__ import annotations

from typing import Any

import pytest

from graphql_api.errors import ConfigurationError
from graphql_api.tables.job import JobRunState
from graphql_api.watch.tables import TABLES, conditions_text
from graphql_api.watch.where import parse_where
from tests.for_each import for_each


@for_each(
    ("table", "texts", "expected"),
    [
        ("policies", [], None),
        ("policies", ["name=crawl"], {"nameContains": "crawl"}),
        ("policies", ["id=a", " id = b"], {"ids": ["a", "b"]}),
        ("policies", ["name=a=b"], {"nameContains": "a=b"}),
        ("schedules", ["enabled=Yes", "name=x"], {"enabled": True, "nameContains": "x"}),
        ("schedules", ["enabled=false"], {"enabled": False}),
        ("schedules", ["policy=p", "tag=a", "tag=b"], {"policyId": "p", "anyTag": ["a", "b"]}),
        ("logins", ["domain=example"], {"domainContains": "example"}),
        ("logins", ["id=example.org"], {"domains": ["example.org"]}),
        ("jobs", ["state=running", "state=PAUSED"], {"runStates": ["RUNNING", "PAUSED"]}),
    ],
)
def test_conditions_are_members_of_the_filter(
    table: str, texts: list[str], expected: dict[str, Any] | None
) -> None:
    assert parse_where(TABLES[table].conditions, texts) == expected


@for_each("text", ["nmae=x", "name", "=x", "", "enabled=maybe", "Name=x"])
def test_what_is_no_condition_is_reported_with_those_that_are(text: str) -> None:
    with pytest.raises(ConfigurationError) as raised:
        parse_where(TABLES["schedules"].conditions, [text])
    assert str(raised.value).startswith("--where: ")
    assert str(raised.value).endswith(
        "; there are id=… (may be repeated), name=…, enabled=yes|no, policy=…, tag=… (may be "
        "repeated)"
    )


def test_word_that_is_none_of_an_enum_is_reported_with_those_that_are() -> None:
    with pytest.raises(ConfigurationError, match=r"^--where: state has no such value; ") as raised:
        parse_where(TABLES["jobs"].conditions, ["state=done"])
    assert f"state={'|'.join(each.name for each in JobRunState)} (may be" in str(raised.value)


def test_what_can_hold_only_once_is_given_only_once() -> None:
    with pytest.raises(ConfigurationError, match="name is given twice"):
        parse_where(TABLES["policies"].conditions, ["name=a", "name=b"])


def test_help_names_every_condition() -> None:
    words = set(conditions_text().replace(",", " ").split())
    assert {key for table in TABLES.values() for key in table.conditions} <= words
    assert "schedules by id, name, enabled, policy or tag" in conditions_text()
