"""Digests of content mean the same on every server, whatever its version of Python or of this code.

A cursor says by a digest what its client holds. If another version of the server decoded a document
to another row, or showed other rows by a filter, the same digest would mean something else there.
So what this test expects may change only together with a version:

- `decoding` of the table's declaration, when a document becomes another row,
- `FILTERING` in `graphql_api/schema/filters.py`, when a filter shows other rows.
"""

from __future__ import annotations

import json
from functools import cache
from hashlib import blake2b
from typing import Any

from graphql_api.feeds.content import ContentHash
from graphql_api.feeds.events import Version
from graphql_api.feeds.packing import Packer
from graphql_api.schema.filters import conditions_of
from graphql_api.tables import TABLES
from tests.unit.schema.documents import DOCUMENTS, FIELDS, GEOMETRY, POISON_TIME, time, with_value

ODD: list[Any] = [None, 5, -0.0, 2.5, 10**400, "text", "", True, [], ["a", 5], {}]
ODD += [{"a": 1}, [{}], [None], time(1.5), POISON_TIME, GEOMETRY]
WHERE: list[Any] = ["p1", "deep", "", True, ["p1"], ["x", "Deep Crawl"], [], 5, 0]

EXPECTED = {
    "job": ("1.1.f566e1f3c1be.1.604800", "731d9a68e376cd4c", "9e2e025ba2272ae2"),
    "policy": ("1.1.2445ee70dc5b.1", "2eed7bf63c8a8a96", "19f688d180f9d843"),
    "schedule": ("1.1.2d8cc4c8a3fd.1", "d7291158bac3595a", "a3660a0ca71806f8"),
    "domain_login": ("1.1.7f9c7a225a67.1", "48c322062cd74413", "a4f76ca42e6380aa"),
    "captcha_solver": ("1.1.a32982ece2d4.1", "bced752cbeabb393", "aca8eafa929f4991"),
    "rate_limit": ("1.1.0ee92d410ca1.1", "c4ec430a75796338", "f8de8523b19c3a45"),
}
"""By table: the version, the digest of its rows, and a hash of what filters show of them."""


@cache
def rows(table: Any) -> list[Any]:
    """What many documents of a table become, some odd."""
    stored = DOCUMENTS[table.name]
    fields = [field for field in FIELDS if field.table == table.name]
    odd = [with_value(field, value) for field in fields for value in ODD]
    return [table.decode(f"p{n}", document) for n, document in enumerate([stored, {}, *odd])]


def digest(table: Any) -> str:
    """The digest of a table with all of them."""
    content_hash = ContentHash("starbelly", "a UUID", "a version")
    packer = Packer(table.packing)
    number = content_hash.empty
    for n, row in enumerate(rows(table)):
        number ^= content_hash.row(f"p{n}", Version(row, packer).content)
    return f"{number:016x}"


def shown(table: Any) -> str:
    """What many filters show of them."""
    said = []
    for member in conditions_of(table.filter_type):
        for value in WHERE:
            try:
                where = table.filter_type(**{member: value}).condition()
                matches = [where.matches(row) for row in rows(table)]
            except (TypeError, AttributeError):  # lists for scalars, and the other way round
                continue
            said.append([member, repr(value), where.digest.hex(), matches])
    assert said
    return blake2b(json.dumps(said).encode(), digest_size=8).hexdigest()


def test_digests_change_only_with_a_version() -> None:
    found = {table.name: (table.content_version, digest(table), shown(table)) for table in TABLES}
    assert found == EXPECTED


def test_rows_that_are_equal_have_the_same_content() -> None:
    for table in TABLES:
        fields = [field for field in FIELDS if field.table == table.name]
        seen: list[tuple[Any, bytes]] = []
        for document in ({}, *(with_value(field, value) for field in fields for value in ODD)):
            row = table.decode("p", document)
            packing: Any = table.packing
            content = packing.content(packing.pack(row))
            assert all((row == other) == (content == others) for other, others in seen[-40:])
            seen.append((row, content))
