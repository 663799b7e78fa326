"""Settings that have several values."""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import BeforeValidator
from pydantic_settings import NoDecode

_COMMA = re.compile(",")
_COMMA_BEFORE_A_KEY = re.compile(r"(?:,\s*)+(?=[A-Za-z]+\s*=|\Z)")
"""A condition's value may hold commas: `name=one, two,enabled=yes` is two conditions."""


def _split_at(comma: re.Pattern[str]) -> BeforeValidator:
    def split(value: object) -> object:
        if isinstance(value, str):
            value = [value]
        if not isinstance(value, list | tuple) or not all(isinstance(text, str) for text in value):
            return value
        if not all(map(_is_text, value)):
            raise ValueError("it is not UTF-8")
        parts = (part.strip() for text in value for part in comma.split(text))
        return [part for part in parts if part]

    return BeforeValidator(split)


def _is_text(part: object) -> bool:
    # Python keeps what is not UTF-8 in the environment as half characters.
    return "\\udc" not in ascii(part)


Names = Annotated[tuple[str, ...], NoDecode, _split_at(_COMMA)]
Conditions = Annotated[tuple[str, ...], NoDecode, _split_at(_COMMA_BEFORE_A_KEY)]
