"""Which texts `str.format` can fill in on every Python from 3.9 on, whatever Python runs here."""

from __future__ import annotations

import pytest

from graphql_api.schema.templates import TemplateError, filled_in
from tests.for_each import for_each

VALUES = ({"COUNT": 7, "DATE": "2026-11-02"}, {"COUNT": 12, "DATE": "1982-11-21"})
JOBS = [{"COUNT": 7, "DATE": "2026-11-02T08:30:00"}]
BRACES = "braces are for `{COUNT}` and `{DATE}` only, and a literal brace is written twice"
FORMAT = "the format or the conversion of a variable does not fit it: leave that out"


@for_each(
    ("text", "reason"),
    [
        ("{DATE:012}", "Python 3.10"),
        ("{DATE:0}", "Python 3.10"),
        ("{DATE:0.4}", "Python 3.10"),
        ("{DATE:012s}", "Python 3.10"),
        ("{DATE!r:012}", "Python 3.10"),
        ("{COUNT!s:03}", "Python 3.10"),
        ("{COUNT:z.1f}", "Python 3.11"),
        ("{COUNT:+z#08.1f}", "Python 3.11"),
        ("{COUNT:.6_f}", "Python 3.14"),
        ("{COUNT:>12.6,f}", "Python 3.14"),
    ],
)
def test_format_that_some_python_refuses_is_refused_with_the_reason(text: str, reason: str) -> None:
    with pytest.raises(TemplateError, match=reason):
        filled_in(text, VALUES)


@for_each(
    ("text", "filled"),
    [
        ("{COUNT:03}", "007"),
        ("{COUNT:08.1f}", "000007.0"),
        ("{COUNT:z>3}", "zz7"),
        ("{DATE:0>12}", "002026-11-02"),
        ("{DATE:>012}", "002026-11-02"),
        ("{DATE:>12}", "  2026-11-02"),
        ("{DATE:10.4}", "2026      "),
        ("{COUNT:,}", "7"),
    ],
)
def test_format_that_every_python_knows_is_filled_in(text: str, filled: str) -> None:
    assert filled_in(text, VALUES)[0] == filled


@for_each(
    ("text", "reason"),
    [
        ("x{4}", f"{BRACES}: write `x{{{{4}}}}`"),
        ("{COUNT", f"{BRACES}: write `{{{{COUNT`"),
        ("{COUNT!x}", FORMAT),
        ("{COUNT:%Y}", FORMAT),
        ("{DATE:d}", FORMAT),
        ("{DATE.year}", "a variable has no attributes: write `{DATE}`"),
        ("{DATE[99]}", "an index is beyond the end of a value that may be short"),
        ("{COUNT:>1000}", "a width has 3 digits at most"),
    ],
)
def test_refused_template_says_how_to_write_it_right(text: str, reason: str) -> None:
    with pytest.raises(TemplateError) as refused:
        filled_in(text, JOBS)
    assert str(refused.value) == reason


def test_variables_are_a_list_in_words() -> None:
    for names, words in (["A"], "`{A}`"), (["A", "B", "C"], "`{A}`, `{B}` and `{C}`"):
        with pytest.raises(TemplateError, match=f"braces are for {words} only"):
            filled_in("{", [dict.fromkeys(names, 1)])
