"""Fixtures of the embedded database's unit tests."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.unit.embedded.reql import Reql


@pytest.fixture
def reql() -> Iterator[Reql]:
    database = Reql()
    yield database
    database.close()
