from __future__ import annotations

from graphql_api.tables import TABLES
from tests.unit.schema.captcha_solver import CAPTCHA_SOLVERS
from tests.unit.schema.documents import Document
from tests.unit.schema.harness import serve


async def test_fourth_table_takes_one_file_and_one_entry() -> None:
    solvers: list[Document] = [{"id": "c1", "name": "One"}, {"id": "c2", "name": 2}]
    async with serve({"captcha_solver": solvers}, tables=(*TABLES, CAPTCHA_SOLVERS)) as server:
        data = await server.data(
            """{
              captchaSolvers(where: {nameContains: "ONE"}) { items { id name } total }
              feeds { table }
            }"""
        )
        assert data["captchaSolvers"] == {"items": [{"id": "c1", "name": "One"}], "total": 1}
        assert data["feeds"][-1] == {"table": "captcha_solver"}

        query = """subscription {
          captchaSolverChanges(includeInitial: false) {
            ... on CaptchaSolverUpdated { captchaSolver { id } previous { name } changedFields }
          }
        }"""
        async with server.subscribe(query) as results:
            await anext(results)
            server.source.change("captcha_solver", None, {"id": "c1", "name": "Uno"})
            result = await anext(results)
        assert result.data == {
            "captchaSolverChanges": {
                "captchaSolver": {"id": "c1"},
                "previous": {"name": "One"},
                "changedFields": ["name"],
            }
        }


async def test_tables_that_are_not_there_do_not_delay_those_that_are() -> None:
    async with serve({"policy": [{"id": "p"}]}, feed_wait_s=0) as server:
        assert await server.data("{ policies { total } }") == {"policies": {"total": 1}}
