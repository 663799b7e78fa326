"""The table of terms in `docs/embedded.md`: `python -m tests.embedded_docs` writes it."""

from __future__ import annotations

import re
from pathlib import Path

import graphql_api.embedded.terms
from graphql_api.embedded.ql2 import TermType
from graphql_api.embedded.term import TERMS

FILE = Path(__file__).parents[1] / "docs" / "embedded.md"

_GROUPS = {
    "tables": "databases, tables, permissions",
    "by_key": "reading by key",
    "indexes": "secondary indexes",
    "insert": "inserting",
    "writes": "changing",
    "changes": "changefeeds",
    "sequences": "rows of sequences, parts of sequences",
    "orders": "order",
    "aggregation": "sequences as a whole",
    "strings": "strings",
    "documents": "fields of documents",
    "control": "comparison, logic, arithmetic, control",
    "data": "data and types",
    "times": "times",
    "compiler": "built into the compiler",
}
"""What the terms of each module are for."""
_ROWS = re.compile(r"(?<=\| for \| terms \|\n\|---\|---\|\n)(?:\|.*\n)*")


def rows() -> str:
    """The rows of the table, made of the register of terms."""
    assert graphql_api.embedded.terms.__all__, "importing it registers the terms"
    groups: dict[str, list[str]] = {module: [] for module in _GROUPS}
    for type_ in sorted(TermType, key=lambda type_: type_.name):
        spec = TERMS.get(type_)
        module = "compiler" if spec is None else spec.run.__module__.rpartition(".")[2]
        optargs = "" if spec is None else ", ".join(sorted(spec.optargs - _INTERNAL))
        groups[module].append(f"`{type_.name.lower()}`" + (f" ({optargs})" if optargs else ""))
    return "".join(
        f"| {_GROUPS[module]} | {', '.join(terms)} |\n" for module, terms in groups.items()
    )


_INTERNAL = {"_NO_RECURSE_", "_SHORTCUT_", "_EVAL_FLAGS_"}
"""Optional arguments that drivers do not send."""


def written() -> str:
    """The rows as they stand in the file."""
    found = _ROWS.search(FILE.read_text(encoding="utf-8"))
    assert found is not None, "the file has the table"
    return found[0]


if __name__ == "__main__":
    text = FILE.read_text(encoding="utf-8")
    FILE.write_text(_ROWS.sub(lambda _: rows(), text), encoding="utf-8")
