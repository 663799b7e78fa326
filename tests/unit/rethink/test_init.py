from __future__ import annotations

import asyncio
from typing import Any

from graphql_api.rethink.connection import connect
from graphql_api.rethink.driver import RAW, r
from graphql_api.rethink.init import initialise, missing_tables
from graphql_api.rethink.store import RethinkStore
from graphql_api.rethink.url import DatabaseURL


async def run(url: DatabaseURL, term: Any) -> Any:
    async with connect(url) as connection:
        return await connection.run(term, **RAW)


async def test_init_creates_everything_and_says_so(database: DatabaseURL) -> None:
    name = database.database
    assert await initialise(database) == [
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
    await initialise(database)
    policies = {
        policy["name"]: dict(policy) for policy in await RethinkStore(database).read("policy")
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
    await initialise(database)
    store = RethinkStore(database)
    before = await store.read("policy")
    assert await initialise(database) == []
    assert await store.read("policy") == before


async def test_init_completes_what_is_there_and_touches_none_of_it(database: DatabaseURL) -> None:
    """An operator who has deleted the standard policies does not get them back."""
    name = database.database
    await run(database, r.db_create(name))
    await run(database, r.db(name).table_create("policy"))
    await run(database, r.db(name).table("policy").insert({"id": "mine"}))
    assert await missing_tables(database) == ["domain_login", "schedule"]
    assert await initialise(database) == [
        f"table {name}.domain_login",
        f"table {name}.schedule",
        f"index {name}.schedule.schedule_name",
        f"index {name}.policy.name",
    ]
    assert await RethinkStore(database).read("policy") == [{"id": "mine"}]


async def test_inits_at_once_create_each_thing_once(database: DatabaseURL) -> None:
    results = await asyncio.gather(*(initialise(database) for _ in range(5)))
    created = [line for lines in results for line in lines]
    assert len(created) == len(set(created)) == 8
    assert len(await RethinkStore(database).read("policy")) == 2


async def test_missing_tables_are_named(database: DatabaseURL) -> None:
    assert await missing_tables(database) == ["domain_login", "policy", "schedule"]
    await run(database, r.db_create(database.database))
    assert await missing_tables(database) == ["domain_login", "policy", "schedule"]
    await initialise(database)
    assert await missing_tables(database) == []
