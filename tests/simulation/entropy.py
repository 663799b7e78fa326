"""Every source of chance and time that libraries use, replaced in one place.

The server's own come by its `Machine`. What is left is the driver's, uvicorn's and Python's.
"""

from __future__ import annotations

import hashlib
import os
import random
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any
from unittest import mock

from rethinkdb import ast

from tests.quick_servers import hashed

EPOCH_S = 4_000_000_000.0
"""The time of day at which every simulation begins: in 2096, for PyJWT looks at the real clock,
too, and must find no simulated token too old."""


@contextmanager
def simulated(rng: random.Random, clock: Callable[[], float]) -> Iterator[None]:
    """Let all chance come from `rng`, and all time from `clock`, in seconds."""
    state = random.getstate()
    random.seed(rng.getrandbits(64))
    replacements: list[tuple[Any, str, Any]] = [
        (os, "urandom", rng.randbytes),
        (random, "_urandom", rng.randbytes),  # what SystemRandom and `secrets` read
        (time, "time", lambda: EPOCH_S + clock()),
        (time, "monotonic", clock),
        (time, "perf_counter", clock),
        (hashlib, "pbkdf2_hmac", hashed),
        (ast.Func, "nextVarId", 1000),  # the driver numbers the variables of all its queries
    ]
    try:
        with ExitStack() as stack:
            for owner, name, replacement in replacements:
                stack.enter_context(mock.patch.object(owner, name, replacement))
            yield
    finally:
        random.setstate(state)
