"""Databases and tables: made, listed, dropped, waited for; and who may use them.

Source: src/rdb_protocol/terms/db_table.cc.
"""

from __future__ import annotations

import re

from graphql_api.embedded.catalog import SERVER_NAME
from graphql_api.embedded.datum import Datum, Document, as_integer, as_string
from graphql_api.embedded.determinism import Determinism
from graphql_api.embedded.errors import logic_error, op_failed_error
from graphql_api.embedded.ql2 import TermType
from graphql_api.embedded.stored_table import SYSTEM_DATABASE, Database, StoredTable
from graphql_api.embedded.term import Call, term
from graphql_api.embedded.terms.write_options import parse_durability
from graphql_api.embedded.users import ADMIN
from graphql_api.embedded.values import Value, wrong_value_type

_NAME = re.compile(r"[A-Za-z0-9_-]+", re.ASCII)
_SCOPED = 3
"""How many arguments `grant` has if the first one is a database or a table."""
_READ_MODES = ("majority", "single", "outdated")
_READINESS = (
    "ready_for_outdated_reads",
    "ready_for_reads",
    "ready_for_writes",
    "all_replicas_ready",
)


def _name(call: Call, position: int, kind: str) -> str:
    name = call.string(position)
    if _NAME.fullmatch(name) is None:
        raise call.at(
            position,
            logic_error(f"{kind} name `{name}` invalid (Use A-Z, a-z, 0-9, _ and - only)."),
        )
    return name


def _database(call: Call, position: int) -> Database:
    value = call.value(position)
    if isinstance(value, Database):
        return value
    raise call.at(position, wrong_value_type(value, "DATABASE"))


def _default_database(call: Call) -> Database:
    value = call.env.query.optarg("db")
    if isinstance(value, Database):
        return value
    raise wrong_value_type(value, "DATABASE")


def _database_and_name(call: Call) -> tuple[Database, str]:
    """Return what `[name]` or `[database, name]` say."""
    if call.count == 1:
        return _default_database(call), _name(call, 0, "Table")
    return _database(call, 0), _name(call, 1, "Table")


# --- databases ---


@term(TermType.DB, 1, 1, determinism=Determinism.NO)
def db(call: Call) -> Value:
    """Return a database."""
    return call.env.query.catalog.database(_name(call, 0, "Database"))


@term(TermType.DB_LIST, 0, 0, determinism=Determinism.NO)
def db_list(call: Call) -> Value:
    """Return the names of all databases."""
    names: list[Datum] = [*sorted(call.env.query.catalog.databases)]
    return names


@term(TermType.DB_CREATE, 1, 1, determinism=Determinism.NO, writes=True)
def db_create(call: Call) -> Value:
    """Create a database."""
    name = _name(call, 0, "Database")
    call.transaction.access.require_config()
    call.env.query.catalog.commit_now(call.transaction)
    database = call.env.query.catalog.create_database(name)
    row: Document = {"id": database.id, "name": database.name}
    return {"config_changes": [{"new_val": row, "old_val": None}], "dbs_created": 1}


@term(TermType.DB_DROP, 1, 1, determinism=Determinism.NO, writes=True)
def db_drop(call: Call) -> Value:
    """Drop a database with its tables."""
    name = _name(call, 0, "Database")
    catalog = call.env.query.catalog
    dropped = catalog.database(name)
    call.transaction.access.require_config(dropped, dropped.tables.values())
    catalog.commit_now(call.transaction)
    database = catalog.drop_database(name)
    row: Document = {"id": database.id, "name": database.name}
    return {
        "config_changes": [{"new_val": None, "old_val": row}],
        "dbs_dropped": 1,
        "tables_dropped": len(database.tables),
    }


# --- tables ---


@term(
    TermType.TABLE,
    1,
    2,
    "read_mode",
    "use_outdated",
    "identifier_format",
    determinism=Determinism.NO,
)
def table(call: Call) -> Value:
    """Return a table."""
    if call.optarg_term("use_outdated") is not None:
        raise logic_error(
            "The `use_outdated` optarg is no longer supported.  Use the `read_mode` optarg instead."
        )
    read_mode = call.optarg("read_mode", as_string)
    if read_mode is not None and read_mode not in _READ_MODES:
        raise logic_error(
            f'Read mode `{read_mode}` unrecognized (options are "majority", "single", and '
            '"outdated").'
        )
    identifier_format = call.optarg("identifier_format", as_string)
    if identifier_format not in (None, "name", "uuid"):
        raise logic_error(
            f'Identifier format `{identifier_format}` unrecognized (options are "name" and "uuid").'
        )
    return call.env.query.catalog.table(*_database_and_name(call))


