from __future__ import annotations

from tests.clients.conftest import packages
from tests.server.conftest import starbelly, writer

__all__ = ["packages", "starbelly", "writer"]
