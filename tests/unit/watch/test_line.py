from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from graphql_api.watch.line import Span, Style, fit, line_columns, render
from tests.for_each import for_each

LINES = st.lists(st.builds(Span, st.text("ab世", max_size=5), st.sampled_from(Style))).map(tuple)


@given(LINES, st.integers(1, 20))
def test_line_fits_and_says_if_something_is_missing(line: tuple[Span, ...], most: int) -> None:
    fitted = fit(line, most)
    assert line_columns(fitted) <= most
    if line_columns(line) <= most:
        assert fitted == line
    else:
        assert fitted[-1].text.endswith("…")


def test_line_is_colored_by_meaning_or_plain() -> None:
    line = (Span("12:00 ", Style.FAINT), Span("name", Style.NAME), Span(" rest  "))
    assert render(line, color=False) == "12:00 name rest"
    assert render(line, color=True) == "\x1b[2m12:00 \x1b[0m\x1b[1mname\x1b[0m rest  "


@for_each("style", [style for style in Style if style is not Style.PLAIN])
def test_every_style_ends_with_its_text(style: Style) -> None:
    assert render((Span("x", style),), color=True).endswith("x\x1b[0m")
