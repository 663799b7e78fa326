from __future__ import annotations

from typing import Any

from graphql_api.feeds import cursor as cursors
from graphql_api.tables import TABLES
from tests.for_each import for_each
from tests.unit.schema.documents import DOCUMENTS, Document
from tests.unit.schema.harness import serve

NAMES = [("p1", "b"), ("p2", None), ("p3", "a"), ("p4", 5), ("p5", "b"), ("p0", "b")]
POLICIES: list[Document] = [{"id": key, "name": name} for key, name in NAMES]
LIST = """
query ($where: PolicyFilter, $limit: Int! = 100, $offset: Int! = 0) {
  policies(where: $where, limit: $limit, offset: $offset) { items { id } total cursor status }
}
"""


def ids(data: Any) -> list[str]:
    return [item["id"] for item in data["policies"]["items"]]


async def test_rows_are_ordered_by_name_then_key_and_nameless_ones_come_last() -> None:
    async with serve({"policy": POLICIES}) as server:
        assert ids(await server.data(LIST)) == ["p3", "p0", "p1", "p5", "p2", "p4"]


async def test_windows_put_together_are_the_whole_and_total_counts_it() -> None:
    async with serve({"policy": POLICIES}) as server:
        pages = [await server.data(LIST, limit=2, offset=offset) for offset in range(0, 8, 2)]
        assert [key for page in pages for key in ids(page)] == ids(await server.data(LIST))
        assert {page["policies"]["total"] for page in pages} == {6}
        assert ids(await server.data(LIST, limit=0)) == []


async def test_filter_selects_before_the_window() -> None:
    async with serve({"policy": POLICIES}) as server:
        data = await server.data(LIST, where={"nameContains": "B"}, limit=1, offset=1)
        assert ids(data) == ["p1"]
        assert data["policies"]["total"] == 3


async def test_cursor_belongs_to_the_filter_and_not_to_the_window() -> None:
    async with serve({"policy": POLICIES}) as server:
        pages = [
            await server.data(LIST),
            await server.data(LIST, limit=1, offset=3),
            await server.data(LIST, where={"ids": []}),
        ]
        whole, window, filtered = (page["policies"]["cursor"] for page in pages)
        assert whole == window != filtered
        assert isinstance(cursors.decode(whole), cursors.At)


@for_each("window", [{"limit": -1}, {"limit": 1001}, {"offset": -1}])
async def test_window_out_of_range_is_a_clear_error(window: dict[str, int]) -> None:
    async with serve({"policy": POLICIES}) as server:
        result = await server.execute(LIST, **window)
        assert result.errors is not None
        assert result.errors[0].extensions == {"code": "BAD_USER_INPUT"}
        assert result.errors[0].message.startswith(next(iter(window)))


async def test_query_of_a_feed_without_snapshot_fails_after_the_wait() -> None:
    async with serve({"domain_login": []}, feed_wait_s=0) as server:
        for query in ("{ policies { total } }", '{ policy(id: "p") { id } }'):
            result = await server.execute(query)
            assert result.errors is not None
            assert [error.extensions for error in result.errors] == [{"code": "FEED_UNAVAILABLE"}]
        assert await server.data("{ domainLogins { total } }") == {"domainLogins": {"total": 0}}


async def test_one_row_is_found_by_its_key() -> None:
    async with serve({name: [document] for name, document in DOCUMENTS.items()}) as server:
        data = await server.data(
            """{
              policy(id: "p1") { name }
              none: policy(id: "p2") { name }
              schedule(id: "s1") { scheduleName policyId policy { id name } }
              domainLogin(domain: "example.com") { id domain loginUrl users { hasPassword } }
            }"""
        )
    assert data == {
        "policy": {"name": "Deep Crawl"},
        "none": None,
        "schedule": {
            "scheduleName": "Nightly",
            "policyId": "p1",
            "policy": {"id": "p1", "name": "Deep Crawl"},
        },
        "domainLogin": {
            "id": "example.com",
            "domain": "example.com",
            "loginUrl": "https://user:***@example.com/login",
            "users": [{"hasPassword": True}],
        },
    }


async def test_schedule_whose_policy_is_not_there_has_none() -> None:
    schedules: list[Document] = [
        {"id": "s1", "policy_id": "gone"},
        {"id": "s2", "policy_id": 5},
        {"id": "s3"},
    ]
    async with serve({"policy": [], "schedule": schedules}) as server:
        data = await server.data("{ schedules { items { policyId policy { id } } } }")
    assert data["schedules"]["items"] == [
        {"policyId": "gone", "policy": None},
        {"policyId": None, "policy": None},
        {"policyId": None, "policy": None},
    ]


async def test_feeds_are_reported_in_the_order_of_the_tables() -> None:
    async with serve({"policy": POLICIES}) as server:
        data = await server.data("{ feeds { table status documents subscribers lastChangeAt } }")
    assert [feed["table"] for feed in data["feeds"]] == [table.name for table in TABLES]
    figures = {feed["table"]: (feed["status"], feed["documents"]) for feed in data["feeds"]}
    assert figures["policy"] == ("READY", 6)
    assert figures["schedule"] == ("READY", 0)
    assert figures["domain_login"] == ("INITIALIZING", 0)


async def test_values_are_served_as_stored() -> None:
    async with serve({"policy": [DOCUMENTS["policy"]]}) as server:
        data = await server.data(
            """{ policy(id: "p1") {
              createdAt updatedAt captchaSolverId authentication { enabled }
              limits { maxCost maxDuration maxItems }
              mimeTypeRules { pattern match save }
              proxyRules { pattern match proxyUrl }
              robotsTxt { usage readSitemaps obeyCrawlDelay }
              urlNormalization { enabled stripParameters }
              urlRules { pattern match action amount }
              userAgents { name }
              invalidFields
            } }"""
        )
    assert data["policy"] == {
        "createdAt": "2023-11-14T22:13:20.123Z",
        "updatedAt": "2023-11-14T22:13:21.000Z",
        "captchaSolverId": "c1",
        "authentication": {"enabled": True},
        "limits": {"maxCost": 10.0, "maxDuration": 3600.5, "maxItems": 1_000_000},
        "mimeTypeRules": [
            {"pattern": "^text/", "match": "MATCHES", "save": True},
            {"pattern": None, "match": None, "save": False},
        ],
        "proxyRules": [
            {
                "pattern": "onion",
                "match": "DOES_NOT_MATCH",
                "proxyUrl": "socks5://user:***@proxy.example:1080",
            },
            {"pattern": None, "match": None, "proxyUrl": None},
        ],
        "robotsTxt": {"usage": "OBEY", "readSitemaps": False, "obeyCrawlDelay": True},
        "urlNormalization": {"enabled": True, "stripParameters": ["JSESSIONID", "sid"]},
        "urlRules": [
            {
                "pattern": "^https?://({SEED_DOMAINS})/",
                "match": "MATCHES",
                "action": "ADD",
                "amount": 1.0,
            },
            {"pattern": None, "match": None, "action": "MULTIPLY", "amount": 0.0},
        ],
        "userAgents": [{"name": "Starbelly/{VERSION}"}],
        "invalidFields": [],
    }
