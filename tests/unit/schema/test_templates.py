"""Which texts `str.format` can fill in on every Python from 3.9 on, whatever Python runs here."""

from __future__ import annotations

import pytest

from graphql_api.schema.templates import TemplateError, filled_in

VALUES = ({"COUNT": 7, "DATE": "2026-11-02"}, {"COUNT": 12, "DATE": "1982-11-21"})


@pytest.mark.parametrize(
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


@pytest.mark.parametrize(
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
