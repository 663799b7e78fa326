"""Tests wait as long as it takes: only pytest's limit, which is for what hangs, ends them.

A second limit, such as the five seconds of httpx, is sooner or later over on a busy machine.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import httpx._config
import pytest
from websockets.asyncio.client import connect

LONGEST_S = 300.0
"""The limit of pytest in pyproject.toml, for what needs a number."""


@contextmanager
def patient_clients() -> Iterator[None]:
    """Clients of httpx and websockets in this process have no limits but those they are given."""
    with pytest.MonkeyPatch.context() as patch:
        for step in ("connect", "read", "write", "pool"):
            patch.setattr(httpx._config.DEFAULT_TIMEOUT_CONFIG, step, None)
        defaults = connect.__init__.__kwdefaults__
        assert defaults is not None
        for limit in ("open_timeout", "ping_timeout"):
            patch.setitem(defaults, limit, None)
        yield
