"""Which regular expressions compile on every Python from 3.9 on, whatever Python runs here."""

from __future__ import annotations

from graphql_api.schema.regular_expressions import MAX_NESTING, why_not_portable
from tests.for_each import for_each


@for_each(
    ("pattern", "reason"),
    [
        ("a++", "possessive quantifier"),
        ("a*+", "possessive quantifier"),
        ("a?+", "possessive quantifier"),
        ("a{1,2}+b", "possessive quantifier"),
        ("(?:x(a++)|y)", "possessive quantifier"),
        ("(?=(?:a++))", "possessive quantifier"),
        ("(?>a)", "atomic group"),
        ("b(?:(?>a))", "atomic group"),
        (r"a\z", r"\z"),
        (r"\\\z", r"\z"),
        ("x(?i)", "global flags not at the start"),
        ("((?i)x)", "global flags not at the start"),
        ("(?au)x", "incompatible"),
        ("(?L)x", "cannot use 'L' flag"),
        ("(a)(?(+1)b|c)", "bad character in group name"),
        ("(a)(?(\u0661)b|c)", "bad character in group name"),
        ("(?<=a+)b", "look-behind requires fixed-width"),
        (r"\p{L}", r"bad escape \p"),
        (r"\N{NO SUCH LETTER}", "undefined character name"),
        ("a{99999999999}", "repetition count is too large"),
        ("(?<=a{4294967294})b", "look-behind is too long"),
        ("(" * (MAX_NESTING + 1) + ")" * (MAX_NESTING + 1), "nested"),
        ("(" * 100_000, "nested"),
        ("[z-a]", "bad character range"),
        ("(?P<a b>x)", "bad character in group name"),
        ("(?P<" + "x" * 1000 + "!>a)", "bad character in group name"),
    ],
)
def test_expression_that_some_python_refuses_is_refused_with_the_reason(
    pattern: str, reason: str
) -> None:
    why = why_not_portable(pattern)
    assert why is not None
    assert reason in why


def test_flag_that_new_pythons_do_not_know_is_refused_on_all() -> None:
    why = why_not_portable("(?t)x")
    assert why is not None
    assert "flag `t`" in why or "unknown extension ?t" in why  # since Python 3.13 its own words
    assert len(why) < 120


@for_each(
    "pattern",
    [
        "(?i)(?s)a",
        "(?i:a)(?-i:b)",
        r"\Aa\Z",
        r"\\z",
        r"[+*?]+",
        r"\++",
        r"\*+",
        r"\?+",
        "a+?",
        "a{2}?",
        "[[a]",
        "[a&&b]",
        "{}",
        r"\d{",
        "(?P<é>a)(?P=é)",
        "(a)(?(1)b|c)",
        r"\N{DIGIT ONE}",
        "(?<=ab|cd)e",
        "(?<!a)b",
        r"\(\(" * 1000,
        "(" * MAX_NESTING + ")" * MAX_NESTING,
        "",
    ],
)
def test_expression_that_every_python_accepts_is_accepted(pattern: str) -> None:
    assert why_not_portable(pattern) is None
