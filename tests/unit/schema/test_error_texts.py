"""GraphQL's errors name the place and the fault, and never a value that the client has sent."""

from __future__ import annotations

from enum import Enum
from itertools import product
from typing import Annotated, Any

import strawberry
from hypothesis import given
from hypothesis import strategies as st
from strawberry.extensions import ParserCache, ValidationCache

from graphql_api.schema.error_texts import without_values
from graphql_api.schema.errors import CodeValidationErrors
from graphql_api.schema.schema import APISchema
from tests.for_each import for_each
from tests.unit.schema.test_errors import CONTEXT

SECRET = "hunter2"


@strawberry.enum
class Colour(Enum):
    RED = "red"
    GREEN = "green"


@strawberry.input
class User:
    username: str
    password: str | None = None
    colour: Colour | None = None
    age: int | None = None
    height: float | None = None
    is_admin: bool | None = None
    key: strawberry.ID | None = None


@strawberry.input
class Login:
    users: list[User]
    url: str | None = None


@strawberry.type
class Query:
    @strawberry.field
    def login(
        self,
        input_: Annotated[Login | None, strawberry.argument(name="input")] = None,
        name: str = "",
        number: int = 0,
    ) -> str:
        return "done"


SCHEMA = APISchema(query=Query, extensions=[CodeValidationErrors, ParserCache, ValidationCache])
MEMBERS = [
    *("username", "password", "colour", "age", "height", "isAdmin", "key", "usr", "passwort"),
]
ODD: list[Any] = [
    *(SECRET, [SECRET], {"a": SECRET}, {SECRET + "'": 1, "password": SECRET}, [[{"x": SECRET}]]),
    *(f"{SECRET}\n{SECRET}", f"', found: {SECRET}", f"{SECRET}. Did you mean 'x'?", f'"{SECRET}'),
    *(f"a value: {SECRET}.", f"Value '{SECRET}' does not exist in 'Colour' enum.", 7357.5),
    *(int("7" * 300), float("inf"), True, None),
]
LITERALS = [
    *('"hunter2"', '["hunter2"]', "hunter2", "{a: hunter2}", '{a: "hunter2"}', '"""\nhunter2\n"""'),
    *(
        '"hunter2\\n\\"hunter2"',
        "$hunter2",
        "7357" * 1100,
        "7357e7357",
        "-7357.7357",
        "[[hunter2]]",
    ),
    *('"hunter2', "hunter2 hunter2 hunter2", '"\\hunter2"', '"\\u{hunter2}"', '"\\uhunter2"'),
    *('"hunter2" "hunter2"', '"""hunter2', "hunter2: hunter2", "7357hunter2", '"hunter2": 7357'),
    *(
        '"hunter2\n"',
        "hunter2!",
        "@hunter2",
        "...hunter2",
        "null",
        "{hunter2 hunter2}",
        "7357 7357",
    ),
]


def is_silent(message: str) -> bool:
    return SECRET not in message and "7357" not in message and "7777" not in message


async def errors(query: str, variables: dict[str, Any] | None = None) -> list[str]:
    """The messages with which a mistake is answered, all of them with a code of the client's."""
    result = await SCHEMA.execute(query, variables, context_value=CONTEXT)
    for error in result.errors or []:
        assert error.extensions is not None
        assert error.extensions["code"] in (
            "BAD_USER_INPUT",
            "GRAPHQL_PARSE_FAILED",
            "GRAPHQL_VALIDATION_FAILED",
        )
        assert error.original_error is None
    return [error.message for error in result.errors or []]


QUERY = "query ($input: Login) { login(input: $input) }"


@for_each("value", ODD)
async def test_no_variable_is_repeated(value: Any) -> None:
    for member in MEMBERS:
        given = {"username": "ann", "password": SECRET, member: value}
        for login in ({"users": [given]}, {"users": given}, {"users": [given], "uri": SECRET}):
            said = await errors(QUERY, {"input": login})
            assert all(map(is_silent, said)), (member, said)


@for_each("value", ODD)
async def test_no_variable_of_a_simple_type_is_repeated(value: Any) -> None:
    for type_, name in (("Login", "input"), ("String!", "name"), ("Int!", "number")):
        query = f"query ($v: {type_}) {{ login({name}: $v) }}"
        assert all(map(is_silent, await errors(query, {"v": value})))


@for_each("literal", LITERALS)
async def test_no_literal_is_repeated(literal: str) -> None:
    for query in (
        *(
            f'{{ login(input: {{users: [{{username: "ann", {member}{colon} {literal}}}]}}) }}'
            for member, colon in product(MEMBERS, (":", ""))
        ),
        f"{{ login(input: {literal}) }}",
        f"{{ login(number: {literal}) }}",
        f"{{ login(name: {literal}) }}",
        f"query ($v: Login = {literal}) {{ login(input: $v) }}",
        f"query ($v: Int = {literal}) {{ login(number: $v) }}",
        f"{{ login @include(if: {literal}) }}",
    ):
        said = await errors(query)
        # A variable's name is a name, whatever it is.
        assert "$hunter2" in literal or all(map(is_silent, said)), said


AT = "Variable '$input' has invalid value at .users[0]"


@for_each(
    ("query", "variables", "expected"),
    [
        (
            QUERY,
            {"input": {"users": [{"usrname": "ann", "password": SECRET}]}},
            [
                f"{AT}: Expected value of type 'User' to include required field 'username'.",
                f"{AT}: Expected value of type 'User' not to include unknown field 'usrname'. "  # noqa: ISC004
                "Did you mean 'username'?",
            ],
        ),
        (
            QUERY,
            {"input": {"users": [{"username": "ann", "colour": "GREN"}]}},
            [
                f"{AT}.colour: The value does not exist in 'Colour' enum. Did you mean the enum "  # noqa: ISC004
                "value 'GREEN' or 'RED'?",
            ],
        ),
        (
            "query ($n: Int!) { login(number: $n) }",
            {"n": "5"},
            ["Variable '$n' has invalid value: Int cannot represent non-integer value."],
        ),
        ("{ login(input: 5) }", None, ["Expected value of type 'Login' to be an object."]),
        ('{ login(name "a") }', None, ["Syntax Error: Expected ':', found String."]),
        ("querry { login }", None, ["Syntax Error: Unexpected Name 'querry'."]),
        (
            "{ logout }",
            None,
            ["Cannot query field 'logout' on type 'Query'. Did you mean 'login'?"],
        ),
    ],
)
async def test_error_names_the_path_and_the_fault(
    query: str, variables: dict[str, Any] | None, expected: list[str]
) -> None:
    assert await errors(query, variables) == expected


@given(st.text())
def test_nothing_of_a_value_is_left(value: str) -> None:
    marked = f"<{value}>"
    for message in (
        f"Int cannot represent non-integer value: {marked!r}",
        f"Expected value of type 'User' to be an object, found: {marked!r}.",
        f"Expected value of type 'X', but encountered error '{marked}'; found: {marked!r}.",
        f"Value '{marked}' does not exist in 'Colour' enum.",
        f"Enum 'Colour' cannot represent non-string value: {marked}.",
    ):
        assert "<" not in without_values(message)
