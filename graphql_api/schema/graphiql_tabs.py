"""The ready-made tabs of GraphiQL that follow a table, from its declaration."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from graphql import parse, print_ast

from graphql_api.schema.columns import filter_keys, selections
from graphql_api.schema.declaration import TableDeclaration
from graphql_api.schema.document import graphql_name
from graphql_api.schema.log_declaration import LogDeclaration
from graphql_api.schema.page_table import page_table


def changes_tab(table: TableDeclaration[Any]) -> str:
    """A subscription to a table, with every member of its union."""
    page = page_table(table)
    type_, entity, row = page["type"], page["entity"], page["selection"]
    text = f"""
        subscription {type_}Changes($where: {table.filter_type.__name__}) {{
          {page["field"]}(where: $where) {{
            __typename
            ... on FeedState {{ status cursor }}
            ... on {type_}Added {{ cause {entity} {{ ...{type_}Fields }} cursor }}
            ... on {type_}Updated {{
              changedFields {entity} {{ ...{type_}Fields }}
              previous {{ {row.removeprefix("id ")} }} cursor
            }}
            ... on {type_}Deleted {{
              cause {page["deletedKey"]} previous {{ {page["name"]["field"]} }} cursor
            }}
          }}
        }}
        fragment {type_}Fields on {type_} {{ {row} }}"""
    return _tab(
        text,
        f"Every {table.people.singular}, and then every change, the",
        "newest first. Ctrl-Enter starts and ends it.",
        "Variables that ask for some:",
        f"  {json.dumps({'where': _example(table.filter_type)}, ensure_ascii=False)}",
    )


def log_tab(log: LogDeclaration[Any]) -> str:
    """A subscription to the rows of one partition of a log."""
    owner_id = graphql_name(f"{log.owner}_id")
    selected = selections(log.row_type, resolved=True)
    fields = " ".join(f"{name} {inner}" for name, inner in selected.items())
    text = f"""
        subscription {log.owner.title()}{log.plural.title()}(
          ${owner_id}: ID!, $kinds: [{log.kind_type.__name__}!]
        ) {{
          {graphql_name(f"{log.owner}_{log.name}_added")}({owner_id}: ${owner_id}, kinds: $kinds) {{
            __typename {graphql_name(log.name)} {{ {fields} }} cursor
          }}
        }}"""
    return _tab(
        text,
        f"Every {log.name} of a {log.owner}: those that are there,",
        f"and those that come, until the {log.owner} has ended.",
        f"Put the key of a {log.owner} into the variables:",
        f"  {json.dumps({owner_id: '…'}, ensure_ascii=False)}",
    )


def _tab(text: str, *comment: str) -> str:
    return "".join(f"# {line}\n" for line in comment) + print_ast(parse(text))


def _example(filter_type: type) -> Mapping[str, object]:
    """One condition that a filter takes."""
    keys = sorted(filter_keys(filter_type).values(), key=lambda key: key[1] is list)
    member, kind, words = keys[0]
    value = words[0] if words else "…"
    if kind is list:
        return {member: [value]}
    return {member: True if kind is bool else value}
