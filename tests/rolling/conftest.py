from __future__ import annotations

from tests.clients.conftest import packages

__all__ = ["packages"]
