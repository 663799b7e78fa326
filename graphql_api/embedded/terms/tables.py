"""Databases, tables, and how documents of a table are chosen by key.

Source: src/rdb_protocol/terms/db_table.cc, seq.cc (`between_term_t`).
"""

from __future__ import annotations

import re
from collections import Counter
from itertools import chain
from typing import TYPE_CHECKING

from graphql_api.embedded.catalog import config_document
from graphql_api.embedded.datum import (
    MAXVAL,
    MINVAL,
    Datum,
    Document,
    as_integer,
    as_string,
    pretty_print,
    pseudo_type,
    type_name,
)
from graphql_api.embedded.determinism import Determinism
from graphql_api.embedded.errors import logic_error, non_existence_error, op_failed_error
from graphql_api.embedded.following import Following
from graphql_api.embedded.ordering import sort_key
from graphql_api.embedded.primary_key import primary_key
from graphql_api.embedded.ql2 import TermType
from graphql_api.embedded.streams import (
    covered_rows,
    index_keys,
    ordered_rows,
)
from graphql_api.embedded.table import SYSTEM_DATABASE, Database, Table
from graphql_api.embedded.term import Call, term
from graphql_api.embedded.terms.sequences import open_bound
from graphql_api.embedded.users import ADMIN
from graphql_api.embedded.values import (
    Bounds,
    Selection,
    SingleSelection,
    Stream,
    TableSlice,
    Value,
    wrong_value_type,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

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
        "config_changes": [{"new_val": config_document(created), "old_val": None}],
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
        "config_changes": [{"new_val": None, "old_val": config_document(dropped)}],
        "tables_dropped": 1,
    }


@term(TermType.GRANT, 2, 3, determinism=Determinism.NO, writes=True)
def grant(call: Call) -> Value:
    """Change what a user may do: everywhere, in a database, or in a table."""
    user = call.string(call.count - 2)
    change = call.datum(call.count - 1)
    scope: Database | Table | None = None
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


def parse_durability(value: Datum) -> str:
    """Check the optional argument `durability`.

    Raises:
        ReqlError: It is neither "hard" nor "soft".
    """
    durability = as_string(value)
    if durability not in ("hard", "soft"):
        raise logic_error(
            f'Durability option `{durability}` unrecognized (options are "hard" and "soft").'
        )
    return durability


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
    if isinstance(value, Table):
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


# --- documents by key ---


@term(TermType.GET, 2, 2)
def get(call: Call) -> Value:
    """Return the document with a primary key, null if there is none."""
    target = call.table(0)
    key = call.datum(1)
    transaction = call.transaction

    def read() -> Datum:
        return transaction.get(target, primary_key(key))

    # The key is checked here, as RethinkDB does when it reads the row: the error is this term's.
    primary_key(key)
    return SingleSelection(target, read, key)


@term(TermType.GET_ALL, 1, None, "index")
def get_all(call: Call) -> Value:
    """Return the documents that have one of the keys, as often as the key is given."""
    target = call.table(0)
    index = call.optarg("index", as_string)
    wanted: Counter[object] = Counter()
    sought: list[Datum] = []
    texts: list[str] = []
    for position in range(1, call.count):
        key = call.datum(position)
        if pseudo_type(key) == "GEOMETRY":
            raise call.at(
                position,
                logic_error(
                    "Cannot use a geospatial index with `get_all`. Use `get_intersecting` instead."
                ),
            )
        if key is None:
            raise call.at(position, non_existence_error("Keys cannot be NULL."))
        wanted[_hashable(key)] += 1
        sought.append(key)
        if index in (None, target.primary_key):
            texts.append(primary_key(key))
    if texts or not wanted:
        return Selection(target, _by_primary_key(call, target, Counter(texts)))
    keys = index_keys(target, index)

    transaction = call.transaction

    def covers(document: Document) -> int:
        return sum(wanted[_hashable(key)] for key in keys(document))

    def rows() -> Iterator[Datum]:
        if transaction.has_written(target):
            return covered_rows(target, covers, transaction)
        ranges = (TableSlice(target, index, bounds=Bounds(key, key)) for key in sought)
        return chain.from_iterable(
            ordered_rows(each, transaction, descending=False) for each in ranges
        )

    return Selection(target, Stream(rows, following=Following(target, covers)))


def _hashable(key: Datum) -> object:
    # The order's keys hold lists, which cannot be hashed; their text can.
    return repr(sort_key(key))


def _by_primary_key(call: Call, target: Table, texts: Counter[str]) -> Stream:
    transaction = call.transaction

    def rows() -> Iterator[Datum]:
        for text in texts.elements():
            document = transaction.get(target, text)
            if document is not None:
                yield document

    def covers(document: Document) -> int:
        return texts[primary_key(document[target.primary_key])]

    return Stream(rows, following=Following(target, covers))


@term(TermType.BETWEEN, 3, 3, "index", "left_bound", "right_bound")
def between(call: Call) -> Value:
    """Return the documents whose keys lie between two bounds."""
    value = call.value(0)
    if isinstance(value, Table):
        value = TableSlice(value)
    if not isinstance(value, TableSlice):
        raise call.at(0, wrong_value_type(value, "TABLE_SLICE"))
    left_open = open_bound(call, "left_bound", default=False)
    right_open = open_bound(call, "right_bound", default=True)
    bounds = Bounds(_bound(call, 1), _bound(call, 2), left_open, right_open)
    index = call.optarg("index", as_string) or value.index or value.table.primary_key
    if value.bounds != Bounds():
        raise logic_error("Cannot perform multiple BETWEENs on the same table.")
    if value.index not in (None, index):
        raise logic_error(
            f"Cannot call BETWEEN on index `{index}` after ordering on index `{value.index}`."
        )
    index_keys(value.table, index)  # it must exist
    return TableSlice(value.table, index, value.sorting, bounds)


def _bound(call: Call, position: int) -> Datum:
    bound = call.datum(position)
    if bound is None:
        raise call.at(
            position,
            logic_error(
                "Cannot use `null` in BETWEEN, use `r.minval` or `r.maxval` to denote "
                "unboundedness."
            ),
        )
    if bound not in (MINVAL, MAXVAL) and (isinstance(bound, dict) and pseudo_type(bound) is None):
        raise call.at(
            position,
            logic_error(
                "Secondary keys must be a number, string, bool, pseudotype, or array (got "
                f"{pretty_print(bound)} of type {type_name(bound)})."
            ),
        )
    return bound
