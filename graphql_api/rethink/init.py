"""Creating what a Starbelly database holds, where it is missing."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeAlias
from uuid import uuid4

from graphql_api.errors import DatabaseError
from graphql_api.rethink.connection import Connection, Timeouts, connect
from graphql_api.rethink.driver import r
from graphql_api.rethink.driver_errors import AlreadyExistsError, reason_of
from graphql_api.rethink.url import DatabaseURL

INIT_TIMEOUTS: Final = Timeouts(query_s=60.0)
"""A cluster takes its time to create a table and to agree on who serves it."""

Contents: TypeAlias = Callable[[Mapping[str, str]], Mapping[str, Sequence[Mapping[str, Any]]]]
"""Documents by their table's name, made from the ids of the standard policies by their names."""


@dataclass(frozen=True, slots=True)
class _TableLayout:
    name: str
    primary_key: str = "id"
    index: str | None = None


# `policy` comes last: that it is missing is what makes a database new, see `initialise`.
_TABLES: Final = (
    _TableLayout("domain_login", primary_key="domain"),
    _TableLayout("schedule", index="schedule_name"),
    _TableLayout("policy", index="name"),
)


def _standard_policy(
    name: str,
    *,
    authentication: bool,
    limits: Mapping[str, Any],
    url_rules: list[Mapping[str, Any]],
) -> Mapping[str, Any]:
    return {
        "name": name,
        "created_at": r.now(),
        "updated_at": r.now(),
        "authentication": {"enabled": authentication},
        "limits": limits,
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
        "url_rules": url_rules,
        "user_agents": [
            {"name": "Starbelly/{VERSION} (+https://github.com/hyperiongray/starbelly)"}
        ],
    }


_STANDARD_POLICIES: Final = (
    _standard_policy(
        "Broad Crawl",
        authentication=False,
        limits={"max_items": 1_000_000, "max_cost": 3},
        url_rules=[{"action": "ADD", "amount": 1}],
    ),
    _standard_policy(
        "Deep Crawl",
        authentication=True,
        limits={"max_cost": 10},
        url_rules=[
            {
                "match": "MATCHES",
                "pattern": "^https?://({SEED_DOMAINS})/",
                "action": "ADD",
                "amount": 1,
            },
            {"action": "MULTIPLY", "amount": 0},
        ],
    ),
)


async def initialise(
    url: DatabaseURL, *, timeouts: Timeouts = INIT_TIMEOUTS, contents: Contents | None = None
) -> list[str]:
    """Create the database, its tables, their indexes and the standard policies, where missing.

    What exists is not touched. So the two policies of a new Starbelly database are inserted only
    when this call created the policy table: in an older one, an operator may have deleted them on
    purpose. Tables and indexes are ready for use when it returns.

    At most one call at a time, from anywhere: a RethinkDB that is asked by two for the same table
    at the same moment makes two of that name, and then serves neither (rethinkdb issue #4898).
    Calls where nothing is missing do no harm.

    Args:
        url: The database.
        timeouts: Those of the connection.
        contents: What else a new database gets, in the place of documents with the same keys. It
            is inserted before the policy table is created: a call that ended half-way is repeated
            in full by the next one.

    Returns:
        What was created, one line each, in the order of creation; empty when nothing was missing.

    Raises:
        DatabaseUnavailableError: No connection, it is lost, or the server does not answer.
        DatabaseRefusedError: Wrong credentials, or the `config` or `write` permission is missing.
        DatabaseError: Any other error that the server answers with.
    """
    created: list[str] = []
    policy_ids = {policy["name"]: str(uuid4()) for policy in _STANDARD_POLICIES}
    async with connect(url, timeouts=timeouts) as connection:
        database = url.database
        is_missing = database not in await connection.run(r.db_list())
        if is_missing and await _creates(connection, r.db_create(database)):
            created.append(f"database {database}")
        existing = await connection.run(r.db(database).table_list())
        for layout in _TABLES:
            table = r.db(database).table(layout.name)
            if layout.name not in existing:
                if layout.name == "policy" and contents is not None:
                    await _insert_contents(connection, database, contents(policy_ids))
                term = r.db(database).table_create(layout.name, primary_key=layout.primary_key)
                is_ours = await _creates(connection, term)
                await connection.run(table.wait(wait_for="ready_for_writes"))
                if is_ours:
                    created.append(f"table {database}.{layout.name}")
                    if layout.name == "policy":
                        created += await _insert_standard_policies(connection, table, policy_ids)
            if layout.index is not None:
                is_missing = layout.index not in await connection.run(table.index_list())
                if is_missing and await _creates(connection, table.index_create(layout.index)):
                    created.append(f"index {database}.{layout.name}.{layout.index}")
                await connection.run(table.index_wait(layout.index))
    return created


async def _creates(connection: Connection, term: Any) -> bool:
    """Whether it was this call that created something; if not, somebody else just has."""
    try:
        await connection.run(term)
    except AlreadyExistsError:
        return False
    return True


async def _insert_contents(
    connection: Connection, database: str, contents: Mapping[str, Sequence[Mapping[str, Any]]]
) -> None:
    for name, documents in contents.items():
        table = r.db(database).table(name)
        result = await connection.run(table.insert(list(documents), conflict="replace"))
        if result["errors"]:
            raise DatabaseError(f"documents were not inserted: {reason_of(result)}")


async def _insert_standard_policies(
    connection: Connection, table: Any, ids: Mapping[str, str]
) -> list[str]:
    policies = [{"id": ids[policy["name"]], **policy} for policy in _STANDARD_POLICIES]
    result = await connection.run(table.insert(policies))
    if result["errors"]:
        raise DatabaseError(f"the standard policies were not inserted: {reason_of(result)}")
    return [f"policy {policy['name']}" for policy in _STANDARD_POLICIES]
