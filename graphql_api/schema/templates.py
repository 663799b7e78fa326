"""Texts that Starbelly fills in with Python's `str.format`: patterns, user agents, job names.

A brace that is no variable ends the crawler's process, so a text is tried here as Starbelly uses
it, with several values of each variable.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from string import Formatter
from typing import Final, TypeAlias

Values: TypeAlias = Mapping[str, object]
"""What a text is filled in with, by the variables' names."""

MAX_WIDTH_DIGITS: Final = 3
"""How many digits a width or a precision may have: `{COUNT:>1000000000}` fills the memory."""

_MAX_SHOWN_CHARACTERS: Final = 60
_FORMAT = re.compile(
    r"(?P<align>(?:.[<>=^])|[<>=^])?[+\- ]?(?P<no_minus_zero>z)?#?(?P<zero>0)?"
    r"[0-9]*[,_]?(?:\.[0-9]*(?P<fraction>[,_])?)?.*",
    re.DOTALL,
)
"""The part of a format that Pythons differ in (Python's "Format Specification Mini-Language")."""

_LONG_NUMBER = re.compile(rf"[0-9]{{{MAX_WIDTH_DIGITS + 1}}}")
_NAME = re.compile(r"[^.\[]*")


class TemplateError(Exception):
    """A text that Starbelly cannot fill in; its text says why.

    Attributes:
        is_unknown_variable: Whether the reason is a variable that Starbelly does not have.
    """

    def __init__(self, why: str, *, is_unknown_variable: bool = False) -> None:
        super().__init__(why)
        self.is_unknown_variable = is_unknown_variable


def filled_in(text: str, samples: Sequence[Values]) -> list[str]:
    """Fill in a text by `str.format`, for each of some values.

    Args:
        text: As it is stored.
        samples: Values that Starbelly may fill in, all with the same names.

    Raises:
        TemplateError: Starbelly cannot fill it in, or not always.
    """
    names = list(samples[0])
    try:
        parts = list(Formatter().parse(text))
    except ValueError as error:
        raise TemplateError(_advice(text, names)) from error
    for _, field, spec, conversion in parts:
        if field is not None:
            name = _check_field(text, field, spec or "", names)
            is_text = conversion is not None or isinstance(samples[0][name], str)
            _check_portable(spec or "", is_text=is_text)
    try:
        return [text.format(**values) for values in samples]
    except IndexError as error:
        raise TemplateError("an index is beyond the end of a value that may be short") from error
    except (LookupError, TypeError, ValueError, OverflowError) as error:
        why = "the format or the conversion of a variable does not fit it: leave that out"
        raise TemplateError(why) from error


def _check_field(text: str, field: str, spec: str, names: Sequence[str]) -> str:
    """The name of the variable in a field, which may have a format."""
    name = _NAME.match(field)
    if name is None or name[0] not in names:
        raise TemplateError(_advice(text, names), is_unknown_variable=True)
    if "." in field:
        raise TemplateError(f"a variable has no attributes: write `{{{name[0]}}}`")
    if "{" in spec:
        raise TemplateError("a variable cannot stand in the format of another one")
    if _LONG_NUMBER.search(spec) or _LONG_NUMBER.search(field):
        raise TemplateError(f"a width has {MAX_WIDTH_DIGITS} digits at most")
    return name[0]


def _check_portable(spec: str, *, is_text: bool) -> None:
    """Check that every Python from 3.9 on can use a format, whatever Python runs here."""
    found = _FORMAT.fullmatch(spec)
    assert found is not None, "every text matches"
    if found["zero"] and not found["align"] and is_text:
        raise TemplateError(
            "text with a `0` before its width needs Python 3.10, and Starbelly runs on older "
            "ones: write `0>` instead"
        )
    if found["no_minus_zero"]:
        raise TemplateError("the format `z` needs Python 3.11, and Starbelly runs on older ones")
    if found["fraction"]:
        raise TemplateError(
            "a separator behind the point needs Python 3.14, and Starbelly runs on older ones"
        )


def with_literal_braces(text: str, names: Sequence[str]) -> str:
    """A text whose braces stand for themselves, except those of the variables."""
    variables = "|".join(map(re.escape, names))
    tokens = re.compile(rf"\{{\{{|\}}\}}|\{{(?:{variables})(?:![ars])?(?::[^{{}}]*)?\}}|[{{}}]")
    return tokens.sub(lambda found: found[0] * 2 if len(found[0]) == 1 else found[0], text)


def _advice(text: str, names: Sequence[str]) -> str:
    """How to write a text that cannot be filled in."""
    *others, last = (f"`{{{name}}}`" for name in names)
    variables = f"{', '.join(others)} and {last}" if others else last
    why = f"braces are for {variables} only, and a literal brace is written twice"
    better = with_literal_braces(text, names)
    if better == text or len(better) > _MAX_SHOWN_CHARACTERS or not better.isprintable():
        return why
    return f"{why}: write `{better}`"
