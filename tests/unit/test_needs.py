from __future__ import annotations

import sys
from collections.abc import Callable

import pytest

from tests import needs


def test_what_is_there_is_given() -> None:
    assert needs.program("sh").is_absolute()
    assert needs.module("sys") is sys


@pytest.mark.parametrize("find", [needs.program, needs.module])
def test_what_is_missing_skips_the_test(
    find: Callable[[str], object], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("CI", raising=False)
    with pytest.raises(pytest.skip.Exception, match="nowhere_to_be_found"):
        find("nowhere_to_be_found")


@pytest.mark.parametrize("find", [needs.program, needs.module])
def test_what_is_missing_fails_the_test_in_ci(
    find: Callable[[str], object], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CI", "true")
    with pytest.raises(pytest.fail.Exception, match="nowhere_to_be_found"):
        find("nowhere_to_be_found")
