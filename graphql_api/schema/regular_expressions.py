"""Regular expressions that compile on every Python that Starbelly can run on: 3.9 and newer.

This server may run on a newer Python than the crawler, or on an older one. So the result of
`re.compile` here is not enough: what only some Pythons accept is refused everywhere.
"""

from __future__ import annotations

import importlib
import re
import warnings
from collections.abc import Iterator
from functools import lru_cache
from typing import Any, Final

MAX_NESTING: Final = 300
"""How deeply groups may be nested. Python 3.9 needs two stack frames a group, of a thousand."""

MAX_LOOK_BEHIND: Final = 2**31 - 1
"""The longest text of a look-behind, in characters; newer Pythons refuse one above 2^32."""

_REMEMBERED_CHARACTERS: Final = 500
_MAX_REASON_CHARACTERS: Final = 100

_NEWER_SYNTAX: Final = {
    "POSSESSIVE_REPEAT": (
        "a possessive quantifier (`a++`) needs Python 3.11, and Starbelly runs on older ones"
    ),
    "ATOMIC_GROUP": "an atomic group `(?>…)` needs Python 3.11, and Starbelly runs on older ones",
}
_MAY_BE_NEWER = re.compile(r"[+*?}]\+|\(\?>")
_END_OF_TEXT = re.compile(r"(?<!\\)(?:\\\\)*\\z")
"""`\\z`, which Python 3.14 introduced."""

_TEMPLATE_FLAG: Final = 1
"""`(?t)`, which Pythons up to 3.12 accept."""

_parser: Any = importlib.import_module("re._parser")


def why_not_portable(pattern: str) -> str | None:
    """Why a regular expression does not compile on some Python from 3.9 on; None if it does.

    What all Pythons warn of with a FutureWarning is accepted.
    """
    if len(pattern) <= _REMEMBERED_CHARACTERS:
        return _remembered(pattern)
    return _why_not_portable(pattern)


def _why_not_portable(pattern: str) -> str | None:
    depth = _nesting(pattern)
    if depth > MAX_NESTING:
        return f"groups are nested more than {MAX_NESTING} deep"
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            # Python 3.11 warns of what 3.12 refuses: group numbers such as `+1` or `1_0`.
            warnings.simplefilter("error", DeprecationWarning)
            if re.compile(pattern).flags & _TEMPLATE_FLAG:
                return "Python 3.13 has no flag `t`"
            if _MAY_BE_NEWER.search(pattern) or "(?<" in pattern:
                return _why_newer(_parser.parse(pattern))
    except re.error as error:
        return _short(error.msg)
    except DeprecationWarning as warning:
        return _short(f"newer Pythons refuse it: {warning}")
    except ValueError as error:
        return _short(str(error))
    except OverflowError:
        return "a repetition count is too large"
    except RecursionError:
        return "groups are nested too deeply"
    except RuntimeError:  # what early releases of Python 3.11 say of it
        return "a look-behind is too long"
    if _END_OF_TEXT.search(pattern):
        return r"`\z` needs Python 3.14, and Starbelly runs on older ones: write `\Z`"
    return None


_remembered = lru_cache(maxsize=4096)(_why_not_portable)


def _why_newer(tree: Any) -> str | None:
    for name, argument in _walk(tree):
        if name in _NEWER_SYNTAX:
            return _NEWER_SYNTAX[name]
        if name in {"ASSERT", "ASSERT_NOT"}:
            direction, look = argument
            if direction < 0 and look.getwidth()[0] > MAX_LOOK_BEHIND:
                return "a look-behind is too long"
    return None


def _walk(tree: Any) -> Iterator[tuple[str, Any]]:
    """Every node of a parsed expression: its name and its argument, as `re` has them."""
    waiting: list[Any] = [tree]
    while waiting:
        item = waiting.pop()
        if isinstance(item, _parser.SubPattern):
            for op, argument in item.data:
                yield str(op), argument
                waiting.append(argument)
        elif isinstance(item, list | tuple):
            waiting.extend(item)


def _nesting(pattern: str) -> int:
    """How deeply groups are nested at most; escaped parentheses do not count."""
    depth = deepest = 0
    for found in re.findall(r"\\.|[()]", pattern, re.DOTALL):
        if found == "(":
            depth += 1
            deepest = max(deepest, depth)
        elif found == ")":
            depth = max(0, depth - 1)
    return deepest


def _short(reason: str) -> str:
    printable = "".join(c if c.isprintable() else "\ufffd" for c in reason)
    if len(printable) <= _MAX_REASON_CHARACTERS:
        return printable
    return printable[:_MAX_REASON_CHARACTERS] + "…"
