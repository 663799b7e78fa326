"""What the page `/live` is sent of a table, from its declaration."""

from __future__ import annotations

from typing import Any

from graphql_api.schema.columns import selections
from graphql_api.schema.declaration import TableDeclaration
from graphql_api.schema.document import graphql_name


def page_table(table: TableDeclaration[Any]) -> dict[str, Any]:
    """A table as JSON: the type `Declared` of `live/tables.mjs`."""
    people = table.people
    columns = [column for column in people.columns if column.live is not None]
    fields = {path[0] for column in columns for path in column.paths}
    fields |= {graphql_name(people.named_by), "invalidFields"}
    if people.newest_by is not None:
        fields.add(graphql_name(people.newest_by))
    selected = [
        f"{name} {inner}".strip()
        for name, inner in selections(table.row_type).items()
        if name in fields
    ]
    return {
        "id": people.name,
        "title": people.title,
        "stored": table.name,
        "field": graphql_name(f"{table.name}_changes"),
        "type": table.row_type.__name__,
        "entity": graphql_name(table.name),
        "deletedKey": graphql_name(table.deleted_key),
        "selection": f"id {' '.join(selected)}",
        "name": {
            "title": people.name_title,
            "width": people.name_width,
            "field": graphql_name(people.named_by),
        },
        "newestBy": None if people.newest_by is None else graphql_name(people.newest_by),
        "columns": [
            {
                "title": column.live,
                "width": column.width,
                "look": column.look.value,
                "paths": column.paths,
            }
            for column in columns
        ],
    }
