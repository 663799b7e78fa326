"""The modules of /live that need no browser, by node's test runner."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest
from graphql import build_schema, parse, validate

import graphql_api.live
from graphql_api.schema import export
from graphql_api.schema.page_table import page_tables
from graphql_api.tables import LOGS, TABLES
from tests import needs

LIVE = Path(graphql_api.live.__file__).parent
TESTS = sorted(Path(__file__).parent.glob("modules/*.test.mjs"))
DOCUMENTS = """
const documents = await import(`${process.env.LIVE}/documents.mjs`);
const edits = await import(`${process.env.LIVE}/edits.mjs`);
const tables = JSON.parse(process.env.DECLARED);
const requests = tables.flatMap((table) => {
  const { fields, update, remove } = table.edits;
  const row = { id: 'a', domain: 'a', updatedAt: null };
  const input = edits.nested(fields.map(({ path }) => [path, null]));
  return [
    ...(update ? [edits.updateRequest(table, row, input)] : []),
    ...(remove ? [edits.removeRequest(table, row)] : []),
  ];
});
const { subscription, wholeRow, rowForPeople, SERVER, FEEDS } = documents;
console.log(JSON.stringify([
  ...tables.flatMap((table) => [subscription(table), wholeRow(table), rowForPeople(table)]),
  ...requests.map(({ query }) => query),
  SERVER,
  FEEDS,
]));
"""
"""Writes all documents that the page sends, or gives to GraphiQL."""


@pytest.mark.parametrize("path", TESTS, ids=lambda path: path.name)
def test_module_does_what_its_tests_say(path: Path) -> None:
    needs.npm()  # which asks how old Node.js is
    declared = json.dumps(page_tables(TABLES))
    environment = {**os.environ, "DECLARED": declared}
    subprocess.run(["node", "--test", path], check=True, env=environment)


def test_every_document_of_the_page_fits_the_schema() -> None:
    needs.npm()
    tables = json.dumps(page_tables(TABLES))
    made = subprocess.run(
        ["node", "--input-type=module", "--eval", DOCUMENTS],
        check=True,
        capture_output=True,
        text=True,
        env={**os.environ, "DECLARED": tables, "LIVE": LIVE.as_uri()},
    )
    schema = build_schema(export(TABLES, LOGS))
    documents = json.loads(made.stdout)
    assert len(documents) > 4 * len(TABLES)
    for document in documents:
        assert validate(schema, parse(document)) == [], document
