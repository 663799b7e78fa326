"""GraphQL's own error texts, without the values that they print.

An input may hold a password, and graphql-core prints the whole input beside one misspelt member.
The texts keep the names of variables, fields, types and enum values of the schema, the path, and
what is wrong; a client knows the value that it has sent.

Source: graphql/utilities/validate_input_value.py, graphql/type/scalars.py and definition.py,
graphql/language/parser.py and lexer.py of graphql-core 3.3.
"""

from __future__ import annotations

import re

from graphql import GraphQLSyntaxError

_SUGGESTION = r"(?P<hint> Did you mean (?:the enum value )?[\w', ]+\?)?"
_ENUM = re.compile(rf"Value '.*' does not exist in '(\w+)' enum\.{_SUGGESTION}\Z", re.DOTALL)
_SCALAR = re.compile(
    rf"(?P<kept>cannot represent [a-z0-9 -]*value): .*?\.?{_SUGGESTION}\Z", re.DOTALL
)
_FOUND = re.compile(r"(?:, but encountered error '|[,;] found: |(?<=\?) Found: ).*\Z", re.DOTALL)

_UNKNOWN_FIELD = re.compile(r"(?<= unknown field)(?: '.*)\Z", re.DOTALL)
_UNKNOWN_NAME = re.compile(rf" '[A-Za-z_][A-Za-z0-9_]{{0,99}}'\.?{_SUGGESTION}\Z")

_TOKEN = re.compile(r"\b(String|BlockString|Int|Float) '.*'\.\Z", re.DOTALL)
_NAME = re.compile(r"\bName '\w+'\.\Z")
_ESCAPE = re.compile(r"(escape sequence): '.*'\.\Z", re.DOTALL)

_UNREADABLE_VALUE = re.compile(r"Expected value of type '[^']+', but encountered error '")


def without_values(message: str) -> str:
    """The text of an error of validation or coercion, without the value that it is about."""
    if match := _ENUM.search(message):
        start = message[: match.start()]
        return f"{start}The value does not exist in '{match[1]}' enum.{match['hint'] or ''}"
    if match := _SCALAR.search(message):
        return f"{message[: match.start()]}{match['kept']}.{match['hint'] or ''}"
    if match := _FOUND.search(message):
        # The name of an unknown member stays if it can be a misspelt one.
        start = _UNKNOWN_FIELD.sub(_name_or_nothing, message[: match.start()])
        return start if start.endswith("?") else f"{start}."
    return message


def _name_or_nothing(match: re.Match[str]) -> str:
    return match[0] if _UNKNOWN_NAME.fullmatch(match[0]) else ""


def syntax_error_text(error: GraphQLSyntaxError) -> str:
    """The text of a syntax error, without the text or number at which the parser stopped.

    A name stays only where no argument has begun: inside one it may be a password without quotes.
    """
    message = _ESCAPE.sub(r"\1.", _TOKEN.sub(r"\1.", error.message))
    position = max(error.positions or (0,))
    if error.source is None or "(" in error.source.body[:position]:
        message = _NAME.sub("Name.", message)
    return message


def is_unreadable_value(message: str) -> bool:
    """Whether the error says that a client's value made the reader of its type fail.

    Python refuses to read an integer of more than 4300 digits, for example.
    """
    return _UNREADABLE_VALUE.search(message) is not None
