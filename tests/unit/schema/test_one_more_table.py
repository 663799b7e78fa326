from __future__ import annotations

from graphql_api.tables import TABLES
from tests.unit.schema.bookmark import BOOKMARKS
from tests.unit.schema.documents import Document
from tests.unit.schema.harness import serve


async def test_one_more_table_takes_one_file_and_one_entry() -> None:
    bookmarks: list[Document] = [{"id": "c1", "name": "One"}, {"id": "c2", "name": 2}]
    async with serve({"bookmark": bookmarks}, tables=(*TABLES, BOOKMARKS)) as server:
        data = await server.data(
            """{
              bookmarks(where: {nameContains: "ONE"}) { items { id name } total }
              feeds { table }
            }"""
        )
        assert data["bookmarks"] == {"items": [{"id": "c1", "name": "One"}], "total": 1}
        assert data["feeds"][-1] == {"table": "bookmark"}

        query = """subscription {
          bookmarkChanges(includeInitial: false) {
            ... on BookmarkUpdated { bookmark { id } previous { name } changedFields }
          }
        }"""
        async with server.subscribe(query) as results:
            await anext(results)
            server.source.change("bookmark", None, {"id": "c1", "name": "Uno"})
            result = await anext(results)
        assert result.data == {
            "bookmarkChanges": {
                "bookmark": {"id": "c1"},
                "previous": {"name": "One"},
                "changedFields": ["name"],
            }
        }


async def test_tables_that_are_not_there_do_not_delay_those_that_are() -> None:
    async with serve({"policy": [{"id": "p"}]}, feed_wait_s=0) as server:
        assert await server.data("{ policies { total } }") == {"policies": {"total": 1}}
