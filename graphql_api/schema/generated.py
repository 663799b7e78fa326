"""Functions made from text when a table is declared, as `dataclasses` makes them.

They run for each document and each change: a loop over fields takes a third longer than the code
that a person would write out.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any


def function(parameters: str, expression: str, names: Mapping[str, Any]) -> Callable[..., Any]:
    """A function that returns an expression.

    Args:
        parameters: Its parameters.
        expression: What it returns. Only text of this package gets here, never a client's.
        names: What else the expression names.
    """
    return eval(f"lambda {parameters}: {expression}", dict(names))  # type: ignore[no-any-return]  # noqa: S307
