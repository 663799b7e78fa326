from __future__ import annotations

from graphql_api.watch.held import HeldRows
from graphql_api.watch.tables import TABLES


def test_label_has_the_key_while_others_have_the_name() -> None:
    rows = HeldRows(TABLES["policies"], {"a": {"name": "A"}, "b": {"name": "A"}})
    row = {"name": "A"}
    assert rows.label("a", row) == "A (a)"
    rows.put("b", {"name": "B"})
    assert rows.label("a", row) == "A"
    rows.remove("a")
    assert rows.label("a", row) == "A"
    rows.put("b", {"name": "A"})
    assert rows.label("a", row) == "A (a)"
    assert (len(rows), dict(rows.by_key)) == (1, {"b": row})
    assert rows.label("k\x1b", {"name": None}) == "k\\x1b"
