"""Whatever is let in can be followed, and written again, by everything behind."""

from __future__ import annotations

import json
from typing import Any

import pytest

from graphql_api.transport.json_input import MAX_LEVELS, from_json

NESTINGS = pytest.mark.parametrize(
    ("opening", "closing"), [("[", "]"), ('{"a":', "}"), ('[0,{"a":', "}]")]
)


def nested(opening: str, closing: str, levels: int) -> str:
    times = levels // (opening.count("[") + opening.count("{"))
    return opening * times + "1" + closing * times


@NESTINGS
def test_nesting_is_limited(opening: str, closing: str) -> None:
    allowed = nested(opening, closing, MAX_LEVELS)
    assert from_json(allowed) == from_json(allowed.encode()) == json.loads(allowed)
    for levels in (MAX_LEVELS + 2, 254, 1024, 100_000):
        with pytest.raises(ValueError, match=r"nested|depth"):
            from_json(nested(opening, closing, levels))


def test_one_level_is_one_too_many() -> None:
    with pytest.raises(ValueError, match="nested deeper than 64 levels"):
        from_json("[" * (MAX_LEVELS + 1) + "]" * (MAX_LEVELS + 1))


def test_width_is_no_depth() -> None:
    wide: Any = [[{}] * 1000, {str(i): [] for i in range(1000)}]
    assert from_json(json.dumps(wide)) == wide


@pytest.mark.parametrize("text", ["", "{", "\\ud800", '"\\ud800"', "1e999", "NaN", b"\xff", "[,]"])
def test_what_is_no_json_is_an_error(text: str | bytes) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - of whatever kind
        from_json(text)
