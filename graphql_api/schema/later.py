"""Types that are named before they are imported: rows of two tables may link to each other."""

from __future__ import annotations

from typing import Annotated, Any

import strawberry


def later(name: str, module: str) -> Any:
    """The type of a name in a module, which is imported when the schema is built."""
    return Annotated[name, strawberry.lazy(module)]
