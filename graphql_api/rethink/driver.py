"""The driver, set up for this package: its own instance, on asyncio."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from rethinkdb import RethinkDB

# Not `from rethinkdb import r`: set_loop_type would change that one for everybody in the process.
r: Final[Any] = RethinkDB()
r.set_loop_type("asyncio")

RAW: Final[Mapping[str, str]] = {"time_format": "raw", "binary_format": "raw"}
"""Run options that ask for TIME and BINARY as the objects that they are stored as."""