@term(TermType.TABLE_LIST, 0, 1, determinism=Determinism.NO)
def table_list(call: Call) -> Value:
    """Return the names of a database's tables."""
    database = _database(call, 0) if call.count else _default_database(call)
    names: list[Datum] = [*sorted(call.env.query.catalog.database(database.name).tables)]
    return names


@term(
    TermType.TABLE_CREATE,
    1,
    2,
    "primary_key",
    "shards",
    "replicas",
    "nonvoting_replica_tags",
    "primary_replica_tag",
    "durability",
    determinism=Determinism.NO,
    writes=True,
)
def table_create(call: Call) -> Value:
    """Create a table; on one server, how it is sharded and replicated makes no difference."""
    shards = call.optarg("shards", as_integer)
    if shards is not None and shards < 1:
        raise logic_error("Every table must have at least one shard.")
    primary_key_name = call.optarg("primary_key", as_string)
    durability = call.optarg("durability", parse_durability)
    database, name = _database_and_name(call)
    call.transaction.access.require_config(database)
    call.env.query.catalog.commit_now(call.transaction)
    created = call.env.query.catalog.create_table(
        database, name, primary_key_name or "id", durability or "hard"
    )
    return {
        "config_changes": [{"new_val": _config_document(created), "old_val": None}],
        "tables_created": 1,
    }


@term(TermType.TABLE_DROP, 1, 2, determinism=Determinism.NO, writes=True)
def table_drop(call: Call) -> Value:
    """Drop a table."""
    database, name = _database_and_name(call)
    catalog = call.env.query.catalog
    if database.name != SYSTEM_DATABASE:
        call.transaction.access.require_table_config(catalog.table(database, name))
    catalog.commit_now(call.transaction)
    dropped = catalog.drop_table(database, name)
    return {
        "config_changes": [{"new_val": None, "old_val": _config_document(dropped)}],
        "tables_dropped": 1,
    }


def _config_document(table: StoredTable) -> Datum:
    """A table's configuration, as `table_create` and `table_drop` report it."""
    return {
        "db": table.database,
        "durability": table.durability,
        "id": table.id,
        "indexes": [*sorted(table.indexes)],
        "name": table.name,
        "primary_key": table.primary_key,
        "shards": [
            {
                "nonvoting_replicas": [],
                "primary_replica": SERVER_NAME,
                "replicas": [SERVER_NAME],
            }
        ],
        "write_acks": "majority",
        "write_hook": None,
    }


@term(TermType.GRANT, 2, 3, determinism=Determinism.NO, writes=True)
def grant(call: Call) -> Value:
    """Change what a user may do: everywhere, in a database, or in a table."""
    user = call.string(call.count - 2)
    change = call.datum(call.count - 1)
    scope: Database | StoredTable | None = None
    if call.count == _SCOPED:
        value = call.value(0)
        scope = value if isinstance(value, Database) else call.to_table(0, value)
    catalog = call.env.query.catalog
    if user == ADMIN:
        raise op_failed_error(f"The permissions of the user `{user}` can't be modified.")
    call.transaction.access.require_grant()
    catalog.commit_now(call.transaction)
    before, after = catalog.grant(user, scope, change)
    return {
        "granted": 1,
        "permissions_changes": [{"new_val": after.document(), "old_val": before.document()}],
    }


@term(TermType.WAIT, 0, 1, "timeout", "wait_for", determinism=Determinism.NO, writes=True)
def wait(call: Call) -> Value:
    """Wait for tables to be ready, which they always are."""
    if call.count == 0:
        raise logic_error("`wait` can only be called on a table or database.")
    call.optarg("wait_for", _readiness)
    call.optarg("timeout", as_integer)
    value = call.value(0)
    if isinstance(value, Database):
        return {"ready": len(value.tables)}
    if isinstance(value, StoredTable):
        return {"ready": 1}
    raise call.at(0, wrong_value_type(value, "TABLE"))


def _readiness(value: Datum) -> str:
    state = as_string(value)
    if state not in _READINESS:
        *first, last = (f"'{name}'" for name in _READINESS)
        raise logic_error(
            f"Unknown table readiness state: '{state}', must be one of {', '.join(first)}, "
            f"or {last}"
        )
    return state


@term(TermType.SYNC, 1, 1, determinism=Determinism.NO, writes=True)
def sync(call: Call) -> Value:
    """Make sure that soft writes are on disk, this query's own included."""
    call.transaction.access.require_write(call.table(0))
    call.env.query.catalog.commit_now(call.transaction)
    call.env.query.catalog.sync()
    return {"synced": 1}
