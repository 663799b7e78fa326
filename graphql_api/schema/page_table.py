"""Tables as JSON for the page `/live`, from their declarations."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from graphql_api.schema.columns import filter_keys, resolved_fields, selections
from graphql_api.schema.declaration import TableDeclaration
from graphql_api.schema.document import graphql_name
from graphql_api.schema.document_problems import DocumentProblem
from graphql_api.schema.filters import conditions_of
from graphql_api.schema.page_edits import page_edits


def page_tables(tables: Sequence[TableDeclaration[Any]]) -> list[dict[str, Any]]:
    """Tables as JSON, with the links between them: the type `Declared` of `live/tables.mjs`."""
    return [page_table(table) | {"links": [*_links(table, tables)]} for table in tables]


def page_table(table: TableDeclaration[Any]) -> dict[str, Any]:
    """A table as JSON, without its links to others."""
    people = table.people
    columns = [column for column in people.columns if column.live is not None]
    named_by = graphql_name(people.named_by)
    newest_by = None if people.newest_by is None else graphql_name(people.newest_by)
    paths = [path for column in columns for path in column.paths]
    paths += [[named_by], ["invalidFields"], *([] if newest_by is None else [[newest_by]])]
    filters = [*_filters(table.filter_type)]
    paths += [[each["field"]] for each in filters if each["field"] != "id"]
    whole = selections(table.row_type)
    return {
        "id": people.name,
        "title": people.title,
        "singular": people.singular,
        "stored": table.name,
        "field": graphql_name(f"{table.name}_changes"),
        "rowField": graphql_name(table.name),
        "keyArgument": table.key_name or "id",
        "keyType": "String" if table.key_name else "ID",
        "type": table.row_type.__name__,
        "entity": graphql_name(table.name),
        "deletedKey": graphql_name(table.deleted_key),
        "selection": f"id {_selected(paths, whole)}",
        "wholeSelection": f"id {_named(whole)}",
        "hasProblems": any(
            field.type_ is DocumentProblem for field in resolved_fields(table.row_type)
        ),
        "name": {
            "title": people.name_title,
            "width": people.name_width,
            "field": named_by,
        },
        "newestBy": newest_by,
        "columns": [
            {
                "title": column.live,
                "width": column.width,
                "look": column.look.value,
                "paths": column.paths,
            }
            for column in columns
        ],
        "filters": filters,
        "edits": page_edits(table),
    }


def _selected(paths: Iterable[Sequence[str]], whole: dict[str, str]) -> str:
    """The fields to select for some paths: of a path with several steps, only the last one."""
    parts: dict[str, set[str]] = {}
    for field, *rest in paths:
        inner = whole[field] if not rest else f"{{ {_nested(rest)} }}"
        parts.setdefault(field, set()).add(inner)
    for field, inners in parts.items():
        if whole[field] in inners:
            parts[field] = {whole[field]}  # it has all of the others
    # In the order of the type: `selections` has no keys.
    return " ".join(
        f"{field} {inner}".strip()
        for field in whole
        if field in parts
        for inner in sorted(parts[field])
    )


def _nested(steps: Sequence[str]) -> str:
    first, *rest = steps
    return f"{first} {{ {_nested(rest)} }}" if rest else first


def _named(fields: dict[str, str]) -> str:
    return " ".join(f"{name} {inner}".strip() for name, inner in fields.items())


def _filters(filter_type: type) -> Iterator[dict[str, Any]]:
    """The filters that the page offers: one condition each."""
    members = {
        graphql_name(member): condition for member, condition in conditions_of(filter_type).items()
    }
    for key, (member, kind, words) in filter_keys(filter_type).items():
        yield {
            "key": key,
            "member": member,
            "field": graphql_name(members[member].attribute),
            "relation": members[member].relation.name,
            "isSwitch": kind is bool,
            "words": words,
        }


def _links(
    table: TableDeclaration[Any], tables: Sequence[TableDeclaration[Any]]
) -> Iterator[dict[str, Any]]:
    """The fields that lead from a row to those of other tables."""
    by_type = {other.row_type: other for other in tables}
    for name, type_, is_list in resolved_fields(table.row_type):
        if (other := by_type.get(type_)) is not None:
            yield {
                "field": name,
                "table": other.people.name,
                "name": graphql_name(other.people.named_by),
                "isList": is_list,
            }
