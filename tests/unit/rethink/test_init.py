from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

import pytest

from graphql_api.errors import DatabaseError
from graphql_api.rethink.driver import RAW, r
from graphql_api.rethink.failover import connect
from graphql_api.rethink.init import initialise
from graphql_api.rethink.table_reader import TableReader
from graphql_api.rethink.url import DatabaseURL
from graphql_api.tables import TABLES

STARBELLY = [table for table in TABLES if table.name in {"policy", "schedule", "domain_login"}]
"""Those of which the tests name everything that is created."""


async def run(url: DatabaseURL, term: Any) -> Any:
    async with connect(url) as connection:
        return await connection.run(term, **RAW)


async def test_init_creates_everything_and_says_so(database: DatabaseURL) -> None:
    name = database.database
    assert await initialise(database, STARBELLY) == [
        f"database {name}",
        f"table {name}.domain_login",
        f"table {name}.schedule",
        f"index {name}.schedule.schedule_name",
        f"table {name}.policy",
        "policy Broad Crawl",
        "policy Deep Crawl",
        f"index {name}.policy.name",
    ]
    db = r.db(name)
    assert sorted(await run(database, db.table_list())) == ["domain_login", "policy", "schedule"]
    assert await run(database, db.table("policy").index_list()) == ["name"]
    assert await run(database, db.table("schedule").index_list()) == ["schedule_name"]
    info = await run(database, db.table("domain_login").info())
    assert info["primary_key"] == "domain"


async def test_standard_policies_are_those_of_a_new_starbelly(database: DatabaseURL) -> None:
    await initialise(database, TABLES)
    policies = {
        policy["name"]: dict(policy) for policy in await TableReader(database).read("policy")
    }
    times = set()
    for policy in policies.values():
        assert isinstance(policy.pop("id"), str)
        for field in ("created_at", "updated_at"):
            time = policy.pop(field)
            assert (time["$reql_type$"], time["timezone"]) == ("TIME", "+00:00")
            times.add(time["epoch_time"])
    assert len(times) == 1
    same = {
        "mime_type_rules": [
            {"match": "MATCHES", "pattern": "^text/", "save": True},
            {"save": False},
        ],
        "proxy_rules": [{}],
        "robots_txt": {"usage": "OBEY"},
        "url_normalization": {
            "enabled": True,
            "strip_parameters": ["JSESSIONID", "PHPSESSID", "sid"],
        },
        "user_agents": [
            {"name": "Starbelly/{VERSION} (+https://github.com/hyperiongray/starbelly)"}
        ],
    }
    assert policies == {
        "Broad Crawl": {
            "name": "Broad Crawl",
            "authentication": {"enabled": False},
            "limits": {"max_items": 1_000_000, "max_cost": 3},
            "url_rules": [{"action": "ADD", "amount": 1}],
            **same,
        },
        "Deep Crawl": {
            "name": "Deep Crawl",
            "authentication": {"enabled": True},
            "limits": {"max_cost": 10},
            "url_rules": [
                {
                    "match": "MATCHES",
                    "pattern": "^https?://({SEED_DOMAINS})/",
                    "action": "ADD",
                    "amount": 1,
                },
                {"action": "MULTIPLY", "amount": 0},
            ],
            **same,
        },
    }


async def test_init_twice_creates_nothing_and_touches_nothing(database: DatabaseURL) -> None:
    await initialise(database, TABLES)
    reader = TableReader(database)
    before = await reader.read("policy")
    assert await initialise(database, TABLES) == []
    assert await reader.read("policy") == before


async def test_init_completes_what_is_there_and_touches_none_of_it(database: DatabaseURL) -> None:
    """An operator who has deleted the standard policies does not get them back."""
    name = database.database
    await run(database, r.db_create(name))
    await run(database, r.db(name).table_create("policy"))
    await run(database, r.db(name).table("policy").insert({"id": "mine"}))
    assert await initialise(database, STARBELLY) == [
        f"table {name}.domain_login",
        f"table {name}.schedule",
        f"index {name}.schedule.schedule_name",
        f"index {name}.policy.name",
    ]
    assert await TableReader(database).read("policy") == [{"id": "mine"}]


@pytest.mark.embedded_only  # a real one may make tables twice, see `initialise`
async def test_inits_at_once_create_each_thing_once(database: DatabaseURL) -> None:
    results = await asyncio.gather(*(initialise(database, TABLES) for _ in range(5)))
    created = [line for lines in results for line in lines]
    indexes = sum(len(table.indexes) for table in TABLES)
    assert len(created) == len(set(created)) == 1 + len(TABLES) + indexes + 3
    assert len(await TableReader(database).read("policy")) == 2


def contents(policy_ids: Mapping[str, str]) -> dict[str, list[dict[str, str]]]:
    return {
        "schedule": [{"id": "weekly", "policy_id": policy_ids["Deep Crawl"]}],
        "domain_login": [{"domain": "a.example"}],
    }


async def test_new_database_gets_contents_that_name_its_policies(database: DatabaseURL) -> None:
    await initialise(database, TABLES, contents=contents)
    reader = TableReader(database)
    ids = {policy["name"]: policy["id"] for policy in await reader.read("policy")}
    assert await reader.read("schedule") == contents(ids)["schedule"]
    assert await reader.read("domain_login") == contents(ids)["domain_login"]

    table = r.db(database.database).table("schedule")
    await run(database, table.delete())
    assert await initialise(database, TABLES, contents=contents) == []
    assert await reader.read("schedule") == [], "what was deleted on purpose does not come back"


async def test_init_that_ended_half_way_is_made_good_by_the_next(database: DatabaseURL) -> None:
    class PowerCutError(Exception):
        pass

    def half(policy_ids: Mapping[str, str]) -> dict[str, list[dict[str, str]]]:
        raise PowerCutError

    def half_written(policy_ids: Mapping[str, str]) -> dict[str, list[dict[str, str]]]:
        return {"schedule": contents(policy_ids)["schedule"], "gone": [{"id": "x"}]}

    with pytest.raises(PowerCutError):
        await initialise(database, TABLES, contents=half)
    with pytest.raises(DatabaseError, match="gone"):
        await initialise(database, TABLES, contents=half_written)
    assert "policy Deep Crawl" in await initialise(database, TABLES, contents=contents)
    reader = TableReader(database)
    (schedule,) = await reader.read("schedule")
    assert schedule["policy_id"] in {policy["id"] for policy in await reader.read("policy")}
    assert await reader.read("domain_login") == [{"domain": "a.example"}]
