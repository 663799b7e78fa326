"""CAPTCHA solvers: what mutations write of them, that their key stays secret, and who uses them."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from graphql_api.feeds.keys import Key
from graphql_api.store import Rewrite, Written
from tests.for_each import for_each
from tests.properties import examples
from tests.unit.schema.documents import CAPTCHA_SOLVER, POLICY
from tests.unit.schema.harness import Server, serve
from tests.unit.schema.starbelly import run_captcha_solver

FIELDS = """
    id name createdAt updatedAt serviceUrl hasApiKey requirePhrase caseSensitive characters
    requireMath minLength maxLength invalidFields
"""
CREATE = f"""
    mutation($input: CreateCaptchaSolverInput!) {{
      createCaptchaSolver(input: $input) {{ {FIELDS} }}
    }}
"""
UPDATE = f"""
    mutation($id: ID! = "c1", $input: UpdateCaptchaSolverInput!) {{
      updateCaptchaSolver(id: $id, input: $input) {{ {FIELDS} }}
    }}
"""
DELETE = 'mutation($id: ID! = "c1") { deleteCaptchaSolver(id: $id) }'
NEW = {"name": "Service", "serviceUrl": "https://solver.example/", "apiKey": "hunter2"}
NO_POLICIES: dict[str, list[dict[str, Any]]] = {"policy": []}

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
LENGTH = st.none() | st.integers(0, 50)
VALUES: st.SearchStrategy[dict[str, Any]] = st.fixed_dictionaries(
    {
        "name": TEXT.filter(lambda text: bool(text.strip())),
        "serviceUrl": st.sampled_from(
            ["http://a.example", "https://u:hunter2@a.example:8/x/", "HTTPS://[::1]/"]
        ),
        "apiKey": st.just("hunter2"),
    },
    optional={
        "requirePhrase": st.none() | st.booleans(),
        "caseSensitive": st.none() | st.booleans(),
        "characters": st.sampled_from([None, "ALPHANUMERIC", "ALPHA_ONLY"]),
        "requireMath": st.none() | st.booleans(),
        "minLength": LENGTH,
        "maxLength": LENGTH,
    },
)


def fits(values: dict[str, Any]) -> bool:
    least, most = ((values.get(name) or 0) for name in ("minLength", "maxLength"))
    return most == 0 or least <= most


async def problems(server: Server, mutation: str, **variables: Any) -> list[tuple[str, str]]:
    result = await server.execute(mutation, **variables)
    if result.errors is None:
        return []
    (error,) = result.errors
    assert error.extensions is not None
    assert error.extensions["code"] == "BAD_USER_INPUT"
    return [(problem["path"][-1], problem["message"]) for problem in error.extensions["problems"]]


@given(VALUES.filter(fits))
@examples(60)
async def test_solver_by_the_rules_can_be_used_and_is_unchanged_when_written_back(
    values: dict[str, Any],
) -> None:
    async with serve({"captcha_solver": []}) as server:
        (served,) = (await server.data(CREATE, input=values)).values()
        assert (served["invalidFields"], served["hasApiKey"]) == ([], True)
        assert "hunter2" not in json.dumps(served)
        (stored,) = server.store.documents("captcha_solver")
        run_captcha_solver(stored)
        assert stored["api_key"] == "hunter2"
        hidden = {"id", "createdAt", "updatedAt", "hasApiKey", "invalidFields"}
        again = {name: value for name, value in served.items() if name not in hidden}
        await server.data(UPDATE, id=served["id"], input=again)
        (written,) = server.store.documents("captcha_solver")
        assert written == {**stored, "updated_at": written["updated_at"]}


BROKEN: list[tuple[dict[str, Any], tuple[str, str]]] = [
    *(({"name": name}, ("name", "Name is required")) for name in ("", " ")),
    *(({"serviceUrl": url}, ("serviceUrl", "Service URL is required")) for url in ("", " ")),
    *(
        ({"serviceUrl": url}, ("serviceUrl", "Invalid service URL"))
        for url in ("solver.example", "ftp://solver.example/", "http://", "http://a b/")
    ),
    ({"characters": "NUMBERS_ONLY"}, ("characters", "Characters cannot be digits only")),
    ({"characters": "NUMERIC_ONLY"}, ("characters", "Characters cannot be digits only")),
    ({"minLength": -1}, ("minLength", "Min length must be ≥0")),
    ({"maxLength": -1}, ("maxLength", "Max length must be ≥0")),
    ({"minLength": 9, "maxLength": 8}, ("maxLength", "Max length must not be below min length")),
    (
        {"serviceUrl": "https://u:***@other.example/"},
        ("serviceUrl", "Password is masked, and not one is stored for this user and host"),
    ),
]


@for_each(("change", "problem"), BROKEN)
async def test_solver_that_the_crawler_cannot_use_is_refused(
    change: dict[str, Any], problem: tuple[str, str]
) -> None:
    name, message = problem
    async with serve({"captcha_solver": [CAPTCHA_SOLVER]}) as server:
        for mutation, values in ((CREATE, {**NEW, **change}), (UPDATE, change)):
            ((found_name, found),) = await problems(server, mutation, input=values)
            assert found_name == name
            assert found == message or found.startswith(f"{message}: ")
        assert server.store.documents("captcha_solver") == [CAPTCHA_SOLVER]


async def test_stored_api_key_is_not_sent_to_another_service() -> None:
    stored = {**CAPTCHA_SOLVER, "service_url": "https://solver.example/a"}
    async with serve({"captcha_solver": [stored]}) as server:
        for url in (
            "https://other.example/",
            "http://solver.example/a",
            "https://solver.example:444/a",
            "https://solver.example@other.example/",
        ):
            ((name, message),) = await problems(server, UPDATE, input={"serviceUrl": url})
            assert name == "apiKey"
            assert message.startswith("API key is required for another service")
        await server.data(UPDATE, input={"serviceUrl": "https://Solver.example/b"})
        values = {"serviceUrl": "https://other.example/", "apiKey": "another"}
        await server.data(UPDATE, input=values)
        (written,) = server.store.documents("captcha_solver")
        assert (written["service_url"], written["api_key"]) == (values["serviceUrl"], "another")


async def test_api_key_stays_unless_another_is_given() -> None:
    async with serve({"captcha_solver": [CAPTCHA_SOLVER]}) as server:

        def key() -> str:
            return str(server.store.documents("captcha_solver")[0]["api_key"])

        await server.data(UPDATE, input={"name": "Other"})
        assert key() == "hunter2"
        for blank in ("", " ", None):
            ((name, _),) = await problems(server, UPDATE, input={"apiKey": blank})
            assert name == "apiKey"
        assert key() == "hunter2"
        await server.data(UPDATE, input={"apiKey": "other"})
        assert key() == "other"


async def test_update_leaves_what_it_does_not_give_and_takes_out_lengths_that_are_null() -> None:
    before = {**CAPTCHA_SOLVER, "type": "antigate", "unknown": [1]}
    async with serve({"captcha_solver": [before]}) as server:
        await server.data(UPDATE, input={"minLength": None, "characters": None})
        (after,) = server.store.documents("captcha_solver")
    assert "min_length" not in after
    kept = {name: value for name, value in before.items() if name != "min_length"}
    assert after == {**kept, "updated_at": after["updated_at"]}


async def test_change_of_the_api_key_alone_shows_no_key() -> None:
    query = """subscription { captchaSolverChanges(includeInitial: false) {
      ... on CaptchaSolverUpdated {
        changedFields previous { hasApiKey } captchaSolver { hasApiKey }
      }
    } }"""
    async with (
        serve({"captcha_solver": [CAPTCHA_SOLVER]}) as server,
        server.subscribe(query) as results,
    ):
        await anext(results)
        await server.data(UPDATE, input={"apiKey": "correct horse"})
        result = await anext(results)
    assert result.data == {
        "captchaSolverChanges": {
            "changedFields": ["updatedAt"],
            "previous": {"hasApiKey": True},
            "captchaSolver": {"hasApiKey": True},
        }
    }


async def code_of(server: Server, mutation: str, **variables: Any) -> str:
    result = await server.execute(mutation, **variables)
    assert result.errors is not None
    (error,) = result.errors
    assert error.extensions is not None
    return str(error.extensions["code"])


async def test_solver_is_deleted_exactly_if_no_policy_uses_it() -> None:
    policies = [POLICY, {**POLICY, "id": "p2", "captcha_solver_id": None}]
    async with serve({"captcha_solver": [CAPTCHA_SOLVER], "policy": policies}) as server:
        assert await code_of(server, DELETE) == "CAPTCHA_SOLVER_IN_USE"
        assert server.store.documents("captcha_solver") == [CAPTCHA_SOLVER]
        await server.store.write("policy", "p1", lambda _: None)
        assert await server.data(DELETE) == {"deleteCaptchaSolver": "c1"}
        assert server.store.documents("captcha_solver") == []
        for key in ("c1", "", "x" * 200):
            assert await code_of(server, DELETE, id=key) == "NOT_FOUND"


async def test_solver_that_a_policy_is_given_while_it_is_deleted_comes_back() -> None:
    async with serve({"captcha_solver": [CAPTCHA_SOLVER], "policy": []}) as server:
        write = server.store.write

        async def write_both(table: str, key: Key, change: Rewrite, **more: Any) -> Written:
            written = await write(table, key, change, **more)
            if table == "captcha_solver" and written.new is None:
                await write("policy", "p1", lambda _: POLICY)
            return written

        server.store.write = write_both  # type: ignore[method-assign]
        assert await code_of(server, DELETE) == "CAPTCHA_SOLVER_IN_USE"
        assert server.store.documents("captcha_solver") == [CAPTCHA_SOLVER]


CREATE_POLICY = """mutation {
  row: createPolicy(input: {
    name: "p", captchaSolverId: "c1", mimeTypeRules: [{save: true}], robotsTxt: {usage: OBEY},
    urlRules: [{action: ADD, amount: 1}], userAgents: [{name: "a"}]
  }) { id }
}"""
UPDATE_POLICY = 'mutation { row: updatePolicy(id: "p1", input: {captchaSolverId: "c1"}) { id } }'


@for_each("mutation", [CREATE_POLICY, UPDATE_POLICY])
async def test_policy_whose_solver_is_deleted_while_it_is_written_is_taken_back(
    mutation: str,
) -> None:
    policy = {**POLICY, "captcha_solver_id": None}
    async with serve({"captcha_solver": [CAPTCHA_SOLVER], "policy": [policy]}) as server:
        write = server.store.write

        async def write_both(table: str, key: Key, change: Rewrite, **more: Any) -> Written:
            written = await write(table, key, change, **more)
            await write("captcha_solver", "c1", lambda _: None)
            return written

        server.store.write = write_both  # type: ignore[method-assign]
        result = await server.execute(mutation)
        assert result.errors is not None
        assert result.errors[0].message == "CAPTCHA solver does not exist"
        assert server.store.documents("policy") == [policy]


async def test_solver_of_a_policy_is_that_of_now_and_null_if_it_is_gone() -> None:
    query = '{ policy(id: "p1") { captchaSolverId captchaSolver { name } problems { path } } }'
    async with serve({"captcha_solver": [CAPTCHA_SOLVER], "policy": [POLICY]}) as server:
        row = (await server.data(query))["policy"]
        assert (row["captchaSolver"], row["problems"]) == ({"name": "Friendly service"}, [])
        await server.data(UPDATE, input={"name": "Other"})
        assert (await server.data(query))["policy"]["captchaSolver"] == {"name": "Other"}
        await server.store.write("captcha_solver", "c1", lambda _: None)
        while server.feed("captcha_solver").documents:
            await server.context.turns.pause()
        assert (await server.data(query))["policy"] == {
            "captchaSolverId": "c1",
            "captchaSolver": None,
            "problems": [{"path": "captchaSolverId"}],
        }
