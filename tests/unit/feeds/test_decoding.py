"""Documents that cannot be read: they are counted and named, and the feed goes on."""

from __future__ import annotations

import logging

import pytest

from graphql_api.feeds.decoding import MAX_NAMED, DocumentDecoder
from graphql_api.feeds.depth import UNREAD, PartialDocument
from graphql_api.feeds.table import Document
from tests.unit.feeds.toy import Number, Numbers, document


class FailingTable(Numbers):
    """Fails for a document without a number, with a text that quotes it."""

    def decode(self, key: str, document: Document) -> Number:
        if "n" not in document:
            raise RecursionError(repr(document))
        return super().decode(key, document)


def test_document_that_fails_is_left_out_counted_and_named_without_its_content(
    caplog: pytest.LogCaptureFixture,
) -> None:
    decoder = DocumentDecoder(FailingTable())
    assert decoder.row("bad", {"id": "bad", "password": "hunter2"}) is None
    assert decoder.row("bad", {"id": "bad", "password": "hunter3"}) is None
    assert decoder.row("good", document("good", 1)) == Number("good", 1)
    assert decoder.unread == 1
    (record,) = caplog.records
    assert "numbers" in record.getMessage()
    assert "'bad'" in record.getMessage()
    assert "hunter" not in caplog.text
    assert decoder.row("bad", document("bad", 1)) == Number("bad", 1)
    assert decoder.unread == 0


def test_partial_document_is_served_and_counted_until_it_is_deleted() -> None:
    decoder = DocumentDecoder(Numbers())
    partial = PartialDocument(id="a", n=1, x=UNREAD)
    assert decoder.row("a", partial) == Number("a", 1)
    assert decoder.unread == 1
    decoder.forget(partial)
    assert decoder.unread == 0


@pytest.mark.parametrize("key", [5, True, None, [1], {"$reql_type$": "BINARY"}, "\ud800"])
def test_key_that_is_no_text_is_counted_and_named(
    key: object, caplog: pytest.LogCaptureFixture
) -> None:
    decoder = DocumentDecoder(Numbers())
    assert decoder.key({"id": key}) is None
    assert decoder.unread == 1
    assert repr(key) in caplog.text
    decoder.forget({"id": key})
    assert decoder.unread == 0


def test_log_names_a_bounded_number_of_documents(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    decoder = DocumentDecoder(Numbers())
    for number in range(3 * MAX_NAMED):
        decoder.key({"id": number})
    assert decoder.unread == 3 * MAX_NAMED
    assert len(caplog.records) == MAX_NAMED + 1
