"""The attacks run, and their table says what is beyond the bounds."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import replace

import pytest

from graphql_api.settings import Settings
from tests.attacks import inputs
from tests.attacks.__main__ import Row, run, summary
from tests.attacks.catalogue import ATTACKS
from tests.attacks.place import Stall
from tests.attacks.probes import Seen, Times

QUIET = Row(
    name="",
    answers=Counter(),
    seen=Seen(health_ms=[1.0] * 100, change_ms=[5.0] * 100),
    cpu_s=0,
    memory_mb=0,
    descriptors=0,
    stall=Stall(0, ""),
)


def test_inputs_are_as_large_as_the_defaults_allow() -> None:
    defaults = {name: field.default for name, field in Settings.model_fields.items()}
    assert defaults["max_body_bytes"] == inputs.MAX_BODY_BYTES
    assert defaults["max_operation_values"] == inputs.MAX_VALUES
    assert defaults["max_document_tokens"] == inputs.MAX_TOKENS
    assert defaults["max_document_aliases"] == inputs.MAX_ALIASES
    assert defaults["max_page_rows"] == inputs.MAX_PAGE_ROWS
    assert defaults["max_document_levels"] == inputs.MAX_LEVELS
    assert defaults["max_document_comparisons"] == inputs.MAX_COMPARISONS


@pytest.mark.parametrize(
    ("row", "verdict"),
    [
        (QUIET, "ok"),
        (replace(QUIET, memory_mb=51), "memory"),
        (replace(QUIET, stall=Stall(0.051, "f")), "stall"),
        (replace(QUIET, seen=Seen([1.0] * 199 + [251.0], [5.0])), "healthz max"),
        (replace(QUIET, seen=Seen([1.0], [5.0] * 10 + [101.0])), "change p99"),
        (replace(QUIET, seen=Seen([1.0], [])), "change p99, change max"),
        (replace(QUIET, needed="a body", answers=Counter(["64 KB"])), "not a body"),
        (replace(QUIET, needed="a body", answers=Counter(["a body within 2 s"])), "ok"),
    ],
)
def test_verdict_names_what_is_beyond_the_bounds(row: Row, verdict: str) -> None:
    assert row.verdict() == verdict
    last = summary([QUIET, replace(row, name="reader: it")]).splitlines()
    assert last[1:] == ([] if verdict == "ok" else [f"  reader: it: {verdict}"])


def test_quantiles_are_those_of_the_durations() -> None:
    times = Times([float(number) for number in range(1, 101)])
    assert (times.at(0.5), times.at(0.99), times.at(1)) == (51, 100, 100)


@pytest.mark.embedded_only
def test_an_attack_of_each_kind_of_client_is_answered() -> None:
    names = {
        ("stranger", "4 MB in one string"): "401 UNAUTHENTICATED",
        ("reader", "20 000 comparisons"): "200",
        ("writer", "400 costly rules"): "200 BAD_USER_INPUT",
        ("stranger", "TLS handshakes"): "handshake",
    }
    numbers = {(attack.who, attack.name): number for number, attack in enumerate(ATTACKS)}
    quiet, *rows = run(10, 0.3, [numbers[name] for name in names])
    assert quiet.answers.total() == 0
    for row, label in zip(rows, names.values(), strict=True):
        assert row.answers[label], row
        assert row.seen.health_ms, row
        assert not row.seen.lost, row


def test_bodies_are_json_where_they_are_meant_to_be() -> None:
    for made in (inputs.ints, inputs.objects, inputs.nested, inputs.one_string, inputs.quotes):
        body = made()
        assert inputs.MAX_BODY_BYTES - 200 < len(body) <= inputs.MAX_BODY_BYTES
        assert json.loads(body)["query"]
