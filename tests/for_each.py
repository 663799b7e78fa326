"""Cases that one test tries one after the other: a case costs nothing, a test of pytest 10 ms.

`@for_each` is written as `@pytest.mark.parametrize`, for cases that need no fixture of their own.
All are tried, whichever fail; an error has its case as a note.
"""

from __future__ import annotations

import functools
import inspect
import reprlib
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from _pytest.mark import ParameterSet

_MOST_CHARACTERS = 500

Test = Callable[..., Any]


def for_each(names: str | tuple[str, ...], cases: Collection[Any]) -> Callable[[Test], Test]:
    """Have a test call its function for each case.

    Args:
        names: The parameters that a case has values for: one name, or several.
        cases: A value for each, or, for several names, a tuple of values for each.
    """
    assert cases, "no case, no test"
    assert not any(isinstance(case, ParameterSet) for case in cases), "a case has no marks"
    several = (names,) if isinstance(names, str) else names
    given = [
        dict(zip(several, (case,) if isinstance(names, str) else case, strict=True))
        for case in cases
    ]

    def decorate(test: Test) -> Test:
        signature = inspect.signature(test)
        assert set(several) <= signature.parameters.keys(), "each name is a parameter"

        @functools.wraps(test)
        def tried(**fixtures: Any) -> None:
            failures: list[BaseException] = []
            for case in given:
                with _noted(case, failures):
                    test(**fixtures, **case)
            _raise(failures)

        @functools.wraps(test)
        async def tried_async(**fixtures: Any) -> None:
            failures: list[BaseException] = []
            for case in given:
                with _noted(case, failures):
                    await test(**fixtures, **case)
            _raise(failures)

        made: Test = tried_async if inspect.iscoroutinefunction(test) else tried
        fixtures = [each for name, each in signature.parameters.items() if name not in several]
        made.__signature__ = signature.replace(parameters=fixtures)  # type: ignore[attr-defined]
        return made

    return decorate


@contextmanager
def _noted(case: dict[str, Any], failures: list[BaseException]) -> Iterator[None]:
    try:
        yield
    # `pytest.raises` that sees no error, and `pytest.fail`, raise what is no `Exception`.
    except (Exception, pytest.fail.Exception) as error:  # noqa: BLE001 - all cases are tried
        shown = reprlib.Repr()
        shown.maxstring = shown.maxother = _MOST_CHARACTERS
        values = ", ".join(f"{name}={shown.repr(value)}" for name, value in case.items())
        error.add_note(f"in the case {values}")
        failures.append(error)


def _raise(failures: list[BaseException]) -> None:
    if len(failures) == 1:
        raise failures[0]
    if failures:
        raise BaseExceptionGroup(f"{len(failures)} cases fail", failures)
