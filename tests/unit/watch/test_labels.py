from __future__ import annotations

from graphql_api.client.held_rows import Change
from graphql_api.watch.labels import Labels
from graphql_api.watch.tables import TABLES


def test_label_has_the_key_while_others_have_the_name() -> None:
    labels = Labels(TABLES["policies"])
    row = {"name": "A"}
    labels.apply(Change("added", "a", row))
    labels.apply(Change("added", "b", row))
    assert labels.label("a", row) == "A (a)"
    labels.apply(Change("updated", "b", {"name": "B"}, row))
    assert labels.label("a", row) == "A"
    labels.apply(Change("deleted", "a", row))
    assert labels.label("a", row) == "A"
    labels.apply(Change("updated", "b", row, {"name": "B"}))
    assert labels.label("a", row) == "A (a)"
    assert labels.label("k\x1b", {"name": None}) == "k\\x1b"
